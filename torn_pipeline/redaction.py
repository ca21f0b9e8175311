"""Keeping secrets out of everything that people or files get to see.

Here belongs how a known secret is found in text. Who knows secrets hands them over; nothing here reads
a setting. Every layer may import it.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Redactor"]

_MASK = "***"
_SHORTEST = 4
_SHORTEST_ANYWHERE = 8


class Redactor:
    """Replaces every occurrence of known secrets in a text by ``***``.

    A secret is found as it is and as it stands in a URL, in JSON, in a Python literal, and in base64 (alone
    or inside something longer, like ``user:password``). One of 4 to 7 characters is found as a whole word
    only, and a shorter one never: it would blot out ordinary words and numbers, and protects nothing.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        # Longest first, so that a secret which begins another one leaves no rest of it behind.
        pattern = "|".join(sorted(forms, key=lambda form: (-len(form), form)))
        self._pattern = re.compile(pattern) if pattern else None

    def __call__(self, text: str) -> str:
        """The text without any of the secrets."""
        return self._pattern.sub(_MASK, text) if self._pattern else text


def _forms(secret: str) -> Iterator[str]:
    """Regular expressions that find the secret, one for each way of writing it."""
    if len(secret) < _SHORTEST:
        return
    written = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    for form in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        written |= {form, re.sub("%..", lambda code: code[0].lower(), form)}
    if len(secret) < _SHORTEST_ANYWHERE:
        yield from (rf"(?<![A-Za-z0-9]){re.escape(form)}(?![A-Za-z0-9])" for form in written)
        return
    yield from (re.escape(form) for form in written | set(_base64(secret.encode())))


def _base64(secret: bytes) -> Iterator[str]:
    """The characters that stand for the secret and nothing else, at each of the three places in a group of three bytes."""
    for before in range(3):
        for encode in (b64encode, urlsafe_b64encode):
            text = encode(b"\0" * before + secret).decode().rstrip("=")
            shared_at_end = 1 if (before + len(secret)) % 3 else 0
            yield text[-(-before * 8 // 6) : len(text) - shared_at_end]
