"""Inputs of assets below the tables: what their metadata asks for, and lazily where they are annotated so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl
import pytest

from torn_pipeline.assets import table_key
from torn_pipeline_tests.dagster.running import Platform, open_platform
from torn_pipeline_tests.dagster.test_runs import failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

GIVEN: list[Any] = []


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with open_platform(tmp_path) as platform:
        for account in ("default", "second"):
            platform.run("faction_members", account)
        yield platform


def given(platform: Platform, metadata: Mapping[str, Any], kind: Any = None, *, partitioned: bool = True) -> dg.ExecuteInProcessResult:  # noqa: ANN401 - a type
    """Run an asset that keeps what it is given."""
    partitions = dg.StaticPartitionsDefinition(["default", "second"]) if partitioned else None

    def keep(rows):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - annotated below, by what the test wants
        GIVEN.append(rows)

    if kind is not None:
        keep.__annotations__["rows"] = kind
    below = dg.asset(name="below", ins={"rows": dg.AssetIn(table_key("faction_members"), metadata=metadata)}, partitions_def=partitions)(
        keep
    )
    defs = dg.Definitions.merge(platform.defs, dg.Definitions(assets=[below]))
    job = defs.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=platform.instance,
        asset_selection=[dg.AssetKey("below")],
        partition_key="second" if partitioned else None,
        raise_on_error=False,
    )


def test_an_input_is_only_the_columns_and_the_window_it_asks_for(platform: Platform) -> None:
    members = platform.pipeline.warehouse.read("faction_members", account="second").sort("last_action_timestamp")
    middle = members["last_action_timestamp"][5]
    window = {"column": "last_action_timestamp", "after": middle.isoformat()}
    assert given(platform, {"columns": ["id", "name"], "window": window}).success
    frame = GIVEN.pop()
    assert frame.columns == ["id", "name"]
    assert set(frame["id"]) == set(members.filter(pl.col("last_action_timestamp") > middle)["id"])


def test_a_lazy_input_is_a_lazy_frame_of_the_partition(platform: Platform) -> None:
    assert given(platform, {"columns": ["id", "_account"]}, pl.LazyFrame).success
    lazy = GIVEN.pop()
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.select(pl.col("_account").unique()).collect()["_account"].to_list() == ["second"]


def test_a_lazy_input_without_partitions_is_of_all_accounts(platform: Platform) -> None:
    assert given(platform, {}, pl.LazyFrame, partitioned=False).success
    assert set(GIVEN.pop().collect()["_account"]) == {"default", "second"}


def test_a_column_that_is_not_there_is_said_in_one_sentence(platform: Platform) -> None:
    result = given(platform, {"columns": ["weight"]})
    assert not result.success
    assert "weight" in failure(result)
    assert "\n" not in failure(result)
