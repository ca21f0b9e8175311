"""What an endpoint leaves out is filled in from the file and from its path."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from torn_pipeline.config import Endpoint, PipelineConfig, StorageMode, load_config
from torn_pipeline.config.ticks import CatchUp
from torn_pipeline.config.weights import Weights
from torn_pipeline.errors import ConfigError
from torn_pipeline.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def _config(folder: Path, text: str) -> PipelineConfig:
    file = folder / "pipeline.yaml"
    file.write_text(text, encoding="utf-8")
    return load_config(Settings(config=file))


def test_the_shipped_config_holds_the_core_endpoints(shipped: PipelineConfig) -> None:
    found = {one.name: (one.path, one.frequency, one.storage_mode, one.scope, dict(one.params)) for one in shipped.endpoints}
    quarter, half_day = timedelta(minutes=15), timedelta(hours=12)
    assert found == {
        "faction_crimes": ("/faction/crimes", quarter, "upsert", "account", {}),
        "faction_members": ("/faction/members", quarter, "replace", "account", {"striptags": "true"}),
        "torn_items": ("/torn/items", timedelta(hours=6), "replace", "global", {}),
        "faction_basic": ("/faction/basic", half_day, "append", "account", {}),
        "faction_balance": ("/faction/balance", half_day, "append", "account", {}),
    }
    assert [account.name for account in shipped.accounts] == ["default"]
    assert (shipped.defaults.max_retries, shipped.defaults.rate_limit) == (3, 95)


def test_a_name_a_path_and_a_frequency_are_enough(tmp_path: Path) -> None:
    config = _config(tmp_path, "endpoints: [{name: faction_basic, path: /faction/basic, frequency: PT12H}]")
    [endpoint] = config.endpoints
    assert endpoint.model_dump() == {
        "name": "faction_basic",
        "path": "/faction/basic",
        "frequency": timedelta(hours=12),
        "storage_mode": StorageMode.APPEND,
        "accounts": ("default",),
        "params": {},
        "enabled": True,
        "on_new_field": "add",
        "max_quarantined": 0.05,
        "max_closed": 0.5,
        "table": "faction_basic",
        "scope": "account",
        "ids_from": "",
        "max_retries": 3,
        "retry_delay": timedelta(seconds=5),
        "timeout": timedelta(seconds=30),
        "since": date(2020, 1, 1),
        "catch_up": CatchUp.LATEST,
        "max_runtime": timedelta(hours=1),
        "service_level": 0.99,
    }
    assert endpoint.ticks.period == timedelta(hours=12)


def test_how_often_may_be_said_in_seconds(tmp_path: Path) -> None:
    text = "endpoints: [{name: crimes, path: /faction/crimes, fetch_interval_seconds: %s}]"
    (endpoint,) = _config(tmp_path, text % 900).endpoints
    assert endpoint.frequency == timedelta(minutes=15)
    for seconds in ("0", "-60", "90", "60.0", "true", "PT1M"):
        with pytest.raises(ConfigError, match=r"fetch_interval_seconds: must be a number of seconds that makes whole minutes, above zero"):
            _config(tmp_path, text % seconds)


def test_an_endpoint_overrides_the_defaults_field_by_field(tmp_path: Path) -> None:
    config = _config(
        tmp_path,
        """
        defaults: {max_retries: 1, retry_delay: PT1S, timeout: PT10S}
        endpoints:
          - {name: a, path: /faction/basic, frequency: PT1H, timeout: PT1M, max_retries: 3}
          - {name: b, path: /faction/crimes, frequency: PT1H}
        """,
    )
    first, second = ((one.max_retries, one.retry_delay, one.timeout) for one in config.endpoints)
    assert first == (3, timedelta(seconds=1), timedelta(minutes=1))
    assert second == (1, timedelta(seconds=1), timedelta(seconds=10))


def test_a_global_endpoint_is_fetched_with_the_first_of_its_accounts(tmp_path: Path) -> None:
    config = _config(
        tmp_path,
        """
        accounts: [{name: a}, {name: b}]
        endpoints:
          - {name: items, path: /torn/items, frequency: PT1H}
          - {name: items_b, path: /torn/items, frequency: PT1H, accounts: [b, a]}
          - {name: crimes, path: /faction/crimes, frequency: PT1H}
          - {name: crimes_b, path: /faction/crimes, frequency: PT1H, accounts: [b]}
          - {name: basic, path: /faction/basic, frequency: PT1H, scope: global}
          - {name: races, path: /racing/races, frequency: PT1H, scope: account}
          - {name: news, path: /newspaper/front, frequency: PT1H, scope: global}
        """,
    )
    assert {one.name: one.accounts for one in config.endpoints} == {
        "items": ("a",),
        "items_b": ("b",),
        "crimes": ("a", "b"),
        "crimes_b": ("b",),
        "basic": ("a",),
        "races": ("a", "b"),
        "news": ("a",),
    }


@pytest.mark.parametrize(
    ("section", "scope"),
    [
        *((section, "account") for section in ("user", "faction", "company", "key", "property")),
        *((section, "global") for section in ("torn", "market", "racing", "forum")),
    ],
)
def test_the_section_of_the_path_says_whose_data_it_is(tmp_path: Path, section: str, scope: str) -> None:
    [endpoint] = _config(tmp_path, f"endpoints: [{{name: e, path: /{section}/info, frequency: P1D}}]").endpoints
    assert endpoint.scope == scope


def test_parameters_reach_the_api_as_text(tmp_path: Path) -> None:
    params = '{striptags: true, stat: 5, target: "05", filters: a}'
    [endpoint] = _config(tmp_path, f"endpoints: [{{name: e, path: /faction/crimes, frequency: P1D, params: {params}}}]").endpoints
    assert endpoint.params == {"striptags": "true", "stat": "5", "target": "05", "filters": "a"}


def test_two_endpoints_may_share_a_table_with_the_same_path_and_mode(tmp_path: Path) -> None:
    config = _config(
        tmp_path,
        """
        endpoints:
          - {name: done, path: /faction/crimes, frequency: PT1H, storage_mode: upsert, table: crimes, params: {cat: completed}}
          - {name: crimes, path: /faction/crimes, frequency: PT15M, storage_mode: upsert, params: {cat: available}}
        """,
    )
    assert [one.table for one in config.endpoints] == ["crimes", "crimes"]


def test_a_config_can_be_made_without_a_file() -> None:
    config = PipelineConfig(
        endpoints=(Endpoint(name="crimes", path="/faction/crimes", frequency=timedelta(minutes=45), timeout=timedelta(seconds=1)),)
    )
    [endpoint] = config.endpoints
    assert (endpoint.accounts, endpoint.timeout, len(endpoint.ticks.crons or ())) == (("default",), timedelta(seconds=1), 3)
    assert PipelineConfig(endpoints=config.endpoints) == config


def test_a_config_cannot_be_changed(shipped: PipelineConfig) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        shipped.endpoints[0].enabled = False


def test_an_unknown_endpoint_is_a_key_error(shipped: PipelineConfig) -> None:
    with pytest.raises(KeyError, match="nope"):
        shipped.endpoint("nope")


def test_importing_the_config_loads_no_heavy_library() -> None:
    script = "import sys, torn_pipeline.config; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()  # noqa: S603 - our own script
    assert not {"polars", "pandera", "pandas", "pyarrow", "duckdb", "requests", "dagster"} & set(loaded)


def test_every_check_may_be_weighed_but_the_contract_stays() -> None:
    assert Weights(volume=0).volume == 0
    with pytest.raises(ValidationError):
        Weights(contract=0)
    with pytest.raises(ValidationError):
        Weights(volume=-1)
