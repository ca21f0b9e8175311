"""Lists that are read page by page while they change."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torn_pipeline.errors import ApiUnavailable, BodyRefused, ListMoved, RequestRefused
from torn_pipeline.torn import Listing, ListPage, Quota, TornClient, fetch_list
from torn_pipeline.torn.ledger import ledger_at
from torn_pipeline_tests.unit.torn.conftest import KEY, MakeClient
from torn_pipeline_tests.unit.torn.loopback import OURS, Loopback, Reply, Request, refusal, reply, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torn_pipeline.torn.client import Answer

PATH = "/faction/crimes"


def check(body: dict[str, object]) -> None:
    if "crimes" not in body:
        message = "this is no list of crimes"
        raise BodyRefused(message)


def key_of(row: object) -> int | None:
    return row.get("id") if isinstance(row, dict) else None


LISTING = Listing(check_body=check, root="crimes", page_size=4, key_of=key_of)


@dataclass
class PagedList:
    """A list with its newest row first, paged by offset; ``events`` change it before the call of that number (from 0)."""

    ids: list[int]
    origin: str
    events: dict[int, Callable[[list[int]], object]] = field(default_factory=dict)
    turns_pages: bool = True
    calls: int = 0
    queries: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, request: Request) -> Reply:
        self.events.get(self.calls, bool)(self.ids)
        self.calls += 1
        self.queries.append(request.query)
        limit, offset = int(request.query.get("limit", 20)), int(request.query.get("offset", 0))
        start = offset if self.turns_pages else 0
        rows = [{"id": number} for number in self.ids[start : start + limit]]
        more = start + limit < len(self.ids)
        following = f"{self.origin}/v2{PATH}?limit={limit}&offset={offset + limit}" if more else None
        return reply({"crimes": rows, "_metadata": {"links": {"next": following, "prev": None}}})


def serve(api: Loopback, count: int, **options: Any) -> PagedList:  # noqa: ANN401  # whatever the list takes
    api.answer = paged = PagedList(list(range(count, 0, -1)), api.origin, **options)
    return paged


def read(client: TornClient, listing: Listing = LISTING) -> list[ListPage]:
    """The pages of the attempt that succeeded."""
    pages: list[ListPage] = []
    for page in fetch_list(client, PATH, {}, listing):
        if page.number == 0:
            pages.clear()
        assert page.number == len(pages)
        pages.append(page)
    return pages


def ids_of(answer: Answer) -> list[int]:
    rows = answer.body["crimes"]
    assert isinstance(rows, list)
    return [row["id"] for row in rows]


def all_ids(pages: list[ListPage]) -> set[int]:
    return {number for page in pages for number in ids_of(page.answer)}


@pytest.mark.parametrize("count", [1, 4])
def test_a_list_of_one_page_is_one_call(count: int, api: Loopback, make_client: MakeClient) -> None:
    paged = serve(api, count)
    [page] = read(make_client())
    assert (page.rows, page.repeated) == (count, 0)
    assert paged.queries == [{"limit": "4"} | OURS]


def test_a_longer_list_is_followed_and_its_first_page_asked_again(api: Loopback, make_client: MakeClient) -> None:
    paged = serve(api, 10)
    pages = read(make_client())
    assert [ids_of(page.answer) for page in pages] == [[10, 9, 8, 7], [6, 5, 4, 3], [2, 1]]
    assert sum(page.repeated for page in pages) == 0
    assert paged.calls == 4
    assert "timestamp" in paged.queries[-1]
    assert paged.queries[-1]["limit"] == "4"


def test_rows_without_keys_are_read_without_proof(api: Loopback, make_client: MakeClient) -> None:
    paged = serve(api, 10)
    pages = read(make_client(), Listing(check_body=check, root="crimes", page_size=4))
    assert [page.rows for page in pages] == [4, 4, 2]
    assert paged.calls == 3


def test_pages_come_one_by_one(api: Loopback, make_client: MakeClient) -> None:
    paged = serve(api, 100)
    pages = fetch_list(make_client(), PATH, {}, LISTING)
    next(pages)
    assert paged.calls == 1
    next(pages)
    assert paged.calls == 2


def test_given_parameters_are_asked(api: Loopback, make_client: MakeClient) -> None:
    paged = serve(api, 3)
    list(fetch_list(make_client(), PATH, {"cat": "all", "limit": "2"}, LISTING))
    assert paged.queries[0] == {"cat": "all", "limit": "2"} | OURS


def test_rows_added_at_the_head_are_counted_and_not_missed(api: Loopback, make_client: MakeClient) -> None:
    serve(api, 10, events={1: lambda ids: ids.insert(0, 11), 2: lambda ids: ids.insert(0, 12)})
    pages = read(make_client())
    assert all_ids(pages) == set(range(1, 13))
    assert ids_of(pages[-1].answer) == [12, 11, 10, 9]
    # 7 slid to the second page, 4 to the third, and the first page was read twice.
    assert sum(page.repeated for page in pages) == 4
    assert sum(page.rows - page.repeated for page in pages) == 12


@pytest.mark.parametrize("gone", [10, 9, 8, 7])
def test_rows_removed_from_the_first_page_start_the_list_again(gone: int, api: Loopback, make_client: MakeClient) -> None:
    paged = serve(api, 10, events={1: lambda ids: ids.remove(gone)})
    pages = read(make_client())
    assert all_ids(pages) == set(range(1, 11)) - {gone}
    assert "timestamp" in paged.queries[4]


def test_a_list_that_is_replaced_starts_again(api: Loopback, make_client: MakeClient) -> None:
    def start_anew(ids: list[int]) -> None:
        ids[:] = range(60, 50, -1)

    serve(api, 10, events={2: start_anew})
    assert all_ids(read(make_client())) == set(range(51, 61))


def test_a_list_that_empties_starts_again(api: Loopback, make_client: MakeClient) -> None:
    serve(api, 10, events={3: list.clear})
    assert [page.rows for page in read(make_client())] == [0]


def test_a_list_that_never_rests_is_given_up(api: Loopback, make_client: MakeClient) -> None:
    paged = serve(api, 100, events=dict.fromkeys(range(1000), lambda ids: ids.pop(1)))
    pages: list[ListPage] = []
    with pytest.raises(ListMoved, match=r"GET /faction/crimes for account default: .+ at each of 3 attempts.+run it again later"):
        pages.extend(fetch_list(make_client(), PATH, {}, LISTING))
    assert sum(page.number == 0 for page in pages) == 3
    assert paged.calls < 100


def test_a_server_that_does_not_turn_pages(api: Loopback, make_client: MakeClient) -> None:
    paged = serve(api, 10, turns_pages=False)
    with pytest.raises(ListMoved, match="did not turn pages"):
        read(make_client())
    assert paged.calls == 6


def test_a_cache_that_answers_with_an_older_page_is_passed_by(api: Loopback, make_client: MakeClient) -> None:
    paged = serve(api, 10)

    def answer(request: Request) -> Reply:
        paged.turns_pages = "timestamp" in request.query
        return paged(request)

    api.answer = answer
    assert [ids_of(page.answer) for page in read(make_client())] == [[10, 9, 8, 7], [6, 5, 4, 3], [2, 1]]


@pytest.mark.parametrize("rows", [[1, 1], {"name": "x"}, [{"name": "x"}]])
def test_a_server_that_does_not_turn_pages_of_rows_without_keys(rows: object, api: Loopback, make_client: MakeClient) -> None:
    def answer(_: Request) -> Reply:
        return reply({"crimes": rows, "_metadata": {"links": {"next": f"{api.url}{PATH}?offset=2&call={len(api.requests)}"}}})

    api.answer = answer
    with pytest.raises(ListMoved):
        read(make_client())
    assert len(api.requests) == 6


def test_empty_pages_without_end_are_an_end(api: Loopback, make_client: MakeClient) -> None:
    def answer(request: Request) -> Reply:
        rows = [] if "offset" in request.query else [{"id": 1}]
        return reply({"crimes": rows, "_metadata": {"links": {"next": f"{api.url}{PATH}?offset={len(api.requests)}"}}})

    api.answer = answer
    assert [page.rows for page in read(make_client())] == [1, 0, 0]
    # The two empty pages were asked for three times each, and the first page once more at the end.
    assert len(api.requests) == 8


@pytest.mark.parametrize("count", [0, 4])
def test_an_empty_list_is_asked_for_three_times(count: int, api: Loopback, make_client: MakeClient) -> None:
    pages = [{"crimes": [{"id": number} for number in range(count, 0, -1)], "_metadata": {"links": {"next": "?offset=4"}}}] if count else []
    api.replies = [reply(page) for page in [*pages, *3 * [{"crimes": []}], *pages]]
    assert sum(page.rows for page in read(make_client())) == count
    asked = [request for request in api.requests if ("offset" in request.query) == bool(count)]
    assert ["timestamp" in request.query for request in asked] == [False, True, True]


@pytest.mark.parametrize("empty", [1, 2])
@pytest.mark.parametrize("call", [0, 1, 2, 3])
def test_a_list_is_not_taken_for_empty_when_it_is_not(call: int, empty: int, api: Loopback, make_client: MakeClient) -> None:
    paged = serve(api, 10)
    nothing = range(call, call + empty)

    def answer(request: Request) -> Reply:
        return reply({"crimes": []}) if len(api.requests) - 1 in nothing else paged(request)

    api.answer = answer
    assert all_ids(read(make_client())) == set(range(1, 11))


@pytest.mark.parametrize(("call", "source", "target"), [(2, 5, 9), (2, 9, 5), (1, 9, 0), (1, 0, 9), (2, 4, 7)])
def test_a_row_that_changes_place_hides_no_other(call: int, source: int, target: int, api: Loopback, make_client: MakeClient) -> None:
    serve(api, 10, events={call: lambda ids: ids.insert(target, ids.pop(source))})
    assert all_ids(read(make_client())) == set(range(1, 11))


def test_rows_that_keep_changing_places_are_told(api: Loopback, make_client: MakeClient) -> None:
    moves = {call: lambda ids: ids.insert(9, ids.pop(5)) for call in (2, 6, 10)}
    serve(api, 10, events=moves)
    with pytest.raises(ListMoved, match=r"it has 10 rows and only 9 of them came, so some changed places, at each of 3 attempts"):
        read(make_client())


@pytest.mark.parametrize(("source", "target"), [(5, 9), (9, 5)])
@pytest.mark.parametrize("added", [1, 2, 3])
def test_a_new_row_does_not_make_up_for_a_missed_one(added: int, source: int, target: int, api: Loopback, make_client: MakeClient) -> None:
    def move(ids: list[int]) -> None:
        ids.insert(target, ids.pop(source))

    def add(ids: list[int]) -> None:
        ids[:0] = range(10 + added, 10, -1)

    serve(api, 10, events={2: move, 3: add})
    assert all_ids(read(make_client())) == set(range(1, 11 + added))


def test_a_list_that_grows_with_every_call_is_read_whole(api: Loopback, make_client: MakeClient) -> None:
    paged = serve(api, 20, events=dict.fromkeys(range(1, 100), lambda ids: ids.insert(0, len(ids) + 1)))
    pages = read(make_client(), replace(LISTING, page_size=8))
    assert all_ids(pages) == set(range(1, len(paged.ids) + 1))
    # Three pages, the proof, the last page again, and the proof again for the row that came in between.
    assert paged.calls == 6


def test_rows_without_a_key_or_with_the_same_one_are_not_missed(api: Loopback, make_client: MakeClient) -> None:
    first = {"crimes": [{"id": 3}, {"name": "x"}, {"id": 2}, {"id": 2}], "_metadata": {"links": {"next": "?offset=4"}}}
    api.replies = [reply(first), reply({"crimes": [{"id": 1}]}), reply(first)]
    assert [page.rows for page in read(make_client())] == [4, 1]


@pytest.mark.parametrize("target", [f"{PATH}?limit=4", f"{PATH}?limit=4&offset=4"])
def test_pages_in_a_circle(target: str, api: Loopback, make_client: MakeClient) -> None:
    def answer(_: Request) -> Reply:
        return reply({"crimes": [{"id": len(api.requests)}], "_metadata": {"links": {"next": api.url + target}}})

    api.answer = answer
    with pytest.raises(ListMoved, match="circle"):
        read(make_client())
    assert len(api.requests) <= 6


@pytest.mark.parametrize("offset", [5, 8, 12, 40])
def test_a_link_that_skips_rows_starts_the_list_again(offset: int, api: Loopback, make_client: MakeClient) -> None:
    paged = serve(api, 10)
    skipping = {"crimes": [{"id": number} for number in (10, 9, 8, 7)], "_metadata": {"links": {"next": f"?limit=4&offset={offset}"}}}
    api.answer = lambda request: paged(request) if len(api.requests) > 1 else reply(skipping)
    assert all_ids(read(make_client())) == set(range(1, 11))
    assert [query.get("offset") for query in paged.queries] == [None, "4", "8", None]


@pytest.mark.parametrize("url", ["http://localhost:1/v2/faction/crimes", "https://example.com/v2/faction/crimes", "/v1/faction/crimes"])
def test_a_link_to_another_place_is_not_followed(url: str, api: Loopback, make_client: MakeClient) -> None:
    api.replies = [reply({"crimes": [{"id": 1}], "_metadata": {"links": {"next": url}}})]
    with pytest.raises(RequestRefused) as caught:
        read(make_client())
    assert url in str(caught.value)
    assert api.url in str(caught.value)
    assert len(api.requests) == 1


@pytest.mark.parametrize("link", [7, {"href": "x"}, ["x"], True, "http://[/v2/faction/crimes"])
def test_a_link_that_is_none(link: object, api: Loopback, make_client: MakeClient) -> None:
    api.replies = [reply({"crimes": [], "_metadata": {"links": {"next": link}}})]
    with pytest.raises(BodyRefused, match="next page"):
        read(make_client())


@pytest.mark.parametrize("metadata", [None, [], {}, {"links": None}, {"links": []}, {"links": {}}, {"links": {"next": ""}}])
def test_no_link_is_the_end(metadata: object, api: Loopback, make_client: MakeClient) -> None:
    api.replies = [reply({"crimes": [{"id": 1}], "_metadata": metadata})]
    assert len(read(make_client())) == 1


def test_relative_links_are_followed(api: Loopback, make_client: MakeClient) -> None:
    api.replies = [
        reply({"crimes": [{"id": 2}], "_metadata": {"links": {"next": "?offset=1"}}}),
        reply({"crimes": [{"id": 1}]}),
        reply({"crimes": [{"id": 2}]}),
    ]
    assert all_ids(read(make_client())) == {1, 2}
    assert api.requests[1].path == PATH


def test_a_body_that_is_not_the_endpoints_ends_the_list(api: Loopback, make_client: MakeClient) -> None:
    api.replies = [
        reply({"crimes": [{"id": 2}], "_metadata": {"links": {"next": "?offset=1"}}}),
        reply({"members": []}),
    ]
    with pytest.raises(BodyRefused):
        read(make_client())
    assert len(api.requests) == 2


def test_an_error_half_way_is_no_end(api: Loopback, make_client: MakeClient) -> None:
    api.replies = [reply({"crimes": [{"id": 2}], "_metadata": {"links": {"next": "?offset=1"}}}), refusal(17)]
    with pytest.raises(ApiUnavailable):
        read(make_client())


def test_one_object_is_one_row(api: Loopback, make_client: MakeClient) -> None:
    api.replies = [reply({"crimes": {"id": 1}}), reply({"crimes": None})]
    for count in (1, 0):
        [page] = read(make_client(), Listing(check_body=check, root="crimes"))
        assert page.rows == count
    [page] = read(make_client(), Listing(check_body=check))
    assert page.rows == 1


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Loopback, TornClient]]:
    quota = Quota(ledger_at(tmp_path_factory.mktemp("quota") / "quota.sqlite"), 1_000_000, 0.01, hold=5)
    with (
        serving() as api,
        TornClient(api.url, keys=[KEY], account="default", quota=quota, timeout=5, max_retries=0, retry_delay=0.01) as client,
    ):
        yield api, client


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(0, 14),
    size=st.integers(1, 5),
    grown=st.lists(st.integers(0, 3), max_size=12),
)
def test_however_a_list_grows_no_row_is_missed(shared: tuple[Loopback, TornClient], count: int, size: int, grown: list[int]) -> None:
    api, client = shared
    events = {
        call: lambda ids, new=new: ids.__setitem__(slice(0, 0), range(len(ids) + new, len(ids), -1)) for call, new in enumerate(grown)
    }
    paged = serve(api, count, events=events)
    try:
        pages = read(client, Listing(check_body=check, root="crimes", page_size=size, key_of=key_of))
    except ListMoved:
        assert sum(grown) >= size  # only when a page or more came in while it was read
        return
    assert sum(page.rows - page.repeated for page in pages) == len(all_ids(pages))
    newest = max(all_ids(pages), default=0)
    assert all_ids(pages) == set(range(1, newest + 1))
    assert newest == len(paged.ids) or paged.calls == 1
