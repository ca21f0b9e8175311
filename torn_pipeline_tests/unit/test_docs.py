"""What the documents say is there, is there."""

from __future__ import annotations

import ast
import difflib
import re
import runpy
from pathlib import Path

import pytest

from torn_pipeline import settings
from torn_pipeline.cli.main import torn_pipeline as console_script

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`(?P<code>[^`\n]+)`")
COMMAND = re.compile(r"\btorn-pipeline (?P<name>[a-z][a-z-]*)")
TARGET = re.compile(r"\bmake (?P<name>[a-z]+)")
HELP = re.compile(r"^(?P<name>[a-z]+):.*## ", re.MULTILINE)
VARIABLE = re.compile(r"(?:TORN|DAGSTER)_[A-Z_]*[A-Z]")
PLACE = re.compile(r"(?:torn_pipeline|torn_pipeline_tests|docs|bench)/[\w./-]*")
TABLE_ROW = re.compile(r"^\| (?P<first>`[^|]+) \|", re.MULTILINE)

named = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))


def text_of(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def code_of(document: Path) -> str:
    """What stands as code in a document: blocks, and spans in running text."""
    text = text_of(document)
    spans = (match["code"] for match in CODE.finditer(FENCED.sub("", text)))
    return "\n".join([*FENCED.findall(text), *spans])


def anchors_of(document: Path) -> set[str]:
    """The anchors that a reader of Markdown makes of the headings."""
    headings = HEADING.findall(FENCED.sub("", text_of(document)))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def variables_of(text: str) -> set[str]:
    return set(VARIABLE.findall(text))


@named
def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for match in LINK.finditer(FENCED.sub("", text_of(document))):
        path, _, anchor = match["target"].partition("#")
        if "://" in path:
            continue
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(match["target"])
    assert not broken, f"{document} links to what is not there"


@named
def test_named_files_and_folders_exist(document: Path) -> None:
    named_places = {match["code"] for match in CODE.finditer(FENCED.sub("", text_of(document))) if PLACE.fullmatch(match["code"])}
    assert {place for place in named_places if not (ROOT / place).exists()} == set()


@named
def test_commands_exist(document: Path) -> None:
    mentioned = {match["name"] for match in COMMAND.finditer(code_of(document))}
    assert mentioned <= set(console_script.commands), f"{document} names commands that torn-pipeline does not have"


@named
def test_make_targets_exist(document: Path) -> None:
    targets = set(HELP.findall(text_of(ROOT / "Makefile")))
    assert {match["name"] for match in TARGET.finditer(code_of(document))} <= targets


def test_the_readme_names_every_command() -> None:
    mentioned = {match["name"] for match in COMMAND.finditer(code_of(README))}
    assert mentioned == set(console_script.commands)


def test_the_readme_names_every_environment_variable_and_no_other() -> None:
    read = {
        node.value
        for node in ast.walk(ast.parse(text_of(Path(settings.__file__))))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and VARIABLE.fullmatch(node.value)
    }
    section = text_of(README).partition("\n## Environment\n")[2].partition("\n## ")[0]
    told = variables_of("\n".join(TABLE_ROW.findall(section)))
    assert told == read
    assert variables_of(text_of(README)) <= read


def test_the_page_of_tables_is_fresh() -> None:
    generator = runpy.run_path(str(ROOT / "docs" / "make_tables.py"))
    now, written = generator["page_text"](), text_of(generator["PAGE"])
    difference = "\n".join(
        difflib.unified_diff(written.splitlines(), now.splitlines(), "docs/tables.md", "the contracts", lineterm="", n=0)
    )
    assert not difference, f"docs/tables.md is stale: renew it with `make docs` and commit it\n{difference}"
