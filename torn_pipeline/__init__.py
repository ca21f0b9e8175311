"""torn_pipeline: what the Torn City API knows, for ever, as checked, normalised tables.

The road is ``fetch -> landing -> normalize -> validate -> load``; :mod:`torn_pipeline.steps` walks it
and nothing on it needs Dagster. Dagster shows, starts, retries and checks the same steps from
:mod:`torn_pipeline.definitions`. Only ``definitions``, ``assets``, ``checks``, ``automation`` and
``resources`` import dagster; the other packages import each other in one direction only:
errors, settings, config, tables, landing, torn, quality, warehouse, ops, steps, cli.
"""
