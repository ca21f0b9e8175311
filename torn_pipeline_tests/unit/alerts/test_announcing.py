"""A report that is ready is told once, to whom a rule says so, and is no incident."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from torn_pipeline.alerts import Kind, Message
from torn_pipeline.errors import ChannelUnavailable
from torn_pipeline_tests.unit.alerts.stubs import Desk, after, right, wrong

if TYPE_CHECKING:
    from pathlib import Path

HOUR = 60
ALL = {"name": "all", "channels": ["a"]}
READERS = {
    "name": "readers",
    "kinds": ["report"],
    "severities": ["critical"],
    "channels": ["b"],
    "escalate": {"after": "PT1M", "channels": ["c"]},
}


def ready(desk: Desk, name: str = "one", minutes: float = 0) -> list[str]:
    news = replace(right(name, minutes, Kind.REPORT), title=f"Report ready: {name}", text="Page: p\ns3cret", assets=("report/validation",))
    return desk.alerts.announce(news, now=after(minutes), file="p")


def test_it_is_told_once_and_only_where_a_rule_names_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ALL)
    assert ready(desk) == []
    assert not desk.path.exists()

    desk.use(ALL, READERS, {**READERS, "name": "tables", "assets": ["torn/*"], "channels": ["c"]})
    assert [ready(desk), ready(desk), ready(desk, "two")] == [["b"], [], ["b"]]
    assert desk.deliver(0) == 2
    (first, second), nobody = desk.channels["b"].got, (desk.said("a"), desk.said("c"))
    assert (first.kind, first.title, first.lines, first.file) == ("report", "Report ready: one", ("Page: p", "***"), "p")
    assert first.id != second.id
    assert nobody == ([], [])
    assert desk.deliver(24 * HOUR) == 0
    assert ready(desk) == []


def test_it_is_no_incident_and_is_forgotten(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ALL, READERS)
    ready(desk)
    desk.see(wrong("crimes"), right("crimes", 1))
    assert [one.title for one in desk.alerts.incidents(open_only=False)] == ["crimes is stale"]
    assert (desk.alerts.history("report-one", after(0)).incident.title, desk.alerts.waiting()) == ("Report ready: one", {})
    assert desk.alerts.prune(after(2)) == 1
    assert ready(desk) == ["b"]


def test_a_channel_that_is_away_gets_it_later_and_quiet_hours_hold_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path, {**READERS, "quiet_hours": {"from": "11:00", "to": "13:00"}})
    ready(desk)
    assert desk.deliver(HOUR - 1) == 0

    def away(_: Message) -> None:
        message = "channel b (email) is away"
        raise ChannelUnavailable(message, None)

    desk.channels["b"].fails = away
    assert desk.deliver(HOUR) == 0
    assert desk.alerts.waiting() == {"b": 1}
    desk.channels["b"].fails = lambda _: None
    assert desk.deliver(HOUR + 5) == 1
    assert desk.said("b") == ["report: Report ready: one"]
