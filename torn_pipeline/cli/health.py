"""``health``: whether all is well, by its exit status too."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.options import Command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torn_pipeline.alerts import Incident, Observation
    from torn_pipeline.alerts.standing import Standing
    from torn_pipeline.cli.session import Session
    from torn_pipeline.warehouse import Measurement

__all__ = ["health"]

_VERSION = 1
_HEAD = ("state", "what", "what to do")
_WARNING = "warning"


@dataclass(frozen=True, slots=True)
class _State:
    """All that ``health`` has to tell: what it found, and what the alerts know."""

    things: tuple[Observation, ...]
    score: Measurement | None
    incidents: list[Incident]
    standing: Standing

    @property
    def wrong(self) -> list[Observation]:
        """What was found to be wrong."""
        return [one for one in self.things if not one.ok]

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong, warnings aside."""
        severities = [*(one.severity for one in self.wrong), *(one.severity for one in self.incidents)]
        return all(str(severity) == _WARNING for severity in severities)


@click.command(cls=Command)
@click.option("--alert", is_flag=True, help="Tell the alerts what was found, and send what waits; cron may be the first to know.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_obj
def health(session: Session, *, alert: bool, form: str) -> int:
    """Say whether all is well: daemon, disks, keys, budgets, freshness, the last score, open incidents, messages that wait.

    Needs no Dagster, so it can be asked by cron or by a probe of Kubernetes. Exit status 1 when something is wrong, warnings aside.
    """
    from torn_pipeline.alerts import open_alerts
    from torn_pipeline.alerts.standing import standing
    from torn_pipeline.alerts.store import STORE_FILE
    from torn_pipeline.steps import open_pipeline
    from torn_pipeline.steps.health import look

    settings, now = session.settings(), datetime.now(UTC)
    looked, alerts = look(open_pipeline(settings), now), open_alerts(settings)
    things = (*looked.things, alerts.about_rules(now))
    if alert:
        alerts.observe(things, now=now)
        alerts.deliver(now)
    known = standing(settings.data_dir / STORE_FILE, alerts.config, now)
    state = _State(things, looked.score, alerts.incidents(), known)
    if form == "json":
        session.say(json.dumps(_content(state), indent=1, ensure_ascii=False))
    else:
        if rows := list(_rows(state)):
            session.table(_HEAD, rows)
        for line in _lines(state):
            session.say(line)
    return 0 if state.is_well else 1


def _rows(state: _State) -> Iterator[tuple[str, str, str]]:
    """What is wrong, each once: what is part of an incident is told by it."""
    known = state.standing.incidents
    yield from ((str(one.severity), one.title, one.text) for one in state.wrong if one.key not in known)
    for incident in state.incidents:
        own = [one for one in state.wrong if known.get(one.key) == incident.id]
        what = f"{incident.title} (incident {incident.id} since {_moment(incident.opened)})"
        yield str(incident.severity), what, _to_do(incident, own)
    for channel, count in state.standing.waiting.items():
        what = f"{_counted(count, 'message waits', 'messages wait')} for the channel {channel}"
        yield _WARNING, what, f"torn-pipeline alerts test {channel}"


def _to_do(incident: Incident, own: list[Observation]) -> str:
    """What helps, by what was seen of it now or else when it was last told of, and who cares for it."""
    said = own[0].text if len(own) == 1 else next(iter(incident.lines), "")
    if incident.acknowledged:
        return "; ".join(filter(None, (said, f"acknowledged by {incident.acknowledged_by} at {_moment(incident.acknowledged)}")))
    return "; ".join(filter(None, (said, f"torn-pipeline alerts ack {incident.id}")))


def _lines(state: _State) -> Iterator[str]:
    """The score, what waits for the end of quiet hours, and the verdict."""
    for channel, count in state.standing.held.items():
        yield f"{_counted(count, 'message waits', 'messages wait')} for the end of the quiet hours of the channel {channel}"
    score = state.score
    if score and score.value is not None:
        yield f"score: {score.value:.0f} of 100 on {_moment(score.measured_at)}"
    of_all, wrong, incidents = len(state.things), len(state.wrong), len(state.incidents)
    parts = [f"{wrong} of {of_all} things looked at {'is' if wrong == 1 else 'are'} wrong" if wrong else ""]
    parts.append(_counted(incidents, "incident is open", "incidents are open") if incidents else "")
    told = ", ".join(filter(None, parts)) or f"all {of_all} things looked at are right"
    verdict = "not well" if not state.is_well else "well, warnings aside" if wrong or incidents else "well"
    yield f"{verdict}: {told}"


def _content(state: _State) -> dict[str, object]:
    """The same as JSON; ``version`` becomes another number when a field changes its meaning or goes."""
    score = state.score
    return {
        "version": _VERSION,
        "well": state.is_well,
        "score": score.value if score else None,
        "score_at": _stamp(score.measured_at) if score else None,
        "things": [
            {
                "kind": str(one.kind),
                "subject": one.subject,
                "ok": one.ok,
                "severity": str(one.severity),
                "title": one.title,
                "text": one.text,
                "incident": None if one.ok else state.standing.incidents.get(one.key),
            }
            for one in state.things
        ],
        "incidents": [
            {
                "id": one.id,
                "severity": str(one.severity),
                "title": one.title,
                "lines": list(one.lines),
                "since": _stamp(one.opened),
                "acknowledged_at": _stamp(one.acknowledged) if one.acknowledged else None,
                "acknowledged_by": one.acknowledged_by,
            }
            for one in state.incidents
        ],
        "messages_waiting": dict(state.standing.waiting),
        "messages_held": dict(state.standing.held),
    }


def _counted(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
