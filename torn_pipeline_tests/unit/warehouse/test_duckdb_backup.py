"""Copies of the DuckDB file: whole, checked, counted, and put back in one step."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from torn_pipeline.errors import WarehouseBusy, WarehouseError
from torn_pipeline.warehouse import Backup
from torn_pipeline.warehouse.duckdb import DuckDBWarehouse
from torn_pipeline_tests.conformance.warehouse_loads import contents, fetch, frames, load
from torn_pipeline_tests.unit.warehouse.test_duckdb import held

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse(tmp_path / "warehouse.duckdb", lock_timeout=0.3)


def fill(warehouse: DuckDBWarehouse, number: int = 1) -> None:
    warehouse.load(load(fetch(number), {number: ("a",)}))


def test_a_backup_is_a_database_with_the_same_rows_and_its_checksum_beside_it(warehouse: DuckDBWarehouse) -> None:
    fill(warehouse)
    before = datetime.now(UTC)
    made = warehouse.backup(keep=3)
    path = Path(made.place)
    assert path.parent == warehouse.path.parent / "backups"
    assert before <= made.moment <= datetime.now(UTC)
    assert (made.size, made.checksum) == (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
    assert path.with_name(f"{path.name}.sha256").read_text() == f"{made.checksum}  {path.name}\n"
    assert contents(DuckDBWarehouse(path)) == contents(warehouse)
    assert warehouse.backups() == [made]


def test_a_backup_holds_what_was_only_in_the_log(warehouse: DuckDBWarehouse) -> None:
    fill(warehouse)
    code = "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); c.execute('CREATE TABLE torn.more AS SELECT 7 AS n'); os._exit(0)"
    subprocess.run([sys.executable, "-c", code, str(warehouse.path)], check=True)  # noqa: S603 - our own command
    assert warehouse.path.with_name("warehouse.duckdb.wal").exists()
    made = warehouse.backup(keep=3)
    with duckdb.connect(made.place, read_only=True) as copy:
        assert copy.execute("SELECT n FROM torn.more").fetchall() == [(7,)]


def test_the_newest_backups_stay(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    fill(warehouse)
    made = [warehouse.backup(keep=2) for _ in range(4)]
    elsewhere = warehouse.backup(tmp_path / "else", keep=1)
    assert warehouse.backups() == made[2:]
    assert warehouse.backups(tmp_path / "else") == [elsewhere]
    assert len(list((tmp_path / "backups").iterdir())) == 4


def test_other_files_of_the_folder_are_left_alone(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    fill(warehouse)
    strange = [
        tmp_path / "backups" / name
        for name in ("notes.txt", "warehouse-20260101T000000000000Z.duckdb", "other-20260101T000000000000Z.duckdb")
    ]
    strange[0].parent.mkdir()
    for path in strange:
        path.write_text("not ours")
    made = warehouse.backup(keep=1)
    assert warehouse.backups() == [made]
    assert all(path.exists() for path in strange)


def test_a_file_that_is_no_database_is_not_backed_up(warehouse: DuckDBWarehouse) -> None:
    warehouse.path.write_bytes(b"hello" * 5000)
    with pytest.raises(WarehouseError, match="is not a DuckDB database"):
        warehouse.backup(keep=3)
    assert warehouse.backups() == []


def test_a_folder_that_cannot_be_written_is_named(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    fill(warehouse)
    (tmp_path / "file").write_text("")
    with pytest.raises(WarehouseError, match=r"the backup of .* failed: .*file/backups"):
        warehouse.backup(tmp_path / "file" / "backups", keep=3)


def test_a_full_disk_leaves_no_half_of_a_backup(warehouse: DuckDBWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(warehouse)
    kept = warehouse.backup(keep=3)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device", "somewhere")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(WarehouseError, match="No space left on device"):
            warehouse.backup(keep=3)
        with pytest.raises(WarehouseError, match="No space left on device"):
            warehouse.restore(kept, keep=3)
    assert warehouse.backups() == [kept]
    assert sorted(path.name for path in warehouse.path.parent.iterdir()) == ["backups", "warehouse.duckdb", "warehouse.duckdb.lock"]
    assert len(contents(warehouse)) == 1


def test_a_backup_waits_for_a_load_and_no_longer_than_told(warehouse: DuckDBWarehouse) -> None:
    fill(warehouse)
    started, ended = threading.Event(), threading.Event()

    def slow() -> Iterator[dict[str, pl.DataFrame]]:
        started.set()
        ended.wait(20)
        yield frames(fetch(2), {2: ("a",)})

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(warehouse.load, load(fetch(2), {}, batches=slow()))
        started.wait(20)
        with pytest.raises(WarehouseBusy, match="another thread of this process is using it"):
            warehouse.backup(keep=3)
        ended.set()
        writing.result()
    with held(warehouse.path, "write") as pid, pytest.raises(WarehouseBusy, match=f"process {pid}"):
        warehouse.backup(keep=3)
    assert warehouse.backups() == []


# --- the way back --------------------------------------------------------------------------------------------


def test_a_file_that_is_gone_is_restored(warehouse: DuckDBWarehouse) -> None:
    fill(warehouse)
    made = warehouse.backup(keep=3)
    warehouse.path.unlink()
    assert warehouse.restore(made, keep=3) is None
    assert len(contents(warehouse)) == 1


def test_a_file_that_is_damaged_is_moved_aside(warehouse: DuckDBWarehouse) -> None:
    fill(warehouse)
    made = warehouse.backup(keep=3)
    warehouse.path.write_bytes(b"hello" * 5000)
    assert warehouse.restore(made, keep=3) is None
    assert len(contents(warehouse)) == 1
    (aside,) = warehouse.path.parent.glob("warehouse.duckdb.damaged-*")
    assert aside.read_bytes() == b"hello" * 5000
    assert warehouse.backups() == [made]


def test_a_damaged_backup_is_refused_and_nothing_changes(warehouse: DuckDBWarehouse) -> None:
    fill(warehouse)
    made = warehouse.backup(keep=3)
    fill(warehouse, 2)
    before = contents(warehouse)
    content = bytearray(Path(made.place).read_bytes())
    content[len(content) // 2] ^= 1
    Path(made.place).write_bytes(content)
    with pytest.raises(WarehouseError, match="is damaged, its checksum differs"):
        warehouse.restore(made, keep=3)
    assert contents(warehouse) == before
    with pytest.raises(WarehouseError, match="No such file"):
        warehouse.restore(replace(made, place=f"{made.place}.gone"), keep=3)
    assert contents(warehouse) == before
    assert warehouse.backups() == [made]


def test_a_kill_at_any_step_leaves_the_one_or_the_other(
    warehouse: DuckDBWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file operation of a backup and of a restore is stopped at once; what is listed is always whole."""
    fill(warehouse)
    made = warehouse.backup(keep=3)
    at_first = contents(warehouse)
    fill(warehouse, 2)
    at_second = contents(warehouse)
    steps = 0

    class Killed(BaseException):
        """Nothing handles it."""

    def stopped_at(place: int) -> Any:  # noqa: ANN401 - a context of monkeypatch
        left = iter(range(place, -1, -1))

        def watch(what: Any) -> Any:  # noqa: ANN401 - handed on as it is
            def call(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - as above
                if next(left, 1) == 0:
                    raise Killed
                return what(*given, **named)

            return call

        return watch

    for place in range(14):
        folder = tmp_path / str(place)
        shutil.copytree(warehouse.path.parent / "backups", folder / "backups")
        shutil.copy(warehouse.path, folder / "warehouse.duckdb")
        here = DuckDBWarehouse(folder / "warehouse.duckdb")
        chosen = here.backups()[0]
        with monkeypatch.context() as patch:
            watch = stopped_at(place)
            patch.setattr(Path, "replace", watch(Path.replace))
            patch.setattr(os, "fsync", watch(os.fsync))
            patch.setattr(Path, "write_text", watch(Path.write_text))
            patch.setattr(Path, "unlink", watch(Path.unlink))
            try:
                here.restore(chosen, keep=1)
            except Killed:
                steps += 1
        assert contents(here) in (at_first, at_second)
        assert all(hashlib.sha256(Path(copy.place).read_bytes()).hexdigest() == copy.checksum for copy in here.backups())
        assert chosen in here.backups()
        here.restore(chosen, keep=2)
        assert contents(here) == at_first
    assert steps > 6
    assert made.checksum == warehouse.backups()[0].checksum
    assert isinstance(made, Backup)
