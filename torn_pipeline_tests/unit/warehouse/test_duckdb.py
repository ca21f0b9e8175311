"""What is DuckDB's own: the file, who may hold it, comments, the versions of torn_meta."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
from filelock import FileLock

from torn_pipeline.errors import ConfigError, QueryRefused, WarehouseBusy, WarehouseError
from torn_pipeline.warehouse import duckdb_meta, warehouse_from_url
from torn_pipeline.warehouse.duckdb import DuckDBWarehouse
from torn_pipeline_tests.conformance.test_warehouse_measurements import SCORE
from torn_pipeline_tests.conformance.warehouse_loads import THINGS, contents, fetch, frames, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

HOLD = (
    "import duckdb, sys; held = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == 'read'); print('open', flush=True); sys.stdin.read()"
)


@contextmanager
def held(path: Path, how: str) -> Iterator[int]:
    """Another process has the file open, to read or to write."""
    command = [sys.executable, "-c", HOLD, str(path), how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own command
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process.pid
        process.communicate()


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse(tmp_path / "warehouse.duckdb", lock_timeout=0.3)


def attached(warehouse: DuckDBWarehouse) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(warehouse.path))
    connection.execute("SET TimeZone = 'UTC'")
    return connection


@pytest.mark.parametrize("name", ["torn.duckdb", "torn_meta.duckdb", "warehouse.duckdb", 'it\'s a "file".duckdb', "temp"])
def test_the_name_of_the_file_hides_nothing(tmp_path: Path, name: str) -> None:
    warehouse = DuckDBWarehouse(tmp_path / "some" / "folders" / name)
    warehouse.load(load(fetch(1), {1: ("a",)}))
    assert warehouse.query("SELECT count(*) AS n FROM torn.things JOIN things_parts ON thing_id = id").to_pylist() == [{"n": 1}]
    assert sorted(path.name for path in warehouse.path.parent.iterdir()) == sorted([name, f"{name}.lock"])


def test_tables_and_columns_carry_their_descriptions(warehouse: DuckDBWarehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",)}))
    with attached(warehouse) as connection:
        assert connection.execute("SELECT comment FROM duckdb_tables() WHERE table_name = 'things'").fetchall() == [("what things are",)]
        comments = dict(connection.execute("SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'things'").fetchall())
    assert comments == {column.name: f"the {column.name}{' (s)' if column.unit else ''}" for column in THINGS[0].columns}


def test_types_are_the_plain_ones(warehouse: DuckDBWarehouse) -> None:
    warehouse.prepare(THINGS, "a run")
    with attached(warehouse) as connection:
        types = dict(connection.execute("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'things'").fetchall())
    assert {types["id"], types["score"], types["is_old"], types["name"], types["seen_at"]} == {
        "BIGINT",
        "DOUBLE",
        "BOOLEAN",
        "VARCHAR",
        "TIMESTAMP WITH TIME ZONE",
    }


# --- who holds the file -------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["read", "write"])
def test_a_writer_says_which_process_holds_the_file(warehouse: DuckDBWarehouse, how: str) -> None:
    warehouse.prepare(THINGS, "a run")
    with held(warehouse.path, how) as pid, pytest.raises(WarehouseBusy, match=rf"was not free within 0\.3 s: process {pid} \("):
        warehouse.load(load(fetch(1), {1: ()}))
    warehouse.load(load(fetch(1), {1: ()}))


def test_a_reader_says_which_process_writes(warehouse: DuckDBWarehouse) -> None:
    warehouse.prepare(THINGS, "a run")
    with held(warehouse.path, "write") as pid, pytest.raises(WarehouseBusy, match=f"process {pid}"):
        warehouse.read("things")
    with held(warehouse.path, "read"):
        assert warehouse.read("things").is_empty()


def test_a_writer_waits_for_the_lock_file(warehouse: DuckDBWarehouse) -> None:
    warehouse.prepare(THINGS, "a run")
    with FileLock(f"{warehouse.path}.lock"), pytest.raises(WarehouseBusy, match="another process is loading into it"):
        warehouse.prepare(THINGS, "a run")


def test_a_file_opened_by_other_code_of_this_process_is_busy(warehouse: DuckDBWarehouse) -> None:
    warehouse.prepare(THINGS, "a run")
    with attached(warehouse), pytest.raises(WarehouseBusy, match="other code of this process"):
        warehouse.prepare(THINGS, "a run")


def test_a_reader_waits_for_a_writing_thread_no_longer_than_told(warehouse: DuckDBWarehouse) -> None:
    started, ended = threading.Event(), threading.Event()

    def slow() -> Iterator[dict[str, pl.DataFrame]]:
        started.set()
        ended.wait(20)
        yield frames(fetch(1), {1: ("a",)})

    warehouse.prepare(THINGS, "a run")
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(warehouse.load, load(fetch(1), {}, batches=slow()))
        started.wait(20)
        for use in (lambda: warehouse.read("things"), lambda: warehouse.prepare(THINGS, "a run")):
            with pytest.raises(WarehouseBusy, match="another thread of this process is using it"):
                use()
        ended.set()
        assert not writing.result().skipped
    assert len(contents(warehouse)) == 1


def test_threads_share_the_file(tmp_path: Path) -> None:
    warehouses = [DuckDBWarehouse(tmp_path / "warehouse.duckdb") for _ in range(2)]
    warehouses[0].prepare(THINGS, "a run")

    def work(number: int) -> None:
        mine = warehouses[number % 2]
        mine.load(load(fetch(number, account=f"account_{number}"), {1: ("a",), 2: ("b",)}))
        for _ in range(3):
            rows, parts = mine.query("SELECT (SELECT count(*) FROM things), (SELECT count(*) FROM things_parts)").to_pylist()[0].values()
            assert rows == parts >= 2

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(12)))
    assert len(contents(warehouses[0])) == 24


def test_a_query_that_failed_keeps_nothing_open(warehouse: DuckDBWarehouse) -> None:
    warehouse.prepare(THINGS, "a run")
    kept = []
    for sql in ("SELECT nothing FROM things", "SELECT error('no') FROM range(3)", "SELECT * FROM frames"):
        with pytest.raises(WarehouseError) as caught:
            warehouse.query(sql)
        kept.append(caught.value)
    warehouse.load(load(fetch(1), {1: ()}))
    assert len(kept) == 3


# --- the file itself ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"hello" * 5000])
def test_a_file_that_is_no_database_is_left_alone(warehouse: DuckDBWarehouse, content: bytes) -> None:
    warehouse.path.write_bytes(content)
    for use in (lambda: warehouse.read("things"), lambda: warehouse.prepare(THINGS, "a run")):
        with pytest.raises(WarehouseError, match="is not a DuckDB database"):
            use()
    assert warehouse.path.read_bytes() == content


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WarehouseError, match=r"file/warehouse\.duckdb cannot be written"):
        DuckDBWarehouse(tmp_path / "file" / "warehouse.duckdb").prepare(THINGS, "a run")


def test_a_folder_in_the_place_of_the_file_is_named(warehouse: DuckDBWarehouse) -> None:
    warehouse.path.mkdir()
    with pytest.raises(WarehouseError, match="cannot be opened"):
        warehouse.prepare(THINGS, "a run")


def test_what_a_kill_left_of_a_new_file_is_no_hindrance(warehouse: DuckDBWarehouse) -> None:
    warehouse.path.with_name("warehouse.duckdb.new").write_bytes(b"half")
    warehouse.path.with_name("warehouse.duckdb.new.wal").write_bytes(b"half")
    warehouse.load(load(fetch(1), {1: ()}))
    assert len(contents(warehouse)) == 1


def test_a_database_of_somebody_else_has_nothing_loaded(warehouse: DuckDBWarehouse) -> None:
    duckdb.connect(str(warehouse.path)).close()
    assert warehouse.status() == []
    with pytest.raises(WarehouseError, match="nothing was loaded"):
        warehouse.read("things")


def test_a_dropped_table_is_filled_again_by_the_same_fetch(warehouse: DuckDBWarehouse) -> None:
    for number in (1, 2):
        warehouse.load(load(fetch(number), {number: ("a",)}))
    with attached(warehouse) as connection:
        connection.execute("DROP TABLE torn.things_parts")
    warehouse.prepare(THINGS, "a run")
    assert not warehouse.load(load(fetch(1), {1: ("a",)})).skipped
    assert not warehouse.load(load(fetch(2), {2: ("a",)})).skipped
    assert contents(warehouse) == {("default", 1, "1 by things-default-1 v1"): ("a",), ("default", 2, "2 by things-default-2 v1"): ("a",)}


# --- questions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("SELECT *\nFROM thingz", "the query is wrong in line 2: there is no table thingz; did you mean things?"),
        ("SELECT id,\n  nme\nFROM things", "the query is wrong in line 2: there is no column nme; did you mean name?"),
        ("SELECT t.nme FROM things t", "the query is wrong: t has no column nme; did you mean name or seen_at or _fetched_at?"),
        ("SELECT x.id FROM things", "the query is wrong: there is no table x; did you mean things?"),
        ("SELECT date_trnc('day', seen_at) FROM things", "the query is wrong: there is no function date_trnc; did you mean date_trunc?"),
        ("SELECT * FROM qqqq", "the query is wrong: there is no table qqqq"),
        ("SELECT 'a'::INTEGER", "the query is wrong: Could not convert string 'a' to INT32"),
        ("SELECT\n1 +", 'the query is wrong in line 2: syntax error at or near "+"'),
        ("", "only a SELECT may be asked, and one at a time: give a single SELECT"),
    ],
)
def test_a_wrong_question_is_told_with_its_line_and_what_may_be_meant(warehouse: DuckDBWarehouse, sql: str, sentence: str) -> None:
    warehouse.load(load(fetch(1), {1: ()}))
    with pytest.raises(QueryRefused) as caught:
        warehouse.query(sql)
    assert (str(caught.value), caught.value.exit_status) == (sentence, 2)


def test_advice_for_a_wrong_question_is_kept(warehouse: DuckDBWarehouse) -> None:
    warehouse.load(load(fetch(1), {1: ()}))
    with pytest.raises(QueryRefused, match=r"must appear in the GROUP BY clause .*; either add it to the GROUP BY list"):
        warehouse.query("SELECT id FROM things GROUP BY seen_at")
    assert warehouse.query("EXPLAIN SELECT id FROM things").num_rows


# --- torn_meta's versions -----------------------------------------------------------------------------------


def test_torn_meta_migrates_forward(warehouse: DuckDBWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse.load(load(fetch(1), {1: ()}))
    more = ("ALTER TABLE warehouse.torn_meta.fetches ADD COLUMN note VARCHAR",)
    monkeypatch.setattr(duckdb_meta, "MIGRATIONS", (*duckdb_meta.MIGRATIONS, more))
    warehouse.prepare(THINGS, "a run")
    warehouse.prepare(THINGS, "a run")
    assert "note" in warehouse.fetches().columns
    assert warehouse.query("SELECT version FROM torn_meta.version ORDER BY version")["version"].to_pylist() == [1, 2, 3, 4]


def test_a_file_of_the_first_version_is_brought_up_to_date(warehouse: DuckDBWarehouse) -> None:
    warehouse.load(load(fetch(1), {1: ()}))
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute("ALTER TABLE torn_meta.loads DROP COLUMN nulls")
        connection.execute("DROP TABLE torn_meta.measurements")
        connection.execute("DELETE FROM torn_meta.version WHERE version > 1")
    warehouse.load(load(fetch(2), {1: ()}))
    loads = warehouse.query("SELECT _fetch_id, nulls FROM torn_meta.loads WHERE table_name = 'things' ORDER BY load_id").to_pylist()
    assert [(one["_fetch_id"], one["nulls"]) for one in loads] == [("things-default-1", None), ("things-default-2", "{}")]


@pytest.mark.parametrize("rename", [False, True])
def test_a_file_of_the_second_version_has_measured_nothing_until_it_is_written(warehouse: DuckDBWarehouse, *, rename: bool) -> None:
    warehouse.load(load(fetch(1), {1: ()}))
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute("DROP TABLE torn_meta.measurements")
        connection.execute("DELETE FROM torn_meta.version WHERE version > 2")
    assert warehouse.measurements() == []
    with pytest.raises(QueryRefused, match="there is no table measurements"):
        warehouse.query("SELECT * FROM torn_meta.measurements")
    if rename:
        assert warehouse.rename_account("default", "alpha") == 1
    warehouse.record_measurements([SCORE])
    assert warehouse.measurements() == [SCORE]
    assert warehouse.query("SELECT version FROM torn_meta.version ORDER BY version")["version"].to_pylist() == [1, 2, 3]


def test_a_failed_migration_leaves_the_old_version(warehouse: DuckDBWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse.load(load(fetch(1), {1: ()}))
    wrong = ("ALTER TABLE warehouse.torn_meta.fetches ADD COLUMN note VARCHAR", "SELECT nothing")
    with monkeypatch.context() as patch:
        patch.setattr(duckdb_meta, "MIGRATIONS", (*duckdb_meta.MIGRATIONS, wrong))
        with pytest.raises(WarehouseError, match="refused a statement"):
            warehouse.prepare(THINGS, "a run")
    assert "note" not in warehouse.fetches().columns
    assert not warehouse.load(load(fetch(2), {1: ()})).skipped


def test_a_file_of_a_newer_version_is_refused(warehouse: DuckDBWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse.load(load(fetch(1), {1: ()}))
    monkeypatch.setattr(duckdb_meta, "MIGRATIONS", ())
    with pytest.raises(WarehouseError, match="torn_meta has version 3 and this torn-pipeline knows 0: upgrade torn-pipeline"):
        warehouse.load(load(fetch(2), {1: ()}))


# --- URLs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("duckdb:///some/file.duckdb", Path("some/file.duckdb").absolute()),
        ("duckdb:////some/file.duckdb", Path("/some/file.duckdb")),
        ("", Path("data/warehouse.duckdb").absolute()),
    ],
)
def test_a_url_names_the_file(url: str, path: Path) -> None:
    warehouse = warehouse_from_url(url, Path("data"))
    assert isinstance(warehouse, DuckDBWarehouse)
    assert warehouse.path == path
    assert str(path) in warehouse.label


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://user:secret@host/name", "postgresql warehouse, which is not built yet"),
        ("duckdb://host/file", "is not a URL of a warehouse"),
        ("duckdb:///", "is not a URL of a warehouse"),
        ("sqlite:///secret", "is not a URL of a warehouse"),
        ("warehouse.duckdb", "is not a URL of a warehouse"),
    ],
)
def test_a_url_of_another_kind_is_refused_without_repeating_it(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        warehouse_from_url(url, Path("data"))
    assert "secret" not in str(caught.value)
