"""What running leaves behind and need not be kept: found by the config's ages, and freed.

One function for each class of things; each says what it freed, or without deleting what it would free. All of them may be
killed at any moment: what they leave is whole, and the next call goes on. What is Dagster's own is in
:mod:`torn_pipeline.ops.dagster_files` and, where it takes Dagster itself, in ``resources``.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torn_pipeline.config.alerts import AlertsConfig
from torn_pipeline.config.models import StorageMode
from torn_pipeline.config.retention import kept_since
from torn_pipeline.landing.removing import fetch_ids, landed, remove, remove_files, stray, unfinished
from torn_pipeline.ops.report import report_files
from torn_pipeline.plan import plan_of
from torn_pipeline.torn import Span, merged, without

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import datetime, timedelta

    from torn_pipeline.config import PipelineConfig
    from torn_pipeline.landing import Landing
    from torn_pipeline.landing.removing import Landed
    from torn_pipeline.plan import EndpointPlan
    from torn_pipeline.settings import Settings
    from torn_pipeline.warehouse import Warehouse

__all__ = [
    "HEAD",
    "Freed",
    "prune",
    "prune_alerts",
    "prune_incomplete",
    "prune_landing",
    "prune_quarantine",
    "prune_reports",
    "prune_temporary",
    "rows_of",
    "spare_fetches",
]

Row = dict[str, Any]
"""A row of ``torn_meta.fetches``."""

HEAD = ("what", "things", "bytes", "kept since")
_SPILLED = ("tmp/prepared-*", "*.duckdb.tmp", "backups/*.new", "reports/validation/*.new")
_SCRATCH = ("torn-pipeline-*", "torn-bigquery-*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Freed:
    """What of one class was freed, or would be: how many things, and their bytes.

    ``since`` is the moment since which all is kept, ``None`` where all is kept for ever.
    """

    what: str
    things: int
    size: int
    since: datetime | None


def rows_of(freed: Iterable[Freed]) -> list[tuple[str, int, int, str]]:
    """The rows of a table under :data:`HEAD`."""
    return [(one.what, one.things, one.size, f"{one.since:%Y-%m-%dT%H:%MZ}" if one.since else "forever") for one in freed]


def prune(
    settings: Settings, config: PipelineConfig, landing: Landing, warehouse: Warehouse, now: datetime, *, dry_run: bool = False
) -> Iterator[Freed]:
    """Free what is neither Dagster's nor needed at ``now``, class by class.

    Raises:
        LandingError: when the landing cannot be read or written.
        WarehouseError: when the warehouse cannot be read.
        WarehouseBusy: when another process holds it for too long.
    """
    yield prune_quarantine(config, warehouse, now, dry_run=dry_run)  # before the landing, as it holds fetches there
    yield from prune_landing(config, landing, warehouse, now, dry_run=dry_run)
    yield prune_incomplete(config, landing, warehouse, now, dry_run=dry_run)
    yield prune_temporary(settings, config, landing, now, dry_run=dry_run)
    yield prune_alerts(settings, config, now, dry_run=dry_run)
    yield prune_reports(settings, config, now, dry_run=dry_run)


def prune_quarantine(config: PipelineConfig, warehouse: Warehouse, now: datetime, *, dry_run: bool = False) -> Freed:
    """Purge the roots that are in quarantine for long enough; the room they took in the warehouse counts as none."""
    since = kept_since(config.retention.quarantine, now)
    old = [row.quarantine_id for row in warehouse.quarantined() if row.quarantined_at < since] if since else []
    gone = len(old) if dry_run else warehouse.purge_quarantine(old)
    return Freed(what="quarantine", things=gone, size=0, since=since)


# --- the landing ---------------------------------------------------------------------------------------------------


def prune_landing(
    config: PipelineConfig, landing: Landing, warehouse: Warehouse, now: datetime, *, dry_run: bool = False
) -> Iterator[Freed]:
    """Remove landed fetches that are older than their storage mode is kept and that nothing needs any more, mode by mode.

    One goes only if it was loaded, a newer one of the same slice was loaded too, those that stay prove the time that it was
    asked for, nothing of it is in quarantine, and every backup of the warehouse is younger.
    """
    horizon = min([now, *(backup.moment for backup in warehouse.backups())])
    for mode in StorageMode:
        since = kept_since(getattr(config.retention.landing, mode.value), now)
        found: list[Landed] = []
        for endpoint in config.endpoints if since else ():
            if endpoint.storage_mode is mode:
                spare = _spare(plan_of(endpoint, config), landing, warehouse)
                found += landed(landing, endpoint.name, before=min(horizon, since or now), wanted=spare.__contains__)
        for fetch in () if dry_run else found:
            remove(fetch)
        yield Freed(what=f"landing, {mode.value}", things=len(found), size=sum(fetch.size for fetch in found), since=since)


def _spare(plan: EndpointPlan, landing: Landing, warehouse: Warehouse) -> set[str]:
    """The fetches of an endpoint that nothing needs: their slices and times are proven by newer ones that stay."""
    known = warehouse.fetches(plan.endpoint.name)
    if known.is_empty():
        return set()
    # The table's name is one that the config allows.
    found = warehouse.query(f"SELECT DISTINCT _fetch_id FROM torn_meta.loads WHERE table_name = '{plan.root.name}'")  # noqa: S608
    there = set(found["_fetch_id"].to_pylist()) & fetch_ids(landing, plan.endpoint.name)
    rows = [row for row in known.to_dicts() if row["complete"] and row["_fetch_id"] in there]
    held = {row.fetch_id for row in warehouse.quarantined(plan.endpoint.name)}
    return spare_fetches(rows, held, is_windowed=plan.is_windowed, late=plan.late)


def spare_fetches(rows: Sequence[Row], held: Collection[str], *, is_windowed: bool, late: timedelta) -> set[str]:
    """The ids of the fetches that nothing needs, of rows of ``torn_meta.fetches``, oldest first; those ``held`` are none of them.

    A fetch is needed as long as no newer one of its account and its path ids stays. One of an endpoint with a history is needed
    as long as newer ones do not prove all of the time that it was asked for; rows may come as ``late`` as that.
    """
    spare: set[str] = set()
    proven: dict[tuple[str, str], list[Span]] = {}
    for row in reversed(rows):
        slice_ = row["account"], row["path_ids"]
        newer = proven.get(slice_)
        if newer is not None and row["_fetch_id"] not in held and (not is_windowed or _is_proven(row, newer)):
            spare.add(row["_fetch_id"])
        else:
            proven[slice_] = merged([*(newer or []), *_proves(row, late)])
    return spare


def _is_proven(row: Row, spans: Sequence[Span]) -> bool:
    """Whether these spans have all of the time that a fetch was asked for; never, where that is not known."""
    after, until = row["window_from"], row["window_to"]
    return after is not None and until is not None and not without(Span(after, until), spans)


def _proves(row: Row, late: timedelta) -> list[Span]:
    """The time of which a fetch has all rows for good: the end of it, of which some may still have come, is left out."""
    after, until = row["window_from"], row["window_to"]
    if after is None or until is None:
        return []
    end = min(until, (row["started"].astimezone(UTC) - late).replace(microsecond=0))
    return [Span(after, end)] if after < end else []


def prune_incomplete(config: PipelineConfig, landing: Landing, warehouse: Warehouse, now: datetime, *, dry_run: bool = False) -> Freed:
    """Remove what landed of fetches that were not completed, or whose process was killed: none of it is in a table."""
    since = kept_since(config.retention.landing.incomplete, now)
    if since is None:
        return Freed(what="landing, incomplete", things=0, size=0, since=None)
    known = warehouse.fetches()
    complete = set() if known.is_empty() else {row["_fetch_id"] for row in known.to_dicts() if row["complete"]}
    # The ledger spares reading most descriptions; what it does not know is complete is judged by its description.
    fetches = [one for one in landed(landing, before=since, wanted=lambda one: one not in complete) if not one.complete]
    responses = stray(landing, before=since)
    size = sum(fetch.size for fetch in fetches) + sum(_size(file) for file in responses)
    if not dry_run:
        for fetch in fetches:
            remove(fetch)
        remove_files(responses)
    return Freed(what="landing, incomplete", things=len(fetches) + len(responses), size=size, since=since)


# --- temporary files -----------------------------------------------------------------------------------------------


def prune_temporary(settings: Settings, config: PipelineConfig, landing: Landing, now: datetime, *, dry_run: bool = False) -> Freed:
    """Remove files that processes make for themselves, where they are so old that the process must have been killed."""
    since = kept_since(config.retention.temporary, now)
    found = [path for path in _temporary(settings, landing) if since and _changed(path) < since.timestamp()]
    size = sum(_size(path) for path in found)
    for path in () if dry_run else found:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return Freed(what="temporary", things=len(found), size=size, since=since)


def prune_alerts(settings: Settings, config: PipelineConfig, now: datetime, *, dry_run: bool = False) -> Freed:
    """Forget the incidents that are over for long enough; the room they took is used again, and counts as none."""
    from torn_pipeline.alerts import Alerts
    from torn_pipeline.alerts.store import STORE_FILE

    since, file = kept_since(config.retention.alerts, now), settings.data_dir / STORE_FILE
    things = 0
    if since is not None and file.exists():
        # Neither rules nor channels are needed to forget, so that a mistake in alerts.yaml keeps nothing else from being freed.
        alerts = Alerts(file, AlertsConfig(channels=(), rules=()), {})
        over = [one for one in alerts.incidents(open_only=False) if one.closed is not None and one.closed < since]
        things = len(over) if dry_run else alerts.prune(since)
    return Freed(what="alerts", things=things, size=0, since=since)


def prune_reports(settings: Settings, config: PipelineConfig, now: datetime, *, dry_run: bool = False) -> Freed:
    """Remove the validation reports that are old enough; other files beside them stay."""
    since = kept_since(config.retention.reports, now)
    found = list(report_files(settings.data_dir, since)) if since else []
    size = sum(_size(path) for path in found)
    for path in () if dry_run else found:
        path.unlink(missing_ok=True)
    return Freed(what="reports", things=len(found), size=size, since=since)


def _temporary(settings: Settings, landing: Landing) -> Iterator[Path]:
    """What was spilled to the disk, backups and landed files that were not finished, and our own folders among those of the system."""
    for pattern in _SPILLED:
        yield from settings.data_dir.glob(pattern)
    yield from unfinished(landing)
    for pattern in _SCRATCH:
        yield from (path for path in Path(tempfile.gettempdir()).glob(pattern) if not path.is_symlink() and _is_ours(path))


def _is_ours(path: Path) -> bool:
    return path.lstat().st_uid == os.getuid()


def _changed(path: Path) -> float:
    """When a file, or anything in a folder, was changed last (Unix seconds)."""
    return max((one.lstat().st_mtime for one in _all_in(path)), default=0.0)


def _size(path: Path) -> int:
    """The bytes of a file, or of all files in a folder; of one that is gone meanwhile 0."""
    return sum(one.lstat().st_size for one in _all_in(path) if not one.is_dir())


def _all_in(path: Path) -> list[Path]:
    try:
        return [path, *path.rglob("*")] if path.is_dir() else [path] if path.exists() else []
    except FileNotFoundError:
        return []
