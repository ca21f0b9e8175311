"""Whatever is observed, acknowledged and sent when: each change is told once, as a plain model of it says."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from torn_pipeline.alerts import Message, Severity
from torn_pipeline.errors import ChannelRefused, ChannelUnavailable
from torn_pipeline_tests.exhaustive import EXHAUSTIVE
from torn_pipeline_tests.unit.alerts.stubs import Desk, after, right, wrong

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pytest

CAUSES = {"p": "", "q": "", "x": "one cause", "y": "one cause", "z": "one cause"}  # of the things that are looked at
RULES: list[dict[str, Any]] = [
    {"name": "all", "channels": ["a"], "escalate": {"after": "PT1H", "channels": ["c"]}},
    {"name": "bad", "severities": ["error", "critical"], "channels": ["b"], "recovery": False},
]
EXAMPLES = 1000 if EXHAUSTIVE else 60

Look = tuple[str, str | None]  # a thing, and how bad it is, if it is wrong
Said = tuple[str, tuple[str, ...]]
looks = st.lists(st.tuples(st.sampled_from(sorted(CAUSES)), st.sampled_from([None, "warning", "error", "critical"])), max_size=5)
steps = st.one_of(looks, looks, st.sampled_from(["5", "40", "send", "send", *(f"ack {name}" for name in sorted(CAUSES))]))


@dataclass
class Talk:
    """What a channel is to hear about one cause: at once, or, with ``patience`` minutes, only if nobody acknowledges it until then.

    A message is its kind, and of what ended before it was told the things it is about.
    """

    severities: frozenset[str] = frozenset(Severity)
    says_recovery: bool = True
    patience: int = 0
    wrong: dict[str, str] = field(default_factory=dict)  # how bad each thing is that is wrong
    heard: set[str] = field(default_factory=set)  # those of them that the channel is to hear about
    episodes: list[str] = field(default_factory=list)
    told: str | None = None
    reached: bool = False
    queue: list[Said] = field(default_factory=list)
    due: int | None = None
    peak: str = ""
    settled: bool = False

    def see(self, thing: str, severity: str | None, now: int) -> None:
        before = self.wrong.pop(thing, None)
        if severity is None:
            self.heard.discard(thing)
        else:
            self.wrong[thing] = severity
            if severity in self.severities and thing not in self.heard and (before is None or rank(severity) > rank(before)):
                self.heard.add(thing)
                self.episodes.append(thing)
        worst = max((self.wrong[thing] for thing in self.heard), key=rank, default=None)
        if worst is None:
            self._end(now)
        elif self.told is not None and rank(worst) > rank(self.told):
            self.told = worst
            if not {("alert", ()), ("worse", ())} & set(self.queue):
                self.queue.append(("worse", ()))
        elif self.told is None:
            self._begin(worst, now)
        if not self.wrong:
            self.settled = False

    def _begin(self, worst: str, now: int) -> None:
        if not self.patience:
            self.queue.append(("alert", ()))
            self.told = worst
        elif not self.settled:
            self.due, self.peak, self.settled = now + self.patience, worst, True
        else:
            self.peak = max(self.peak, worst, key=rank)

    def _end(self, now: int) -> None:
        self.queue = [said for said in self.queue if said[0] in {"right", "was"}]
        if self.due is not None and self.due <= now:
            self.told = self.peak
        if self.told is not None and not self.reached:
            self.queue.append(("was", tuple(self.episodes)))
        elif self.told is not None and self.says_recovery:
            self.queue.append(("right", ()))
        self.due, self.told, self.reached, self.episodes = None, None, False, []

    def acknowledge(self) -> None:
        if self.wrong:
            self.due, self.settled = None, True

    def send(self, now: int) -> list[Said]:
        if self.due is not None and self.due <= now:
            self.due, self.told = None, self.peak
            self.queue.append(("escalation", ()))
        sent, self.queue = self.queue, []
        self.reached = self.told is not None
        return sent


def rank(severity: str) -> int:
    return Severity(severity).rank


def said(messages: Iterable[Message]) -> tuple[list[tuple[str, str]], list[str]]:
    """The cause and the kind of each message, and the things in those about what ended before it was told."""
    kinds, ended = [], []
    for message in messages:
        about = " ".join((message.title, *message.lines))
        if message.title.startswith("Was wrong"):
            lines = message.lines if len(message.lines) > 1 else [message.title.rpartition(": ")[2]]
            ended += [line.split()[0] for line in lines]
            continue
        kind = "worse" if message.title.startswith("Worse") else "right" if message.kind == "recovery" else str(message.kind)
        kinds.append((next((CAUSES[name] or name for name in "pq" if f"{name} is stale" in about), "one cause"), kind))
    return sorted(kinds), sorted(ended)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(steps, max_size=25))
def test_each_change_is_told_once(tmp_path_factory: pytest.TempPathFactory, script: list[str | list[Look]]) -> None:
    with TemporaryDirectory(dir=tmp_path_factory.getbasetemp()) as folder:
        _follow(Desk(Path(folder), *RULES), [*script, [(thing, None) for thing in CAUSES], "send", "40", "40", "send"])


def _follow(desk: Desk, script: Sequence[str | list[Look]]) -> None:
    now = 0
    causes = {cause or thing for thing, cause in CAUSES.items()}
    bad = frozenset({"error", "critical"})
    talks = {
        "a": {cause: Talk() for cause in causes},
        "b": {cause: Talk(severities=bad, says_recovery=False) for cause in causes},
        "c": {cause: Talk(patience=60) for cause in causes},
    }
    for step in script:
        now += 1
        if isinstance(step, list):
            seen = [wrong(thing, now, bad, cause=CAUSES[thing]) if bad else right(thing, now) for thing, bad in step]
            desk.alerts.observe(seen, now=after(now))
            for thing, severity in step:
                for talk in talks.values():
                    talk[CAUSES[thing] or thing].see(thing, severity, now)
        elif step == "send":
            desk.deliver(now)
            for name, by_cause in talks.items():
                sent = [(cause, *one) for cause, talk in by_cause.items() for one in talk.send(now)]
                kinds = sorted((cause, kind) for cause, kind, _ in sent if kind != "was")
                ended = sorted(thing for _, kind, things in sent if kind == "was" for thing in things)
                assert said(desk.channels[name].got) == (kinds, ended), (name, script)
                desk.said(name)
        elif step.startswith("ack"):
            _acknowledge(desk, step.split()[1], now)
            talks["c"][CAUSES[step.split()[1]] or step.split()[1]].acknowledge()
        else:
            now += int(step)
    assert desk.alerts.waiting() == {}
    assert desk.alerts.incidents() == []


def _acknowledge(desk: Desk, thing: str, now: int) -> None:
    for incident in desk.alerts.incidents():
        about = " ".join((incident.title, *incident.lines))
        names = [name for name in CAUSES if f"{name} is stale" in about]
        if CAUSES[thing] in {CAUSES[name] for name in names} if CAUSES[thing] else names == [thing]:
            desk.alerts.acknowledge(incident.id, "ann", after(now))


OUTCOMES = st.lists(st.sampled_from(["taken", "taken", "lost", "away", "refused"]), max_size=6)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.one_of(looks, st.sampled_from(["send", "40"])), max_size=15), OUTCOMES)
def test_a_channel_in_trouble_hears_all_of_it_in_the_end(
    tmp_path_factory: pytest.TempPathFactory, script: list[str | list[Look]], outcomes: list[str]
) -> None:
    with TemporaryDirectory(dir=tmp_path_factory.getbasetemp()) as folder:
        desk = Desk(Path(folder), {"name": "all", "channels": ["a"]})
        now, came = _trouble(desk, script, outcomes)
        for minute in range(now, now + 3000, 400):
            desk.deliver(minute)
        assert desk.alerts.waiting() == {}
        assert all(incident.closed for incident in desk.alerts.incidents(open_only=False))
        talks: dict[str, list[str]] = {}
        for message in came.values():
            talks.setdefault(message.incident, []).append("was" if message.title.startswith("Was wrong") else str(message.kind))
        for talk in talks.values():
            assert set(talk) == {"was"} or (talk[0], talk[-1], talk.count("recovery")) == ("alert", "recovery", 1), talk


def _trouble(desk: Desk, script: list[str | list[Look]], outcomes: list[str]) -> tuple[int, dict[str, Message]]:
    """Follow a script with a channel that fails as the outcomes say; the time, and the messages that came, in the order they first did."""
    came: dict[str, Message] = {}
    left = iter(outcomes)

    def take(message: Message) -> None:
        outcome = next(left, "taken")
        if outcome in {"taken", "lost"}:
            assert came.setdefault(message.id, message) == message, "the same id, other words"
        if outcome in {"lost", "away"}:
            raise ChannelUnavailable(outcome)
        if outcome == "refused":
            raise ChannelRefused(outcome)

    desk.channels["a"].fails = take
    now = 0
    for step in (*script, [(thing, None) for thing in CAUSES]):
        now += 1
        if isinstance(step, list):
            desk.alerts.observe(
                [wrong(thing, now, bad, cause=CAUSES[thing]) if bad else right(thing, now) for thing, bad in step], now=after(now)
            )
        elif step == "send":
            desk.deliver(now)
        else:
            now += 40
    return now, came
