"""Secrets are found in every way they are commonly written, and ordinary text stays as it is."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torn_pipeline.redaction import Redactor

PLANTED = "s3cr/t+ k\"y'é=?"


@pytest.mark.parametrize(
    "written",
    [
        PLANTED,
        quote(PLANTED),
        quote(PLANTED, safe=""),
        quote(PLANTED, safe="").lower(),
        quote_plus(PLANTED),
        json.dumps(PLANTED),
        json.dumps(PLANTED, ensure_ascii=False),
        repr(PLANTED),
        b64encode(PLANTED.encode()).decode(),
        urlsafe_b64encode(PLANTED.encode()).decode(),
    ],
)
def test_a_secret_is_found_however_it_is_written(written: str) -> None:
    text = Redactor([PLANTED])(f"before {written} after")
    assert "***" in text
    assert written not in text
    assert text.startswith("before ")
    assert text.endswith(" after")


@given(st.text(alphabet="abcXYZ019", min_size=8, max_size=32), st.binary(max_size=9), st.binary(max_size=9))
def test_a_secret_is_found_inside_other_base64(secret: str, before: bytes, after: bytes) -> None:
    encoded = b64encode(before + secret.encode() + after).decode()
    assert "***" in Redactor([secret])(encoded)


def test_of_secrets_within_secrets_nothing_is_left() -> None:
    assert Redactor(["abcdefgh", "abcdefghijkl"])("abcdefghijkl") == "***"


def test_short_secrets_do_not_blot_out_the_text() -> None:
    redact = Redactor(["a", "12", "key", "demo", ""])
    assert redact("a demokey has 12 keys: demo") == "a demokey has 12 keys: ***"


def test_without_secrets_text_stays_as_it_is() -> None:
    assert Redactor([])("anything at all") == "anything at all"
