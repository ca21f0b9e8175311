"""Bodies of the default world agree with the API's own description (``TORN_SPEC_DIR``)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import requests

from torn_pipeline.simulator import Simulator, World

SPEC = "torn-openapi-5.8.0.json"
PATHS = ["/faction/crimes", "/faction/members", "/torn/items", "/faction/basic", "/faction/balance"]
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
    odd = set(schema.get("required", ())) - set(value) | set(value) - set(schema["properties"])
    wrong = [f"{where}: {name} is missing or unknown" for name in sorted(odd)]
    known = (name for name in value if name in schema["properties"])
    return wrong + [p for name in known for p in problems(spec, schema["properties"][name], value[name], f"{where}.{name}")]


def resolve(spec: dict[str, Any], reference: str) -> dict[str, Any]:
    node = spec
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


@pytest.mark.parametrize("seed", [1, 2])
def test_bodies_are_valid(spec: dict[str, Any], seed: int) -> None:
    world = World(seed=seed)
    with Simulator(world) as simulator, requests.Session() as session:
        for key in world.keys:
            headers = {"Authorization": f"ApiKey {key}"}
            for path in PATHS:
                schema = spec["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
                url: str | None = simulator.url + path
                while url:
                    body = session.get(url, headers=headers, timeout=10).json()
                    assert problems(spec, schema, body, path) == []
                    url = body.get("_metadata", {}).get("links", {}).get("next")


def test_the_check_itself_finds_what_is_wrong(spec: dict[str, Any]) -> None:
    schema = spec["components"]["schemas"]["FactionMember"]
    member = World().faction(40_832).members[0]
    assert problems(spec, schema, member, "member") == []
    broken = {**member, "level": "12", "age": 3, "revive_setting": "Maybe", "status": {**member["status"], "until": "soon"}}
    del broken["name"]
    assert len(problems(spec, schema, broken, "member")) == 5
