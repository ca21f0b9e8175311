"""Each code and status of the API becomes the error that says what can be done."""

from __future__ import annotations

import pytest

from torn_pipeline.errors import ApiUnavailable, IdRefused, KeyRefused, PipelineError, RateLimited, RequestRefused
from torn_pipeline.redaction import Redactor
from torn_pipeline.torn.codes import AccessTooLow, Asked, KeyDone, KeyDoneForToday, RefusedKey, StayAway, error_of

ASKED = Asked(call="GET /faction/crimes for account default", variable="TORN_API_KEY", window=60.0)
CLASSES: list[tuple[type[PipelineError], tuple[int, ...]]] = [
    (ApiUnavailable, (0, 12, 15, 17)),
    (RateLimited, (5,)),
    (StayAway, (8, 9, 24)),
    (KeyDone, (1, 2, 10, 13, 18)),
    (KeyDoneForToday, (14,)),
    (AccessTooLow, (16,)),
    (IdRefused, (6, 7)),
    (RequestRefused, (3, 4, 11, 19, 20, 21, 22, 23, 25, 26, 27, 28, 29, 123, -1, 10**9)),
]
CODES = [(code, kind) for kind, codes in CLASSES for code in codes]


@pytest.mark.parametrize(("code", "kind"), CODES)
@pytest.mark.parametrize("status", [200, 400, 403])
def test_a_known_code_decides_in_every_shape_and_with_every_status(code: int, kind: type[PipelineError], status: int) -> None:
    if status == 403 and code in {123, -1, 10**9}:
        kind = KeyRefused  # where nobody knows the code the status is what is left
    for body in (
        {"error": {"code": code, "error": "said"}},
        {"error": {"code": str(code), "error": "said"}},
        {"code": code, "error": "said"},
        {"code": f" {code} ", "error": "said"},
    ):
        error = error_of(status, body, ASKED)
        assert type(error) is kind
        assert str(code) in str(error)
        assert "'said'" in str(error)
        assert str(error).startswith("GET /faction/crimes for account default: ")


def test_waiting_times_come_with_the_errors() -> None:
    limited = error_of(200, {"error": {"code": 5}}, Asked(call="GET /x", variable="V", window=2.0))
    assert isinstance(limited, RateLimited)
    assert limited.wait == 2.0
    for code, minutes in ((8, 10), (9, 5), (24, 5)):
        closed = error_of(200, {"error": {"code": code, "error": "no"}}, ASKED)
        assert isinstance(closed, StayAway)
        assert (closed.wait, closed.said) == (minutes * 60, f"error {code}, 'no'")


def test_what_is_worth_remembering_of_a_key_comes_with_the_error() -> None:
    asked = Asked(call="GET /x", variable="TORN_API_KEY_SECOND", place="key 2 of TORN_API_KEY_SECOND")
    error = error_of(200, {"error": {"code": 2, "error": "Incorrect key"}}, asked)
    assert isinstance(error, RefusedKey)
    assert (error.said, error.advice) == ("error 2, 'Incorrect key'", "put a working key into TORN_API_KEY_SECOND")
    assert str(error) == f"GET /x: the API answered {error.said}, to key 2 of TORN_API_KEY_SECOND; {error.advice}"


@pytest.mark.parametrize(
    "body",
    [
        {"error": {}},
        {"error": "Something"},
        {"error": {"code": None, "error": None}},
        {"error": {"code": [], "error": {}}},
        {"error": []},
        {"error": True},
        {"error": {"code": "x" * 10_000, "error": "y" * 10_000}},
        {"error": {"code": True}},
    ],
)
def test_errors_without_a_usable_code_are_wrong_requests(body: object) -> None:
    error = error_of(200, body, ASKED)
    assert type(error) is RequestRefused
    assert len(str(error)) < 1000


@pytest.mark.parametrize("body", [{}, {"crimes": []}, {"error": None, "crimes": []}, {"code": 7}, [], None, "text", 3])
def test_data_is_no_error(body: object) -> None:
    assert error_of(200, body, ASKED) is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, RequestRefused),
        (400, RequestRefused),
        (401, KeyRefused),
        (403, KeyRefused),
        (404, RequestRefused),
        (408, ApiUnavailable),
        (429, RateLimited),
        (500, ApiUnavailable),
        (503, ApiUnavailable),
        (599, ApiUnavailable),
    ],
)
@pytest.mark.parametrize("body", [None, {"message": "no"}, {"error": "no"}, {"error": {"code": 999, "error": "no"}}])
def test_a_status_decides_where_there_is_no_known_code(status: int, kind: type[PipelineError], body: object) -> None:
    error = error_of(status, body, ASKED)
    assert type(error) is kind
    assert str(status) in str(error)


def test_a_web_page_with_403_says_nothing_about_the_key() -> None:
    assert type(error_of(403, None, ASKED, html=True)) is ApiUnavailable


def test_what_the_api_says_is_redacted() -> None:
    asked = Asked(call="GET /x", variable="TORN_API_KEY", redact=Redactor(["planted0Key1"]))
    error = error_of(200, {"error": {"code": 2, "error": "Incorrect key planted0Key1"}}, asked)
    assert "planted0Key1" not in str(error)
    assert "TORN_API_KEY" in str(error)
