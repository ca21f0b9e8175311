"""Every module of the package keeps every rule, and each rule catches what breaks it."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

import pytest

from torn_pipeline_tests.architecture.rules import PACKAGE, ROOT, RULES, Module, function_lengths, modules

if TYPE_CHECKING:
    from pathlib import Path

MEDIAN_FUNCTION = 12


@pytest.fixture(scope="module")
def found() -> list[Module]:
    return modules()


@pytest.mark.parametrize("rule", RULES)
def test_every_module_keeps_the_rule(found: list[Module], rule: str) -> None:
    broken = [sentence for module in found for sentence in RULES[rule](module)]

    assert not broken, "\n" + "\n".join(broken)


def test_most_functions_are_a_few_lines(found: list[Module]) -> None:
    lengths = function_lengths(found)

    assert len(lengths) > 300
    assert statistics.median(lengths) <= MEDIAN_FUNCTION


def test_every_folder_of_tests_is_a_package_that_says_what_is_tested() -> None:
    folders = {path.parent for path in (ROOT / f"{PACKAGE}_tests").rglob("*.py")}
    silent = [folder for folder in folders if not _opening(folder / "__init__.py").startswith('"""')]

    assert silent == []


def _opening(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""


BROKEN = [
    ("imports_go_downwards", "landing.store", "from torn_pipeline.warehouse import Load"),
    ("imports_go_downwards", "tables.naming", "def f():\n    from torn_pipeline import steps"),
    ("imports_go_downwards", "config", "import torn_pipeline.cli.main"),
    ("imports_go_downwards", "novelty", "x = 1"),
    ("imports_are_absolute", "landing.store", "from .fetch import Fetch"),
    ("the_simulator_stands_alone", "simulator.world", "from torn_pipeline.errors import Permanent"),
    ("the_simulator_stands_alone", "simulator.world", "import torn_pipeline"),
    ("the_simulator_stands_alone", "steps", "from torn_pipeline.simulator import World"),
    ("dagster_stays_on_its_side", "steps", "def f():\n    import dagster as dg"),
    ("dagster_stays_on_its_side", "warehouse.url", "from dagster_gcp import x"),
    ("dagster_stays_on_its_side", "cli.main", "import dagster as dg"),
    ("dagsters_inside_is_left_alone", "assets", "from dagster._core.instance import DagsterInstance"),
    ("dagsters_inside_is_left_alone", "assets", "import dagster._utils"),
    ("dagsters_inside_is_left_alone", "assets", "from dagster import _check"),
    ("only_settings_reads_the_environment", "steps", "import os\nx = os.environ['TORN_API_KEY']"),
    ("only_settings_reads_the_environment", "cli.main", "from os import getenv"),
    ("packages_say_what_belongs", "steps", "x = 1"),
    ("packages_say_what_belongs", "landing.__init__", '"""The landing."""'),
    ("exports_are_listed", "steps", "def fetch(): ..."),
    ("exports_are_listed", "steps", "__all__ = ['b', 'a']\na = b = 1"),
    ("exports_are_listed", "steps", "__all__ = ['gone']"),
    ("functions_are_short", "steps", "def f():\n" + "    x = 1\n" * 60),
    ("no_error_is_swallowed_unseen", "steps", "try:\n    x = 1\nexcept Exception:\n    x = 2"),
    ("no_error_is_swallowed_unseen", "steps", "try:\n    x = 1\nexcept (ValueError, BaseException):\n    x = 2"),
    ("no_error_is_swallowed_unseen", "steps", "try:\n    x = 1\nexcept:\n    x = 2"),
    ("nothing_is_left_unfinished", "steps", "x = 1  # TO" + "DO: two"),
    ("nothing_is_printed", "steps", "print('here')"),
]
KEPT = [
    ("imports_go_downwards", "warehouse.url", "from torn_pipeline.landing import Fetch\nimport torn_pipeline.warehouse.protocol"),
    ("the_simulator_stands_alone", "cli.demo", "from torn_pipeline.simulator import World"),
    ("dagster_stays_on_its_side", "cli.main", "def f():\n    import dagster as dg"),
    ("dagster_stays_on_its_side", "assets.endpoints", "import dagster as dg"),
    ("only_settings_reads_the_environment", "settings", "import os\nx = os.environ"),
    ("no_error_is_swallowed_unseen", "steps", "try:\n    x = 1\nexcept BaseException:\n    x = 2\n    raise"),
    ("exports_are_listed", "steps", "__all__ = ['A', 'Ab', 'a']\nA = Ab = a = 1"),
    ("exports_are_listed", "steps", "__all__ = ['a']\na = 1\n_b = 2"),
    ("exports_are_listed", "ops.__init__", '"""Only words."""'),
    ("functions_are_short", "steps", "def f():\n" + "    x = 1\n" * 59),
]


def sample(name: str, source: str) -> Module:
    """A module that is not there."""
    path = f"{PACKAGE}/{name.replace('.', '/')}.py"
    return Module(f"{PACKAGE}.{name}".removesuffix(".__init__"), path, source)


@pytest.mark.parametrize(("rule", "name", "source"), BROKEN)
def test_a_rule_catches_what_breaks_it_and_says_where(rule: str, name: str, source: str) -> None:
    (sentence,) = RULES[rule](sample(name, source))

    assert sentence.startswith(f"{PACKAGE}/{name.replace('.', '/')}.py:")


@pytest.mark.parametrize(("rule", "name", "source"), KEPT)
def test_a_rule_lets_pass_what_keeps_it(rule: str, name: str, source: str) -> None:
    assert list(RULES[rule](sample(name, source))) == []


def test_every_rule_is_shown_to_catch_something() -> None:
    assert {rule for rule, _, _ in BROKEN} == set(RULES)
