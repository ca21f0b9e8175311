"""Texts of any kind become lines that fit."""

from __future__ import annotations

import unicodedata

from hypothesis import example, given, settings
from hypothesis import strategies as st

from torn_pipeline.alerts.channels.texts import clipped, fitted, lines_of, one_line
from torn_pipeline_tests.exhaustive import examples
from torn_pipeline_tests.unit.alerts.channels.messages import message

ANY = st.text(st.characters(exclude_categories=()))  # halves of characters too


def doubled(char: str) -> str:
    return f"\\{char}" if char in "*_" else char


def length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@settings(max_examples=examples(100), deadline=None, derandomize=True)
@given(ANY)
@example("a\u202etxt.exe\u2066\x00\u2028")
def test_a_line_is_one_line_that_can_be_written(text: str) -> None:
    line = one_line(text)
    assert line.encode() == line.encode("utf-8", "replace")
    assert len(line.splitlines()) <= 1
    assert not any(unicodedata.category(char) == "Cc" or "\u202a" <= char <= "\u202e" or "\u2066" <= char <= "\u2069" for char in line)
    assert one_line(line) == line


@settings(max_examples=examples(100), deadline=None, derandomize=True)
@given(st.lists(ANY), ANY)
def test_no_line_is_empty_and_no_word_gets_lost(lines: list[str], word: str) -> None:
    found = lines_of(message("title", *lines, f"a\n\n{word}\r\nb"))
    assert all(found)
    assert " ".join(one_line("\n".join([*lines, "a", word, "b"])).split()) == " ".join(found)


@settings(max_examples=examples(100), deadline=None, derandomize=True)
@given(st.text("a*_😀\u00e9"), st.integers(3, 20))
def test_what_is_clipped_fits_and_begins_as_it_did(text: str, limit: int) -> None:
    whole, found = "".join(map(doubled, text)), clipped(text, limit, doubled)
    assert length(found) <= limit
    assert found == whole or (length(whole) > limit and found.endswith("…") and whole.startswith(found[:-1]))
    assert not found.removesuffix("…").endswith("\\")


@settings(max_examples=examples(100), deadline=None, derandomize=True)
@given(st.lists(st.text("a*😀", min_size=1, max_size=60), max_size=30), st.integers(40, 200))
def test_lines_that_fit_are_whole_and_the_others_counted(lines: list[str], limit: int) -> None:
    found = fitted(lines, limit, doubled)
    escaped = ["".join(map(doubled, line)) for line in lines]
    assert length(found) <= limit
    if length("\n".join(escaped)) <= limit:
        assert found == "\n".join(escaped)
        return
    shown = found.split("\n")
    missing = int(shown[-1].split()[2]) if shown[-1].startswith("… and ") else 0
    shown = shown[:-1] if missing else shown
    assert len(shown) + missing == len(lines)
    assert shown == escaped[: len(shown)] or (len(shown) == 1 and shown[0].endswith("…"))
