"""One instance of DuckDB serves one file after the other: nothing of a use is left for the next one."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from torn_pipeline.errors import WarehouseError
from torn_pipeline.warehouse import duckdb_instances
from torn_pipeline.warehouse.duckdb_file import DatabaseFile
from torn_pipeline.warehouse.duckdb_instances import give_back, instance

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

SETTINGS = ["threads", "TimeZone", "python_enable_replacements", "write_buffer_row_group_count", "search_path"]
FORK = """
import os, pathlib, sys
from torn_pipeline.warehouse.duckdb_instances import _IDLE, give_back, instance
give_back(instance(pathlib.Path(sys.argv[1])))
if os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]) or bool(_IDLE))
assert instance(pathlib.Path(sys.argv[1])).execute("SELECT sum(range) FROM range(1000000)").fetchall() == [(499999500000,)]
"""


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duckdb_instances, "_IDLE", [])


def settings(connection: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    """What is set in a new session of it."""
    return connection.cursor().execute("SELECT name, value FROM duckdb_settings() WHERE list_contains(?, name)", [SETTINGS]).fetchall()


def test_it_is_used_again_as_it_was_in_the_beginning(tmp_path: Path) -> None:
    first = instance(tmp_path / "first.tmp")
    fresh = settings(first)
    give_back(first)
    file = DatabaseFile(tmp_path / "first.duckdb", 1.0)
    with file.writing() as session:
        session.run("CREATE TABLE warehouse.things AS SELECT 1 AS id")
        session.run("CREATE TEMP TABLE passing AS SELECT 1 AS id")
    with file.reading() as session:
        session.run("SET search_path = 'warehouse.main'")
        assert session.run("FROM things") == [(1,)]

    again = instance(tmp_path / "second.tmp")
    assert again is first
    assert settings(again) == fresh
    assert again.execute("SELECT current_setting('temp_directory')").fetchall() == [(str(tmp_path / "second.tmp"),)]
    assert again.execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == ["first.duckdb"]


def test_it_ends_with_a_failure(tmp_path: Path) -> None:
    file = DatabaseFile(tmp_path / "some.duckdb", 1.0)
    for opened in (file.writing, file.reading):
        with pytest.raises(WarehouseError), opened() as session:
            session.run("FROM nothing")
        assert duckdb_instances._IDLE == []


def test_it_ends_with_its_temporary_files(tmp_path: Path) -> None:
    file = DatabaseFile(tmp_path / "some.duckdb", 1.0)
    with file.writing() as session:
        session.run("SET memory_limit = '40MB'")
        session.run("CREATE TEMP TABLE much AS SELECT hash(range) AS a, hash(range + 1) AS b, hash(range + 2) AS c FROM range(4000000)")
        assert (tmp_path / "some.duckdb.tmp").exists()
    assert duckdb_instances._IDLE == []
    assert not (tmp_path / "some.duckdb.tmp").exists()


def test_a_broken_one_is_not_used_again(tmp_path: Path) -> None:
    broken = instance(tmp_path)
    broken.close()
    give_back(broken)
    assert instance(tmp_path).execute("SELECT 1").fetchall() == [(1,)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_none_outlives_a_fork(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FORK, str(tmp_path)], check=False, timeout=60)  # noqa: S603 - our own command
    assert done.returncode == 0
