"""Bodies of the default world agree with the API's own description (``TORN_SPEC_DIR``)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from torn_pipeline.simulator import Simulator, Size, World, more_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

SPEC = "torn-openapi-5.8.0.json"
# Each path with what is asked there; an id in it is filled in by the test.
QUESTIONS = {
    "/faction/attacks": [""],
    "/faction/attacksfull": ["", "?filters=incoming"],
    "/faction/balance": ["", "?cat=all"],
    "/faction/basic": [""],
    "/faction/chain": [""],
    "/faction/chainreport": [""],
    "/faction/chains": [""],
    "/faction/crimes": [""],
    "/faction/lookup": [""],
    "/faction/members": ["", "?striptags=false"],
    "/faction/news": ["?cat=main,attack,armoryDeposit,armoryAction,rankedWar,chain,crime,membership,depositFunds,giveFunds"],
    "/faction/positions": [""],
    "/faction/raids": ["", "?limit=2"],
    "/faction/rankedwars": [""],
    "/faction/revives": ["", "?striptags=false&filters=incoming"],
    "/faction/revivesFull": ["", "?limit=50"],
    "/faction/territorywars": [""],
    "/faction/timestamp": [""],
    "/faction/wars": [""],
    "/faction/{chainId}/chainreport": [""],
    "/faction/{crimeId}/crime": [""],
    "/faction/{id}/basic": [""],
    "/faction/{id}/chain": [""],
    "/faction/{id}/chains": [""],
    "/faction/{id}/members": [""],
    "/faction/{id}/raids": [""],
    "/faction/{id}/rankedwars": [""],
    "/faction/{id}/territorywars": [""],
    "/faction/{id}/wars": [""],
    "/faction/{raidWarId}/raidreport": [""],
    "/faction/{rankedWarId}/rankedwarreport": [""],
    "/faction/{territoryWarId}/territorywarreport": [""],
    "/key/info": [""],
    "/torn/items": ["", "?cat=Weapon"],
    "/torn/lookup": [""],
    "/torn/timestamp": [""],
    "/torn/{ids}/items": [""],
    "/user/profile": [""],
    "/user/{id}/profile": ["", "?striptags=false"],
}
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    folder = os.environ.get("TORN_SPEC_DIR")
    if not folder:
        pytest.skip("TORN_SPEC_DIR is not set")
    loaded: dict[str, Any] = json.loads((Path(folder) / SPEC).read_bytes())
    return loaded


def problems(spec: dict[str, Any], schema: dict[str, Any], value: object, where: str) -> list[str]:
    """What in a value contradicts a schema: types, known values, required and unknown fields."""
    if "$ref" in schema:
        return problems(spec, resolve(spec, schema["$ref"]), value, where)
    if "oneOf" in schema:
        # Read as anyOf: a status is declared as one of a list of texts or any text.
        found = [problems(spec, choice, value, where) for choice in schema["oneOf"]]
        return min(found, key=len)
    kind = schema["type"]
    right = isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
    if not right or value not in schema.get("enum", [value]):
        return [f"{where}: {value!r} is no {kind}, or not a known one"]
    if isinstance(value, list):
        return [p for i, item in enumerate(value) for p in problems(spec, schema["items"], item, f"{where}[{i}]")]
    return problems_of_object(spec, schema, value, where) if isinstance(value, dict) else []


def problems_of_object(spec: dict[str, Any], schema: dict[str, Any], value: dict[str, Any], where: str) -> list[str]:
    # What is required is known, even where its name is misspelt in one of the two places.
    required = set(schema.get("required", ()))
    odd = required - set(value) | set(value) - set(schema["properties"]) - required
    wrong = [f"{where}: {name} is missing or unknown" for name in sorted(odd)]
    known = (name for name in value if name in schema["properties"])
    return wrong + [p for name in known for p in problems(spec, schema["properties"][name], value[name], f"{where}.{name}")]


def resolve(spec: dict[str, Any], reference: str) -> dict[str, Any]:
    node = spec
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


@pytest.fixture(scope="module", params=[1, 2])
def running(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """A world of three weeks, with calls without number."""
    world = World(seed=request.param, size=Size(items=300))
    world.advance(21 * 86_400)
    world.keys |= more_keys(world)
    with Simulator(world, calls_per_window=100_000) as simulator:
        yield simulator


def named(world: World) -> dict[str, list[int | str]]:
    """What can stand in a path."""
    first, second = world.factions.values()
    return {
        "{chainId}": [row["id"] for row in first.chains[-3:] + second.chains[-1:]],
        "{crimeId}": [crime["id"] for crime in first.crimes[::20]],
        "{id}": [second.id],
        "{raidWarId}": [raid["id"] for raid in world.raids if raid["end"]],
        "{territoryWarId}": [war["id"] for war in world.territory_wars],
        "{rankedWarId}": [war["id"] for war in world.ranked_wars if war["winner"]],
        "{ids}": ["1", "5,7,200"],
    }


def pages(session: requests.Session, url: str, key: str) -> Iterator[dict[str, Any]]:
    """Every page from this one on: lists by offset go on with ``next``, those by time, newest first, with ``prev``."""
    following: str | None = url
    while following:
        body = session.get(following, headers={"Authorization": f"ApiKey {key}"}, timeout=10).json()
        yield body
        links = body.get("_metadata", {}).get("links", {"next": None, "prev": None})
        following = links["next"] or (None if "offset=" in (links["prev"] or "") else links["prev"])


@pytest.mark.parametrize("path", QUESTIONS)
def test_bodies_are_valid(spec: dict[str, Any], running: Simulator, path: str) -> None:
    schema = spec["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    keys = {opens.access: key for key, opens in reversed(running.world.keys.items())}
    filled = [path]
    for place, values in named(running.world).items():
        if place in path:
            found = [member["id"] for member in running.world.faction(int(values[0])).members] if "/user/" in path else values
            filled = [path.replace(place, str(value)) for value in found]
    asked = [one + query for one in filled for query in QUESTIONS[path]]
    assert asked
    with requests.Session() as session:
        for one in asked:
            for body in pages(session, running.url + one, keys["Full"]):
                assert problems(spec, schema, body, one) == []
        (told, *_) = pages(session, running.url + asked[0], keys["Public"])
        assert "error" in told or problems(spec, schema, told, path) == []


def test_the_check_itself_finds_what_is_wrong(spec: dict[str, Any]) -> None:
    schema = spec["components"]["schemas"]["FactionMember"]
    member = World().faction(40_832).members[0]
    assert problems(spec, schema, member, "member") == []
    broken = {**member, "level": "12", "age": 3, "revive_setting": "Maybe", "status": {**member["status"], "until": "soon"}}
    del broken["name"]
    assert len(problems(spec, schema, broken, "member")) == 5
