"""An incident begins, grows, gets worse and ends, and each of it is told once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from torn_pipeline.alerts import Kind
from torn_pipeline.errors import ConfigError, UsageError
from torn_pipeline_tests.unit.alerts.stubs import Desk, after, right, wrong

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_change_is_told_once_and_a_repetition_never(desk: Desk) -> None:
    desk.see(wrong("x"))
    assert desk.said() == ["alert: x is stale"]
    desk.see(wrong("x", 1, text="more is known"))
    assert desk.said() == []
    (incident,) = desk.alerts.incidents()
    assert incident.lines == ("more is known",)
    desk.see(right("x", 2))
    (end,) = desk.channels["a"].got
    assert (end.kind, end.incident, end.at) == ("recovery", incident.id, after(2))
    assert end.lines == ("Was wrong from 2026-01-15 12:00 UTC to 2026-01-15 12:02 UTC: x is stale", "more is known")
    desk.said()
    desk.see(right("x", 3))
    assert desk.said() == []
    assert desk.alerts.incidents() == []
    desk.see(wrong("x", 4))
    assert desk.said() == ["alert: x is stale"]


def test_only_a_rise_in_severity_is_told_again(desk: Desk) -> None:
    for minute, severity in enumerate(["warning", "error", "warning", "error", "critical"]):
        desk.see(wrong("x", minute, severity))
    assert desk.said() == ["alert: x is stale", "alert: Worse, now error: x is stale", "alert: Worse, now critical: x is stale"]


def test_things_with_one_cause_are_one_message_until_all_are_right(desk: Desk) -> None:
    desk.see(*(wrong(name, cause="The API is away", text=f"{name} waits\nfor long") for name in "xyz"))
    (begin,) = desk.channels["a"].got
    assert begin.title == "The API is away (3 things)"
    assert begin.lines[:-1] == tuple(line for name in "xyz" for line in (f"{name} is stale: {name} waits", "for long"))
    desk.said()
    desk.see(wrong("late", 1, cause="The API is away"))
    desk.see(right("x", 2), right("y", 2), right("z", 2))
    assert desk.said() == []
    desk.see(wrong("later", 3, "critical", cause="The API is away"))
    assert desk.said() == ["alert: Worse, now critical: The API is away (2 things)"]
    desk.see(right("late", 4), right("later", 4))
    assert desk.said() == ["recovery: Recovered from: The API is away (5 things)"]


def test_of_more_than_three_things_each_has_one_line(desk: Desk) -> None:
    desk.see(*(wrong(name, cause="The API is away", text=f"{name} waits\nfor long") for name in "wxyz"))
    (begin,) = desk.channels["a"].got
    assert begin.lines[:-1] == tuple(f"{name} is stale: {name} waits" for name in "wxyz")


def test_many_at_once_are_one_message_though_nobody_knows_why(desk: Desk) -> None:
    desk.see(*(wrong(f"x{number}") for number in range(5)))
    assert len(desk.said()) == 5
    desk.see(*(wrong(f"y{number}", 1) for number in range(6)))
    assert desk.said() == ["alert: 6 things went wrong"]
    desk.see(*(right(f"y{number}", 2) for number in range(5)))
    desk.see(wrong("y0", 3))
    assert desk.said() == ["alert: y0 is stale"], "what goes wrong anew belongs to the storm no more"
    desk.see(right("y5", 4))
    assert desk.said() == ["recovery: Recovered from: 6 things went wrong"]


def test_what_ends_before_it_is_told_is_told_with_its_end(desk: Desk) -> None:
    desk.see(wrong("x"), right("x", 1), wrong("y", 2), wrong("x", 3), right("y", 4), at=5)
    over, begin = desk.channels["a"].got
    assert (begin.title, over.title) == ("x is stale", "Was wrong, is right again: 2 things went wrong")
    assert over.lines == (
        "x is stale: from 2026-01-15 12:00 UTC to 2026-01-15 12:01 UTC",
        "y is stale: from 2026-01-15 12:02 UTC to 2026-01-15 12:04 UTC",
    )


def test_what_nobody_looks_at_any_more_ends_and_is_told_so(desk: Desk) -> None:
    def is_watched(kind: Kind, subject: str) -> bool:
        return kind is not Kind.STALE or subject != "gone"

    cause = "The API is away"
    desk.see(wrong("gone"), wrong("gone", kind=Kind.KEY_DONE), wrong("other"), wrong("x", cause=cause), deliver=False)
    desk.alerts.deliver(after(0))
    desk.said()
    desk.alerts.observe([wrong("other", 1)], now=after(1), is_watched=is_watched)
    desk.deliver(1)
    assert desk.said() == ["recovery: Is no longer watched: gone is stale"]
    assert [incident.title for incident in desk.alerts.incidents()] == ["gone is stale", "other is stale", "x is stale"]
    desk.alerts.observe([wrong("gone", 2, cause=cause), right("x", 3)], now=after(3), is_watched=is_watched)
    desk.deliver(3)
    (end,) = desk.channels["a"].got
    assert (end.title, end.lines[1].partition(": ")[2]) == (
        "Recovered from: The API is away (2 things)",
        "from 2026-01-15 12:02 UTC to 2026-01-15 12:03 UTC, is no longer watched",
    )
    desk.said()
    desk.alerts.observe([wrong("gone", 4)], now=after(4), is_watched=is_watched)
    desk.deliver(4)
    assert desk.said() == ["recovery: Was wrong, is no longer watched: gone is stale"]


def test_what_is_older_than_what_is_known_counts_for_nothing(desk: Desk) -> None:
    desk.see(wrong("x", 5))
    desk.see(right("x", 4), at=6)
    desk.see(wrong("x", 4, "critical"), at=7)
    assert desk.said() == ["alert: x is stale"]
    desk.see(right("x", 8))
    desk.see(wrong("x", 7), at=9)
    assert desk.said() == ["recovery: Recovered: x is fresh"]


def test_cursors_are_kept_with_what_was_observed(desk: Desk) -> None:
    assert desk.alerts.cursor("runs") is None
    desk.alerts.observe([wrong("x")], now=after(0), cursors={"runs": "17"})
    assert desk.alerts.cursor("runs") == "17"


def test_secrets_and_half_characters_are_taken_out(desk: Desk) -> None:
    desk.see(wrong("the s3cret", text="s3cret \ud800", title="s3cret", cause="s3cret", link="http://x/s3cret"))
    (message,) = desk.channels["a"].got
    assert "s3cret" not in str(message)
    assert b"s3cret" not in b"".join(path.read_bytes() for path in desk.path.parent.iterdir())


def test_the_list_says_who_was_told_and_keeps_what_is_over(desk: Desk) -> None:
    desk.use({"name": "errors", "severities": ["error"], "channels": ["a", "b"]})
    desk.see(wrong("quiet", 0, "warning"), wrong("loud", 0), deliver=False)
    quiet, loud = desk.alerts.incidents()
    assert (quiet.told, quiet.waiting, loud.told, loud.waiting) == ((), (), (), ("a", "b"))
    assert desk.alerts.waiting() == {"a": 1, "b": 1}
    desk.deliver(1)
    desk.see(right("quiet", 2), right("loud", 2))
    assert desk.alerts.incidents() == []
    quiet, loud = desk.alerts.incidents(open_only=False)
    assert (loud.told, loud.waiting, loud.closed) == (("a", "b"), (), after(2))
    assert desk.alerts.prune(after(2)) == 0
    assert desk.alerts.prune(after(3)) == 2
    assert desk.alerts.incidents(open_only=False) == []


def test_an_incident_is_acknowledged_by_the_beginning_of_its_id(desk: Desk) -> None:
    desk.see(wrong("x"), wrong("y"))
    x, y = desk.alerts.incidents()
    for unknown in ("", "zzz"):
        with pytest.raises(UsageError, match="torn-pipeline alerts list"):
            desk.alerts.acknowledge(unknown, "ann", after(1))
    found = desk.alerts.acknowledge(x.id[:8], "ann", after(1))
    assert (found.id, found.acknowledged, found.acknowledged_by) == (x.id, after(1), "ann")
    assert desk.alerts.acknowledge(x.id, "bob", after(2)).acknowledged_by == "ann"
    desk.see(right("y", 3))
    assert desk.alerts.acknowledge(y.id, "ann", after(4)).acknowledged is None


def test_a_rule_chooses_by_kind_asset_owner_and_severity(desk: Desk) -> None:
    desk.use(
        {"name": "kinds", "kinds": ["disk_low"], "channels": ["a"]},
        {"name": "assets", "assets": ["torn/faction_*"], "owners": ["team:faction"], "channels": ["b"]},
        {"name": "bad", "severities": ["critical"], "channels": ["b", "c"]},
    )
    crimes = partial(wrong, assets=("raw/x", "torn/faction_crimes"), owners=("team:faction",))
    desk.see(wrong("1", kind=Kind.DISK_LOW), crimes("2"), wrong("3", assets=("torn/faction_crimes",)), wrong("4"))
    desk.see(crimes("5", 1, "critical"))
    told = {name: desk.said(name) for name in "abc"}
    assert told == {"a": ["alert: 1 is stale"], "b": ["alert: 2 is stale", "alert: 5 is stale"], "c": ["alert: 5 is stale"]}


def test_each_channel_hears_of_its_own_things_within_an_incident(desk: Desk) -> None:
    desk.use(*({"name": f"rule_{name}", "assets": [name], "channels": [name]} for name in "ab"))
    desk.see(wrong("x", assets=("a",), cause="why"), wrong("y", assets=("b",), cause="why"))
    desk.see(right("x", 1))
    assert desk.said("a") == ["alert: x is stale", "recovery: Recovered: x is fresh"]
    desk.see(wrong("x", 2, assets=("a",), cause="why"))
    assert desk.said("a") == ["alert: x is stale"]
    assert desk.said("b") == ["alert: y is stale"]


def test_a_rule_without_recovery_tells_none(desk: Desk) -> None:
    desk.use({"name": "all", "channels": ["a"], "recovery": False})
    desk.see(wrong("x"))
    desk.see(right("x", 1))
    assert desk.said() == ["alert: x is stale"]


def test_a_rule_that_is_gone_takes_no_recovery_with_it(desk: Desk) -> None:
    desk.see(wrong("x"))
    desk.use({"name": "other", "channels": ["b"]})
    desk.see(right("x", 1))
    assert desk.said("a") == ["alert: x is stale", "recovery: Recovered: x is fresh"]
    assert desk.said("b") == []


def test_a_file_that_cannot_be_used_is_an_error_in_a_sentence(desk: Desk) -> None:
    desk.path.write_bytes(b"this is no database" * 100)
    with pytest.raises(ConfigError, match=r"the alerts in .*alerts\.sqlite cannot be used"):
        desk.see(wrong("x"))
