"""The quota on a clock that tests turn, and on the real one."""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
import time
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torn_pipeline.errors import ConfigError
from torn_pipeline.torn import Quota, Rank
from torn_pipeline.torn.ledger import ledger_at
from torn_pipeline_tests.unit.torn.clocks import Clock
from torn_pipeline_tests.unit.torn.conftest import LEDGERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torn_pipeline.torn.ledger import Ledger

WINDOW = 60.0
HOLD = 30.0


both = pytest.mark.parametrize("place", LEDGERS, indirect=True)


@pytest.fixture
def clock(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock.now = 1000.0
    monkeypatch.setattr("torn_pipeline.torn.quota.time", clock)
    return clock


@pytest.fixture
def ledger(place: Path | str) -> Iterator[Ledger]:
    with closing(ledger_at(place)) as ledger:
        yield ledger


@pytest.fixture
def quota(ledger: Ledger, clock: Clock) -> Quota:  # noqa: ARG001 - it is the ledger's
    return Quota(ledger, 3, WINDOW, hold=HOLD)


@contextmanager
def on(clock: Clock) -> Iterator[Ledger]:
    """A ledger in a file of its own on this clock."""
    with (
        TemporaryDirectory() as folder,
        patch("torn_pipeline.torn.quota.time", clock),
        patch("torn_pipeline.torn.ledger.time", clock),
        closing(ledger_at(Path(folder) / "quota.sqlite")) as ledger,
    ):
        yield ledger


def call(quota: Quota, clock: Clock, seconds: float = 0.0, account: str = "default") -> float:
    """Make a call that takes so long; when it was granted."""
    with quota.call(account):
        granted = clock.now
        clock.now += seconds
    return granted


def most_in_a_window(arrivals: Sequence[float], window: float) -> int:
    """The largest number of arrivals in any window of that length, its end excluded."""
    ordered = sorted(arrivals)
    return max(sum(start <= arrival < start + window for arrival in ordered) for start in ordered)


@both
def test_free_calls_do_not_wait(quota: Quota, clock: Clock) -> None:
    for _ in range(3):
        call(quota, clock)
    assert clock.slept == []


@both
def test_one_call_too_many_waits_for_a_window_after_the_end_of_the_first(quota: Quota, clock: Clock) -> None:
    call(quota, clock, 7.0)
    call(quota, clock)
    call(quota, clock)
    granted = call(quota, clock)
    assert 1067.0 <= granted < 1067.2


@both
def test_accounts_do_not_share(quota: Quota, clock: Clock) -> None:
    for account in ("a", "b"):
        for _ in range(3):
            call(quota, clock, account=account)
    assert clock.slept == []


@both
def test_a_long_wait_is_told_once(quota: Quota, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(4):
        call(quota, clock)
    [record] = caplog.records
    assert record.levelno == logging.INFO
    assert "account default waits 60.0 s for its turn, 3 calls in 60 s are the most" in record.getMessage()


@both
def test_a_call_under_way_holds_its_slot_and_frees_it_a_window_after_its_end(quota: Quota, clock: Clock) -> None:
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(quota.call("default"))
        clock.due = [(1005.0, stack.close)]
        granted = call(quota, clock)
    assert 1005 + WINDOW <= granted < 1005 + WINDOW + 0.3


@both
def test_the_slots_of_a_killed_process_come_free(quota: Quota, clock: Clock) -> None:
    for _ in range(3):
        quota._wait("default", "")  # granted, and never ended
    assert call(quota, clock) <= 1000 + HOLD + WINDOW + 0.3


@both
def test_an_error_ends_a_call_too(quota: Quota, clock: Clock) -> None:
    for _ in range(3):
        with pytest.raises(RuntimeError), quota.call("default"):
            raise RuntimeError
    assert call(quota, clock) < 1000 + WINDOW + 0.3


@both
def test_a_call_that_outlives_its_hold_counts_from_its_end(quota: Quota, clock: Clock) -> None:
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(quota.call("default"))
        clock.now += HOLD + WINDOW + 100
        call(quota, clock)  # the slots were thought lost
    ended = clock.now
    assert call(quota, clock) >= ended + WINDOW


@both
def test_a_call_that_outlives_its_hold_takes_no_other_ones_slot(quota: Quota, clock: Clock) -> None:
    grant = quota._wait("default", "")
    clock.now += HOLD + WINDOW + 1
    assert quota._wait("default", "").slot != grant.slot


@both
def test_a_clock_that_starts_again_does_not_block(quota: Quota, clock: Clock) -> None:
    for _ in range(3):
        call(quota, clock)
    clock.now = 5.0
    assert call(quota, clock) <= 5 + WINDOW + 0.3
    assert call(quota, clock) <= 5 + WINDOW + 0.6


@both
def test_a_lowered_limit_is_kept_to(quota: Quota, clock: Clock) -> None:
    for _ in range(3):
        call(quota, clock, 1.0)
    lower = Quota(quota.ledger, 1, WINDOW, hold=HOLD)
    assert call(lower, clock) >= 1003 + WINDOW


@both
def test_old_calls_leave_nothing_behind(quota: Quota, clock: Clock) -> None:
    for _ in range(20):
        call(quota, clock, 25.0)
    with quota.ledger.connection() as database:
        (count,) = database.execute("SELECT count(*) FROM calls").fetchone()
    assert count <= 4


@pytest.mark.parametrize("content", [b"this is no database" * 100])
def test_a_file_that_is_no_count_is_a_clear_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "quota.sqlite"
    path.write_bytes(content)
    with (
        pytest.raises(ConfigError, match=r"quota\.sqlite cannot be used .+ delete the file"),
        Quota(ledger_at(path), 3, hold=1).call("default"),
    ):
        pass


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    quota = Quota(ledger_at(tmp_path / "file" / "quota.sqlite"), 3, hold=1)
    with pytest.raises(ConfigError, match="make its folder writable"), quota.call("default"):
        pass


@settings(max_examples=60, deadline=None)
@given(
    calls=st.lists(st.tuples(st.floats(0, 40), st.floats(0, HOLD), st.floats(0, 1), st.booleans()), max_size=20),
    limit=st.integers(1, 4),
)
def test_in_no_window_are_more_calls_than_the_limit(calls: list[tuple[float, float, float, bool]], limit: int) -> None:
    """Calls overlap: each comes after a pause, takes a while, arrives at any moment of it, and ends unless its process is killed."""
    clock = Clock()
    arrivals = []
    with on(clock) as ledger:
        quota = Quota(ledger, limit, WINDOW, hold=HOLD)
        for pause, seconds, share, killed in calls:
            clock.advance(pause)
            clock.slept.clear()
            grant = quota._wait("default", "")
            assert sum(clock.slept) <= WINDOW + HOLD + 1
            arrivals.append(clock.now + share * seconds)
            if not killed:
                clock.due.append((clock.now + seconds, partial(quota._end, grant.slot, "default", "")))
    assert not arrivals or most_in_a_window(arrivals, WINDOW) <= limit


@both
def test_threads_share_a_quota(ledger: Ledger) -> None:
    quota = Quota(ledger, 5, 0.2, hold=5)
    granted: list[float] = []

    def work() -> None:
        for _ in range(3):
            with quota.call("default"):
                granted.append(time.monotonic())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(granted) == 24
    assert most_in_a_window(granted, 0.2) <= 5


# --- who goes first --------------------------------------------------------------------------------------------


class Crowd:
    """Callers on one ledger and one clock, each a process of its own as far as the quota can tell."""

    def __init__(self, ledger: Ledger, limit: int) -> None:
        self.quotas = {rank: Quota(ledger, limit, WINDOW, hold=HOLD, rank=rank) for rank in Rank}
        self.places: dict[str, int] = {}

    def ask(self, name: str, rank: Rank, account: str = "default") -> bool:
        """Whether this caller is given a slot now; it keeps its place in the line when not."""
        grant, _, self.places[name] = self.quotas[rank]._take(account, "", self.places.get(name, NEW))
        if grant is not None:
            del self.places[name]
            self.quotas[rank]._end(grant.slot, account, "")
        return grant is not None


NEW = 1 << 62


@pytest.fixture
def crowd(ledger: Ledger, clock: Clock) -> Crowd:  # noqa: ARG001 - it is the ledger's
    return Crowd(ledger, 1)


@both
def test_who_waits_with_a_higher_rank_goes_first(crowd: Crowd, clock: Clock) -> None:
    assert crowd.ask("first", Rank.BACKFILL)
    clock.advance(WINDOW - 1)
    for name, rank in (("past", Rank.BACKFILL), ("tick", Rank.SCHEDULED), ("click", Rank.INTERACTIVE)):
        assert not crowd.ask(name, rank)
    clock.advance(1.5)
    waiting = {"past": Rank.BACKFILL, "tick": Rank.SCHEDULED, "click": Rank.INTERACTIVE}
    order = []
    while waiting:
        for name, rank in dict(waiting).items():
            if crowd.ask(name, rank):
                order.append(name)
                del waiting[name]
        clock.advance(1)
    assert order == ["click", "tick", "past"]


@both
def test_within_a_rank_they_go_as_they_came(crowd: Crowd, clock: Clock) -> None:
    assert crowd.ask("first", Rank.SCHEDULED)
    names = ["a", "b", "c"]
    for name in names:
        assert not crowd.ask(name, Rank.SCHEDULED)
    order = []
    for _ in range(400):
        clock.advance(1)
        order += [name for name in reversed(names) if name not in order and crowd.ask(name, Rank.SCHEDULED)]
    assert order == names


@both
def test_who_was_killed_while_waiting_blocks_nobody(crowd: Crowd, clock: Clock) -> None:
    assert crowd.ask("first", Rank.BACKFILL)
    clock.advance(WINDOW - 3)
    assert not crowd.ask("killed", Rank.INTERACTIVE)
    assert not crowd.ask("past", Rank.BACKFILL)
    clock.advance(3.5)
    assert not crowd.ask("past", Rank.BACKFILL)  # it is not known yet that nobody comes
    clock.advance(0.6)
    assert crowd.ask("past", Rank.BACKFILL)


@both
def test_a_place_in_the_line_of_another_account_matters_to_nobody(crowd: Crowd) -> None:
    assert crowd.ask("first", Rank.BACKFILL)
    assert not crowd.ask("click", Rank.INTERACTIVE)
    assert crowd.ask("other", Rank.BACKFILL, "second")


@both
def test_places_from_before_a_restart_of_the_machine_are_void(crowd: Crowd, clock: Clock) -> None:
    assert crowd.ask("first", Rank.BACKFILL)
    assert not crowd.ask("click", Rank.INTERACTIVE)
    clock.now = 5.0
    assert not crowd.ask("past", Rank.BACKFILL)
    clock.advance(WINDOW + 0.1)
    assert crowd.ask("past", Rank.BACKFILL)


@pytest.mark.parametrize("patient", [Rank.SCHEDULED, Rank.BACKFILL])
def test_a_lower_rank_that_waits_all_the_time_has_a_tenth(crowd: Crowd, clock: Clock, patient: Rank) -> None:
    assert crowd.ask("first", Rank.INTERACTIVE)
    granted: list[str] = []
    for _ in range(12 * 50):
        granted += [name for name, rank in (("a", Rank.INTERACTIVE), ("b", Rank.INTERACTIVE), ("past", patient)) if crowd.ask(name, rank)]
        clock.advance(5)
    assert len(granted) >= 45
    assert granted.count("past") == len(granted) // 10


@settings(max_examples=60, deadline=None)
@given(
    asks=st.lists(st.tuples(st.integers(0, 5), st.sampled_from(list(Rank)), st.sampled_from("xy"), st.floats(0, 9)), max_size=60),
    limits=st.tuples(st.integers(1, 3), st.integers(1, 4)),
)
def test_in_no_window_are_more_calls_than_either_limit(asks: list[tuple[int, Rank, str, float]], limits: tuple[int, int]) -> None:
    """Callers of all ranks and two accounts ask, come again or never; who is given a slot calls at once."""
    clock = Clock()
    limit, address_limit = limits
    granted: list[tuple[str, float]] = []
    with on(clock) as ledger:
        quotas = {rank: Quota(ledger, limit, WINDOW, hold=HOLD, rank=rank, address_limit=address_limit) for rank in Rank}
        places: dict[tuple[int, str, Rank], int] = {}
        for name, rank, account, pause in asks:
            grant, wait, place = quotas[rank]._take(account, "", places.get((name, account, rank), NEW))
            assert 0 <= wait <= WINDOW + HOLD
            places[name, account, rank] = place
            if grant is not None:
                del places[name, account, rank]
                granted.append((account, clock.now))
                quotas[rank]._end(grant.slot, account, "")
            clock.advance(pause)
    for account in "xy":
        own = [at for whose, at in granted if whose == account]
        assert not own or most_in_a_window(own, WINDOW) <= limit
    assert not granted or most_in_a_window([at for _, at in granted], WINDOW) <= address_limit


@both
def test_an_address_has_a_limit_of_its_own(ledger: Ledger, clock: Clock) -> None:
    quota = Quota(ledger, 3, WINDOW, hold=HOLD, address_limit=4)
    granted = [call(quota, clock, account=account) for account in ("a", "a", "b", "b", "c")]
    assert granted[:4] == [1000.0] * 4
    assert 1060 <= granted[4] < 1060.2


def _call_once(quota: Quota) -> None:
    with quota.call("default"):
        pass


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@both
def test_a_quota_survives_a_fork(ledger: Ledger) -> None:
    quota = Quota(ledger, 2, 30.0, hold=5)
    _call_once(quota)
    child = multiprocessing.get_context("fork").Process(target=_call_once, args=(quota,))
    child.start()
    child.join(10)
    assert child.exitcode == 0
    grant, wait, _ = quota._take("default", "", 1 << 62)
    assert grant is None
    assert 20 < wait <= 30


def test_a_free_call_costs_well_under_a_millisecond(ledger: Ledger) -> None:
    quota = Quota(ledger, 100_000, hold=5)
    costs = []
    for _ in range(90):
        started = time.process_time()
        _call_once(quota)
        costs.append(time.process_time() - started)
    assert sorted(costs)[len(costs) // 2] < 0.001
