"""The faction's history as the simulator tells it: nothing to remark, and the rows that a plain reading makes of it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import requests

from torn_pipeline.quality.validate import Validator
from torn_pipeline.simulator import Simulator, Size, World
from torn_pipeline.tables.contracts import CONTRACTS
from torn_pipeline.tables.findings import Kind
from torn_pipeline.tables.naming import path_ids, tables_of
from torn_pipeline.tables.normalise import Normalizer
from torn_pipeline.tables.table import StorageMode
from torn_pipeline_tests.helpers import tables_from_bodies
from torn_pipeline_tests.reference_history import HISTORY, history_tables, shown
from torn_pipeline_tests.unit.tables.builders import ORIGIN, bodies

if TYPE_CHECKING:
    from collections.abc import Iterator

SHAPES = ("1.1", "1.3", "5.8", "6.13")
FACTION = 40_832
NEWS = "main,attack,armoryDeposit,armoryAction,rankedWar,chain,crime,membership,depositFunds,giveFunds"
# What is asked of each path.
ASKED = {
    "/faction/attacks": "?limit=100",
    "/faction/attacksfull": "?limit=1000",
    "/faction/chains": "?limit=100",
    "/faction/news": f"?cat={NEWS}",
    "/faction/rankedwars": "?limit=100",
    "/faction/{chainId}/chainreport": "",
    "/faction/{crimeId}/crime": "",
    "/faction/{rankedWarId}/rankedwarreport": "",
    "/torn/{ids}/items": "",
}
# In which shapes: what had others, which the contract says are gone, is looked at elsewhere.
CASES = [(path, shape) for path in ASKED for shape in (SHAPES if path in HISTORY else ("5.8",))]


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    with Simulator(World(size=Size(members=40, crimes=60, items=60, attacks=800)), calls_per_window=100_000) as simulator:
        yield simulator


def ids(world: World, path: str) -> list[int | str]:
    """What can stand in a path."""
    faction = world.faction(FACTION)
    return {
        "/faction/{chainId}/chainreport": [chain["id"] for chain in faction.chains],
        "/faction/{crimeId}/crime": [crime["id"] for crime in faction.crimes[::7]],
        "/faction/{rankedWarId}/rankedwarreport": [war["id"] for war in world.ranked_wars if war["winner"]],
        "/torn/{ids}/items": ["3,1,2", ",".join(map(str, range(1, 61)))],
    }.get(path, [""])


def answers(running: Simulator, path: str, thing: int | str) -> list[Any]:
    """All pages of an answer; lists that are cut by time go on with ``prev``."""
    (key, _) = running.world.keys
    found: list[Any] = []
    url = running.url + re.sub(r"\{\w+\}", str(thing), path) + ASKED[path]
    with requests.Session() as session:
        session.trust_env = False
        while url:
            found.append(session.get(url, headers={"Authorization": f"ApiKey {key}"}, timeout=10).json())
            url = found[-1].get("_metadata", {}).get("links", {}).get("prev") or ""
    return found


@pytest.mark.parametrize(("path", "shape"), CASES)
def test_what_happened_becomes_rows_with_nothing_to_remark(running: Simulator, path: str, shape: str) -> None:
    running.shape = shape
    contract = CONTRACTS[path]
    tables = tables_of(contract, mode=StorageMode.UPSERT, shared_scope=path.startswith("/torn/"))
    rows = dict.fromkeys((table.name for table in tables), 0)
    for thing in ids(running.world, path):
        pages = answers(running, path, thing)
        origin = replace(ORIGIN, path_ids=dict.fromkeys(path_ids(path), thing))
        for batch in Normalizer(tables, add_new_fields=False).batches(bodies(*pages), origin):
            found = Validator(contract, tables).validate(batch)
            assert [rejected.reason for rejected in found.rejected] == []
            assert [finding for finding in found.findings if finding.kind is not Kind.REPEATED] == []  # pages overlap by a second
            if path in HISTORY:
                expected = joined(path, pages, thing)
                assert {name: shown(frame.to_dicts()) for name, frame in found.frames.items()} == {
                    name: shown(found) for name, found in expected.items()
                }
            rows = {name: count + found.frames[name].height for name, count in rows.items()}
    assert [name for name, count in rows.items() if not count and name != "torn_items_value_shops"] == []


def joined(path: str, pages: list[Any], thing: int | str) -> dict[str, list[dict[str, object]]]:
    """The reference's rows of all pages, those of a root that came twice once."""
    tables: dict[str, list[dict[str, object]]] = {}
    for page in pages:
        for name, rows in history_tables(path, page, path_id=str(thing)).items():
            tables[name] = [row for row in tables.get(name, []) if row not in rows] + rows
    return tables


@pytest.mark.parametrize("path", [path for path in ASKED if path in HISTORY and "{" not in path])
def test_what_happened_is_in_the_warehouse_as_it_was_told(running: Simulator, path: str) -> None:
    """Also where a column is called like a word of SQL, as ``end`` is."""
    running.shape = "5.8"
    pages = answers(running, path, "")
    loaded = tables_from_bodies(path, [orjson.dumps(page) for page in pages])

    expected = joined(path, pages, "")
    assert {name: shown(rows) for name, rows in loaded.items()} == {name: shown(rows) for name, rows in expected.items()}
