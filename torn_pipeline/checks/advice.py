"""What a check's description says in one or two sentences: what it asks, and what to do about the answer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from torn_pipeline.quality.score import Grade

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["advice"]

_ANSWER = re.compile(r"^- \*\*(?P<answer>\w+)\*\*: (?P<text>.*?)(?=^- \*\*|\Z)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_LOOKED_FOR = {Grade.WARNED: ("Warning", "Error"), Grade.FAILED: ("Error", "Warning")}


def advice(description: str, grade: Grade) -> tuple[str, str]:
    """What a check asks, and what its description says about this answer; that is empty unless it warned or failed.

    Backticks stay, other Markdown does not. Lists of rules and blocks of code are left out.
    """
    first, *paragraphs = [part.strip() for part in re.split(r"\n\s*\n", description.strip())]
    answers = {match["answer"]: match["text"] for part in paragraphs for match in _ANSWER.finditer(part)}
    answer = next((answers[name] for name in _LOOKED_FOR.get(grade, ()) if name in answers), "")
    to_do = [answer, *_prose(paragraphs)] if grade in _LOOKED_FOR else []
    return _flat(first), " ".join(_sentence(part) for part in to_do if part)


def _prose(paragraphs: list[str]) -> Iterator[str]:
    """What is said of all answers: neither a list nor code, nor what leads to one."""
    yield from (part for part in paragraphs if not part.startswith(("-", "```", "    ")) and not part.endswith(":"))


def _sentence(text: str) -> str:
    flat = _flat(text)
    return flat[:1].upper() + flat[1:]


def _flat(text: str) -> str:
    return " ".join(_LINK.sub(r"\1", text).replace("**", "").split())
