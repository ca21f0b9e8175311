"""How runs are summed up: what they did, and a page that shows it with what is in the tables now.

Here belongs what people see after runs: rows for a table, and the page with its numbers and charts. Not here:
running anything. ``cli`` and the Dagster side may import it. The page's modules are imported when a page is made,
as drawing loads far more than the rest.
"""

from __future__ import annotations

from torn_pipeline.ops.summary.outcomes import HEAD, AssetOutcome, Checks, RunOutcome, summary_rows

__all__ = ["HEAD", "AssetOutcome", "Checks", "RunOutcome", "summary_rows"]
