"""The demo: by itself, on nothing but loopback, and again in no time."""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from torn_pipeline.cli.demo import make_page
from torn_pipeline.cli.session import Session
from torn_pipeline.redaction import Redactor
from torn_pipeline_tests.e2e.console import files_below
from torn_pipeline_tests.helpers import make_pipeline

if TYPE_CHECKING:
    import pytest

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


class _Page(HTMLParser):
    """The text of every cell of a page's table, and its charts; it loads nothing, and links to files at most."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.charts = 0
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert tag not in {"script", "link", "iframe", "object"}
        assert not {"src", "srcset", "onload", "onclick"} & given.keys()
        assert (given.get("href") or "file://").startswith("file://")
        self.charts += tag == "svg"
        self._inside = tag == "td"
        if self._inside:
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.cells[-1] += data.strip()


def assert_leads_somewhere(console: Console, page: str) -> None:
    """The questions that the page says to type are answered, and its links are files."""
    lines = [shlex.split(unescape(line)) for block in re.findall("<pre[^>]*>(.*?)</pre>", page, re.DOTALL) for line in block.splitlines()]
    asked = [words for words in lines if "sql" in words]
    assert len(asked) == 2
    for words in asked:
        name, value = words[0].split("=")
        assert name == "TORN_DATA_DIR"
        question = words[words.index("sql") :]
        environment = console.environment | {"TORN_API_URL": console.simulator.url, name: value}
        result = replace(console, environment=environment)(*question)
        assert (result.status, result.err) == (0, "")
        assert len(result.out.splitlines()) > 2
    links = re.findall('href="([^"]+)"', page)
    assert links
    assert all(Path(unquote(urlsplit(link).path)).is_file() for link in links)


def test_the_demo_twice(console: Console) -> None:
    own_key = "0wnKeyOfTheUser1"
    console.environment.update({"TORN_API_URL": "https://api.torn.com/v2", "TORN_API_KEY": own_key, "DAGSTER_HOME": "/nowhere/at/all"})
    first = console.child("demo", code=LOOPBACK_ONLY)
    assert (first.status, first.err) == (0, "")
    crimes = first.row("torn/faction_crimes")
    assert crimes[1:6] == ["default", "250", "250", "6", "passed"]
    assert len([line for line in first.out.splitlines() if line.startswith(("raw/", "torn/"))]) == 16
    assert f"warehouse: DuckDB file {console.data}/demo/warehouse.duckdb" in first.out
    assert "demo --keep" in first.out.splitlines()[-1]
    page = Path(next(line for line in first.out.splitlines() if line.startswith("page: ")).removeprefix("page: "))
    parser = _Page()
    parser.feed(page.read_text(encoding="utf-8"))
    assert parser.charts == 4
    assert "torn/faction_crimes_rewards_items" in parser.cells
    assert "1,400" in parser.cells
    assert_leads_somewhere(console, page.read_text(encoding="utf-8"))
    again = console.child("demo", code=LOOPBACK_ONLY)
    assert (again.status, again.err) == (0, "")
    assert again.row("torn/faction_crimes")[3] == "250"
    assert again.row("torn/faction_balance_members")[2:4] == ["90", "180"]
    assert console.simulator.calls == []
    assert {name.split("/")[0] for name in files_below(console.folder)} == {"config", "data"}
    assert [name for name, content in files_below(console.folder).items() if own_key.encode() in content] == []
    assert Redactor([own_key])(first.out) == first.out


def test_the_demo_honours_warehouse_and_landing_and_ends_well_without_its_charts(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    console.environment.update({"TORN_WAREHOUSE": "duckdb:///mine.duckdb", "TORN_LANDING": (console.folder / "landed").as_uri()})
    monkeypatch.setitem(sys.modules, "torn_pipeline.ops.summary.charts", None)
    result = console("demo")
    page = (console.data / "demo/summary.html").read_text(encoding="utf-8")
    assert result.status == 0
    assert len(result.err.splitlines()) == 1
    assert result.err.startswith("the page has no charts: ")
    assert result.row("torn/faction_crimes")[3] == "250"
    assert "<svg" not in page
    assert "Earned by crimes" in page
    assert (console.folder / "mine.duckdb").is_file()
    assert (console.folder / "landed/torn/faction_crimes").is_dir()
    assert console("sql", "SELECT count(*) FROM faction_crimes").out.split()[-1] == "250"


def test_a_page_that_cannot_be_made_is_said_and_no_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = make_pipeline(tmp_path, "/faction/crimes")
    make_page(Session(), pipeline, [], own_warehouse=True)
    out, err = capsys.readouterr()
    assert out == ""
    charts, page = err.splitlines()
    assert charts.startswith("the page has no charts: nothing was loaded into")
    assert page.startswith(f"the page {tmp_path}/data/summary.html could not be written: No such file or directory; ")
