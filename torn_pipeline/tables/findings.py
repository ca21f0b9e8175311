"""What the API and a contract disagree about, counted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["SHOWN", "Finding", "Findings", "Kind", "Offender"]

SHOWN = 20
"""How many of the rows that a finding is about are kept with it."""


class Kind(StrEnum):
    """The ways in which an answer can differ from its contract and still be loaded."""

    NEW_FIELD = "new field"
    MISSING = "missing field"
    NULL = "null where a value is required"
    OLDER_DIFFERS = "older field differs"
    UNKNOWN_VALUE = "unknown value"
    RULE = "rule broken"
    REPEATED = "row repeated"


class Offender(NamedTuple):
    """A row that a finding is about: the columns of its key, and the value as people are shown it."""

    key: Mapping[str, object]
    value: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement of one table: where (a JSON path, or a rule's name), how often, one example, and the first of the rows."""

    kind: Kind
    table: str
    path: str
    type: str
    count: int
    example: str
    rows: tuple[Offender, ...] = field(default=(), compare=False, repr=False)

    def __str__(self) -> str:
        """One line for people."""
        about = ", ".join(part for part in (self.type, f"for example {self.example}" if self.example else "") if part)
        count = "once" if self.count == 1 else f"{self.count} times"
        return f"{self.kind} {self.path}, {count}" + (f" ({about})" if about else "")


class Findings:
    """Findings added up by kind, table and path; the first example and the first rows stay."""

    def __init__(self, findings: Iterable[Finding] = ()) -> None:
        self._by_place: dict[tuple[Kind, str, str], Finding] = {}
        for finding in findings:
            self.add(finding)

    def add(self, finding: Finding) -> None:
        """Count one more finding in."""
        if finding.count < 1:
            return
        place = (finding.kind, finding.table, finding.path)
        before = self._by_place.get(place)
        if before is None:
            self._by_place[place] = finding
            return
        types = {*before.type.split(" | "), *finding.type.split(" | ")} - {""}
        kinds = " | ".join(sorted(types - {"null"} or types))
        rows = (before.rows + finding.rows)[:SHOWN]
        example = before.example or finding.example
        self._by_place[place] = replace(before, count=before.count + finding.count, type=kinds, example=example, rows=rows)

    def __iter__(self) -> Iterator[Finding]:
        """In order of table, kind and path."""
        return iter(sorted(self._by_place.values(), key=lambda finding: (finding.table, finding.kind, finding.path)))

    def __len__(self) -> int:
        """How many different disagreements there are."""
        return len(self._by_place)
