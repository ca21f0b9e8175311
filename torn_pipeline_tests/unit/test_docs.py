"""What the documents say is there, is there."""

from __future__ import annotations

import ast
import difflib
import re
import runpy
from pathlib import Path

import pytest
import yaml

from torn_pipeline import settings
from torn_pipeline.cli.main import torn_pipeline as console_script
from torn_pipeline.config import load_config

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


@pytest.mark.parametrize("script", ["make_tables.py", "make_config.py"])
def test_the_generated_page_is_fresh(script: str) -> None:
    generator = runpy.run_path(str(ROOT / "docs" / script))
    now, page = generator["page_text"](), generator["PAGE"]
    name = page.relative_to(ROOT)
    difference = "\n".join(
        difflib.unified_diff(text_of(page).splitlines(), now.splitlines(), str(name), "as it should be", lineterm="", n=0)
    )
    assert not difference, f"{name} is stale: renew it with `make docs` and commit it\n{difference}"


def test_the_page_of_the_config_gives_examples_that_are_accepted(tmp_path: Path) -> None:
    fields = {
        model.__name__: {name: yaml.safe_load(example) for name, example in examples.items()}
        for model, examples in runpy.run_path(str(ROOT / "docs" / "make_config.py"))["EXAMPLES"].items()
    }
    whole = fields["PipelineConfig"]
    together = {
        "defaults": whole["defaults"] | fields["Defaults"],
        "accounts": [{"name": "default"}, fields["Account"]],
        "endpoints": [*whole["endpoints"], fields["Endpoint"]],
        "retention": fields["Retention"] | {"landing": fields["LandingRetention"]},
        "rules": [fields["BusinessRule"]],
        "kpis": [fields["Kpi"]],
    }
    for config in (whole, together):
        file = tmp_path / "pipeline.yaml"
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        names = [endpoint.name for endpoint in load_config(settings.Settings(config=file)).endpoints]
        assert names == [endpoint["name"] for endpoint in config["endpoints"]]
