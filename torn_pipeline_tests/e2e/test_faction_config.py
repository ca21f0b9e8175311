"""The config for a faction's whole history, as it is shipped, against a world of some weeks that lives up to now."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from torn_pipeline import steps
from torn_pipeline.automation.in_process import run_endpoint
from torn_pipeline.definitions import build_defs
from torn_pipeline.settings import Settings
from torn_pipeline.simulator import Simulator, Size, World
from torn_pipeline.simulator.fights import SUCCESSES
from torn_pipeline_tests.ledger import know_keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import polars as pl

    from torn_pipeline.ops.summary import RunOutcome

CONFIG = Path(__file__).parents[2] / "config" / "faction.yaml"
FACTION = 40_832
WEEKS, SEED = 3, 5
DAY = 86_400

Row = dict[str, Any]


@dataclass(kw_only=True)
class Materialized:
    """What became of every endpoint of the config, one after the other, and the world that they were asked of.

    ``kpis`` are the values that were found then, at ``measured``.
    """

    world: World
    pipeline: steps.Pipeline
    outcomes: Mapping[str, RunOutcome]
    kpis: Mapping[str, Any]
    measured: float

    def rows(self, table: str) -> pl.DataFrame:
        return self.pipeline.warehouse.read(table)

    def ids(self, table: str) -> list[Any]:
        return sorted(self.rows(table)["id"].to_list())

    def sums(self, table: str, by: tuple[str, ...], amount: str) -> dict[tuple[Any, ...], float]:
        """The sums of a column, rounded, by what the others say."""
        found: dict[tuple[Any, ...], float] = {}
        for *key, value in self.rows(table).select(*by, amount).rows():
            found[tuple(key)] = round(found.get(tuple(key), 0) + value, 2)
        return found

    @property
    def truth(self) -> Mapping[str, list[Row]]:
        """The lists' rows, by table, from the world's own state."""
        world, faction = self.world, self.world.faction(FACTION)
        return {
            "faction_crimes": faction.crimes,
            "faction_attacks": faction.attacks,
            "faction_revives": faction.revives,
            "faction_chains": faction.chains,
            "faction_news": [row for _, row in faction.news],
            "faction_members": faction.members,
            "faction_rankedwars": [war for war in world.ranked_wars if FACTION in {side["id"] for side in war["factions"]}],
            "faction_raids": [raid for raid in world.raids if FACTION in {raid["aggressor"]["id"], raid["defender"]["id"]}],
            "faction_territorywars": [war for war in world.territory_wars if FACTION in {side["id"] for side in war["factions"]}],
            "torn_items": world.items,
        }


@pytest.fixture(scope="module")
def materialized(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Materialized]:
    folder = tmp_path_factory.mktemp("faction")
    now = int(time.time())
    world = World(seed=SEED, size=Size(members=16, crimes=12, items=40, attacks=400), now=now - WEEKS * 7 * DAY)
    world.advance_to(now)
    with Simulator(world, calls_per_window=10_000) as simulator, dg.DagsterInstance.ephemeral() as instance:
        settings = Settings(
            api_url=simulator.url,
            config=CONFIG,
            data_dir=folder / "data",
            dagster_home=folder / "dagster",
            keys={"default": (next(iter(world.keys)),)},
            rate_window=0.01,
        )
        know_keys(settings.data_dir, world)
        pipeline, defs = steps.open_pipeline(settings), build_defs(settings)
        outcomes = {
            endpoint.name: run_endpoint(defs, instance, pipeline.plan(endpoint.name), "default") for endpoint in pipeline.config.endpoints
        }
        measured = time.time()
        found = defs.resolve_job_def("kpis").execute_in_process(instance=instance).get_asset_materialization_events()
        kpis = {event.asset_key.path[-1]: event.materialization.metadata["value"].value for event in found if event.asset_key}
        yield Materialized(world=world, pipeline=pipeline, outcomes=outcomes, kpis=kpis, measured=measured)


def test_every_endpoint_ends_well(materialized: Materialized) -> None:
    assert {name: outcome.error for name, outcome in materialized.outcomes.items() if outcome.error} == {}


def test_every_history_is_complete(materialized: Materialized) -> None:
    pipeline, now = materialized.pipeline, datetime.now(UTC)
    plans = [pipeline.plan(endpoint.name) for endpoint in pipeline.config.endpoints]
    with_history = [plan for plan in plans if plan.is_windowed]
    assert len(with_history) > 8
    for plan in with_history:
        assert not steps.missing(pipeline, plan, "default", plan.endpoint.since, now.date(), now=now), plan.endpoint.name


def test_every_list_has_what_the_world_has(materialized: Materialized) -> None:
    for table, rows in materialized.truth.items():
        assert rows, table
        assert materialized.ids(table) == sorted(row["id"] for row in rows), table


def test_raids_and_their_reports_are_the_worlds(materialized: Materialized) -> None:
    raids = {raid["id"]: raid for raid in materialized.truth["faction_raids"]}
    over = {raid_id: materialized.world.raid_report(raid_id) for raid_id, raid in raids.items() if raid["end"]}
    assert 0 < len(over) < len(raids), "one goes on, and its report is refused"
    scores = materialized.rows("faction_raids").select("id", "aggressor_score", "defender_score").rows()
    assert sorted(scores) == sorted((raid["id"], raid["aggressor"]["score"], raid["defender"]["score"]) for raid in raids.values())
    assert materialized.ids("faction_raidreport") == sorted(over)
    for side in ("aggressor", "defender"):
        damage = materialized.sums(f"faction_raidreport_{side}_attackers", ("raidreport_id", "user_id"), "damage")
        assert damage == {
            (raid_id, one["user"]["id"]): one["damage"] for raid_id, report in over.items() for one in report[side]["attackers"]
        }
        idle = materialized.rows(f"faction_raidreport_{side}_non_attackers").height
        assert idle == sum(len(report[side]["non_attackers"]) for report in over.values())


def test_territory_wars_and_their_reports_are_the_worlds(materialized: Materialized) -> None:
    wars = materialized.truth["faction_territorywars"]
    reports = {war["id"]: materialized.world.territory_war_report(war["id"]) for war in wars}
    assert materialized.ids("faction_territorywarreport") == sorted(reports)
    winners = materialized.rows("faction_territorywarreport").select("id", "winner", "result").rows()
    assert sorted(winners) == sorted((one["id"], one["winner"], one["result"]) for one in reports.values())
    sides = [(war_id, side) for war_id, report in reports.items() for side in report["factions"]]
    scores = materialized.sums("faction_territorywarreport_factions", ("territorywarreport_id", "faction_id"), "score")
    assert scores == {(war_id, side["id"]): side["score"] for war_id, side in sides}
    members = materialized.sums("faction_territorywarreport_factions_members", ("territorywarreport_id", "member_id"), "joins")
    assert members == {(war_id, member["id"]): member["joins"] for war_id, side in sides for member in side["members"]}


def test_reports_on_chains_and_ranked_wars_are_the_worlds(materialized: Materialized) -> None:
    world = materialized.world
    chains = {row["id"]: world.chain_report(FACTION, row["id"]) for row in materialized.truth["faction_chains"]}
    shown = materialized.rows("faction_chainreport").select("id", "details_chain", "details_respect").rows()
    assert sorted(shown) == sorted((one["id"], one["details"]["chain"], one["details"]["respect"]) for one in chains.values())
    wars = [world.ranked_war_report(war["id"]) for war in materialized.truth["faction_rankedwars"] if war["winner"]]
    assert wars
    scores = materialized.sums("faction_rankedwarreport_factions", ("rankedwarreport_id", "faction_id"), "score")
    assert scores == {(war["id"], side["id"]): side["score"] for war in wars for side in war["factions"]}


def test_the_kpis_are_what_plain_python_makes_of_the_world(materialized: Materialized) -> None:
    def share(of_all: list[Row], field: str, good: set[str]) -> float:
        return 100 * sum(row[field] in good for row in of_all) / len(of_all)

    truth, now = materialized.truth, materialized.measured
    done = [row for row in truth["faction_crimes"] if row["status"] in {"Successful", "Failure"} and row["executed_at"] > now - 30 * DAY]
    own = [row for row in truth["faction_attacks"] if ((row["attacker"] or {}).get("faction") or {}).get("id") == FACTION]
    fought = [row for row in own if row["ended"] > now - 7 * DAY]
    assert 0 < len(fought) < len(own)
    assert materialized.kpis == {
        "crimes_success": pytest.approx(share(done, "status", {"Successful"})),
        "members_in_no_crime": sum(not member["is_in_oc"] for member in truth["faction_members"]),
        "attacks_won": pytest.approx(share(fought, "result", set(SUCCESSES))),
    }


def test_revives_are_the_worlds(materialized: Materialized) -> None:
    names = ("id", "reviver_id", "reviver_faction_id", "reviver_skill", "target_id", "target_online_status", "success_chance", "result")
    shown = materialized.rows("faction_revives").select(names).rows()
    expected = [
        (
            row["id"],
            row["reviver"]["id"],
            (row["reviver"]["faction"] or {}).get("id"),
            row["reviver"]["skill"],
            row["target"]["id"],
            row["target"]["online_status"],
            row["success_chance"],
            row["result"],
        )
        for row in materialized.truth["faction_revives"]
    ]
    assert sorted(shown) == sorted(expected)
