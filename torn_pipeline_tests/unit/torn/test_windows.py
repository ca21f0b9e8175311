"""Time windows that are read while the API misbehaves: every row once, or an error that says why not."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torn_pipeline.errors import ApiUnavailable, BodyRefused, ListMoved
from torn_pipeline.tables.contract import TimeWindow
from torn_pipeline.torn import Listing, Quota, Span, TornClient, WindowReading
from torn_pipeline.torn.ledger import ledger_at
from torn_pipeline_tests.unit.torn.conftest import KEY
from torn_pipeline_tests.unit.torn.loopback import Loopback, Reply, Request, refusal, reply, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torn_pipeline_tests.unit.torn.conftest import MakeClient

PATH = "/faction/attacks"
WINDOW = TimeWindow(fields=("ended", "started"), late=timedelta(minutes=10), params={"filters": "incoming"})
SPAN = Span(datetime(2026, 4, 28, 23, 59, 59, tzinfo=UTC), datetime(2026, 4, 29, 23, 59, 59, tzinfo=UTC))
MIDNIGHT = int(datetime(2026, 4, 29, tzinfo=UTC).timestamp())
MOST = 3  # rows a page

Row = dict[str, Any]


def check(body: dict[str, object]) -> None:
    if "attacks" not in body:
        message = "these are no attacks"
        raise BodyRefused(message)


LISTING = Listing(check_body=check, root="attacks", page_size=MOST, key_of=lambda row: row.get("id") if isinstance(row, dict) else None)


def attack(number: int, second: int) -> Row:
    """An attack that ended that many seconds after midnight, and had begun five seconds before."""
    return {"id": number, "started": MIDNIGHT + second - 5, "ended": MIDNIGHT + second}


@dataclass
class Attacks:
    """A list cut by time, as the API has it; ``spoilt`` answers in place of the call of that number (from 0)."""

    rows: list[Row]
    by: str = "ended"
    spoilt: dict[int, Callable[[list[Row]], Reply | list[Row]]] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, request: Request) -> Reply:
        self.asked.append(request.query)
        after, until, limit = (int(request.query[name]) for name in ("from", "to", "limit"))
        found = sorted((row for row in self.rows if after < row[self.by] <= until), key=lambda row: row[self.by])
        answer: Reply | list[Row] = found[:limit]
        if spoil := self.spoilt.get(len(self.asked) - 1):
            answer = spoil(found[:limit])
        return reply({"attacks": answer}) if isinstance(answer, list) else answer


def read(client: TornClient, most_pages: int = 100) -> tuple[list[int], datetime | None]:
    """The ids in the order they came in, and how far the reading reached."""
    reading = WindowReading(client, PATH, {}, LISTING, WINDOW, SPAN, most_pages)
    found: dict[int, None] = {}
    repeated = came = 0
    for page in reading.pages():
        if page.number == 0:
            came = repeated = 0
            found.clear()
        rows = page.answer.body["attacks"]
        assert isinstance(rows, list)
        assert page.rows == len(rows)
        came, repeated = came + page.rows, repeated + page.repeated
        found.update(dict.fromkeys(row["id"] for row in rows))
    assert came - repeated == len(found)
    return list(found), reading.reached


def test_every_question_is_of_the_window_and_past_the_cache(api: Loopback, make_client: MakeClient) -> None:
    api.answer = attacks = Attacks([attack(number, number * 60) for number in range(8)])
    assert read(make_client()) == (list(range(8)), SPAN.until)
    for query in attacks.asked:
        assert query["to"] == str(MIDNIGHT + 86399)
        assert (query["sort"], query["limit"], query["filters"]) == ("ASC", str(MOST), "incoming")
        assert query["timestamp"].isdecimal()
    assert [int(query["from"]) - MIDNIGHT for query in attacks.asked] == [-1, 119, 239, 359, 419]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Loopback, TornClient]]:
    """One server and client for all examples of a property."""
    quota = Quota(ledger_at(tmp_path_factory.mktemp("windows") / "quota.sqlite"), 1_000_000, 0.01, hold=5)
    with (
        serving() as api,
        TornClient(api.url, keys=[KEY], account="default", quota=quota, timeout=5, max_retries=0, retry_delay=0) as client,
    ):
        yield api, client


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-20, 30), max_size=16), st.sampled_from(["ended", "started"]), st.integers(1, 6))
def test_any_list_comes_whole_or_is_refused(shared: tuple[Loopback, TornClient], seconds: list[int], by: str, most_pages: int) -> None:
    """Held against a plain reading: the rows in the window, up to where the reading says it reached."""
    api, client = shared
    api.requests.clear()
    rows = [attack(number, second) for number, second in enumerate(seconds)]
    api.answer = Attacks(rows, by)
    inside = [row for row in rows if MIDNIGHT - 1 < row[by] <= MIDNIGHT + 86399]
    crowded = any(sum(row[by] == one[by] for row in inside) >= MOST for one in inside)
    try:
        ids, reached = read(client, most_pages)
    except ListMoved as error:
        assert crowded, error  # noqa: PT017 - nothing else may be refused
        return
    assert reached is not None
    expected = {row["id"] for row in inside if row[by] <= reached.timestamp()}
    assert expected <= set(ids) <= {row["id"] for row in inside}


def test_a_reading_that_is_long_enough_ends_where_the_next_one_begins(api: Loopback, make_client: MakeClient) -> None:
    api.answer = Attacks([attack(number, number * 60) for number in range(9)])
    ids, reached = read(make_client(), most_pages=2)
    assert ids == [0, 1, 2, 3, 4]
    assert reached == datetime.fromtimestamp(MIDNIGHT + 119, UTC)  # the second page shows that nothing is missing up to there


def test_an_empty_window_is_believed_after_two_answers(api: Loopback, make_client: MakeClient) -> None:
    api.answer = attacks = Attacks([])
    assert read(make_client()) == ([], SPAN.until)
    assert len(attacks.asked) == 2


def test_an_empty_answer_in_place_of_rows_is_not_believed(api: Loopback, make_client: MakeClient) -> None:
    rows = [attack(number, number * 60) for number in range(5)]
    for call in range(4):
        api.answer = Attacks(rows, spoilt={call: lambda _: []})
        assert read(make_client())[0] == list(range(5)), call


def test_a_page_of_another_time_is_asked_for_again(api: Loopback, make_client: MakeClient) -> None:
    rows = [attack(number, number * 60) for number in range(7)]
    stale = [attack(99, -4000), attack(98, -3000)]
    for call in range(4):
        api.answer = attacks = Attacks(rows, spoilt={call: lambda _: stale})
        assert read(make_client())[0] == list(range(7)), call
        assert attacks.asked[call]["from"] == attacks.asked[call + 1]["from"]


def test_a_page_that_repeats_is_asked_for_again(api: Loopback, make_client: MakeClient) -> None:
    rows = [attack(number, number * 60) for number in range(7)]
    api.answer = Attacks(rows, spoilt=dict.fromkeys((1, 2), lambda _: rows[:3]))
    assert read(make_client())[0] == list(range(7))
    api.answer = Attacks(rows, spoilt=dict.fromkeys((1, 2, 3, *range(5, 8)), lambda _: rows[:3]))
    with pytest.raises(ListMoved, match="not those of the time that was asked for"):
        read(make_client())


def test_a_page_that_lacks_rows_is_no_end(api: Loopback, make_client: MakeClient) -> None:
    rows = [attack(number, number * 60) for number in range(7)]
    api.answer = Attacks(rows, spoilt={0: lambda page: page[:1], 2: lambda page: page[:2]})
    assert read(make_client())[0] == list(range(7))


def test_rows_that_do_not_come_again_are_missed(api: Loopback, make_client: MakeClient) -> None:
    rows = [attack(number, number * 60) for number in range(7)]
    api.answer = Attacks(rows, spoilt=dict.fromkeys(range(1, 10), lambda page: page[1:]))
    with pytest.raises(ListMoved, match=r"the window after 2026-04-28T23:59:59Z up to 2026-04-29T23:59:59Z .*did not come again"):
        read(make_client())


def test_rows_that_come_in_while_it_is_read_are_taken_or_come_later(api: Loopback, make_client: MakeClient) -> None:
    attacks = Attacks([attack(number, number * 60) for number in range(7)])

    def grows(page: list[Row]) -> list[Row]:
        attacks.rows += [attack(100, 3600), attack(101, 86400)]  # the second lies after the window
        return page

    attacks.spoilt = {1: grows}
    api.answer = attacks
    assert read(make_client())[0] == [*range(7), 100]


def test_more_rows_in_a_second_than_a_page_holds_are_refused(api: Loopback, make_client: MakeClient) -> None:
    api.answer = Attacks([attack(0, 10), *(attack(number, 60) for number in range(1, 5))])
    with pytest.raises(ListMoved, match="its second 2026-04-29T00:01:00Z has more rows than one page"):
        read(make_client())


def test_an_error_on_the_way_is_an_error_of_the_whole(api: Loopback, make_client: MakeClient) -> None:
    rows = [attack(number, number * 60) for number in range(20)]
    api.answer = Attacks(rows, spoilt=dict.fromkeys(range(6, 20), lambda _: refusal(17, "Backend error occurred")))
    with pytest.raises(ApiUnavailable):
        read(make_client())
