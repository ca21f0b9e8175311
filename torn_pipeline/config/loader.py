"""From a config file to its model, or to every problem it has at once, each with its line."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from torn_pipeline.config import rules
from torn_pipeline.config.models import Endpoint, PipelineConfig, place
from torn_pipeline.config.sources import dotted, read_source
from torn_pipeline.config.wishes import same_rule_problems
from torn_pipeline.config.wording import sentence_of
from torn_pipeline.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pydantic import BaseModel

    from torn_pipeline.config.models import Parts, Places
    from torn_pipeline.config.rules import Problem
    from torn_pipeline.config.sources import Source
    from torn_pipeline.settings import Settings

__all__ = ["KEY_FIELDS", "SecretPlace", "load_config", "read_model"]

_Model = TypeVar("_Model", bound="BaseModel")

KEY_FIELDS = frozenset({"key", "keys", "api_key", "api_keys", "apikey", "apikeys", "password", "secret", "token"})
LONG_ENOUGH_FOR_A_KEY = 8

SecretPlace = tuple[str, frozenset[str]]
"""The environment variable that a secret belongs in, and the names of fields that would hold one."""

_KEYS: SecretPlace = ("TORN_API_KEY_<NAME>", KEY_FIELDS)


def load_config(settings: Settings, overrides: Sequence[str] = ()) -> PipelineConfig:
    """Read and check the config file that ``settings`` name.

    Args:
        settings: for the file, and for what it must agree with.
        overrides: ``PATH=VALUE`` as given to ``--set``; the value is YAML, list entries go by their names,
            for example ``endpoints.faction_crimes.max_quarantined=0.5``. Later ones win.

    Raises:
        ConfigError: with every problem, one a line, each with file and line.
    """
    source = read_source(settings.config, overrides)
    return read_model(source, PipelineConfig, settings, lambda problems: _rules(source.data, problems, settings), lambda _: _KEYS)


def read_model(
    source: Source,
    model: type[_Model],
    settings: Settings,
    judge: Callable[[Sequence[Problem]], Iterable[Problem]],
    belongs: Callable[[Parts], SecretPlace],
) -> _Model:
    """A file as its model.

    Args:
        source: the file.
        model: what it must be.
        settings: whose secrets must not stand in it.
        judge: what several fields say together; it is given the problems of the fields by themselves.
        belongs: where a secret belongs that stands at a path, and which fields there are made for one.

    Raises:
        ConfigError: with every problem, one a line, each with file and line.
    """
    if source.problems:
        raise ConfigError("\n".join(source.problems))
    secrets = list(_secret_problems(source, settings, belongs))
    config, problems = _validate(source, model)
    problems += judge(problems)
    problems = secrets + [problem for problem in problems if not any(problem[0][: len(path)] == path for path, _ in secrets)]
    if config is None or problems:
        raise ConfigError("\n".join(dict.fromkeys(_line(source, *problem) for problem in _in_order(source.places, problems))))
    return config


def _validate(source: Source, model: type[_Model]) -> tuple[_Model | None, list[Problem]]:
    try:
        return model.model_validate(source.data, context=source.places), []
    except ValidationError as error:
        return None, [(_in_data(source.data, details["loc"]), sentence_of(details, model)) for details in error.errors()]


def _in_data(data: object, path: Parts) -> Parts:
    """A path of Pydantic's as the data have it: without the kinds, by which it tells one model of an entry from another."""
    found: list[str | int] = []
    for position, part in enumerate(path):
        if position and isinstance(path[position - 1], int) and isinstance(data, dict) and data.get("kind") == part:
            continue
        found.append(part)
        if isinstance(data, dict):
            data = data.get(part)
        else:
            data = data[part] if isinstance(data, list) and isinstance(part, int) and part < len(data) else None
    return tuple(found)


def _rules(data: object, problems: Sequence[Problem], settings: Settings) -> list[Problem]:
    """Judge what several fields say together, as far as the fields by themselves are right."""
    if not isinstance(data, dict):
        return []
    broken = {path[:2] for path, _ in problems}
    endpoints = {
        index: Endpoint.model_validate(item) for index, item in enumerate(_list(data, "endpoints")) if ("endpoints", index) not in broken
    }
    names = {
        section: {
            i: item["name"] for i, item in enumerate(_list(data, section)) if isinstance(item, dict) and isinstance(item.get("name"), str)
        }
        for section in ("accounts", "endpoints", "kpis")
    }
    accounts = tuple(names["accounts"].values()) if "accounts" in data else ("default",)
    rate = None if ("defaults", "rate_limit") in broken else _rate_limit(data)
    return [
        *rules.duplicate_problems("accounts", names["accounts"]),
        *rules.duplicate_problems("endpoints", names["endpoints"]),
        *rules.duplicate_problems("kpis", names["kpis"]),
        *same_rule_problems(_list(data, "rules")),
        *rules.account_problems(endpoints, accounts),
        *rules.scope_problems(endpoints),
        *rules.table_problems(endpoints),
        *(rules.rate_problems(rate, settings) if rate is not None else ()),
    ]


def _rate_limit(data: dict[str, object]) -> int | None:
    defaults = data.get("defaults")
    rate = defaults.get("rate_limit") if isinstance(defaults, dict) else None
    return rate if isinstance(rate, int) else None


def _list(data: dict[str, object], section: str) -> list[object]:
    items = data.get(section)
    return items if isinstance(items, list) else []


def _secret_problems(source: Source, settings: Settings, belongs: Callable[[Parts], SecretPlace]) -> Iterator[Problem]:
    """Secrets in the file: fields named for one, and values that hold one of the environment's."""
    secrets = [secret for secret in settings.secrets if len(secret) >= LONG_ENOUGH_FOR_A_KEY]
    for path, value in _walk(source.data, ()):
        variable, fields = belongs(path)
        if isinstance(value, str) and any(secret in value for secret in secrets):
            yield path, f"holds a secret: take it out, secrets belong in the environment as {variable}"
        elif path and any(secret in str(path[-1]) for secret in secrets):
            yield path[:-1], f"has a secret as a field: take it out, secrets belong in the environment as {variable}"
        elif path and str(path[-1]).lower().replace("-", "_") in fields:
            yield path, f"secrets are not read from the config: take it out and set {variable} in the environment"


def _walk(data: object, path: Parts) -> Iterator[tuple[Parts, object]]:
    yield path, data
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in pairs:
        yield from _walk(value, (*path, key))


def _in_order(places: Places, problems: Sequence[Problem]) -> list[Problem]:
    """As the file has them; what was left out stands where the part around it begins."""
    order = {path: number for number, path in enumerate(places)}

    def number(problem: Problem) -> int:
        path = problem[0]
        return max((order.get(path[:length], 0) for length in range(len(path) + 1)), default=0)

    return sorted(problems, key=number)


def _line(source: Source, path: Parts, sentence: str) -> str:
    subject = dotted(source.data, path) or "the file"
    return f"{place(source.places, path)}: {subject}: {sentence}"
