"""Small contracts by hand, and one fetch of theirs by way of the normaliser."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from torn_pipeline.tables.contract import Array, Contract, Map, Node, Object, Rule, Scalar, ScalarType
from torn_pipeline.tables.findings import Finding, Findings
from torn_pipeline.tables.naming import tables_of
from torn_pipeline.tables.normalise import Body, Normalizer, Origin, Rejected
from torn_pipeline.tables.table import StorageMode, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "FETCHED_AT",
    "ORIGIN",
    "Normalised",
    "bodies",
    "columns",
    "contract",
    "integer",
    "listing",
    "mapping",
    "moment",
    "normalised",
    "number",
    "scalar",
    "table",
    "tables_by_name",
    "text",
    "thing",
]

Row = dict[str, Any]

FETCHED_AT = datetime(2026, 4, 29, 12, 30, 15, 123456, tzinfo=UTC)
ORIGIN = Origin(account="default", fetch_id="fetch-1", fetched_at=FETCHED_AT)


def scalar(name: str, of: ScalarType, **more: Any) -> Scalar:  # noqa: ANN401  # whatever a Scalar takes
    return Scalar(name, of, f"The {name}.", **more)


def integer(name: str, **more: Any) -> Scalar:  # noqa: ANN401  # whatever a Scalar takes
    return scalar(name, "integer", **more)


def number(name: str, **more: Any) -> Scalar:  # noqa: ANN401  # whatever a Scalar takes
    return scalar(name, "number", **more)


def text(name: str, **more: Any) -> Scalar:  # noqa: ANN401  # whatever a Scalar takes
    return scalar(name, "string", **more)


def thing(name: str, *fields: Node, nullable: bool = False, required: bool = True) -> Object:
    return Object(name, fields, nullable=nullable, required=required)


def listing(name: str, *fields: Node, of: Scalar | None = None, nullable: bool = False, required: bool = True) -> Array:
    """A list of objects with these fields, or of the scalar given."""
    return Array(name, of or Object("entry", fields), nullable=nullable, required=required)


def mapping(name: str, *fields: Node, of: Scalar | None = None) -> Map:
    """An object whose keys are data, of objects with these fields or of the scalar given."""
    return Map(name, of or Object("entry", fields))


def contract(path: str, *body: Node, keys: Mapping[str, tuple[str, ...]] | None = None, rules: tuple[Rule, ...] = ()) -> Contract:
    return Contract(path=path, description="For a test.", body=body, access="Public", keys=keys or {}, rules=rules)


def tables_by_name(given: Contract, mode: StorageMode = StorageMode.UPSERT, *, shared_scope: bool = False) -> dict[str, Table]:
    return {found.name: found for found in tables_of(given, mode=mode, shared_scope=shared_scope)}


def table(given: Contract, name: str, mode: StorageMode = StorageMode.UPSERT) -> Table:
    return tables_by_name(given, mode)[name]


def columns(given: Contract, name: str) -> list[str]:
    """A table's columns in order, without those that say where a row came from."""
    return [column.name for column in table(given, name).columns if column.name not in {"_account", "_fetch_id", "_fetched_at", "_raw_id"}]


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def bodies(*given: object) -> list[Body]:
    """Response bodies called ``page-0`` and on: bytes as they are, anything else as JSON."""
    contents = [body if isinstance(body, bytes) else orjson.dumps(body) for body in given]
    return [Body(f"page-{number}", lambda content=content: content) for number, content in enumerate(contents)]  # type: ignore[misc]


@dataclass
class Normalised:
    """All of one fetch: rows by table, roots left out, what was found."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)
    roots: int = 0

    def of(self, name: str, *wanted: str) -> list[Row]:
        """The rows of a table, with the columns wanted."""
        return [{column: row[column] for column in wanted} for row in self.rows[name]]

    @property
    def found(self) -> list[tuple[str, str, int]]:
        """Kind, path and count of each finding."""
        return [(finding.kind.value, finding.path, finding.count) for finding in self.findings]

    def finding(self, path: str) -> Finding:
        (found,) = [finding for finding in self.findings if finding.path == path]
        return found

    @property
    def reasons(self) -> list[tuple[str, str]]:
        """JSON path and reason of each root left out."""
        return [(rejected.json_path, rejected.reason) for rejected in self.rejected]


def normalised(
    given: Contract | Sequence[Table], *pages: object, origin: Origin = ORIGIN, limit: int | None = None, add_new_fields: bool = True
) -> Normalised:
    tables = tables_of(given, mode=StorageMode.UPSERT) if isinstance(given, Contract) else given
    result = Normalised()
    for batch in Normalizer(tables, add_new_fields=add_new_fields).batches(bodies(*pages), origin, limit=limit):
        for name, frame in batch.frames.items():
            result.rows.setdefault(name, []).extend(frame.to_dicts())
        result.rejected += batch.rejected
        for finding in batch.findings:
            result.findings.add(finding)
        result.roots += batch.roots
    return result
