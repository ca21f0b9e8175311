"""The demo: by itself, on nothing but loopback, and again in no time."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

from torn_pipeline.redaction import Redactor
from torn_pipeline_tests.e2e.console import files_below

if TYPE_CHECKING:
    from torn_pipeline_tests.e2e.console import Console

# Refuses, and tells, every connection to another machine.
LOOPBACK_ONLY = """
import socket
connect = socket.socket.connect
def connect_here(self, address):
    if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
        raise AssertionError(f"a connection to {address}")
    return connect(self, address)
socket.socket.connect = connect_here
"""


class _Cells(HTMLParser):
    """The text of every cell of a page's table."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not {"src", "href"} & dict(attrs).keys()
        self._inside = tag == "td"
        if self._inside:
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.cells[-1] += data.strip()


def test_the_demo_twice(console: Console) -> None:
    own_key = "0wnKeyOfTheUser1"
    console.environment.update({"TORN_API_URL": "https://api.torn.com/v2", "TORN_API_KEY": own_key, "DAGSTER_HOME": "/nowhere/at/all"})
    first = console.child("demo", code=LOOPBACK_ONLY)
    assert (first.status, first.err) == (0, "")
    crimes = first.row("torn/faction_crimes")
    assert crimes[1:6] == ["default", "250", "250", "2", "passed"]
    assert len([line for line in first.out.splitlines() if line.startswith(("raw/", "torn/"))]) == 16
    assert f"warehouse: DuckDB file {console.data}/demo/warehouse.duckdb" in first.out
    assert "demo --keep" in first.out.splitlines()[-1]
    page = Path(next(line for line in first.out.splitlines() if line.startswith("page: ")).removeprefix("page: "))
    parser = _Cells()
    parser.feed(page.read_text(encoding="utf-8"))
    assert "torn/faction_crimes_rewards_items" in parser.cells
    assert "1,400" in parser.cells
    again = console.child("demo", code=LOOPBACK_ONLY)
    assert (again.status, again.err) == (0, "")
    assert again.row("torn/faction_crimes")[3] == "250"
    assert again.row("torn/faction_balance_members")[2:4] == ["90", "180"]
    assert console.simulator.calls == []
    assert {name.split("/")[0] for name in files_below(console.folder)} == {"config", "data"}
    assert [name for name, content in files_below(console.folder).items() if own_key.encode() in content] == []
    assert Redactor([own_key])(first.out) == first.out


def test_the_demo_honours_warehouse_and_landing(console: Console) -> None:
    console.environment.update({"TORN_WAREHOUSE": "duckdb:///mine.duckdb", "TORN_LANDING": (console.folder / "landed").as_uri()})
    result = console("demo")
    assert (result.status, result.err) == (0, "")
    assert (console.folder / "mine.duckdb").is_file()
    assert (console.folder / "landed/torn/faction_crimes").is_dir()
    assert console("sql", "SELECT count(*) FROM faction_crimes").out.split()[-1] == "250"
