"""What the tables have to hold: the state of a simulated world at the moments of a fetch, and what a storage mode makes of it.

The truth is read from the world's state, never from an answer: one copy of what a fetch asks for to each of its calls. What it
looks like in tables is the naive reference's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from torn_pipeline_tests.reference import TABLES, Row, Rows, differences, reference_tables

if TYPE_CHECKING:
    from torn_pipeline.landing import Fetch
    from torn_pipeline.simulator import World

__all__ = ["ENDPOINTS", "FACTIONS", "NOVELTY", "Right", "State", "Taken", "body_of", "known", "problems_of", "roots_of", "state_of"]

FACTIONS = {"default": 40_832, "second": 8_991}
ENDPOINTS = {f"{path[1:].replace('/', '_')}": path for path in TABLES}
LISTS = {"/faction/crimes": "crimes", "/faction/members": "members", "/torn/items": "items"}
OBJECTS = {"/faction/basic": "basic", "/faction/balance": "balance"}
NOVELTY = "novelty"

State = dict[int, bytes]
"""The roots of one endpoint, by id (0 for a lone object), each as JSON."""
Right = dict[str, Mapping[str, Rows]]
"""Rows by fetch and table."""


def state_of(world: World, path: str, account: str) -> State:
    """What an endpoint has to show now, from the state of the world."""
    with world.lock:
        faction = world.faction(FACTIONS[account])
        roots: Mapping[str, Any] = {
            "/faction/crimes": faction.crimes,
            "/faction/members": faction.members,
            "/torn/items": world.items,
            "/faction/basic": [faction.basic],
            "/faction/balance": [faction.balance],
        }
        return {row["id"] if path in LISTS else 0: orjson.dumps(row) for row in roots[path]}


def body_of(path: str, roots: Sequence[bytes]) -> dict[str, Any]:
    """These roots as the body that the reference reads."""
    rows = [orjson.loads(root) for root in roots]
    if path in OBJECTS:
        (only,) = rows
        return {OBJECTS[path]: only}
    if path == "/faction/members":
        rows = [{**row, "status": {name: _without_tags(value) for name, value in row["status"].items()}} for row in rows]
    return {LISTS[path]: rows}


def roots_of(path: str, body: bytes) -> list[int]:
    """The roots of a landed body, by id (0 for a lone object)."""
    return [row["id"] for row in orjson.loads(body)[LISTS[path]]] if path in LISTS else [0]


def _without_tags(value: object) -> object:
    """A text without what stands in angle brackets: the members are asked for with ``striptags``."""
    return "".join(part.partition(">")[2] for part in f">{value}".split("<")) if isinstance(value, str) else value


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A complete fetch that was loaded, and the states in which the answers to its calls were given, oldest first.

    ``novelty`` is the value of the field that a fault put into one of them.
    """

    fetch: Fetch
    states: Sequence[State]
    novelty: int | None = None

    @property
    def certain(self) -> set[int]:
        """The roots that were there all the time."""
        return set(self.states[0]).intersection(*self.states[1:])

    @property
    def possible(self) -> set[int]:
        """The roots that were there at some time."""
        return {root for state in self.states for root in state}

    def forms(self, root: int) -> dict[bytes, set[int]]:
        """What a root was like, with the places of the states in which it was."""
        found: dict[bytes, set[int]] = {}
        for place, state in enumerate(self.states):
            if root in state:
                found.setdefault(state[root], set()).add(place)
        return found


def problems_of(path: str, account: str, mode: str, taken: Sequence[Taken], tables: Mapping[str, Rows], right: Right) -> list[str]:
    """What is wrong with the rows that one endpoint and account have in the tables, after these fetches.

    ``right`` are rows that were found right before, by their fetch: they are not gone through again while they stay the same.
    """
    by_fetch = {one.fetch.fetch_id: one for one in taken}
    parts: dict[str, dict[str, Rows]] = {}
    for table, rows in tables.items():
        for row in rows:
            parts.setdefault(str(row["_fetch_id"]), {name: [] for name in tables})[table].append(row)
    found = [f"rows of an unknown fetch {fetch_id}" for fetch_id in parts.keys() - by_fetch.keys()]
    empty: dict[str, Rows] = {name: [] for name in tables}
    roots = {one.fetch.fetch_id: _roots(path, parts.get(one.fetch.fetch_id, empty)) for one in taken}
    found += _ROOTS[mode](taken, roots)
    for one in taken:
        part = parts.get(one.fetch.fetch_id)
        if part and part != right.get(one.fetch.fetch_id):
            wrong = _wrong_rows(path, account, one, part)
            found += wrong
            if not wrong:
                right[one.fetch.fetch_id] = part
    return [f"{path} of {account}: {problem}" for problem in found]


def _roots(path: str, tables: Mapping[str, Rows]) -> set[int]:
    rows = tables[TABLES[path][0]]
    return {int(str(row["id"])) for row in rows} if path in LISTS else {0 for _ in rows}


def _appended(taken: Sequence[Taken], roots: Mapping[str, set[int]]) -> list[str]:
    """Each fetch has its rows."""
    return [problem for one in taken for problem in _wrong_roots(one, roots[one.fetch.fetch_id])]


def _replaced(taken: Sequence[Taken], roots: Mapping[str, set[int]]) -> list[str]:
    """The last fetch has its rows, the others have none."""
    found = [f"rows of a fetch that was replaced: {one.fetch.fetch_id}" for one in taken[:-1] if roots[one.fetch.fetch_id]]
    return found + [problem for one in taken[-1:] for problem in _wrong_roots(one, roots[one.fetch.fetch_id])]


def _upserted(taken: Sequence[Taken], roots: Mapping[str, set[int]]) -> list[str]:
    """Each root is there once, as the last fetch that met it brought it."""
    certain = {root: place for place, one in enumerate(taken) for root in one.certain}
    brought = Counter(root for found in roots.values() for root in found)
    found = [f"root {root} is missing" for root in certain.keys() - brought.keys()]
    found += [f"root {root} is there {count} times" for root, count in brought.items() if count > 1]
    for place, one in enumerate(taken):
        there = roots[one.fetch.fetch_id]
        found += [f"root {root} was not there at {one.fetch.fetch_id}" for root in there - one.possible]
        found += [f"root {root} is older than the fetch that met it last" for root in there if certain.get(root, 0) > place]
    return found


def _wrong_roots(one: Taken, roots: set[int]) -> list[str]:
    missing, invented = one.certain - roots, roots - one.possible
    return [f"root {root} is missing" for root in missing] + [f"root {root} was not there" for root in invented]


_ROOTS: Mapping[str, Callable[[Sequence[Taken], Mapping[str, set[int]]], list[str]]] = {
    "append": _appended,
    "replace": _replaced,
    "upsert": _upserted,
}


def _wrong_rows(path: str, account: str, one: Taken, tables: Mapping[str, Rows]) -> list[str]:
    """What is wrong with the rows of one fetch: their values, their moment, where they say they came from."""
    found = _wrong_novelty(one, tables)
    pages = {page.raw_id for page in one.fetch.pages}
    moments: dict[str, set[int]] = {}
    chosen = []
    by_root: dict[object, dict[str, Rows]] = {}
    for table, rows in tables.items():
        for row in rows:
            by_root.setdefault(_root_of(path, row), {name: [] for name in tables})[table].append(row)
    for root in _roots(path, tables) & one.possible:
        own, forms = by_root[root], one.forms(root)
        fitting = [form for form in forms if len(forms) == 1 or not _differences(path, account, [form], own)] or [min(forms)]
        chosen.append(fitting[0])
        raw_id = str(own[TABLES[path][0]][0]["_raw_id"])
        moments[raw_id] = moments.get(raw_id, set(range(len(one.states)))) & {place for form in fitting for place in forms[form]}
        origins = {(row["_raw_id"], row["_fetched_at"]) for rows in own.values() for row in rows}
        if origins != {(raw_id, one.fetch.fetched_at)} or raw_id not in pages:
            found.append(f"root {root} of {one.fetch.fetch_id} came from {origins}")
    found += [f"the rows of {raw_id} are of no one moment" for raw_id, places in moments.items() if not places]
    if not chosen:
        return found + [f"{table} has rows of {one.fetch.fetch_id} without their root" for table, rows in tables.items() if rows]
    return found + _differences(path, account, chosen, tables)


def _root_of(path: str, row: Row) -> object:
    if path in OBJECTS:
        return 0
    return row["id"] if "id" in row else row["crime_id"] if "crime_id" in row else row["item_id"]


def _differences(path: str, account: str, roots: Sequence[bytes], tables: Mapping[str, Rows]) -> list[str]:
    wanted = reference_tables(path, [body_of(path, roots)], account=account)
    return [line for table, rows in wanted.items() for line in differences(table, map(known, tables[table]), rows)]


def known(row: Row) -> Row:
    """A row without what a fault put in."""
    return {name: value for name, value in row.items() if not name.endswith(NOVELTY)}


def _wrong_novelty(one: Taken, tables: Mapping[str, Rows]) -> list[str]:
    """A field that a fault put into an answer is on the rows of that answer, in one column, and nowhere else."""
    seen: dict[tuple[str, str], dict[object, set[object]]] = {}
    for table, rows in tables.items():
        for row in rows:
            for name in row:
                if name.endswith(NOVELTY):
                    seen.setdefault((table, name), {}).setdefault(row["_raw_id"], set()).add(row[name])
    columns = {column: values for column, values in seen.items() if set().union(*values.values()) != {None}}
    wrong = [
        f"{column} holds {values}"
        for column, values in columns.items()
        if not all(held in ({None}, {one.novelty}) for held in values.values())
    ]
    if one.novelty is None and columns:
        wrong.append(f"{sorted(columns)} of {one.fetch.fetch_id} hold what nobody put in")
    return wrong + ([f"a new field in several columns: {sorted(columns)}"] if len(columns) > 1 else [])
