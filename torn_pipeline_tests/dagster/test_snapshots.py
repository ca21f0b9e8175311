"""Endpoints with ``storage_mode: snapshot``: their histories are assets, and a doubtful fetch fails its run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from torn_pipeline import steps
from torn_pipeline.assets import table_key
from torn_pipeline.errors import TooManyClosed
from torn_pipeline_tests.dagster.running import Platform, open_platform
from torn_pipeline_tests.dagster.test_runs import FIRST, failure, materialized, metadata

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with open_platform(tmp_path) as platform:
        platform.reload(faction_members={"storage_mode": "snapshot"}, torn_items={"storage_mode": "snapshot"})
        yield platform


def test_a_history_is_an_asset_with_every_version(platform: Platform) -> None:
    assert table_key("faction_members_history") in {spec.key for spec in platform.defs.resolve_all_asset_specs()}
    assert platform.run("faction_members").success
    members = platform.world.faction(FIRST).members
    members[0]["level"] += 1
    gone = members.pop()["id"]
    result = platform.run("faction_members")
    assert result.success

    assert "torn/faction_members_history" in materialized(result)
    told = metadata(result, "torn/faction_members_history")
    assert (told["dagster/row_count"], "preview" in told) == (platform.pipeline.warehouse.read("faction_members_history").height, False)
    now = platform.rows("faction_members")
    history = platform.rows("faction_members_history")
    holding = [row for row in history if row["_valid_to"] is None]
    origin = {"_fetch_id", "_fetched_at", "_raw_id", "_valid_from", "_valid_to"}

    def plain(row: dict[str, object]) -> str:
        return repr({name: value for name, value in row.items() if name not in origin})

    assert sorted(map(plain, holding)) == sorted(map(plain, now))
    assert {row["id"] for row in history} - {row["id"] for row in now} == {gone}
    changed = [row["level"] for row in sorted(history, key=lambda row: row["_valid_from"]) if row["id"] == members[0]["id"]]
    assert changed[-1] == changed[0] + 1
    assert told["versions_begun"] <= len(now)
    assert told["versions_ended"] >= 2


def test_a_doubtful_snapshot_fails_its_run_and_one_call_may_allow_it(platform: Platform) -> None:
    assert platform.run("faction_members").success
    before = platform.tables("faction_members", "faction_members_history")
    del platform.world.faction(FIRST).members[3:]
    result = platform.run("faction_members")
    assert not result.success
    assert "is without 9 of the 12 rows of faction_members" in failure(result)
    assert platform.tables("faction_members", "faction_members_history") == before

    pipeline = platform.pipeline
    fetched = steps.latest_fetch(pipeline, "faction_members", "default")
    with steps.validate(pipeline, fetched) as prepared, pytest.raises(TooManyClosed):
        steps.load(pipeline, fetched, prepared)
    allowed = steps.open_pipeline(platform.settings, ["endpoints.faction_members.max_closed=1"])
    with steps.validate(allowed, fetched) as prepared:
        steps.load(allowed, fetched, prepared)
    assert len(platform.rows("faction_members")) == 3


def test_a_rebuild_keeps_what_was_allowed_and_leaves_out_what_was_not(platform: Platform) -> None:
    members = platform.world.faction(FIRST).members
    everyone = list(members)
    assert platform.run("faction_members").success
    for few, overrides in ((everyone[:2], ()), (everyone[:3], ["endpoints.faction_members.max_closed=1"])):
        members[:] = few
        pipeline = steps.open_pipeline(platform.settings, overrides)
        fetched = steps.fetch(pipeline, "faction_members", "default")
        with steps.validate(pipeline, fetched) as prepared:
            if overrides:
                steps.load(pipeline, fetched, prepared)
            else:
                with pytest.raises(TooManyClosed):
                    steps.load(pipeline, fetched, prepared)
    before = platform.tables("faction_members", "faction_members_history")
    outcomes = [outcome for _, outcome in steps.rebuild(platform.pipeline, ["faction_members"])]
    assert [isinstance(outcome, TooManyClosed) for outcome in outcomes] == [False, True, False]
    assert platform.tables("faction_members", "faction_members_history") == before
    outcomes = [outcome for _, outcome in steps.replay(platform.pipeline, ["faction_members"])]
    assert [getattr(outcome, "skipped", "") != "" for outcome in outcomes] == [True, True, True]


def test_a_global_endpoint_has_a_history_too(platform: Platform) -> None:
    for _ in range(2):
        assert platform.run("torn_items").success
    assert len(platform.rows("torn_items_history")) == len(platform.rows("torn_items"))
