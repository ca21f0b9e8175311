"""Rules, KPIs and service levels in the config: what is taken, what is refused with its line, and what a target means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from torn_pipeline.config import Kpi, PipelineConfig, load_config
from torn_pipeline.errors import ConfigError
from torn_pipeline.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

ENDPOINTS = """\
endpoints:
  - {name: faction_members, path: /faction/members, frequency: PT15M}
  - {name: faction_basic, path: /faction/basic, frequency: PT12H, service_level: 0.5}
"""


def load(folder: Path, text: str) -> PipelineConfig:
    file = folder / "pipeline.yaml"
    file.write_text(ENDPOINTS + text, encoding="utf-8")
    return load_config(Settings(config=file))


def problems(folder: Path, text: str) -> list[str]:
    """The lines of the error, each without the file and the endpoints' lines before it."""
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    return [line.removeprefix(f"{folder / 'pipeline.yaml'}:") for line in str(caught.value).split("\n")]


def test_what_is_left_out_is_filled_in_and_a_query_may_end_as_one_types_it(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """\
rules: [{name: idle, table: faction_members, sql: "SELECT id FROM faction_members ;\\n"}]
kpis: [{name: members, table: faction_basic, sql: SELECT members FROM faction_basic}]
defaults: {service_level: 0.95}
""",
    )

    (rule,), (kpi,) = config.rules, config.kpis
    assert (rule.sql, rule.severity, rule.most, rule.description) == ("SELECT id FROM faction_members", "warn", 0, "")
    assert (kpi.unit, kpi.at_least, kpi.at_most, kpi.target) == ("", None, None, "")
    assert [endpoint.service_level for endpoint in config.endpoints] == [0.95, 0.5]


def test_every_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    text = """\
rules:
  - {name: idle, table: faction_members, sql: SELECT 1}
  - {name: idle, table: faction_basic, sql: SELECT 1}
  - {name: idle, table: faction_members, sql: SELECT 2}
  - {name: freshness, table: faction_members, sql: SELECT 1}
  - {name: empty, table: faction_members, sql: " ; ", severity: fatal, most: -1}
  - {name: none, table: faction_members}
kpis:
  - {name: share, table: faction_members, sql: SELECT 1, at_least: 3, at_most: 2}
  - {name: share, table: faction_members, sql: SELECT 1, at_least: .inf, at_mos: 2}
defaults: {service_level: 99}
"""
    assert problems(tmp_path, text) == [
        "7: rules.idle.name: is used twice for the table `faction_members`: give each of its rules a name of its own",
        "8: rules.freshness.name: is freshness, as a check that every table may have: choose another name",
        "9: rules.empty.sql: is empty: write one SELECT",
        "9: rules.empty.severity: is 'fatal': use warn or error",
        "9: rules.empty.most: is -1: must be at least 0",
        "10: rules.none.sql: is missing: add it",
        "12: kpis.share: nothing is at least 3 and at most 2: correct one of them",
        "13: kpis.share.name: is used twice in `kpis`: give each entry a name of its own",
        "13: kpis.share.at_least: is inf: is not what belongs here",
        "13: kpis.share.at_mos: is not a known field: did you mean `at_most`?",
        "14: defaults.service_level: is 99: must be at most 1",
    ]


@pytest.mark.parametrize(
    ("bounds", "target", "met"),
    [
        ({}, "", [None, None, None]),
        ({"at_least": 80}, "at least 80 %", [False, True, True]),
        ({"at_most": 80}, "at most 80 %", [True, True, False]),
        ({"at_least": 75.5, "at_most": 80}, "at least 75.5 % and at most 80 %", [False, True, False]),
    ],
)
def test_a_target_is_met_within_its_bounds(bounds: dict[str, Any], target: str, met: list[bool | None]) -> None:
    kpi = Kpi(name="share", table="faction_members", sql="SELECT 1", unit="%", **bounds)

    assert kpi.target == target
    assert [kpi.is_met(value) for value in (75, 80, 80.01)] == met
    assert kpi.is_met(None) is None
