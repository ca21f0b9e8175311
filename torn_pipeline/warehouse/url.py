"""Which warehouse a URL means."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from torn_pipeline.errors import ConfigError

if TYPE_CHECKING:
    from torn_pipeline.warehouse.bigquery_service import Place
    from torn_pipeline.warehouse.protocol import Warehouse

__all__ = ["warehouse_from_url"]

_DUCKDB = "duckdb:///relative/path or duckdb:////absolute/path"
_BIGQUERY = "bigquery://PROJECT/DATASET?location=EU"
_PROJECT = re.compile(r"(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{2,61}[a-z0-9]")
_DATASET = re.compile(r"[A-Za-z0-9_]{1,1000}")
_LOCATION = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_BYTES = re.compile(r"[1-9][0-9]*")
_OPTIONS = {"location": _LOCATION, "maximum_bytes_billed": _BYTES, "require_partition_filter": re.compile("true|false")}


def warehouse_from_url(url: str, data_dir: Path, *, bigquery_emulator: str = "") -> Warehouse:
    """The warehouse of a URL; without one the DuckDB file in ``data_dir``.

    ``duckdb:///relative/path``, ``duckdb:////absolute/path`` or ``bigquery://PROJECT/DATASET`` with the options ``location``
    (where the data is kept; ``EU`` when left out), ``maximum_bytes_billed`` (what one statement may cost at most) and
    ``require_partition_filter`` (whether a query of a partitioned table must say which days).
    ``bigquery_emulator`` is the address of a local server that stands in for BigQuery, if one does.

    Raises:
        ConfigError: when the URL is of another kind; the message never holds the URL, which may hold a password.
    """
    from torn_pipeline.warehouse.duckdb import DuckDBWarehouse  # noqa: PLC0415 - DuckDB and Polars are loaded when they are used

    if not url:
        return DuckDBWarehouse(data_dir / "warehouse.duckdb")
    scheme, _, rest = url.partition("://")
    if scheme == "bigquery":
        from torn_pipeline.warehouse.bigquery import BigQueryWarehouse  # noqa: PLC0415 - so are Google's libraries

        return BigQueryWarehouse(_place(url, bigquery_emulator))
    if scheme == "postgresql":
        message = f"TORN_WAREHOUSE names a postgresql warehouse, which is not built yet: use {_DUCKDB}, or {_BIGQUERY}"
        raise ConfigError(message)
    if scheme != "duckdb" or not rest.startswith("/") or rest.endswith("/"):
        message = f"TORN_WAREHOUSE is not a URL of a warehouse: use {_DUCKDB}, or {_BIGQUERY}"
        raise ConfigError(message)
    return DuckDBWarehouse(Path(rest.removeprefix("/")))


def _place(url: str, emulator: str) -> Place:
    from torn_pipeline.warehouse.bigquery_service import Place  # noqa: PLC0415 - Google's libraries are loaded when they are used

    parts = urlsplit(url)
    dataset = parts.path.removeprefix("/")
    if not _PROJECT.fullmatch(parts.netloc) or not _DATASET.fullmatch(dataset) or parts.fragment:
        message = f"TORN_WAREHOUSE names no BigQuery project and dataset: use {_BIGQUERY}; credentials never stand in it"
        raise ConfigError(message)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name, value in options.items():
        if name not in _OPTIONS or not _OPTIONS[name].fullmatch(value):
            known = "location, as EU or europe-west3, maximum_bytes_billed, a number of bytes, and require_partition_filter, true or false"
            message = f"TORN_WAREHOUSE has an option that is not one of BigQuery's, or not a value of it: the options are {known}"
            raise ConfigError(message)
    limit = options.get("maximum_bytes_billed")
    if emulator and "://" not in emulator:
        emulator = f"http://{emulator}"
    return Place(
        project=parts.netloc,
        dataset=dataset,
        location=options.get("location", "EU"),
        emulator=emulator,
        maximum_bytes_billed=int(limit) if limit else None,
        require_partition_filter=options.get("require_partition_filter") == "true",
    )
