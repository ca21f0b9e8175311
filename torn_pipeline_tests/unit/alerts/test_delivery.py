"""Quiet hours, escalations, channels in trouble: what is sent when, and what is not held up by what."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from torn_pipeline.alerts import Alerts
from torn_pipeline.errors import ChannelRefused, ChannelUnavailable, UsageError
from torn_pipeline_tests.unit.alerts.stubs import Desk, Recorder, after, config_of, right, wrong

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torn_pipeline.alerts import Message

HOUR = 60
NIGHT = {"from": "20:00", "to": "07:00"}  # UTC; a test begins at 12:00


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def failing(error: Exception) -> Callable[[Message], None]:
    def fail(_: Message) -> None:
        raise error

    return fail


def unavailable(wait: float | None = None) -> Callable[[Message], None]:
    return failing(ChannelUnavailable("channel a (webhook) is away, says s3cret", wait))


refuses = failing(ChannelRefused("channel a (webhook) wants no s3cret"))


# --- quiet hours -------------------------------------------------------------------------------------------------


def test_quiet_hours_hold_messages_until_their_end(desk: Desk) -> None:
    desk.use({"name": "all", "channels": ["a"], "quiet_hours": NIGHT})
    desk.see(wrong("before", 7 * HOUR))
    assert desk.said() == ["alert: before is stale"]
    desk.see(wrong("stays", 9 * HOUR), wrong("goes", 9 * HOUR), wrong("passes", 9 * HOUR))
    desk.see(right("before", 10 * HOUR), right("goes", 10 * HOUR), right("passes", 11 * HOUR))
    desk.see(wrong("bad", 12 * HOUR, "critical"))
    assert desk.said() == ["alert: bad is stale"], "what is critical waits for nobody"
    assert desk.deliver(19 * HOUR - 1) == 0
    assert desk.alerts.waiting() == {"a": 4}
    desk.deliver(19 * HOUR)
    assert desk.said() == [
        "alert: stays is stale",
        "recovery: Recovered: before is fresh",
        "recovery: Was wrong, is right again: 2 things went wrong",
    ]
    assert desk.alerts.waiting() == {}
    assert all(incident.told == ("a",) for incident in desk.alerts.incidents(open_only=False))


def test_what_gets_critical_at_night_is_told_at_once(desk: Desk) -> None:
    desk.use({"name": "all", "channels": ["a"], "quiet_hours": NIGHT})
    desk.see(wrong("x", 9 * HOUR))
    assert desk.said() == []
    desk.see(wrong("x", 10 * HOUR, "critical"))
    assert desk.said() == ["alert: x is stale"]
    desk.see(right("x", 11 * HOUR))
    assert desk.said() == ["recovery: Recovered: x is fresh"]


def test_the_history_of_an_incident_says_who_was_told_when_and_what_is_to_come(desk: Desk) -> None:
    desk.use({"name": "all", "channels": ["a", "c"], "quiet_hours": NIGHT, "escalate": {"after": "PT1H", "channels": ["b"]}})
    desk.channels["c"].fails = unavailable(wait=13 * HOUR * 60)
    desk.see(wrong("x", 7 * HOUR, text="one\ntwo", link="http://x"))
    (x,) = desk.alerts.incidents()

    history = desk.alerts.history(x.id[:6], after(9 * HOUR))

    assert history.incident == x
    ((title, lines, link, began, ended),) = [(one.title, one.lines, one.link, one.began, one.ended) for one in history.things]
    assert (title, lines, link, began, ended) == ("x is stale", ("one", "two"), "http://x", after(7 * HOUR), None)
    told = [(one.channel, one.kind, one.title, one.sent, one.due, one.attempts) for one in history.tellings]
    assert told == [
        ("a", "alert", "x is stale", after(7 * HOUR), None, 1),
        ("b", "escalation", "", None, after(19 * HOUR), 0),  # as quiet hours have begun before it is due
        ("c", "alert", "x is stale", None, after(20 * HOUR), 1),  # as long as the channel asked for
    ]
    assert history.tellings[2].said == "channel a (webhook) is away, says ***"


def test_a_rule_without_quiet_hours_is_not_held_by_another_one(desk: Desk) -> None:
    desk.use({"name": "all", "channels": ["a"], "quiet_hours": NIGHT}, {"name": "errors", "severities": ["error"], "channels": ["a"]})
    desk.see(wrong("x", 9 * HOUR), wrong("y", 9 * HOUR, "warning"))
    assert desk.said() == ["alert: x is stale"]


# --- escalation --------------------------------------------------------------------------------------------------


@pytest.fixture
def strict(desk: Desk) -> Desk:
    """Who does not say within an hour that they care has the matter brought before ``b``."""
    desk.use({"name": "all", "channels": ["a"], "escalate": {"after": "PT1H", "channels": ["b"]}})
    return desk


def test_what_nobody_acknowledges_is_escalated_once(strict: Desk) -> None:
    strict.see(wrong("x"))
    strict.deliver(HOUR - 1)
    assert strict.said("b") == []
    assert strict.alerts.waiting() == {}
    strict.deliver(HOUR)
    strict.deliver(5 * HOUR)
    assert strict.said("b") == ["escalation: Not acknowledged since 2026-01-15 12:00 UTC: x is stale"]
    strict.see(wrong("x", 6 * HOUR, "critical"))
    assert strict.said("b") == ["alert: Worse, now critical: x is stale"]
    strict.see(right("x", 7 * HOUR))
    assert strict.said("b") == ["recovery: Recovered: x is fresh"]
    assert strict.said("a")[-1] == "recovery: Recovered: x is fresh"


def test_what_is_acknowledged_or_over_is_not_escalated(strict: Desk) -> None:
    strict.see(wrong("x"), wrong("y"), wrong("z", cause="why"))
    x, _, z = strict.alerts.incidents()
    strict.alerts.acknowledge(x.id, "ann", after(30))
    strict.alerts.acknowledge(z.id, "ann", after(30))
    strict.see(right("y", 40), wrong("later", 40, "critical", cause="why"))
    strict.deliver(9 * HOUR)
    assert strict.said("b") == []


def test_what_ended_while_nobody_looked_is_escalated_only_if_that_was_late_and_then_with_its_end(strict: Desk) -> None:
    strict.see(wrong("soon"), wrong("late"), wrong("stays"))
    strict.see(right("soon", HOUR - 1), right("late", HOUR), at=2 * HOUR)
    assert strict.said("b") == [
        "escalation: Not acknowledged since 2026-01-15 12:00 UTC: stays is stale",
        "recovery: Was wrong, is right again: late is stale",
    ]
    assert strict.said("a")[3:] == ["recovery: Recovered: soon is fresh", "recovery: Recovered: late is fresh"]


def test_the_hour_begins_when_quiet_hours_let_the_alert_through(desk: Desk) -> None:
    rule = {"name": "all", "channels": ["a"], "quiet_hours": NIGHT, "escalate": {"after": "PT1H", "channels": ["b"]}}
    desk.use(rule)
    desk.see(wrong("x", 9 * HOUR))
    desk.deliver(20 * HOUR - 1)
    assert desk.said("b") == []
    desk.deliver(20 * HOUR)
    assert len(desk.said("b")) == 1


# --- channels in trouble -----------------------------------------------------------------------------------------


def test_a_channel_that_is_away_is_tried_again_after_growing_waits(desk: Desk) -> None:
    tries: list[float] = []
    desk.channels["a"].fails = unavailable()
    desk.see(wrong("x"), wrong("y"), deliver=False)
    for second in range(0, 3600, 20):
        before = len(tries)

        def note(message: Message, second: int = second) -> None:
            tries.append(second)
            unavailable()(message)

        desk.channels["a"].fails = note
        desk.deliver(second / 60)
        assert len(tries) <= before + 1, "one try shows that a channel is away"
    assert tries[:6] == [0, 20, 60, 140, 300, 620]
    assert max(later - earlier for earlier, later in pairwise(tries)) == 900
    desk.channels["a"].fails = lambda _: None
    desk.deliver(2 * HOUR)
    assert desk.said() == ["alert: x is stale", "alert: y is stale"]


def test_a_channel_rests_as_long_as_it_asks_for(desk: Desk) -> None:
    desk.channels["a"].fails = unavailable(wait=600)
    desk.see(wrong("x"))
    desk.channels["a"].fails = lambda _: None
    assert desk.deliver(9.9) == 0
    assert desk.deliver(10) == 1


def test_a_message_that_may_have_arrived_stays_the_same(desk: Desk) -> None:
    seen: list[Message] = []

    def lost(message: Message) -> None:
        seen.append(message)
        unavailable()(message)

    desk.channels["a"].fails = lost
    desk.see(wrong("x", cause="why"))
    desk.channels["a"].fails = lambda _: None
    desk.see(wrong("y", 1, "critical", cause="why"), right("x", 1), right("y", 1))
    first, second = desk.channels["a"].got
    assert first == seen[0]
    assert (second.kind, second.title) == ("recovery", "Recovered from: why (2 things)")


def test_a_channel_that_is_away_for_long_is_an_incident_told_by_others(desk: Desk) -> None:
    desk.use({"name": "all", "channels": ["a"]}, {"name": "few", "kinds": ["channel_failed"], "channels": ["a", "b"]})
    desk.channels["a"].fails = unavailable()
    desk.see(wrong("x"))
    for minute in range(1, 60):
        desk.deliver(minute)
    (alert,) = desk.channels["b"].got
    assert alert.title == "The alert channel a does not take messages"
    assert alert.lines[0] == "channel a (webhook) is away, says ***"
    desk.said("b")
    desk.channels["a"].fails = lambda _: None
    desk.deliver(2 * HOUR)
    assert desk.said("a") == ["alert: x is stale"]
    assert desk.said("b") == ["recovery: Recovered: The alert channel a takes messages"]


def test_what_a_channel_refuses_is_told_by_all_others_and_holds_nothing_up(desk: Desk) -> None:
    def picky(message: Message) -> None:
        if message.title == "x is stale":
            refuses(message)

    desk.channels["a"].fails = picky
    desk.see(wrong("x"), wrong("y"))
    assert desk.said("a") == ["alert: y is stale"]
    for name in "bc":
        assert desk.said(name) == ["alert: The alert channel a does not take messages"]
    desk.see(right("x", 1), right("y", 1))
    assert desk.said("a") == ["recovery: Recovered: y is fresh"], "a recovery never comes before its alert"
    for minute in range(9, 8 * 24 * HOUR, 60):
        desk.deliver(minute)
    assert desk.alerts.waiting() == {}
    assert desk.said("a") == ["recovery: Recovered: x is fresh"], "given up after a week"
    assert desk.said("b") == ["recovery: Recovered: The alert channel a takes messages"]


def test_a_mended_channel_gets_what_it_refused_after_a_test(desk: Desk) -> None:
    desk.channels["a"].fails = refuses
    desk.see(wrong("x"))
    with pytest.raises(ChannelRefused):
        desk.alerts.test("a", after(1))
    with pytest.raises(UsageError, match="there is no alert channel z: use one of a, b, c"):
        desk.alerts.test("z", after(1))
    desk.channels["a"].fails = lambda _: None
    desk.alerts.test("a", after(1))
    assert desk.deliver(1) == 3
    assert desk.said("a") == ["test: A test of the alerts", "alert: x is stale"]
    assert desk.said("b")[-1] == "recovery: Recovered: The alert channel a takes messages"


def test_a_channel_that_is_taken_out_fails_no_more(desk: Desk) -> None:
    desk.channels["a"].fails = refuses
    desk.see(wrong("x"))
    del desk.channels["a"]
    desk.use({"name": "all", "channels": ["b"]})
    desk.deliver(1)
    assert desk.said("b")[-1] == "recovery: Is no longer watched: The alert channel a does not take messages"


# --- side by side ------------------------------------------------------------------------------------------------


def test_a_slow_channel_holds_no_other_up(desk: Desk) -> None:
    other_took_it = threading.Event()
    desk.channels["a"].fails = lambda _: None if other_took_it.wait(10) else pytest.fail("the other one waited")
    desk.channels["b"].fails = lambda _: other_took_it.set()
    desk.use({"name": "all", "channels": ["a", "b"]})
    assert desk.see(wrong("x")) == 2


def test_one_at_a_time_delivers_and_observing_goes_on_meanwhile(desk: Desk) -> None:
    other = Alerts(desk.path, config_of([{"name": "all", "channels": ["a"]}], "a"), {"a": Recorder("a")})

    def meanwhile(_: Message) -> None:
        assert other.deliver(after(0)) == 0
        other.observe([wrong("y")], now=after(0))

    desk.channels["a"].fails = meanwhile
    desk.see(wrong("x"), deliver=False)
    assert desk.deliver(0) == 2


def test_many_who_see_the_same_at_once_are_one_incident(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda _: desk.see(wrong("x")), range(24)):
            pass
    desk.deliver(0)
    assert desk.said() == ["alert: x is stale"]
    assert len(desk.alerts.incidents()) == 1
