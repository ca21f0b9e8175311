"""A config file as plain data, with the line of every part of it, and what ``--set`` changes in it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yaml

from torn_pipeline.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from torn_pipeline.config.models import Parts

__all__ = ["KEY", "Source", "dotted", "read_source"]

KEY = re.compile(r"[A-Za-z0-9]{16}", re.ASCII)  # what an API key looks like
_FAST: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # where PyYAML was built with libyaml
EXAMPLE = "endpoints: [{name: faction_basic, path: /faction/basic, frequency: PT12H}]"


@dataclass(slots=True)
class Source:
    """``data`` as the file and the overrides have it, ``places`` of its parts, and ``problems`` as whole lines.

    ``example`` is how such a file may begin.
    """

    file: Path
    example: str = EXAMPLE
    data: object = None
    places: dict[Parts, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def read_source(file: Path, overrides: Sequence[str], example: str = EXAMPLE) -> Source:
    """Read a YAML or JSON file and apply ``PATH=VALUE`` overrides; what is wrong is in the source's problems.

    ``example`` is how such a file may begin, for a person who has none yet.
    """
    source = Source(file, example)
    text = _text(source)
    if text is not None:
        _parse(source, text)
    if not source.problems:
        for override in overrides:
            _override(source, override)
    return source


def _text(source: Source) -> str | None:
    file = source.file
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        source.problems.append(
            f"{file}: there is no such config file: set TORN_CONFIG to yours, or make one that begins with `{source.example}`"
        )
    except UnicodeDecodeError:
        source.problems.append(f"{file}: is not UTF-8 text: save it as UTF-8")
    except OSError as error:
        source.problems.append(f"{file}: cannot be read ({type(error).__name__}): check the path and its permissions")
    else:
        return text
    return None


def _parse(source: Source, text: str) -> None:
    if text.lstrip().startswith("{"):
        text = text.replace("\t", " ")  # JSON may be indented with tabs, YAML may not
    try:
        node, source.data = _read(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{source.file}:{mark.line + 1}" if mark else str(source.file)
        source.problems.append(f"{place}: is not YAML: {_syntax(error)}")
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        source.problems.append(f"{source.file}:{line}: holds a character that YAML does not allow: take it out")
    except (ValueError, TypeError):  # PyYAML's own readers of dates and numbers
        source.problems.append(f"{source.file}: holds a date or a number that does not exist: put it in quotes if it is meant as text")
    else:
        if node is None or source.data is None:
            source.problems.append(f"{source.file}: is empty: begin with `{source.example}`")
            return
        if text.lstrip().startswith("{"):
            source.data = _json(text, source.data)
        _mark(source, node, (), ())


def _read(text: str) -> tuple[yaml.Node | None, object]:
    """The nodes and the data: by libyaml, which takes a tenth of the time; what is wrong with a text Python's reader says better."""
    try:
        return yaml.compose(text, Loader=_FAST), yaml.load(text, Loader=_FAST)  # noqa: S506 - it is a safe loader
    except yaml.YAMLError:
        return yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)


def _json(text: str, otherwise: object) -> object:
    # YAML 1.1 takes the number 1e-2 for text; in a file that is JSON it is what JSON says.
    try:
        data: object = json.loads(text)
    except ValueError:
        return otherwise
    return data


def _syntax(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "it cannot be read"
    if "\\t" in problem:
        return "indent with spaces, not with tabs"
    if "could not determine a constructor" in problem or "tag" in problem:
        return "tags (`!`) are not allowed: write the plain value"
    return f"{problem}: look at this line and the one before it"


def _mark(source: Source, node: yaml.Node, path: Parts, around: tuple[int, ...]) -> None:
    """Note the lines of a node and of all below it, and keys written twice."""
    place = f"{source.file}:{node.start_mark.line + 1}"
    source.places.setdefault(path, place)
    if id(node) in around:
        source.problems.append(f"{place}: an alias (`*`) stands within its own anchor: write the value out")
        return
    for key, line, child in _children(node):
        place = f"{source.file}:{line}"
        if (*path, key) in source.places:
            before = source.places[*path, key].rpartition(":")[2]
            source.problems.append(
                f"{place}: {dotted(source.data, (*path, key))}: is written twice, first in line {before}: keep one of them"
            )
        source.places[*path, key] = place
        _mark(source, child, (*path, key), (*around, id(node)))


def _children(node: yaml.Node) -> Iterator[tuple[str | int, int, yaml.Node]]:
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield index, item.start_mark.line + 1, item
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield str(key.value), key.start_mark.line + 1, value


def _override(source: Source, override: str) -> None:
    target, separator, text = override.partition("=")
    place = f"--set {target.strip()}"
    names = target.strip().split(".")
    if not separator or not all(names):
        source.problems.append("--set must be written PATH=VALUE, for example --set defaults.timeout=PT10S")
        return
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        source.problems.append(f"{place}: the value is not YAML: put it in quotes")
        return
    try:
        path = _path(source.data, names)
        source.data = _with(source.data, path, value)
    except ConfigError as error:
        source.problems.append(f"{place}: {error}")
        return
    for below in [known for known in source.places if known[: len(path)] == path]:
        del source.places[below]
    source.places[path] = place


def _path(data: object, names: Sequence[str]) -> Parts:
    """The path that a dotted one means: entries of lists go by their ``name``."""
    path: list[str | int] = []
    for name in names:
        if isinstance(data, list):
            known = {item["name"]: index for index, item in enumerate(data) if isinstance(item, dict) and isinstance(item.get("name"), str)}
            if name not in known:
                message = f"there is no `{name}` in `{names[0]}`: use one of {', '.join(known)}"
                raise ConfigError(message)
            path.append(known[name])
            data = data[known[name]]
        else:
            path.append(name)
            data = data.get(name) if isinstance(data, dict) else None
    return tuple(path)


def _with(data: object, path: Parts, value: object) -> object:
    """``data`` with ``value`` at ``path``; what the two share is not copied."""
    if not path:
        return value
    head, *rest = path
    if isinstance(data, list) and isinstance(head, int):
        return [_with(item, tuple(rest), value) if index == head else item for index, item in enumerate(data)]
    if data is None:
        data = {}
    if not isinstance(data, dict):
        message = "has no such field: it is a single value, set it as a whole"
        raise ConfigError(message)
    return {**data, head: _with(data.get(head), tuple(rest), value)}


def dotted(data: object, path: Parts) -> str:
    """A path in the words of ``--set``: entries of lists by their names where they have one, nothing that could be a key."""
    words = ""
    for part in path:
        data = _below(data, part)
        if isinstance(part, str):
            words += f".{_masked(part)}" if words else _masked(part)
        else:
            name = data.get("name") if isinstance(data, dict) else None
            words += f".{_masked(name)}" if isinstance(name, str) else f"[{part}]"
    return words


def _masked(name: str) -> str:
    return "(not shown)" if KEY.fullmatch(name) and not name.islower() else name


def _below(data: object, part: str | int) -> object:
    if isinstance(data, dict):
        return data.get(part)
    return data[part] if isinstance(data, list) and isinstance(part, int) and part < len(data) else None
