"""What is freed of the landing and of what killed processes left, and above all what is not."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from multiprocessing.util import get_temp_dir
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torn_pipeline import steps
from torn_pipeline.alerts import Kind, Observation, Severity, open_alerts
from torn_pipeline.errors import UsageError
from torn_pipeline.ops.retention import Freed, prune, prune_alerts, prune_temporary, rows_of, spare_fetches
from torn_pipeline.settings import Settings
from torn_pipeline.simulator import Simulator, Size, World
from torn_pipeline.torn import Span, merged, without
from torn_pipeline_tests.ledger import know_keys
from torn_pipeline_tests.unit.ops.landing_worker import processes, prune_and_die

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=100)
MODES = {"faction_members": "replace", "faction_balance": "append", "faction_basic": "snapshot", "faction_crimes": "upsert"}
PARAMS = {"faction_crimes": {"cat": "completed"}}  # what makes it an endpoint with a history


@dataclass(frozen=True)
class Place:
    """A pipeline in front of a simulated faction."""

    settings: Settings
    world: World
    pipeline: steps.Pipeline

    def fetch(self, endpoint: str, *, load: bool = True) -> str:
        """Fetch what is new; the id of the last fetch that it took."""
        for fetched in steps.fetch_new(self.pipeline, self.pipeline.plan(endpoint), "default"):
            if load:
                with steps.validate(self.pipeline, fetched) as prepared:
                    steps.load(self.pipeline, fetched, prepared)
        return self.landed(endpoint)[-1]

    def landed(self, endpoint: str) -> list[str]:
        return [fetched.fetch_id for fetched in self.pipeline.landing.fetches(endpoint)]

    def files(self) -> set[str]:
        return {str(path.relative_to(self.pipeline.landing.root)) for path in self.pipeline.landing.root.rglob("*") if path.is_file()}

    def prune(self, now: datetime = LATER, *, dry_run: bool = False) -> dict[str, Freed]:
        pipeline = self.pipeline
        freed = prune(self.settings, pipeline.config, pipeline.landing, pipeline.warehouse, now, dry_run=dry_run)
        return {one.what: one for one in freed}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    get_temp_dir()  # of multiprocessing, which keeps it: the path of a socket in it must be short
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "system"))
    (tmp_path / "system").mkdir()
    world = World(size=Size(members=6, crimes=10, items=4))
    paths = {name: f"/{name.replace('_', '/')}" for name in MODES}
    config = {
        "defaults": {"max_retries": 0, "rate_limit": 10_000},
        "endpoints": [
            {"name": name, "path": paths[name], "frequency": "PT15M", "storage_mode": mode, "params": PARAMS.get(name, {})}
            for name, mode in MODES.items()
        ],
        "retention": {"landing": dict.fromkeys(("append", "upsert", "replace", "snapshot"), "P30D")},
    }
    (tmp_path / "pipeline.json").write_text(json.dumps(config))
    with Simulator(world, calls_per_window=10_000) as simulator:
        settings = Settings(
            api_url=simulator.url,
            config=tmp_path / "pipeline.json",
            data_dir=tmp_path / "data",
            keys={"default": (next(iter(world.keys)),)},
            rate_window=0.01,
        )
        know_keys(settings.data_dir, world)
        yield Place(settings, world, steps.open_pipeline(settings))


# --- the landing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", ["faction_members", "faction_balance", "faction_basic"])
def test_all_but_the_newest_loaded_fetch_of_a_slice_may_go(place: Place, endpoint: str) -> None:
    first, second = place.fetch(endpoint), place.fetch(endpoint)
    waiting = place.fetch(endpoint, load=False)
    what = f"landing, {MODES[endpoint]}"

    told = place.prune(dry_run=True)
    assert place.landed(endpoint) == [first, second, waiting]
    done = place.prune()

    assert told == done
    assert (done[what].things, done[what].since) == (1, LATER - timedelta(days=30))
    assert done[what].size > 500
    assert sum(one.things for one in done.values()) == 1
    assert place.landed(endpoint) == [second, waiting]
    assert not [name for name in place.files() if first.partition("-")[0] in name]
    assert place.prune()[what].things == 0


def test_nothing_goes_before_its_time_nor_where_all_is_kept_for_ever(place: Place) -> None:
    place.fetch("faction_members"), place.fetch("faction_members")
    before = place.files()
    assert sum(one.things for one in place.prune(NOW + timedelta(days=29)).values()) == 0
    forever = steps.open_pipeline(place.settings, ["retention.landing.replace=forever"])
    freed = list(prune(place.settings, forever.config, forever.landing, forever.warehouse, LATER))
    assert {one.what: (one.things, one.since) for one in freed}["landing, replace"] == (0, None)
    assert rows_of(freed)[3][0::3] == ("landing, upsert", f"{LATER - timedelta(days=30):%Y-%m-%dT%H:%MZ}")
    assert rows_of(freed)[2] == ("landing, replace", 0, 0, "forever")
    assert place.files() == before


def test_what_a_backup_may_need_to_be_brought_up_to_date_stays(place: Place) -> None:
    first, second = place.fetch("faction_members"), place.fetch("faction_members")
    steps.back_up(place.pipeline)
    third = place.fetch("faction_members")
    fourth = place.fetch("faction_members")
    assert place.prune()["landing, replace"].things == 2
    assert place.landed("faction_members") == [third, fourth]
    assert first < second < third


def test_what_is_in_quarantine_stays(place: Place) -> None:
    member = next(iter(place.world.factions.values())).members[0]
    with place.world.lock:
        level, member["level"] = member["level"], "high"
    wide = steps.open_pipeline(place.settings, ["endpoints.faction_members.max_quarantined=1"])
    fetched = steps.fetch(wide, "faction_members", "default")
    with steps.validate(wide, fetched) as prepared:
        steps.load(wide, fetched, prepared)
    with place.world.lock:
        member["level"] = level
    place.fetch("faction_members")
    assert place.pipeline.warehouse.quarantined("faction_members")
    assert place.prune()["landing, replace"].things == 0
    assert place.prune()["quarantine"] == Freed(what="quarantine", things=0, size=0, since=None)

    aged = replace(place, pipeline=steps.open_pipeline(place.settings, ["retention.quarantine=P30D"]))
    assert aged.prune(NOW)["quarantine"].things == 0
    assert aged.prune(dry_run=True)["quarantine"].things == 1
    freed = aged.prune()
    assert (freed["quarantine"].things, freed["landing, replace"].things) == (1, 1)
    assert place.pipeline.warehouse.quarantined() == []


def test_the_rows_and_the_proof_of_a_history_stay(place: Place) -> None:
    place.fetch("faction_crimes"), place.fetch("faction_crimes")
    plan, today = place.pipeline.plan("faction_crimes"), NOW.date()
    proven = steps.complete(place.pipeline, plan, "default")
    gaps = steps.missing(place.pipeline, plan, "default", today - timedelta(days=30), today, now=NOW)
    before = place.landed("faction_crimes")
    place.prune()
    assert place.landed("faction_crimes") == before
    assert steps.complete(place.pipeline, plan, "default") == proven
    assert steps.missing(place.pipeline, plan, "default", today - timedelta(days=30), today, now=NOW) == gaps


def test_a_replay_goes_on_and_a_rebuild_that_would_lose_rows_is_refused(place: Place) -> None:
    for endpoint in ("faction_members", "faction_balance"):
        place.fetch(endpoint), place.fetch(endpoint)
    warehouse = place.pipeline.warehouse
    tables = ("faction_members", "faction_balance", "faction_balance_members")
    before = {name: sorted(warehouse.read(name).rows(), key=repr) for name in tables}
    place.prune()
    list(steps.replay(place.pipeline, ["faction_members", "faction_balance"]))
    steps.rebuild(place.pipeline, ["faction_members"])
    with pytest.raises(UsageError, match=r"faction_balance: 1 fetches that its tables were loaded from are gone .* would lose their rows"):
        steps.rebuild(place.pipeline, ["faction_balance"])
    assert {name: sorted(warehouse.read(name).rows(), key=repr) for name in tables} == before


def test_what_was_never_a_whole_fetch_goes(place: Place) -> None:
    steps.fetch(place.pipeline, "faction_members", "default", limit=1)
    whole = place.fetch("faction_members", load=False)
    killed = place.fetch("faction_basic", load=False)
    (described,) = place.pipeline.landing.root.glob(f"torn/faction_basic/*/*/{killed}.fetch.json")
    described.unlink()
    assert place.prune(NOW + timedelta(days=6))["landing, incomplete"].things == 0
    done = place.prune(NOW + timedelta(days=8))["landing, incomplete"]
    assert (done.things, done.size > 0) == (2, True)
    assert place.landed("faction_members") == [whole]
    assert len(place.files()) == 2


def test_a_prune_that_is_killed_leaves_whole_fetches_and_the_next_one_ends_it(place: Place) -> None:
    old, newest = [place.fetch("faction_members") for _ in range(3)], place.fetch("faction_members")
    landing = place.pipeline.landing
    for number in (2, 3):  # after the description of a fetch is gone, and after all of one is
        worker = processes().Process(target=prune_and_die, args=(place.settings, LATER, number))
        worker.start()
        worker.join(60)
        assert worker.exitcode == -signal.SIGKILL
        left = list(landing.fetches("faction_members"))
        assert left[-1].fetch_id == newest
        assert all(landing.get(page) for fetched in left for page in fetched.pages)
        assert len(left) < len(old) + 1
    place.prune()
    assert place.landed("faction_members") == [newest]
    assert len(place.files()) == 2


MINUTE = timedelta(minutes=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
windows = st.tuples(st.integers(0, 20), st.integers(1, 10)).map(lambda one: (one[0], one[0] + one[1]))
ledgers = st.lists(st.tuples(windows, st.integers(0, 30), st.sampled_from("ab"), st.booleans()), max_size=12)


def ledger_rows(ledger: Sequence[tuple[tuple[int, int], int, str, bool]]) -> list[dict[str, Any]]:
    """Rows of ``torn_meta.fetches``, oldest first: each window in minutes, and how long after its end it was fetched."""
    rows = [
        {
            "_fetch_id": str(number),
            "account": account,
            "path_ids": "{}",
            "window_from": START + after * MINUTE,
            "window_to": START + until * MINUTE,
            "started": START + (until + wait) * MINUTE,
        }
        for number, ((after, until), wait, account, _) in enumerate(ledger)
    ]
    return sorted(rows, key=lambda row: row["started"])


@given(ledger=ledgers, late=st.integers(0, 5))
def test_the_fetches_that_stay_prove_all_that_was_proven(ledger: Sequence[tuple[tuple[int, int], int, str, bool]], late: int) -> None:
    def proven(rows: Sequence[dict[str, Any]], account: str) -> list[Span]:
        ends = [(row, min(row["window_to"], row["started"] - late * MINUTE)) for row in rows if row["account"] == account]
        return merged(Span(row["window_from"], end) for row, end in ends if row["window_from"] < end)

    rows = ledger_rows(ledger)
    held = {str(number) for number, one in enumerate(ledger) if one[3]}
    spare = spare_fetches(rows, held, is_windowed=True, late=late * MINUTE)
    stay = [row for row in rows if row["_fetch_id"] not in spare]
    assert not spare & held
    for account in "ab":
        assert proven(stay, account) == proven(rows, account)
        newest = [row["_fetch_id"] for row in rows if row["account"] == account][-1:]
        assert not spare & set(newest)
    for row in rows:
        if row["_fetch_id"] in spare:
            assert not without(Span(row["window_from"], row["window_to"]), proven(stay, row["account"]))


def test_a_history_that_was_fetched_again_need_not_be_kept_twice() -> None:
    rows = ledger_rows([((0, 5), 9, "a", False), ((5, 10), 9, "a", False), ((0, 10), 20, "a", False), ((10, 12), 30, "a", False)])
    assert spare_fetches(rows, set(), is_windowed=True, late=MINUTE) == {"0", "1"}


# --- temporary files -------------------------------------------------------------------------------------------------------


def test_what_killed_processes_left_goes_and_what_is_in_use_stays(place: Place, tmp_path: Path) -> None:
    place.fetch("faction_members")
    data, system = place.settings.data_dir, tmp_path / "system"
    (day,) = place.pipeline.landing.root.glob("torn/faction_members/*/*")
    old = [
        data / "tmp" / "prepared-old" / "0-table.arrow",
        data / "warehouse.duckdb.tmp" / "duckdb_temp_storage-0.tmp",
        data / "backups" / "warehouse-20260101T000000Z.duckdb.new",
        system / "torn-pipeline-old" / "logs" / "torn_pipeline.log",
        system / "torn-bigquery-old" / "part.parquet",
        day / ".20260101T000000000000Z_0123.json.zst.99-abcd",
    ]
    kept = [data / "tmp" / "prepared-new" / "0-table.arrow", system / "torn-pipeline-new" / "x", system / "other", day / "x.json"]
    for path in (*old, *kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"0123456789")
    long_ago = NOW.timestamp() - 2 * 86_400
    for path in old:
        for one in (path, path.parent):
            os.utime(one, (long_ago, long_ago))
    os.utime(kept[0].parent, (long_ago, long_ago))  # the folder is old, but not what is in it
    os.utime(system / "torn-pipeline-old", (long_ago, long_ago))
    freed = prune_temporary(place.settings, place.pipeline.config, place.pipeline.landing, NOW, dry_run=True)
    assert all(path.exists() for path in old)
    assert prune_temporary(place.settings, place.pipeline.config, place.pipeline.landing, NOW) == freed
    assert (freed.things, freed.size) == (6, 60)
    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in kept)


# --- alerts ----------------------------------------------------------------------------------------------------------------


def test_incidents_that_are_over_are_forgotten_and_others_never(place: Place) -> None:
    settings, config = place.settings, place.pipeline.config
    assert prune_alerts(settings, config, LATER) == Freed(what="alerts", things=0, size=0, since=LATER - timedelta(days=365))
    alerts = open_alerts(settings)
    for subject, ends in (("over", True), ("open", False)):
        for moment, ok in ((NOW, False), *([(NOW + MINUTE, True)] if ends else [])):
            seen = Observation(kind=Kind.DISK_LOW, subject=subject, ok=ok, at=moment, severity=Severity.ERROR, title=subject)
            alerts.observe([seen], now=moment)
    then = NOW + timedelta(days=366)
    (settings.config.parent / "alerts.yaml").write_text("nonsense")  # what is wrong there keeps nothing from being freed
    assert prune_alerts(settings, config, NOW + timedelta(days=364)).things == 0
    assert [prune_alerts(settings, config, then, dry_run=dry_run).things for dry_run in (True, True, False, False)] == [1, 1, 1, 0]
    assert [incident.closed for incident in alerts.incidents(open_only=False)] == [None]
