"""What is wrong with a question that somebody asked of BigQuery, as one sentence."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from google.api_core.exceptions import BadRequest, NotFound

from torn_pipeline.warehouse.bigquery_service import first_line
from torn_pipeline.warehouse.bigquery_sql import logical

if TYPE_CHECKING:
    from torn_pipeline.warehouse.bigquery_service import Service

__all__ = ["what_is_wrong"]

_WRONG = {"invalidQuery", "invalid", "notFound"}
_PLACE = re.compile(r" at \[(?P<line>\d+):(?P<column>\d+)\]$")
_MEANT = re.compile(r"; Did you mean (?P<names>.+?)\?$")
_REWORDED = (
    (re.compile(r"Not found: Table \S*?[.:](?P<name>[^.:\s]+) was not found.*"), "there is no table {name}"),
    (re.compile(r"Not found: Dataset \S*?[.:](?P<name>[^.:\s]+) was not found.*"), "there is no dataset {name}"),
    (re.compile(r"Unrecognized name: (?P<name>.+)"), "there is no column {name}"),
    (re.compile(r"Name (?P<name>\S+) not found inside (?P<table>\S+)"), "{table} has no column {name}"),
    (re.compile(r"Function not found: (?P<name>\S+)"), "there is no function {name}"),
)
_MOST = 3  # names that are proposed


def what_is_wrong(service: Service, error: BaseException | None, asked: str, sent: str) -> str | None:
    """The sentence for an error that the query itself causes: where, what, and the names that may have been meant; else ``None``.

    ``asked`` is the query as it was given, ``sent`` as BigQuery had it, line by line the same but for names of datasets.
    """
    if not isinstance(error, (BadRequest, NotFound)):
        return None
    if not {str(one.get("reason")) for one in error.errors or () if isinstance(one, dict)} & _WRONG:
        return None
    text = first_line(error)
    place = _PLACE.search(text)
    where = _where(asked, sent, int(place["line"]), int(place["column"])) if place else ""
    what, hint = _reworded(service, _PLACE.sub("", text), asked)
    return f"the query is wrong{where}: {what}{hint}"


def _where(asked: str, sent: str, line: int, column: int) -> str:
    """Where BigQuery found it, in the query as it was given; without the column where names before and after it differ."""
    given, had = (text.split("\n")[line - 1 : line] or [""] for text in (asked, sent))
    before, after = had[0][: column - 1], had[0][column - 1 :]
    if given[0].startswith(before):
        return f" in line {line}, column {column}"
    return f" in line {line}, column {len(given[0]) - len(after) + 1}" if given[0].endswith(after) else f" in line {line}"


def _reworded(service: Service, text: str, asked: str) -> tuple[str, str]:
    """What is wrong, and what may be meant: BigQuery's own proposal, or names that are there."""
    meant = _MEANT.search(text)
    head = _MEANT.sub("", text).rstrip(".!")
    for pattern, words in _REWORDED:
        if match := pattern.fullmatch(head):
            names = [meant["names"]] if meant else _close(service, match["name"], words, asked)
            return words.format(**match.groupdict()), f"; did you mean {' or '.join(names)}?" if names else ""
    return head, f"; did you mean {meant['names']}?" if meant else ""


def _close(service: Service, name: str, words: str, asked: str) -> list[str]:
    """The names like this one: of tables, or of columns of the tables that the query names."""
    tables = service.tables()
    if words == _REWORDED[0][1]:
        return get_close_matches(name, tables, n=_MOST)
    if "column" not in words:
        return []
    named = set(re.findall(r"\w+", asked)).intersection(tables)
    found = [service.table(service.place.dataset, table) for table in sorted(named)]
    columns = dict.fromkeys(logical(column.name) for table in found if table for column in table.schema)
    return get_close_matches(name.rsplit(".", maxsplit=1)[-1], columns, n=_MOST)
