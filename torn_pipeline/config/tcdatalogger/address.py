"""What a URL of TCdatalogger asks for, in the words of version 2 of the API."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from torn_pipeline.config.loader import KEY_FIELDS
from torn_pipeline.config.models import PAGING
from torn_pipeline.config.tcdatalogger.reading import HIDDEN, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["Address", "read_address"]

HOST = "api.torn.com"
VERSION = re.compile(r"v\d+")
RENAMED = {"/faction/currency": "/faction/balance"}
"""What version 1 called otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The paths that a URL asks for, the ids it names, its query otherwise, and what was changed on the way, a sentence each.

    ``paths`` is empty where it names no selection.
    """

    section: str
    paths: tuple[str, ...]
    ids: tuple[str, ...]
    params: Mapping[str, str]
    notes: tuple[str, ...]


def read_address(url: str, selections: object = None) -> Address:
    """Take a URL apart; ``selections`` are those that stand beside it, a name or a list of names.

    Raises:
        ValueError: when it is no address of the API, with a sentence.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or parts.hostname != HOST:
        message = f"its url is no address of the Torn API (https://{HOST}/…)"
        raise ValueError(message)
    segments = [plain(segment).lower() for segment in parts.path.split("/") if segment]
    is_v1 = not segments or segments[0] != "v2"
    if segments and VERSION.fullmatch(segments[0]):
        segments = segments[1:]
    section, *rest = segments or [""]
    query = [(plain(name), plain(value)) for name, value in parse_qsl(parts.query, keep_blank_values=True)]
    words = [segment for segment in rest if not segment.isdecimal()]
    asked = ["/".join(words)] if words else _listed([value for name, value in query if name.lower() in {"selections", "selection"}])
    paths = [f"/{section}/{selection}" for selection in dict.fromkeys(asked or _listed(selections)) if section]
    ids = [segment for segment in rest if segment.isdecimal()] + _listed([value for name, value in query if name.lower() == "id"])
    params, notes = _params(query)
    return Address(
        section=section,
        paths=tuple(dict.fromkeys(RENAMED.get(path, path) for path in paths)),
        ids=tuple(ids),
        params=params,
        notes=(*_path_notes(paths, is_v1=is_v1), *notes),
    )


def _listed(value: object) -> list[str]:
    """Names separated by commas, in one text or several."""
    texts = value if isinstance(value, list) else [value]
    return [name.strip().lower() for text in texts if isinstance(text, str) for name in text.split(",") if name.strip()]


def _path_notes(paths: list[str], *, is_v1: bool) -> Iterator[str]:
    if is_v1:
        yield "asks version 1 of the API; here version 2 is asked, whose answer has another shape"
    if len(paths) > 1:
        yield f"asks for several selections at once; each becomes an endpoint of its own: {', '.join(paths)}"
    for old, new in RENAMED.items():
        if old in paths:
            yield f"{old} is asked as {new}, as version 2 of the API calls it"


def _params(query: list[tuple[str, str]]) -> tuple[dict[str, str], list[str]]:
    """What is left of a query, and a sentence for all that is not."""
    params: dict[str, str] = {}
    paging, keys = [], []
    for name, value in query:
        word = name.lower().replace("-", "_")
        if word in PAGING:
            paging.append(name)
        elif word in KEY_FIELDS or HIDDEN in name + value:
            keys.append(name if HIDDEN not in name else HIDDEN)
        elif name and word not in {"selections", "selection", "id"}:
            params[name] = value
    notes = [f"moved from the url to `params`: {_quoted(params)}"] if params else []
    notes += [f"dropped from the url: {_quoted(paging)}; page size, order and time window are set by the pipeline"] if paging else []
    notes += [f"taken out of the url: {_quoted(keys)}; keys come from the environment and go in a header"] if keys else []
    return params, notes


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in dict.fromkeys(names))
