"""The console script: every command a few lines over the steps.

Here belongs how people ask for work and what they are shown. Not here: the work (``steps``, ``automation``).
Nothing imports it. Its modules load Polars, DuckDB or Dagster only inside the commands that use them, so
that asking for help costs nothing.
"""

from torn_pipeline.cli.main import main, run

__all__ = ["main", "run"]
