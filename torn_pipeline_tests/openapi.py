"""The API's own description, as far as tests need it: the schemas of answers, and answers made of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["VERSIONS", "Description", "Maker"]

VERSIONS = ("1.3.1", "5.4.1", "5.8.0")
"""The versions of the description that there are, oldest first."""

Schema = dict[str, Any]
IDENTIFIERS = {"id", "uid"}
TEXTS = ("Ash", "Zoë", "李明", '<a href = "http://www.torn.com/profiles.php?XID=1">Ash</a> &lt;3', "", "two\nlines", "0")
NUMBERS = (0, 1, 2.25, 100, 0.1 + 0.2, 1e-07)


@dataclass(frozen=True)
class Description:
    """One version of the API's description."""

    content: Schema

    @classmethod
    def read(cls, folder: Path, version: str) -> Description:
        """The description of that version, from a folder of them."""
        return cls(json.loads((folder / f"torn-openapi-{version}.json").read_bytes()))

    def has(self, path: str) -> bool:
        """Whether the API had this path."""
        return path in self.content["paths"]

    def operation(self, path: str) -> Schema:
        """What is told of a path."""
        found: Schema = self.content["paths"][path]["get"]
        return found

    def parameters(self, path: str) -> dict[str, Schema]:
        """The schemas of a path's parameters by name."""
        given = [self._resolved(one) for one in self.operation(path).get("parameters", ())]
        return {one["name"]: one["schema"] for one in given}

    def answer(self, path: str) -> Schema:
        """The schema of a path's answer, without that of its pages."""
        (whole,) = self.options(self.operation(path)["responses"]["200"]["content"]["application/json"]["schema"])
        return {**whole, "properties": {name: of for name, of in whole["properties"].items() if name != "_metadata"}}

    def options(self, schema: Schema) -> list[Schema]:
        """What a value may be: schemas without references, each of one type; ``allOf`` is one object of all."""
        schema = self._resolved(schema)
        if "oneOf" in schema:
            return [option for one in schema["oneOf"] for option in self.options(one)]
        if "allOf" in schema:
            parts = [option for one in schema["allOf"] for option in self.options(one)]
            properties = {name: of for part in parts for name, of in part["properties"].items()}
            return [{"type": "object", "properties": properties, "required": [name for part in parts for name in part["required"]]}]
        return [schema]

    def _resolved(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            found = self.content
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            schema = found
        return schema


@dataclass
class Maker:
    """Makes values that a description allows: the same ones for the same seed, and no id twice."""

    description: Description
    seed: int
    chance: Random = field(init=False)
    number: int = 1_700_000_000

    def __post_init__(self) -> None:
        """Begin."""
        self.chance = Random(self.seed)  # noqa: S311 - nothing here is a secret

    def body(self, path: str) -> Any:  # noqa: ANN401 - a body is any JSON
        """An answer of a path."""
        return self.value(self.description.answer(path))

    def value(self, schema: Schema, name: str = "") -> Any:  # noqa: ANN401 - as above
        """A value of a schema, of the field of that name."""
        option = self.chance.choice(self.description.options(schema))
        if "enum" in option:
            return self.chance.choice(option["enum"])
        match option["type"]:
            case "object":
                return dict(self._fields(option))
            case "array":
                return [self.value(option["items"]) for _ in range(self.chance.randint(0, 3))]
        return self._scalar(option["type"], name)

    def _scalar(self, kind: str, name: str) -> object:
        self.number += self.chance.randint(1, 900)
        is_id = name in IDENTIFIERS
        values: dict[str, tuple[object, ...]] = {
            "integer": (self.number,) if is_id else (0, 7, self.number),
            "number": NUMBERS,
            "boolean": (False, True),
            "string": (f"{self.number:x}",) if is_id else TEXTS,
            "null": (None,),
        }
        return self.chance.choice(values[kind])

    def _fields(self, schema: Schema) -> Iterator[tuple[str, Any]]:
        required = schema.get("required", [])
        for name, of in schema["properties"].items():
            if name in required or self.chance.random() < 0.5:
                yield name, self.value(of, name)
        # One field is required by another spelling than it is described by.
        yield from ((name, self.chance.randint(0, 30)) for name in required if name not in schema["properties"] and name != "_metadata")
