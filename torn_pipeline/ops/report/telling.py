"""Who hears that a report is ready: as the rules of alerts say."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from torn_pipeline.config.alerts import Kind, Severity
from torn_pipeline.errors import ConfigError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from torn_pipeline.ops.report.content import Content
    from torn_pipeline.settings import Settings

__all__ = ["tell_report"]

_log = logging.getLogger(__name__)
_COUNTED = {"assets", "checks", "quarantined"}  # what of the counts is no grade


def tell_report(settings: Settings, content: Content, file: Path, page: Path, at: datetime) -> dict[str, str]:
    """Hand the alerts a message for each channel that is to hear of a report; to whom, or why to nobody, as metadata.

    It is sent, and tried again, like any other message: nothing of it fails the report.
    """
    from torn_pipeline.alerts import Observation, open_alerts

    news = Observation(
        kind=Kind.REPORT,
        subject=page.stem,
        ok=True,
        at=at,
        severity=Severity.WARNING,
        title=f"Report ready: {page.name}",
        text="\n".join(_lines(content, file, page)),
        assets=("report/validation",),
        owners=("team:ops",),
    )
    try:
        channels = open_alerts(settings).announce(news, now=at, file=str(page.absolute()))
    except ConfigError as error:
        _log.warning("nobody hears that the report is ready: %s", error)
        return {"not told": str(error)}
    return {"told": ", ".join(channels)} if channels else {}


def _lines(content: Content, file: Path, page: Path) -> list[str]:
    """What a message says of a report; its first lines name the files."""
    counts, score, run = content["counts"], content["score"], content["run"]
    grades = ", ".join(f"{number} {grade.replace('_', ' ')}" for grade, number in counts.items() if number and grade not in _COUNTED)
    return [
        f"The validation report of {'the run ' + run['id'] if run else 'the platform'} was written.",
        f"Page: {page.absolute()}",
        f"JSON: {file.absolute()}",
        *([f"Score: {score['points']} of 100"] if score else []),
        f"Checks: {counts['checks']}{f' ({grades})' if grades else ''}; in quarantine: {counts['quarantined']}",
    ]
