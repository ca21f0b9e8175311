"""What is wrong with a question that somebody asked of DuckDB, as one sentence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

__all__ = ["what_is_wrong"]

_KIND = re.compile(r"^[A-Z][A-Za-z ]* Error: ")
_LINE = re.compile(r"^LINE (?P<number>\d+): ", re.MULTILINE)
_HINT = re.compile(r"^(?:Did you mean|Candidate (?:bindings|tables))\b(?P<names>.*)$", re.MULTILINE)
_NAME = re.compile(r'"(?P<name>[^"]+)"')
_FOREIGN = ("pg_", "sqlite_", "duckdb_", "information_schema", "torn_meta")  # tables of DuckDB and of our own that nobody means by a slip
_MOST = 3  # names that are proposed
_REWORDED = (
    (re.compile(r"Table with name (?P<name>\S+) does not exist!?"), "there is no table {name}"),
    (re.compile(r"[A-Z]\w+ Function with name (?P<name>\S+) does not exist!?"), "there is no function {name}"),
    (re.compile(r'Referenced column "(?P<name>[^"]+)" not found in FROM clause!?'), "there is no column {name}"),
    (re.compile(r'Table "(?P<table>[^"]+)" does not have a column named "(?P<name>[^"]+)"'), "{table} has no column {name}"),
    (re.compile(r'Referenced table "(?P<name>[^"]+)" not found!?'), "there is no table {name}"),
)


def what_is_wrong(error: duckdb.Error, sql: str) -> str:
    """The sentence for an error that the query itself causes: where, what, and the names that may have been meant."""
    head, *rest = _KIND.sub("", str(error).strip()).split("\n")
    place = _LINE.search(str(error))
    where = f" in line {place['number']}" if place and "\n" in sql.strip() else ""
    return f"the query is wrong{where}: {_reworded(head)}{_hint(rest)}"


def _reworded(head: str) -> str:
    for pattern, words in _REWORDED:
        if match := pattern.fullmatch(head):
            return words.format(**match.groupdict())
    return head.rstrip(".!")


def _hint(rest: list[str]) -> str:
    """What DuckDB proposes: names, or a sentence of advice."""
    if match := _HINT.search("\n".join(rest)):
        names = [name for name in _NAME.findall(match["names"]) if not name.startswith(_FOREIGN)][:_MOST]
        return f"; did you mean {' or '.join(names)}?" if names else ""
    advice = rest[0] if rest else ""
    return f"; {advice[0].lower()}{advice[1:].rstrip('.')}" if advice and not advice[0].isspace() else ""
