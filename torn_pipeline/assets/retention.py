"""``ops/retention``: what running left behind and is freed day by day.

Dagster looks at the annotations of what it decorates, so they are not postponed here.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from torn_pipeline.resources import PipelineResource, told_to_dagster

__all__ = ["RETENTION", "retention_asset"]

RETENTION = dg.AssetKey(["ops", "retention"])
_DESCRIPTION = """\
What the last call freed: Dagster's runs and ticks, roots in quarantine, landed fetches, incidents that are over, validation reports, \
and files of processes that were killed, as old as the section `retention` of the config says.

- **Never goes**: the last run that materialized an asset, a partition of one, or evaluated a check; a landed fetch that was not \
loaded, that a backup may need, that nothing newer stands in for, or of which something is in quarantine.
- **On the console**: `torn-pipeline prune`, and with `--dry-run` what would be freed.
"""


def retention_asset(checks: Sequence[dg.AssetCheckKey]) -> dg.AssetsDefinition:
    """The asset; ``checks`` are all those of the definitions, whose last evaluations stay."""

    @dg.asset(
        key=RETENTION,
        description=_DESCRIPTION,
        group_name="ops",
        kinds={"files"},
        metadata={"config": "retention"},
        owners=["team:ops"],
    )
    def retention(context: dg.AssetExecutionContext, pipeline: PipelineResource) -> dg.MaterializeResult[None]:
        from torn_pipeline.ops.retention import HEAD, prune, rows_of  # noqa: PLC0415 - loads what asks the API; definitions do without
        from torn_pipeline.resources.history import prune_history  # noqa: PLC0415 - as above

        now = datetime.now(UTC)
        with told_to_dagster():
            opened = pipeline.open(context.run.tags)
            settings, config = opened.settings, opened.config
            freed = list(prune(settings, config, opened.landing, opened.warehouse, now))
            freed += prune_history(context.instance, settings.dagster_home, checks, config.retention, now)
        columns = [dg.TableColumn(name, "int" if name in {"things", "bytes"} else "string") for name in HEAD]
        records = [dg.TableRecord(dict(zip(HEAD, row, strict=True))) for row in rows_of(freed)]
        table = dg.MetadataValue.table(records, schema=dg.TableSchema(columns))
        things, size = sum(one.things for one in freed), sum(one.size for one in freed)
        return dg.MaterializeResult(metadata={"freed": table, "things": things, "bytes": size})

    return retention
