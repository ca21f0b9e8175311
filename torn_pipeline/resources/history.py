"""What Dagster remembers of the past: which runs and ticks it need not, and how they are forgotten.

Runs and ticks are deleted through the instance. What that leaves in files is seen to by :mod:`torn_pipeline.ops.dagster_files`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from torn_pipeline.config.retention import kept_since
from torn_pipeline.ops import dagster_files
from torn_pipeline.ops.retention import Freed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from torn_pipeline.config.retention import Kept, Retention

__all__ = ["prune_history", "prune_runs", "prune_ticks"]

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_PAGE = 500  # runs, or partitions, that are read at once
_MOST = 5_000  # runs that one call deletes, and files that it writes anew: each takes a fifth of a second on a slow disk


def prune_history(
    instance: dg.DagsterInstance,
    home: Path,
    checks: Sequence[dg.AssetCheckKey],
    retention: Retention,
    now: datetime,
    *,
    dry_run: bool = False,
) -> Iterator[Freed]:
    """Forget the runs and ticks that are older than the config keeps them, and make the files below ``home`` smaller.

    ``checks`` are those whose last evaluation is to stay.
    """
    yield prune_runs(instance, home, checks, retention.runs, now, dry_run=dry_run)
    yield prune_ticks(instance, home, retention.ticks, now, dry_run=dry_run)
    if not dry_run:
        dagster_files.sweep(home)
        files, size = dagster_files.compact(home, now.timestamp(), most=_MOST)
        yield Freed(what="room in Dagster's files", things=files, size=size, since=None)


def prune_runs(
    instance: dg.DagsterInstance, home: Path, checks: Sequence[dg.AssetCheckKey], kept: Kept, now: datetime, *, dry_run: bool = False
) -> Freed:
    """Delete runs that have ended and began long enough ago, the oldest first and 5,000 at most; what a kill left of others too.

    The last run that materialized an asset, or a partition of one, stays, and so does the last that evaluated a check.
    """
    since = kept_since(kept, now)
    gone = sorted(_without_a_run(instance, home))
    old = _old_runs(instance, since, _needed(instance, checks)) if since else []
    found = [*gone, *old[:_MOST]]
    size = sum(dagster_files.run_size(home, run_id) for run_id in found)
    for run_id in () if dry_run else found:
        instance.delete_run(run_id)
        dagster_files.remove_run(home, run_id)
    return Freed(what="runs", things=len(found), size=size, since=since)


def prune_ticks(instance: dg.DagsterInstance, home: Path, kept: Kept, now: datetime, *, dry_run: bool = False) -> Freed:
    """Delete the ticks of schedules and sensors that are long enough ago; the last of each stays, as the next is counted from it."""
    since, things, size = kept_since(kept, now), 0, 0
    for state in instance.all_instigator_state() if since else ():
        origin, selector = state.instigator_origin_id, state.selector_id
        last = instance.get_ticks(origin, selector, limit=1)
        if since is None or not last:
            continue
        before = min(since.timestamp(), last[0].timestamp)
        things += len(instance.get_ticks(origin, selector, before=before))
        if not dry_run:
            instance.purge_ticks(origin, selector, before)
    if things:
        size = dagster_files.tick_size(home, things)
    return Freed(what="ticks", things=things, size=size, since=since)


def _old_runs(instance: dg.DagsterInstance, since: datetime, needed: Collection[str]) -> list[str]:
    """The runs that may go, the oldest first. Their ids are gathered before any is deleted: each page is counted from a run."""
    wanted = dg.RunsFilter(statuses=_ENDED, created_before=since)
    found: list[str] = []
    cursor: str | None = None
    while records := instance.get_run_records(wanted, limit=_PAGE, ascending=True, cursor=cursor):
        cursor = records[-1].dagster_run.run_id
        found += [record.dagster_run.run_id for record in records if record.dagster_run.run_id not in needed]
        if len(found) >= _MOST:
            break
    return found


def _needed(instance: dg.DagsterInstance, checks: Sequence[dg.AssetCheckKey]) -> set[str]:
    """The runs that Dagster tells the present state of assets, partitions and checks from."""
    # Neither of the two is public, and both are the same for SQLite and PostgreSQL; nothing public knows all partitions at once.
    storage = instance.event_log_storage
    said = storage.get_asset_check_summary_records(checks).values()
    last_of_checks = [one for record in said for one in (record.last_check_execution_record, record.last_completed_check_execution_record)]
    found = {one.run_id for one in last_of_checks if one is not None}
    for key in instance.get_asset_keys():
        last = instance.get_latest_materialization_event(key)
        found |= {last.run_id} if last else set()
        ids = list(storage.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION).values())
        for start in range(0, len(ids), _PAGE):
            chosen = dg.AssetRecordsFilter(asset_key=key, storage_ids=ids[start : start + _PAGE])
            found |= {record.run_id for record in instance.fetch_materializations(chosen, limit=_PAGE).records}
    return found


def _without_a_run(instance: dg.DagsterInstance, home: Path) -> set[str]:
    """What is left of runs whose deletion was cut off. Files of a history that another database goes on with are not among it."""
    files = dagster_files.without_a_run(home)
    return files - set(instance.get_run_ids()) if files else set()
