"""``report/validation``: what all checks say, of the platform or of one run, as a file for people and one for programs.

Dagster looks at the annotations of what it decorates, so they are not postponed here.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from torn_pipeline.assets.health import HEALTH
from torn_pipeline.resources import PipelineResource, told_to_dagster

__all__ = ["REPORT", "report_asset"]

REPORT = dg.AssetKey(["report", "validation"])
_DESCRIPTION = """\
What every check said last, with the rows that are meant, the scores, the quarantine, and what was never checked.

- **Written** below `TORN_DATA_DIR`, as `reports/validation/<moment>_<run>.json` and `.html`; the page needs nothing else. Reports are \
kept as long as `retention: reports` of the config says.
- **Of one run**: launch it with the run's id as `run_id`. It then says what that run loaded and what its checks said.
- **Who hears of it**: the channels of `alerts.yaml` whose rule has `report` among its `kinds`.
- **On the console**: `torn-pipeline report`, with `--run ID` of one run.
"""


class ReportConfig(dg.Config):
    """What a report is to be of."""

    run_id: str = Field(default="", description="The id of a run, or its first 8 digits. Left empty, it is a report of the platform.")


def report_asset(specs: Sequence[dg.AssetCheckSpec]) -> dg.AssetsDefinition:
    """The asset; ``specs`` are all checks of the definitions."""

    @dg.asset(
        key=REPORT,
        description=_DESCRIPTION,
        group_name="report",
        kinds={"files"},
        metadata={"folder": "reports/validation"},
        owners=["team:ops"],
        deps=[HEALTH],
    )
    def validation(context: dg.AssetExecutionContext, config: ReportConfig, pipeline: PipelineResource) -> dg.MaterializeResult[None]:
        from torn_pipeline.assets.reporting import gathered  # noqa: PLC0415 - loaded when there is a report to make
        from torn_pipeline.ops.report import tell_report, write_report  # noqa: PLC0415 - as above

        now = datetime.now(UTC)
        with told_to_dagster():
            opened = pipeline.open(context.run.tags)
            content = gathered(context.instance, opened, specs, config.run_id, now)
            run_id = content["run"]["id"] if content["run"] else context.run.run_id
            file, page = write_report(opened.settings.data_dir, content, run_id, now)
            told = tell_report(opened.settings, content, file, page, now)
        said = {**told, "page": dg.MetadataValue.path(page.absolute()), "json": dg.MetadataValue.path(file.absolute()), **content["counts"]}
        return dg.MaterializeResult(metadata=said | ({"score": content["score"]["points"]} if content["score"] else {}))

    return validation
