"""Which warehouse a URL means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from torn_pipeline.errors import ConfigError

if TYPE_CHECKING:
    from torn_pipeline.warehouse.protocol import Warehouse

__all__ = ["warehouse_from_url"]


def warehouse_from_url(url: str, data_dir: Path) -> Warehouse:
    """The warehouse of ``duckdb:///relative/path`` or ``duckdb:////absolute/path``; without a URL the file in ``data_dir``.

    Raises:
        ConfigError: when the URL is of another kind; the message never holds the URL, which may hold a password.
    """
    from torn_pipeline.warehouse.duckdb import DuckDBWarehouse  # noqa: PLC0415 - DuckDB and Polars are loaded when they are used

    if not url:
        return DuckDBWarehouse(data_dir / "warehouse.duckdb")
    scheme, _, rest = url.partition("://")
    if scheme in {"bigquery", "postgresql"}:
        message = (
            f"TORN_WAREHOUSE names a {scheme} warehouse, which is not built yet: use duckdb:///relative/path or duckdb:////absolute/path"
        )
        raise ConfigError(message)
    if scheme != "duckdb" or not rest.startswith("/") or rest.endswith("/"):
        message = "TORN_WAREHOUSE is not a URL of a warehouse: use duckdb:///relative/path or duckdb:////absolute/path"
        raise ConfigError(message)
    return DuckDBWarehouse(Path(rest.removeprefix("/")))
