"""How lists are cut into pages: by offset, or by the time of their rows.

Links are full URLs with the question's own parameters and without the key. Lists with an offset link to the next and the
previous so many rows. Lists by time link along time, whatever the order: ``next`` leads to later rows, by moving ``from``,
``prev`` to earlier ones, by moving ``to``. So ``sort=ASC`` is followed by ``next`` and ``sort=DESC``, the default, by
``prev``, until the link is null; neither leaves the window that was asked for. That is how public clients of the API use
these links; its description does not say.

The moved bound is the time of the page's last row, and means what it means elsewhere: ``to`` includes, ``from`` excludes.
A page may end between two rows of one second. Then ``prev`` brings rows of that second again, and ``next`` leaves out the rest
of them: whoever needs every row follows ``prev`` and drops what came twice.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from torn_pipeline.simulator.asking import choice, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torn_pipeline.simulator.asking import Asked

__all__ = ["is_within", "newest_first", "offset_page", "window_page"]

Row = dict[str, Any]


def newest_first(asked: Asked) -> bool:
    """Whether rows are wanted in descending order."""
    return choice(asked.query, "sort", "DESC", ("DESC", "ASC")) == "DESC"


def is_within(asked: Asked) -> Callable[[int | None], bool]:
    """Whether a time lies in the window that was asked for; what has no time lies in no window.

    Raises:
        Refused: when a bound is no number.
    """
    after, until = whole(asked.query, "from"), whole(asked.query, "to")

    def within(value: int | None) -> bool:
        return (after is None or (value is not None and value > after)) and (until is None or (value is not None and value <= until))

    return within


def offset_page(name: str, rows: Sequence[Row], asked: Asked, *, usual: int = 20, most: int = 100) -> Row:
    """The body with the page of these rows, already in order, that ``limit`` and ``offset`` ask for.

    Raises:
        Refused: when one of them is no number.
    """
    limit = _limit(asked, usual, most)
    offset = whole(asked.query, "offset") or 0
    following = _link(asked, limit=limit, offset=offset + limit) if offset + limit < len(rows) else None
    previous = _link(asked, limit=limit, offset=max(0, offset - limit)) if offset else None
    return _body(name, rows[offset : offset + limit], following, previous)


def window_page(name: str, rows: Sequence[Row], asked: Asked, by: str, *, usual: int | None = None, most: int = 100) -> Row:
    """The body with the first page of those of these rows, oldest first, whose field ``by`` lies in the window.

    A page has ``usual`` rows unless a limit is given, as many as it may have when that is None.

    Raises:
        Refused: when a parameter cannot be read.
    """
    limit = _limit(asked, usual or most, most)
    within, descending = is_within(asked), newest_first(asked)
    found = sorted((row for row in rows if within(row[by])), key=itemgetter(by))
    page = (found[::-1] if descending else found)[:limit]
    if len(found) <= limit:
        return _body(name, page, None, None)
    last = page[-1][by]
    if descending:
        return _body(name, page, None, _link(asked, limit=limit, sort="DESC", to=last))
    return _body(name, page, _link(asked, {"from": last}, limit=limit, sort="ASC"), None)


def _limit(asked: Asked, usual: int, most: int) -> int:
    return min(whole(asked.query, "limit", least=1) or usual, most)


def _link(asked: Asked, moved: Row | None = None, **also_moved: int | str) -> str:
    return f"{asked.url}?{urlencode({**asked.query, **(moved or {}), **also_moved})}"


def _body(name: str, page: Sequence[Row], following: str | None, previous: str | None) -> Row:
    return {name: page, "_metadata": {"links": {"next": following, "prev": previous}}}
