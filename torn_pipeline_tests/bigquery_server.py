"""The BigQuery server of the tests: ``local-bigquery``, run in its own environment, with what is slow in it replaced.

What it keeps of jobs, datasets and tables lies in dictionaries instead of tables of its DuckDB, and it asks for one table instead
of searching a list of all: that is two thirds of its time. Its projects are DuckDB's own databases in memory instead of
DuckLakes on disk: half the time of a load. One thread for its DuckDB: for tables of a few rows a second one costs a third more
and gains nothing. Without pandas DuckDB looks for it in each statement.

What it then lacks, nothing here uses: ``INFORMATION_SCHEMA.JOBS`` is empty.

Two jobs of one id at the same instant would be an internal error, where BigQuery answers 409 to the second
(https://cloud.google.com/bigquery/docs/running-jobs#generate-jobid): jobs are begun one at a time.

It ends, and takes its folder with it, when its stdin does: so also when the tests are killed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

# The packages are those of another environment: no type checker knows them.
sys.modules["pandas"] = None  # type: ignore[assignment] # how one says that there is none
duckdb: Any = import_module("duckdb")
database: Any = import_module("local_bigquery.engine.database")
types: Any = import_module("local_bigquery.engine.types")
datasets: Any = import_module("local_bigquery.catalog.datasets")
metadata: Any = import_module("local_bigquery.catalog.metadata")
row_access: Any = import_module("local_bigquery.catalog.row_access")
tables: Any = import_module("local_bigquery.catalog.tables")
runner: Any = import_module("local_bigquery.jobs.runner")
store: Any = import_module("local_bigquery.jobs.store")
partitions: Any = import_module("local_bigquery.sql.rules.partitions")
models: Any = import_module("local_bigquery.models")

__all__: list[str] = []

# --- jobs and what is said of tables, in dictionaries ----------------------------------------------------------------

_JOBS: dict[tuple[str, str], dict[str, Any]] = {}
_SAID: dict[Any, dict[tuple[str, ...], dict[str, Any]]] = {model: {} for model in metadata.KINDS}


def save_job(job: Any) -> Any:  # noqa: ANN401 - a type of the other environment, here and below
    _JOBS[job.jobReference.projectId, job.jobReference.jobId] = job.dump()
    return job


def load_job(project: str, job_id: str) -> Any:  # noqa: ANN401
    found = _JOBS.get((project, job_id))
    return found and models.Job.model_validate(found)


def list_jobs(
    project: str, states: list[str] | None = None, parent: str | None = None, begin: int | None = None, end: int | None = None
) -> list[Any]:
    found = [models.Job.model_validate(job) for (of, _), job in list(_JOBS.items()) if of == project]
    kept = [
        job
        for job in found
        if job.statistics.parentJobId == parent
        and (states is None or job.status.state in states)
        and (begin or 0) <= int(job.statistics.creationTime) <= (end or int(job.statistics.creationTime))
    ]
    return sorted(kept, key=lambda job: (-int(job.statistics.creationTime), job.jobReference.jobId))


def delete_job(project: str, job_id: str) -> None:
    for key, job in list(_JOBS.items()):
        if key[0] == project and job_id in {key[1], job["statistics"].get("parentJobId")}:
            del _JOBS[key]


store.save, store.load, store.list_, store.delete = save_job, load_job, list_jobs, delete_job


def list_said(model: Any, *keys: str) -> list[Any]:  # noqa: ANN401
    if len(keys) == len(database.RESOURCES[metadata.KINDS[model]]):
        found = _SAID[model].get(keys)
        return [model.model_validate(found)] if found else []
    return [model.model_validate(said) for known, said in list(_SAID[model].items()) if known[: len(keys)] == keys]


def save_said(resource: Any, *keys: str) -> Any:  # noqa: ANN401
    body = {name: value for name, value in resource.dump().items() if name != "etag"}
    etag = hashlib.md5(json.dumps(body, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
    _SAID[type(resource)][keys] = body | {"etag": etag}
    return resource.replace(etag=etag)


def delete_said(model: Any, *keys: str) -> None:  # noqa: ANN401
    for known in [known for known in list(_SAID[model]) if known[: len(keys)] == keys]:
        del _SAID[model][known]


metadata.list_, metadata.save, metadata.delete = list_said, save_said, delete_said
row_access.secured = lambda: frozenset(keys[:3] for keys in list(_SAID[models.RowAccessPolicy]))

# --- one table ------------------------------------------------------------------------------------------------------

_SHAPES: dict[tuple[str, str, str], list[Any]] = {}
"""The columns of tables that were looked at since a statement last changed the shape of any."""
_THERE: set[tuple[str, str, str]] = set()
"""Tables that were seen to be there, likewise."""
_KINDS: dict[tuple[str, str, str], str] = {}
"""Whether it is a table or a view, by just this name: to DuckDB large letters are small ones, to BigQuery they are not."""
_SHAPING = re.compile(r"\b(CREATE|DROP|ALTER|COMMIT|ROLLBACK|ATTACH)\b", re.IGNORECASE)
_OWN = ('CREATE OR REPLACE TABLE "emulator"."_results"', "CREATE TEMP")
"""What no shape that is known here follows from."""


class Cursor:
    """A connection of DuckDB that notices when it changes the shape of a table."""

    def __init__(self, real: Any) -> None:  # noqa: ANN401
        self._real = real

    def cursor(self) -> Cursor:
        """Another one to the same databases."""
        return Cursor(self._real.cursor())

    def execute(self, sql: str, *given: Any) -> Any:  # noqa: ANN401
        """Run a statement."""
        global _SHAPES, _THERE  # new ones: who looks meanwhile keeps what it finds in the old ones
        try:
            return self._real.execute(sql, *given)
        finally:
            if _SHAPING.search(sql) and not sql.startswith(_OWN):
                _SHAPES, _THERE = {}, set()
                if "VIEW" in sql:
                    _KINDS.clear()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._real, name)


def objects(project: str, dataset: str, table: str | None = None) -> list[tuple[str, str, int]]:
    """A table or view, without its number of rows, or all of a dataset with them."""
    if table is None:
        found: list[tuple[str, str, int]] = _list_objects(project, dataset)
        return found
    key, there = (project, dataset, table), _THERE
    if key not in there:
        try:
            database.fetch(f"SELECT 1 FROM {database.quote(*key)} LIMIT 0")  # noqa: S608 - quoted
        except duckdb.CatalogException:
            _KINDS.pop(key, None)
            return []
        if dataset == tables.RESULTS:
            return [(table, "TABLE", 0)]
        if key not in _KINDS:
            _KINDS.update((key, kind) for _, kind, _ in _list_objects(*key))
        there.add(key)
    return [(table, _KINDS[key], 0)] if key in _KINDS else []


def look_up(project: str, dataset: str, table: str) -> tuple[str, int] | None:
    """What a table or view is, with the number of its rows."""
    found: tuple[str, int] | None = _look_up(project, dataset, table)
    if found is None or found[0] != "TABLE":
        return found
    [(rows,)] = database.fetch(f"SELECT count(*) FROM {tables.name(project, dataset, table)}")  # noqa: S608 - quoted
    return found[0], rows


def is_table(project: str, dataset: str, table: str) -> bool:
    """Whether there is a table or a view of this name."""
    return _look_up(project, dataset, table) is not None


def columns(project: str, dataset: str, table: str) -> list[Any]:
    """The columns of a table, by what DuckDB says of it alone."""
    key, shapes = (project, dataset, table), _SHAPES
    if dataset == tables.RESULTS:
        return _columns(*key)
    if key not in shapes:
        shapes[key] = _columns(*key)
    return list(shapes[key])


def _columns(project: str, dataset: str, table: str) -> list[Any]:
    name = tables.name(project, dataset, table)
    with database.cursor() as cursor:
        try:
            told = cursor.execute('SELECT name FROM pragma_table_info(?) WHERE "notnull"', [name]).fetchall()
            shown = cursor.sql(f"SELECT * FROM {name} LIMIT 0")  # noqa: S608 - quoted
        except duckdb.CatalogException:
            kind = "Table"
            raise tables.not_found(kind, tables.names.label(project, dataset, table)) from None
        required = {column for (column,) in told}
        return [
            types.field(column, type_, column in required)
            for column, type_ in zip(shown.columns, shown.types, strict=True)
            if column != tables.INGESTION_TIME or dataset == tables.RESULTS
        ]


def is_dataset(project: str, dataset: str) -> bool:
    """What is said of a dataset is forgotten when it is dropped."""
    return (project, dataset) in _SAID[models.Dataset] or bool(_is_dataset(project, dataset))


_list_objects, _look_up, _is_dataset = database.objects, tables._lookup, datasets.exists
database.objects, tables._lookup, tables.exists, tables.columns, datasets.exists = objects, look_up, is_table, columns, is_dataset
partitions._hidden = lambda _table: False  # no table here is partitioned by the time its rows came


def empty(dataset: str, meta: str, kept: str) -> dict[str, int]:
    """Forget every job with its answer, and drop every table of both datasets but for those that are kept, which are emptied."""
    _JOBS.clear()
    database.execute("DROP SCHEMA emulator._results CASCADE; CREATE SCHEMA emulator._results")
    project, dropped = tables.database.settings.default_project_id, 0
    for place in (dataset, meta):
        for name, kind, _ in _list_objects(project, place):
            if place == meta and name in kept.split(","):
                database.execute(f"DELETE FROM {database.quote(project, place, name)}")  # noqa: S608 - quoted
            else:
                database.execute(f"DROP {kind} {database.quote(project, place, name)}")
                tables.forget(project, place, name)
                dropped += 1
    return {"dropped": dropped}


# --- in memory, and one job at a time ----------------------------------------------------------------------------------


class Memory:
    """What stands for the folder of the data."""

    def mkdir(self, **_options: Any) -> None:  # noqa: ANN401
        """Nothing is needed."""

    def glob(self, _pattern: str) -> tuple[Path, ...]:
        """Nothing is left from before."""
        return ()

    def __truediv__(self, _name: str) -> str:
        """A file is none."""
        return ":memory:"


class Settings:
    """The server's settings but for the folder."""

    data_dir = Memory()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(_settings, name)


def connect(*given: Any, **options: Any) -> Any:  # noqa: ANN401
    return Cursor(_connect(*given, **{**options, "config": {**options.get("config", {}), "threads": 1}}))


def attach(connection: Any, project: str) -> None:  # noqa: ANN401
    connection.execute(f"ATTACH IF NOT EXISTS ':memory:' AS {database.quote(project)}")
    database._attached.add(project)  # it knows there what is attached


def submit(*given: Any) -> Any:  # noqa: ANN401
    with _ONE:
        return _submit(*given)


_settings, _connect, _submit, _ONE = database.settings, duckdb.connect, runner.submit, threading.Lock()
database.duckdb.connect, database.settings, database._attach = connect, Settings(), attach
database.projects = lambda: sorted(database._attached)
runner.submit = submit


def end() -> None:
    """End with stdin."""
    sys.stdin.read()
    shutil.rmtree(Path.cwd(), ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    app = import_module("local_bigquery.app").app
    app.delete("/emptied/{dataset}/{meta}")(empty)
    # Who calls matters to row access policies alone, of which there are none, and to ask costs a fifth of a call.
    app.user_middleware = [one for one in app.user_middleware if one.cls.__name__ != "BaseHTTPMiddleware"]
    threading.Thread(target=end, daemon=True).start()
    import_module("local_bigquery.cli").main()
