"""What of Dagster's history is forgotten, what never is, and that the files become smaller."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import pytest

# Ticks are made by Dagster's daemon alone, and no public class is one.
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from torn_pipeline.config.retention import Retention
from torn_pipeline.ops.dagster_files import compact
from torn_pipeline.ops.retention import Freed
from torn_pipeline.resources.history import prune_history, prune_runs, prune_ticks
from torn_pipeline_tests.dagster.history_worker import MOMENTS, processes, prune_and_die
from torn_pipeline_tests.dagster.running import Platform, open_platform

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=100)
MONTH = timedelta(days=30)
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
JOBS = (
    ("faction_members", "default"),
    ("faction_members", "second"),
    ("faction_basic", "default"),
    ("faction_members", "default"),
    ("faction_basic", "default"),
    ("faction_members", "default"),
)
"""What is run: the last of each endpoint and account is needed, the three others are not."""


@dataclass(frozen=True)
class Past:
    """A Dagster instance on the disk with some runs in it, in order."""

    platform: Platform
    home: Path
    runs: tuple[str, ...]

    @property
    def instance(self) -> dg.DagsterInstance:
        return self.platform.instance

    @property
    def checks(self) -> list[dg.AssetCheckKey]:
        return sorted(self.platform.defs.resolve_asset_graph().asset_check_keys)

    @property
    def needed(self) -> set[str]:
        return {self.runs[1], self.runs[4], self.runs[5]}

    def there(self) -> set[str]:
        return {record.dagster_run.run_id for record in self.instance.get_run_records()}

    def files(self) -> set[str]:
        """The runs that have a file of events or a folder."""
        return {path.stem for path in self.home.glob("history/runs/*-*.db")} | {path.name for path in self.home.glob("storage/*")}

    def shown(self) -> dict[str, object]:
        """What the UI tells of the present: the last materialization of each asset and partition, the last word of each check."""
        storage = self.instance.event_log_storage
        keys = sorted(self.instance.get_asset_keys())
        last = {key: self.instance.get_latest_materialization_event(key) for key in keys}
        said = storage.get_asset_check_summary_records(self.checks)
        return {
            "assets": {key: event.dagster_event for key, event in last.items() if event},
            "partitions": {key: storage.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION) for key in keys},
            "checks": {key: record.last_check_execution_record for key, record in said.items()},
        }

    def prune(self, *, dry_run: bool = False) -> dict[str, Freed]:
        found = prune_history(self.instance, self.home, self.checks, Retention(), LATER, dry_run=dry_run)
        return {one.what: one for one in found}

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.home / "history" / "runs" / "index.db")) as index:
            return index.execute(sql).fetchall()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """The runs, made once."""
    folder = tmp_path_factory.mktemp("past")
    home = folder / "made"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with open_platform(folder) as platform:
        with dg.DagsterInstance.from_config(str(home)) as instance:
            platform.instance = instance
            runs = tuple(platform.run(name, account, run_config=QUIET).run_id for name, account in JOBS)
        yield Past(platform, home, runs)


@pytest.fixture
def past(made: Past, tmp_path: Path) -> Iterator[Past]:
    """A copy of them for each test."""
    home = tmp_path / "dagster"
    shutil.copytree(made.home, home)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        platform = made.platform
        platform.instance, platform.settings = instance, replace(platform.settings, dagster_home=home)
        platform.reload()
        yield replace(made, home=home)


def test_all_runs_go_but_those_that_tell_of_the_present(past: Past) -> None:
    unfinished = past.instance.create_run_for_job(past.platform.defs.resolve_job_def("ops_keys")).run_id
    shown, size = past.shown(), sum(path.stat().st_size for path in past.home.rglob("*") if path.is_file())

    told = past.prune(dry_run=True)
    assert past.there() == {*past.runs, unfinished}
    done = past.prune()

    assert done["runs"] == told["runs"]
    assert (done["runs"].things, done["runs"].since) == (3, LATER - MONTH)
    assert done["runs"].size > 300_000
    assert past.there() == past.needed | {unfinished}
    assert past.shown() == shown
    assert past.files() == past.needed | {unfinished}
    gone = ", ".join(f"'{run}'" for run in set(past.runs) - past.needed)
    for table in ("event_logs", "asset_check_executions"):
        assert past.rows(f"SELECT count(*) FROM {table} WHERE run_id IN ({gone})") == [(0,)]  # noqa: S608 - ids of ours
    now = sum(path.stat().st_size for path in past.home.rglob("*") if path.is_file())
    assert size - now >= done["runs"].size
    assert past.prune()["runs"].things == 0
    assert past.platform.run("faction_members").success


def test_a_run_goes_when_a_newer_one_tells_of_the_present(past: Past) -> None:
    past.prune()
    newer = past.platform.run("faction_members", "second", run_config=QUIET).run_id
    assert past.prune()["runs"].things == 1
    assert past.there() == {past.runs[4], past.runs[5], newer}


def test_runs_stay_as_long_as_the_config_says(past: Past) -> None:
    for kept, now in (("forever", LATER), (MONTH, NOW + timedelta(days=29))):
        assert prune_runs(past.instance, past.home, past.checks, kept, now).things == 0  # type: ignore[arg-type]  # of a mixed tuple
    assert past.there() == set(past.runs)


def test_a_history_that_another_database_went_on_with_stays(past: Past) -> None:
    elsewhere = past.home / "storage" / "01234567-89ab-cdef-0123-456789abcdef"  # of a run that neither knows
    elsewhere.mkdir(parents=True)
    with dg.DagsterInstance.ephemeral() as other:
        assert prune_runs(other, past.home, [], MONTH, LATER).things == 1
    assert past.files() == past.there() == set(past.runs)
    assert not elsewhere.exists()


def test_the_files_of_runs_that_have_ended_become_smaller_and_say_the_same(past: Past) -> None:
    said = {run: [entry.message for entry in past.instance.all_logs(run)] for run in past.runs}
    assert compact(past.home, NOW.timestamp(), most=9) == (0, 0)  # a run may still be writing

    files, saved = compact(past.home, LATER.timestamp(), most=4)
    assert files == 4
    assert saved > 4 * 60_000
    assert compact(past.home, LATER.timestamp(), most=9)[0] == 2
    assert compact(past.home, LATER.timestamp(), most=9) == (0, 0)
    assert {run: [entry.message for entry in past.instance.all_logs(run)] for run in past.runs} == said


def test_a_file_that_is_in_use_stays_as_it_is(past: Past) -> None:
    with closing(sqlite3.connect(past.home / "history" / "runs" / f"{past.runs[0]}.db")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM event_logs").fetchone()
        assert compact(past.home, LATER.timestamp(), most=9)[0] == 5
        assert reader.execute("SELECT count(*) FROM event_logs").fetchone()[0] > 10
    assert compact(past.home, LATER.timestamp(), most=9)[0] == 1


def test_a_prune_that_is_killed_again_and_again_leaves_the_present_whole_and_is_finished_by_the_next(past: Past) -> None:
    shown = past.shown()
    for moment in MOMENTS:
        worker = processes().Process(target=prune_and_die, args=(past.home, past.checks, Retention(), LATER, moment, 1))
        worker.start()
        worker.join(60)
        assert worker.exitcode == -signal.SIGKILL, moment
        assert past.shown() == shown, moment
        assert past.needed <= past.there()
    past.prune()
    assert past.there() == past.needed
    assert past.files() == past.needed
    assert past.shown() == shown
    assert past.rows("SELECT DISTINCT run_id FROM asset_check_executions ORDER BY 1") == sorted((run,) for run in past.needed)
    assert past.platform.run("faction_basic").success


def _ticks(instance: dg.DagsterInstance, name: str, moments: list[datetime]) -> tuple[str, str]:
    """A schedule that has ticked at these moments; its ids."""
    location = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="torn_pipeline.definitions"), "torn_pipeline")
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), name)
    schedule = InstigatorState(origin, InstigatorType.SCHEDULE, InstigatorStatus.RUNNING, ScheduleInstigatorData("* * * * *"))
    state = instance.add_instigator_state(schedule)
    for moment in moments:
        data = TickData(
            instigator_origin_id=state.instigator_origin_id,
            instigator_name=name,
            instigator_type=InstigatorType.SCHEDULE,
            status=TickStatus.SKIPPED,
            timestamp=moment.timestamp(),
            selector_id=state.selector_id,
        )
        instance.create_tick(data)
    return state.instigator_origin_id, state.selector_id


def test_ticks_go_but_the_last_of_each_schedule(tmp_path: Path) -> None:
    days = [NOW - timedelta(days=day) for day in (30, 9, 8, 6, 1)]
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        often, seldom = _ticks(instance, "often", days), _ticks(instance, "seldom", days[:2])
        for dry_run in (True, False):
            freed = prune_ticks(instance, tmp_path, timedelta(days=7), NOW, dry_run=dry_run)
            assert (freed.things, freed.size > 400) == (4, True)
        assert [tick.timestamp for tick in instance.get_ticks(*often)] == [day.timestamp() for day in reversed(days[3:])]
        assert [tick.timestamp for tick in instance.get_ticks(*seldom)] == [days[1].timestamp()]
        assert prune_ticks(instance, tmp_path, "forever", LATER) == Freed(what="ticks", things=0, size=0, since=None)


def test_the_job_shows_what_it_freed(past: Past) -> None:
    platform = past.platform
    platform.instance.delete_run(past.runs[0])  # as if the process had been killed before its files went
    result = platform.defs.resolve_job_def("ops_retention").execute_in_process(instance=platform.instance, run_config=QUIET)
    (event,) = result.get_asset_materialization_events()
    freed = event.materialization.metadata["freed"]
    assert isinstance(freed, dg.TableMetadataValue)
    rows = {str(record.data["what"]): record.data for record in freed.records}
    assert {"landing, upsert", "landing, incomplete", "temporary", "runs", "ticks"} <= set(rows)
    assert rows["landing, upsert"]["kept since"] == "forever"
    assert rows["runs"]["things"] == 1
    size = rows["runs"]["bytes"]
    assert isinstance(size, int)
    assert size > 50_000
    assert event.materialization.metadata["things"].value == 1
