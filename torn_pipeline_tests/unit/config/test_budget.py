"""The calls that schedules need are added up by account and held against the limit."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from torn_pipeline.config import load_config
from torn_pipeline.config.budget import budget_problems, calls_a_minute, needs
from torn_pipeline.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from torn_pipeline.config import PipelineConfig


def _config(folder: Path, text: str) -> PipelineConfig:
    file = folder / "pipeline.yaml"
    file.write_text(text, encoding="utf-8")
    return load_config(Settings(config=file))


def test_calls_are_counted_by_account(tmp_path: Path) -> None:
    config = _config(
        tmp_path,
        """
        accounts: [{name: a}, {name: b}, {name: c}]
        endpoints:
          - {name: crimes, path: /faction/crimes, frequency: PT15M, accounts: [a, b]}
          - {name: members, path: /faction/members, frequency: PT1M, accounts: [b]}
          - {name: items, path: /torn/items, frequency: PT30M}
          - {name: basic, path: /faction/basic, frequency: PT1M, enabled: false}
        """,
    )
    assert calls_a_minute(config) == {"a": pytest.approx(1 / 15 + 1 / 30), "b": pytest.approx(1 / 15 + 1), "c": 0}
    assert budget_problems(config) == []


def test_a_limit_met_exactly_is_kept(tmp_path: Path) -> None:
    endpoints = ", ".join(f"{{name: e{number}, path: /faction/crimes, frequency: PT3M}}" for number in range(3))
    assert budget_problems(_config(tmp_path, f"defaults: {{rate_limit: 1}}\nendpoints: [{endpoints}]")) == []


def test_too_many_calls_are_reported_with_what_weighs_most_and_what_would_fit(tmp_path: Path) -> None:
    config = _config(
        tmp_path,
        "defaults: {rate_limit: 1}\nendpoints:\n"
        "- {name: hourly, path: /faction/crimes, frequency: PT1H}\n"
        "- {name: often, path: /faction/members, frequency: PT1M}\n"
        "- {name: two, path: /faction/basic, frequency: PT2M}\n",
    )
    [problem] = budget_problems(config)
    assert problem == (
        f"{tmp_path}/pipeline.yaml:4: the schedules need 1.51667 calls a minute of the account `default`, and `rate_limit` is 1: "
        "most are for often (PT1M), two (PT2M), hourly (PT1H); with no frequency below PT3M they fit"
    )


def test_what_fetches_took_counts_where_it_is_known(tmp_path: Path) -> None:
    config = _config(
        tmp_path,
        "defaults: {rate_limit: 10}\naccounts: [{name: a}, {name: b}]\nendpoints:\n"
        "- {name: crimes, path: /faction/crimes, frequency: PT2M}\n"
        "- {name: basic, path: /faction/basic, frequency: PT1M}\n",
    )
    seen = {("crimes", "a"): Fraction(45, 2)}
    assert calls_a_minute(config, seen) == {"a": 12.25, "b": 1.5}
    [problem] = budget_problems(config, seen)
    assert "need 12.25 calls a minute of the account `a`" in problem
    assert "most are for crimes (PT2M, 22.5 calls each time), basic (PT1M); with no frequency below PT3M they fit" in problem
    assert [(need.endpoint, need.account, need.is_seen) for need in needs(config, seen)] == [
        ("crimes", "a", True),
        ("basic", "a", False),
        ("crimes", "b", False),
        ("basic", "b", False),
    ]


def test_all_accounts_together_have_a_limit_too(tmp_path: Path) -> None:
    accounts = ", ".join(f"{{name: a{number}}}" for number in range(11))
    config = _config(
        tmp_path, f"defaults: {{rate_limit: 100}}\naccounts: [{accounts}]\nendpoints: [{{name: e, path: /faction/crimes, frequency: PT1M}}]"
    )
    assert budget_problems(config, {("e", f"a{number}"): Fraction(90) for number in range(11)}) == []
    [problem] = budget_problems(config, {("e", f"a{number}"): Fraction(95) for number in range(11)})
    assert problem.startswith(f"{tmp_path}/pipeline.yaml:2: the schedules of all accounts need 1045 calls a minute together")


def test_the_advice_given_fits(tmp_path: Path) -> None:
    endpoints = ", ".join(f"{{name: e{number}, path: /faction/crimes, frequency: PT1M}}" for number in range(96))
    [problem] = budget_problems(_config(tmp_path, f"endpoints: [{endpoints}]"))
    assert "need 96 calls" in problem
    assert "no frequency below PT2M" in problem


def test_more_endpoints_than_a_day_has_calls_for_cannot_be_slowed_down(tmp_path: Path) -> None:
    config = _config(tmp_path, "defaults: {rate_limit: 1}\nendpoints: [{name: e, path: /faction/crimes, frequency: P1D}]")
    many = config.model_copy(update={"endpoints": config.endpoints * 1441})
    [problem] = budget_problems(many)
    assert problem.endswith("disable some of them, or spread them over more accounts")


def test_the_shipped_periods_are_far_below_the_limit(shipped: PipelineConfig) -> None:
    assert calls_a_minute(shipped)["default"] < 0.2
    assert budget_problems(shipped) == []
    assert shipped.endpoint("faction_crimes").frequency == timedelta(minutes=15)
