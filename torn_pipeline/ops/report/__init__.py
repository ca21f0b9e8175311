"""The validation report: what all checks say of the data now, or what those of one run said.

Here belongs the report as plain data, as JSON, as a page and as files. Not here: where what it says comes from. ``steps``, the
Dagster side and ``cli`` may import it.
"""

from __future__ import annotations

from torn_pipeline.ops.report.content import (
    LISTED,
    AssetTold,
    CheckTold,
    Content,
    FetchTold,
    Reason,
    Report,
    RootTold,
    RunTold,
    as_json,
    content_of,
)
from torn_pipeline.ops.report.files import report_files, write_report
from torn_pipeline.ops.report.page import report_page
from torn_pipeline.ops.report.telling import tell_report

__all__ = [
    "LISTED",
    "AssetTold",
    "CheckTold",
    "Content",
    "FetchTold",
    "Reason",
    "Report",
    "RootTold",
    "RunTold",
    "as_json",
    "content_of",
    "report_files",
    "report_page",
    "tell_report",
    "write_report",
]
