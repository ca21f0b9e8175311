"""TCdatalogger's JSON as plain entries, from which every API key is gone before anybody else sees them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from torn_pipeline.config.loader import KEY_FIELDS, LONG_ENOUGH_FOR_A_KEY
from torn_pipeline.config.sources import KEY
from torn_pipeline.errors import ConfigError
from torn_pipeline.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from torn_pipeline.config.models import Parts

__all__ = ["HIDDEN", "Entry", "Source", "plain", "read"]

HIDDEN = "***"  # as the redactor has it
NOTES = ("/", "#", "_comment", "comment")  # how a key begins whose value is for people
KEY_IN_URL = re.compile(rf"[?&](?:{'|'.join(sorted(KEY_FIELDS))})=([^&#\s]+)", re.IGNORECASE)
PLACEHOLDER = re.compile(r"[{<$].*")
WORD = re.compile(rf"(?<![A-Za-z0-9]){KEY.pattern}(?![A-Za-z0-9])", re.ASCII)
ORDINARY = re.compile(r"[A-Za-z]?[a-z]+\d*", re.ASCII)  # a word of sixteen letters, such as a name with a faction's id
EXAMPLE = '{"endpoints": [{"name": …, "url": …, "table": …}]}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One of TCdatalogger's endpoints: ``key`` is the name of its key, ``fields`` what else it says."""

    name: str
    url: str
    key: str
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file as read: its defaults, its entries, other sections by name, and the names made up for keys that stood in place of one."""

    defaults: Mapping[str, object]
    entries: tuple[Entry, ...]
    others: tuple[str, ...]
    made_up: frozenset[str]


def read(text: str, file: str, secrets: Iterable[str] = ()) -> Source:
    """The entries of a file.

    Args:
        text: what is in it.
        file: its name, for messages.
        secrets: keys that are known otherwise, to be hidden like those of the file itself.

    Raises:
        ConfigError: for what is not a TCdatalogger config, with the line or the JSON path.
    """
    data = _parse(text, file)
    if not isinstance(data, dict):
        raise _problem(file, "$", f"is no JSON object: a TCdatalogger config is {EXAMPLE}")
    made_up = _name_keys(data)
    hide = _hiding({*secrets, *_secrets(data, ()), *made_up})
    data = {hide(name): _shown(value, hide) for name, value in data.items()}
    defaults = data.get("defaults", {})
    if not isinstance(defaults, dict):
        raise _problem(file, "$.defaults", "is no JSON object: leave it out, or write {}")
    return Source(
        defaults=_without_notes(defaults),
        entries=tuple(_entries(data.get("endpoints"), file)),
        others=tuple(name for name in _without_notes(data) if name not in {"defaults", "endpoints"}),
        made_up=frozenset(made_up.values()),
    )


def plain(text: str) -> str:
    """Text on one line: whatever does not print is a space."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _parse(text: str, file: str) -> object:
    try:
        data: object = json.loads(text)
    except json.JSONDecodeError as error:
        message = f"{file}:{error.lineno}: is not JSON: {error.msg}; look at this line and the one before it"
        raise ConfigError(message) from None  # the error holds the whole text, keys among it
    except ValueError:
        raise _problem(file, "$", "holds a number of too many digits: shorten it") from None
    except RecursionError:
        raise _problem(file, "$", f"is nested too deeply: a TCdatalogger config is {EXAMPLE}") from None
    return data


def _problem(file: str, path: str, sentence: str) -> ConfigError:
    return ConfigError(f"{file}: {path} {sentence}")


def _entries(endpoints: object, file: str) -> Iterator[Entry]:
    if not isinstance(endpoints, list) or not endpoints:
        raise _problem(file, "$.endpoints", f"must be a list with at least one entry: a TCdatalogger config is {EXAMPLE}")
    for index, item in enumerate(endpoints):
        path = f"$.endpoints[{index}]"
        if not isinstance(item, dict):
            raise _problem(file, path, 'must be an object with "name" and "url"')
        for name in ("name", "url"):
            if not isinstance(item.get(name), str) or not item[name]:
                raise _problem(file, f"{path}.{name}", "must be text that is not empty")
        key = item.get("api_key", "default")
        if not isinstance(key, str) or not key:
            raise _problem(file, f"{path}.api_key", 'must be the name of a key, such as "faction_40832"')
        fields = {field: value for field, value in _without_notes(item).items() if field not in {"name", "url", "api_key"}}
        yield Entry(name=item["name"], url=item["url"], key=key, fields=fields)


def _without_notes(data: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in data.items() if not name.lower().startswith(NOTES)}


# --- keys ------------------------------------------------------------------------------------------------------


def _name_keys(data: dict[str, object]) -> dict[str, str]:
    """Put a name in the place of each key that an entry holds instead of a key's name; the names by key."""
    names: dict[str, str] = {}
    known = set(_secrets(data, ()))
    endpoints = data.get("endpoints")
    for item in endpoints if isinstance(endpoints, list) else ():
        key = item.get("api_key") if isinstance(item, dict) else None
        if isinstance(key, str) and (key in known or _looks_like_a_key(key)):
            item["api_key"] = names.setdefault(key, f"key_{len(names) + 1}")
    return names


def _secrets(data: object, path: Parts) -> Iterator[str]:
    """Every key in the data: what stands below a field named for one, and in URLs."""
    if isinstance(data, str):
        is_name = path[:1] == ("endpoints",) and path[-1] == "api_key"
        below = any(str(part).lower().replace("-", "_") in KEY_FIELDS for part in path) and not is_name
        found = {data} if below else set(KEY_IN_URL.findall(data))
        for secret in found | {unquote_plus(secret) for secret in found}:
            if len(secret) >= LONG_ENOUGH_FOR_A_KEY and not PLACEHOLDER.fullmatch(secret):
                yield secret
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in pairs:
        yield from _secrets(value, (*path, key))


def _looks_like_a_key(word: str) -> bool:
    return bool(KEY.fullmatch(word)) and not ORDINARY.fullmatch(word)


def _hiding(secrets: Iterable[str]) -> Callable[[str], str]:
    """Makes a text fit to be shown: no key in it, nothing that does not print."""
    redact = Redactor(secret for secret in secrets if len(secret) >= LONG_ENOUGH_FOR_A_KEY)

    def hide(text: str) -> str:
        return plain(WORD.sub(lambda word: HIDDEN if _looks_like_a_key(word[0]) else word[0], redact(text)))

    return hide


def _shown(data: object, hide: Callable[[str], str]) -> object:
    if isinstance(data, str):
        return hide(data)
    if isinstance(data, dict):
        return {hide(key): _shown(value, hide) for key, value in data.items()}
    return [_shown(value, hide) for value in data] if isinstance(data, list) else data
