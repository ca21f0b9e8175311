"""Pydantic's findings in plain sentences: what is wrong, and what to do."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, get_args

from pydantic import BaseModel

from torn_pipeline.config.models import PipelineConfig
from torn_pipeline.config.sources import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import ErrorDetails

    from torn_pipeline.config.models import Parts

__all__ = ["sentence_of"]

LONGEST_SHOWN = 40
WORD = re.compile(r"[\w.:@/*-]{1,40}", re.ASCII)
TYPES = {
    "bool_type": "must be true or false",
    "dict_type": "must be a mapping of names to values",
    "float_type": "must be a number",
    "int_from_float": "must be a whole number",
    "int_type": "must be a whole number",
    "invalid_key": "must be text",
    "list_type": "must be a list",
    "mapping_type": "must be a mapping of names to values",
    "model_type": "must be a mapping of names to values",
    "string_type": "must be text: put it in quotes if it is meant so",
}


def sentence_of(details: ErrorDetails, model: type[BaseModel] = PipelineConfig) -> str:
    """What Pydantic found in a ``model``, without its own words and without any value that could be a key."""
    kind, shown, context = details["type"], _shown(details["input"]), details.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(model, details["loc"])
    if kind == "missing":
        return "is missing: add it"
    if details["input"] is None:
        return "is empty: give it a value, or leave the field out"
    return {
        "value_error": str(context.get("error")),
        "enum": f"is {shown}: use {str(context.get('expected')).replace(chr(39), '')}",
        "literal_error": f"is {shown}: use {str(context.get('expected')).replace(chr(39), '')}",
        "string_pattern_mismatch": f"is {shown}: use lower-case letters, digits and _, beginning with a letter",
        "union_tag_invalid": f"is of the kind {_shown(context.get('tag'))}: use {str(context.get('expected_tags')).replace(chr(39), '')}",
        "union_tag_not_found": "lacks `kind`: say of which kind it is",
        "greater_than_equal": f"is {shown}: must be at least {context.get('ge', 0):g}",
        "less_than_equal": f"is {shown}: must be at most {context.get('le', 0):g}",
        "tuple_type": f"is {shown}: must be a list{_as_list(details['input'])}",
    }.get(kind, f"is {shown}: {TYPES.get(kind, 'is not what belongs here')}")


def _unknown(model: type[BaseModel], path: Parts) -> str:
    known = _fields(model, path[:-1])
    close = difflib.get_close_matches(str(path[-1]), known, n=1)
    meant = f"did you mean `{close[0]}`?" if close else f"use one of {', '.join(known)}"
    return f"is not a known field: {meant}"


def _fields(model: type[BaseModel], path: Parts) -> list[str]:
    """The fields, as the file has them, of what stands at ``path`` of a model."""
    models = [model]
    for part in path:
        if isinstance(part, int):
            continue
        if len(models) > 1:  # one of several, told by what its `kind` must be
            models = [one for one in models if part in get_args(one.model_fields["kind"].annotation)]
        else:
            fields = models[0].model_fields.items()
            models = [below for name, field in fields if part in {name, field.alias} for below in _models(field.annotation)]
    return [field.alias or name for name, field in models[0].model_fields.items()]


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    """The models that an annotation speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _as_list(value: object) -> str:
    """How a single word is written as a list; empty for what is none, or could be a key."""
    return f", write [{value}]" if isinstance(value, str) and WORD.fullmatch(value) and not KEY.search(value) else ""


def _shown(value: object) -> str:
    """A value as a message may show it: short, and nothing that could be a key."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    if KEY.search(text):
        return "a value not shown here, as it could be a key"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
