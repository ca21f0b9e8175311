"""Tables and lines as a pipe gets them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline.cli.session import Session
from torn_pipeline.cli.tables import aligned
from torn_pipeline.redaction import Redactor

if TYPE_CHECKING:
    import pytest


def test_columns_are_as_wide_as_their_widest_cell_and_lines_end_without_blanks() -> None:
    text = aligned(("name", "rows"), [["a", "1"], ["longer name", "1000"]], [False, True])
    assert text.split("\n") == ["name         rows", "a               1", "longer name  1000"]
    assert aligned(("name", "note"), [["a", ""]], [False, False]).split("\n")[1] == "a"


def test_a_line_break_in_a_cell_does_not_make_two_rows() -> None:
    assert aligned(("name",), [["two\nlines"]], [False]).split("\n") == ["name", "two lines"]


def test_nothing_that_is_said_shows_a_secret(capsys: pytest.CaptureFixture[str]) -> None:
    session = Session()
    session.redact = Redactor(["secretkey1234567"])
    session.say("say secretkey1234567")
    session.tell("tell secretkey1234567")
    session.tell_error(ValueError("error secretkey1234567"))
    session.table(("name", "rows"), [("in a secretkey1234567 table", None)])
    out, err = capsys.readouterr()
    assert "secretkey" not in out + err
    assert "in a *** table" in out


def test_progress_is_silent_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with Session().progress(2, "work") as begin:
        begin("one")
        begin("two")
    assert capsys.readouterr() == ("", "")
