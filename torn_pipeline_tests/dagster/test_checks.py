"""Checks against the past and the clock, on real runs: what is usual passes, what is not is told with what it was held against."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb
import pytest

from torn_pipeline import steps
from torn_pipeline.assets import endpoints, table_key
from torn_pipeline.errors import WarehouseBusy, WarehouseError
from torn_pipeline.warehouse.duckdb import DuckDBWarehouse
from torn_pipeline_tests.dagster.running import Platform, open_platform
from torn_pipeline_tests.dagster.test_runs import FIRST, checks, failed_steps, records
from torn_pipeline_tests.e2e.test_history import opened
from torn_pipeline_tests.emulator import PROJECT, bigquery, emulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEMBERS = "faction_members"


def remember_weeks(platform: Platform, weeks: int) -> None:
    """Let the ledger say that the fetch that is loaded came every day of some weeks before it, too."""
    with duckdb.connect(str(platform.pipeline.settings.data_dir / "warehouse.duckdb")) as connection:
        for table, moment in (("fetches", "started"), ("loads", "_fetched_at")):
            earlier = f"_fetch_id || '-' || d AS _fetch_id, {moment} - to_days(d::INTEGER) AS {moment}"
            days = f"range(1, {7 * weeks + 1}) days(d)"
            connection.execute(f"INSERT INTO torn_meta.{table} SELECT t.* REPLACE ({earlier}) FROM torn_meta.{table} t, {days}")  # noqa: S608 - our own names


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform whose endpoints have a past of two weeks."""
    with open_platform(tmp_path_factory.mktemp("known")) as platform:
        assert platform.run(MEMBERS).success
        remember_weeks(platform, 2)
        yield platform


@pytest.fixture
def members(known: Platform) -> Iterator[list[dict[str, Any]]]:
    """The members of the faction, to be changed for one test."""
    members = known.world.faction(FIRST).members
    before = [dict(member) for member in members]
    yield members
    members[:] = before


def problem(result: dg.ExecuteInProcessResult, name: str, table: str = MEMBERS) -> dg.AssetCheckEvaluation:
    """The result of a check that has to be a warning in a run that succeeded."""
    assert result.success, failed_steps(result)
    check = checks(result)[table, name]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.metadata["account"].value == "default"
    return check


def test_the_first_fetches_have_nothing_to_be_held_against(platform: Platform) -> None:
    check = checks(platform.run(MEMBERS))[MEMBERS, "volume"]

    assert check.passed
    assert check.metadata["not_enough_history_yet"].value == "0 of 8 to compare with"


@pytest.mark.usefixtures("members")
def test_as_many_rows_as_ever_pass(known: Platform) -> None:
    check = checks(known.run(MEMBERS))[MEMBERS, "volume"]

    assert check.passed
    assert (check.metadata["rows"].value, check.metadata["usual"].value) == (12, "9 to 15")


def test_far_fewer_rows_than_usual_are_told(known: Platform, members: list[dict[str, Any]]) -> None:
    del members[3:]

    check = problem(known.run(MEMBERS), "volume")

    assert check.description is not None
    assert check.description.startswith("the fetch has 3 rows, and 9 to 15 are usual (")


def test_a_column_gone_null_is_told_with_what_was_before(known: Platform, members: list[dict[str, Any]]) -> None:
    for member in members:
        member["level"] = None

    check = problem(known.run(MEMBERS), "nulls")

    assert check.description == "level is null in 100% of the rows (0% before)"
    (row,) = records(check, "columns")
    assert row == {"column": "level", "null_now": "100.0%", "null_before": "0.0%", "usual_up_to": "20.0%"}


def test_what_was_fetched_long_ago_is_stale(known: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    class Later:
        @staticmethod
        def now(zone: timezone) -> datetime:
            return datetime.now(zone) + timedelta(days=3)

    monkeypatch.setattr(endpoints, "datetime", Later)

    check = problem(known.run(MEMBERS, asset_selection=[table_key(MEMBERS)]), "freshness")

    assert check.description is not None
    assert "was fetched 3 days" in check.description


@pytest.mark.parametrize(
    ("error", "passed"), [(WarehouseError("it costs more than maximum_bytes_billed"), False), (WarehouseBusy("another process"), True)]
)
def test_a_warehouse_that_does_not_answer_the_checks_undoes_no_load(
    known: Platform, monkeypatch: pytest.MonkeyPatch, error: Exception, *, passed: bool
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(DuckDBWarehouse, "query", refuse)

    result = known.run(MEMBERS)

    assert result.success
    found = {name: check for (_, name), check in checks(result).items()}
    assert {name for name, check in found.items() if not check.passed} == (set() if passed else {"freshness", "nulls", "volume"})
    if passed:
        assert found["volume"].metadata["not_looked_at"].value == "another process"


def test_the_checks_of_a_load_take_two_small_queries(known: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    for name in ("query", "rows_by_day", "profile", "fetches", "status", "read"):
        real = getattr(DuckDBWarehouse, name)

        def told(*given: Any, _name: str = name, _real: Any = real, **named: Any) -> Any:  # noqa: ANN401 - whatever it is
            asked.append(_name)
            return _real(*given, **named)

        monkeypatch.setattr(DuckDBWarehouse, name, told)

    assert known.run(MEMBERS).success

    assert asked == ["query"]


def test_a_day_with_fewer_rows_than_usual_is_told_once_nothing_can_be_added_to_it(tmp_path: Path) -> None:
    with opened(tmp_path, attacks=0) as harness:
        assert not harness.run().error
        today = datetime.now(UTC).date()
        with duckdb.connect(str(harness.settings.data_dir / "warehouse.duckdb")) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            (column,) = {harness.pipeline.plan("faction_attacks").window_column}
            connection.execute("CREATE TABLE one AS FROM torn.faction_attacks LIMIT 1")
            connection.execute("DELETE FROM torn.faction_attacks")
            for back, rows in enumerate((0, 4, *[30] * 20)):
                moment = f"TIMESTAMPTZ '{today - timedelta(days=back)} 06:00:00+00'"
                connection.execute(
                    f"INSERT INTO torn.faction_attacks SELECT one.* REPLACE ({back} * 1000 + n AS id, {moment} AS {column}) "  # noqa: S608 - our own
                    f"FROM one, range({rows}) r(n)"
                )
            connection.execute("DROP TABLE one")
        key = dg.AssetCheckKey(table_key("faction_attacks"), "volume")
        assert not harness.run().error
        (record,) = harness.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
        check = record.evaluation
        assert check is not None
        assert not check.passed
        assert check.description is not None
        assert check.description.startswith(f"{today - timedelta(days=1)} has 4 rows, and 27 or more are usual (20 days before it)")
        assert check.metadata["day"].value == f"{today - timedelta(days=1)}"


def test_on_bigquery_the_checks_ask_and_are_answered(tmp_path: Path) -> None:
    with bigquery() as warehouse:
        url = f"bigquery://{PROJECT}/{warehouse.place.dataset}?location=EU"
        with open_platform(tmp_path, warehouse=url, bigquery_emulator=emulator()) as platform:
            for compared in ("no fetch before it", "1 fetch before it"):
                found = checks(platform.run(MEMBERS))
                assert {name: one.passed for (_, name), one in found.items()} == dict.fromkeys(
                    ("contract", "rules", "quarantine", "freshness", "nulls", "volume"), True
                )
                assert {found[MEMBERS, name].metadata["compared_with"].value for name in ("volume", "nulls")} == {compared}
                assert "of" not in found[MEMBERS, "volume"].metadata
            (profiled, *_) = (one for one in steps.profiled(platform.pipeline, datetime.now(UTC)) if one.profile is not None)
            assert (profiled.table.name, profiled.problem) == (MEMBERS, "")


# --- the scores ----------------------------------------------------------------------------------------------


def test_once_a_day_every_table_is_profiled_and_scored(known: Platform, members: list[dict[str, Any]]) -> None:
    members[0]["mood"] = "tense"
    assert known.run(MEMBERS).success
    assert known.run("faction_crimes").success
    known.age(timedelta(days=2))

    result = known.defs.resolve_job_def("ops_health").execute_in_process(instance=known.instance)

    (event,) = result.get_asset_materialization_events()
    said = event.materialization.metadata
    assert (said["quarantined"].value, "quarantined_since" in said) == (0, False)
    points, lines, lost = (said[name] for name in ("score", "score_explained", "points_lost"))
    assert isinstance(lines, dg.TableMetadataValue)
    assert isinstance(lost, dg.TableMetadataValue)
    assert points.value == 100 - sum(int(str(line.data["lost"])) for line in lines.records)
    of_members = {line.data["what"]: line.data for line in lost.records if line.data["table"] == MEMBERS}
    assert str(of_members["contract"]["why"]).startswith("warned: new field $.members[*].mood")
    assert of_members["freshness"]["why"] == "failed: what was last loaded of second was fetched: never"
    (check,) = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("score", False)
    assert check.description == f"{points.value} of 100 points"

    (record,) = known.instance.fetch_observations(table_key(MEMBERS), limit=1).records
    observed = record.asset_observation.metadata if record.asset_observation else {}
    profile = observed["profile"]
    assert isinstance(profile, dg.TableMetadataValue)
    levels = [member["level"] for member in members]
    (level,) = [line.data for line in profile.records if line.data["column"] == "level"]
    assert (level["nulls"], level["least"], level["greatest"]) == ("0.0%", str(min(levels)), str(max(levels)))
    (plot,) = [line for line in str(observed["plots"].value).splitlines() if line.startswith("level ")]
    assert set(plot.split()[1]) <= set("·▁▂▃▄▅▆▇█")


def test_a_table_that_may_not_be_read_for_its_cost_is_told_and_the_others_are_profiled(
    known: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = DuckDBWarehouse.profile

    def dear(self: DuckDBWarehouse, table: Any) -> Any:  # noqa: ANN401 - as it is
        if table.name == MEMBERS:
            message = "it costs more than maximum_bytes_billed"
            raise WarehouseError(message)
        return real(self, table)

    assert known.run("faction_crimes").success
    monkeypatch.setattr(DuckDBWarehouse, "profile", dear)
    found = {one.table.name: one for one in steps.profiled(known.pipeline, datetime.now(UTC))}
    assert (found[MEMBERS].profile, found[MEMBERS].problem) == (None, "it costs more than maximum_bytes_billed")
    assert found["torn_items"].problem == "nothing was loaded yet"
    assert found["faction_crimes"].profile is not None
