"""Thin Dagster wrappers: the pipeline as a resource, the warehouse as an IO manager.

Here belongs what Dagster has to be told about our own objects. Not here: any work. The other Dagster
packages may import it.
"""

from torn_pipeline.resources.io_manager import TableLoad, WarehouseIOManager, table_metadata
from torn_pipeline.resources.pipeline import PipelineResource, pipeline_resource, told_to_dagster
from torn_pipeline.resources.previews import preview_of_answer
from torn_pipeline.resources.tags import CAUGHT_UP, TICK, WORK, rank_of

__all__ = [
    "CAUGHT_UP",
    "TICK",
    "WORK",
    "PipelineResource",
    "TableLoad",
    "WarehouseIOManager",
    "pipeline_resource",
    "preview_of_answer",
    "rank_of",
    "table_metadata",
    "told_to_dagster",
]
