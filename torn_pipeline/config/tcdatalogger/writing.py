"""The converted config as YAML, with the reasons for what is not as it was as comments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from torn_pipeline.config.budget import budget_problems
from torn_pipeline.config.models import PipelineConfig
from torn_pipeline.config.tcdatalogger.converting import convert
from torn_pipeline.config.tcdatalogger.reading import plain, read
from torn_pipeline.errors import ConfigError
from torn_pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from torn_pipeline.config.tcdatalogger.converting import Converted, Group

__all__ = ["Imported", "import_config"]

KEY_FILE = "TC_API_key.json"
"""Where TCdatalogger keeps its keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """``text`` is a config file of ours; ``notes`` say what was changed, merged or left out and what to do next, a line each."""

    text: str
    notes: tuple[str, ...]


def import_config(text: str, *, file: str, modes: Mapping[str, Collection[str]], secrets: Iterable[str] = ()) -> Imported:
    """Make our config of TCdatalogger's.

    Args:
        text: what is in its file.
        file: the file's name, for messages.
        modes: the storage modes that each path with a contract can be kept in.
        secrets: keys that are known otherwise, which must not be shown either.

    Raises:
        ConfigError: for what is not a TCdatalogger config, or when nothing of it can be taken over.
    """
    source = read(text, file, secrets)
    done = convert(source, modes)
    left_out = [f"{one.name}: is left out: {one.reason}" for one in done.left_out]
    left_out += [f"{', '.join(group.entries)}: is left out: {group.left_out}" for group in done.groups if group.left_out]
    if all(group.left_out for group in done.groups):
        message = "\n".join([*left_out, f"{file}: nothing of it can be taken over; config/pipeline.yaml is an example to begin with"])
        raise ConfigError(message)
    lines = [f"# Made of {plain(file)} by `torn-pipeline import-config`.", "", *_lines(done)]
    ours = "\n".join(lines) + "\n"
    config = PipelineConfig.model_validate(yaml.safe_load(ours))
    budget = [problem.partition(": ")[2] for problem in budget_problems(config)]
    return Imported(text=ours, notes=(*done.notes, *left_out, *budget, *_keys_to_set(done, source.made_up)))


def _keys_to_set(done: Converted, made_up: Collection[str]) -> Iterator[str]:
    for key in (key for key in done.accounts if key not in done.unused):
        named = f"the key that stands in the file itself as `api_key` ({key} here)" if key in made_up else f"the key `{key}` of {KEY_FILE}"
        yield f"set {Settings.key_variable(done.accounts[key])}, in the environment or in .env beside the config, to {named}"


def _lines(done: Converted) -> Iterator[str]:
    if done.defaults:
        yield "defaults:"
        yield from (f"  {name}: {_written(value)}" for name, value in done.defaults.items())
        yield ""
    yield "accounts:"
    for key, name in done.accounts.items():
        yield f"  {'# ' if key in done.unused else ''}- name: {_written(name)} # its key: {Settings.key_variable(name)}"
    yield ""
    yield "endpoints:"
    blocks = [list(_block(group, done)) for group in done.groups]
    blocks += [[_comment(f"{one.name} is left out: {one.reason}")] for one in done.left_out]
    for place, block in enumerate(blocks):
        yield from ([""] if place else [])
        yield from block


def _block(group: Group, done: Converted) -> Iterator[str]:
    """An endpoint; one that is left out as a comment that can be taken in."""
    yield _comment(f"TCdatalogger: {', '.join(dict.fromkeys(group.entries))}")
    if group.left_out:
        yield _comment(f"left out: {group.left_out}")
    if group.disabled:
        yield _comment(f"disabled: {group.disabled}; say what is meant, and take `enabled: false` out")
    before = "  # " if group.left_out else "  "
    for place, (name, value) in enumerate(_fields(group, done).items()):
        yield f"{before}{'  ' if place else '- '}{name}: {_written(value)}"


def _fields(group: Group, done: Converted) -> dict[str, Any]:
    """What stands in the file; what would be so anyway is left out."""
    fields = {"name": group.name, **{name: value for name, value in group.fields.items() if value != {}}}
    if len(done.accounts) > 1:
        fields["accounts"] = [done.accounts[key] for key in group.keys]
    return {**fields, **({"enabled": False} if group.disabled else {})}


def _comment(text: str) -> str:
    return f"  # {plain(text)}"


def _written(value: object) -> str:
    """A value on one line of YAML."""
    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, sort_keys=False, width=float("inf"))
    return text.removesuffix("\n").removesuffix("\n...")
