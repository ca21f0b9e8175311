"""A TCdatalogger config held against what there is a contract for. Loads Pydantic, so that only ``import-config`` imports it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from torn_pipeline.config import PipelineConfig, StorageMode
from torn_pipeline.config.tcdatalogger import import_config
from torn_pipeline.errors import ConfigError
from torn_pipeline.plan import plan_of
from torn_pipeline.tables.contracts import CONTRACTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torn_pipeline.config.tcdatalogger import Imported

__all__ = ["imported_from"]


def imported_from(text: str, file: str, secrets: Iterable[str]) -> Imported:
    """Our config, made of the text of TCdatalogger's; ``secrets`` are keys that must not be shown.

    Raises:
        ConfigError: for what is not a TCdatalogger config, or when nothing of it can be taken over.
    """
    suited = {path: [mode.value for mode in StorageMode if _suits(path, mode)] for path in CONTRACTS}
    modes = {path: suiting for path, suiting in suited.items() if suiting}
    return import_config(text, file=file, modes=modes, secrets=secrets)


def _suits(path: str, mode: StorageMode) -> bool:
    """Whether the config may say so, and the rows of that path have what the mode needs."""
    endpoint = {"name": "any", "path": path, "frequency": "P1D", "storage_mode": mode.value}
    try:
        config = PipelineConfig.model_validate({"endpoints": [endpoint]})
        plan_of(config.endpoints[0], config)
    except (ValidationError, ConfigError):
        return False
    return True
