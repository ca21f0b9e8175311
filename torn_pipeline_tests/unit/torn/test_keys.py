"""What is remembered of keys, on a clock that tests turn; and which people's keys may stand together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torn_pipeline.errors import BodyRefused, ConfigError, KeyRefused
from torn_pipeline.settings import Settings
from torn_pipeline.torn.codes import AccessTooLow
from torn_pipeline.torn.keys import check_owners, key_states, read_key_info
from torn_pipeline.torn.ledger import ledger_at
from torn_pipeline_tests.unit.torn.conftest import KEY, LEDGERS, OTHER_KEY
from torn_pipeline_tests.unit.torn.loopback import Reply, key_info, raw, refusal, reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from torn_pipeline_tests.unit.torn.clocks import Clock
    from torn_pipeline_tests.unit.torn.conftest import MakeClient
    from torn_pipeline_tests.unit.torn.loopback import Loopback

DATA = {"basic": {"id": 7}}
PATH = "/faction/basic"
HOUR = 3600.0
FOREVER = (1, 2, 10, 13, 18)

both = pytest.mark.parametrize("place", LEDGERS, indirect=True)


@pytest.mark.parametrize("code", FOREVER)
def test_a_key_that_is_done_is_never_tried_again(code: int, api: Loopback, make_client: MakeClient, clock: Clock) -> None:
    api.replies = [refusal(code, "said")]
    with pytest.raises(KeyRefused, match=rf"error {code}, 'said', to key 1 of TORN_API_KEY"):
        make_client().get(PATH)
    for days in (0, 1, 100):
        clock.now += days * 24 * HOUR
        with pytest.raises(
            KeyRefused, match=rf"no key can be used \(key 1 of TORN_API_KEY: error {code}, 'said' on 2026-04-29 22:00 UTC\)"
        ):
            make_client().get("/faction/members")
    assert len(api.requests) == 1
    api.replies = [reply(DATA)]
    assert make_client(keys=(OTHER_KEY,)).get(PATH).body == DATA


@both
def test_a_key_that_is_done_for_today_is_tried_tomorrow(api: Loopback, make_client: MakeClient, clock: Clock) -> None:
    api.replies = [refusal(14), reply(DATA)]
    with pytest.raises(KeyRefused, match="run it again tomorrow"):
        make_client().get(PATH)
    clock.now += 2 * HOUR - 1
    with pytest.raises(KeyRefused, match="error 14"):
        make_client().get(PATH)
    assert len(api.requests) == 1
    clock.now += 1
    assert make_client().get(PATH).body == DATA


@both
def test_a_level_that_is_too_low_rules_out_one_path_for_the_day(api: Loopback, make_client: MakeClient, clock: Clock) -> None:
    api.answer = lambda request: refusal(16) if request.path == "/faction/crimes" else reply(DATA)
    for _ in range(2):
        with pytest.raises(AccessTooLow, match=r"error 16.+TORN_API_KEY"):
            make_client().get("/faction/crimes")
    assert make_client().get(PATH).body == DATA
    assert [request.path for request in api.requests] == ["/faction/crimes", PATH]
    clock.now += 24 * HOUR
    with pytest.raises(AccessTooLow):
        make_client().get("/faction/crimes")
    assert len(api.requests) == 3


def test_a_wall_in_front_of_the_api_is_not_remembered(api: Loopback, make_client: MakeClient) -> None:
    api.replies = [reply({}, status=403), reply(DATA)]
    with pytest.raises(KeyRefused):
        make_client().get(PATH)
    assert make_client().get(PATH).body == DATA


@both
def test_the_api_is_asked_about_a_key_once_a_day(api: Loopback, make_client: MakeClient, clock: Clock) -> None:
    api.replies = [reply(DATA)]
    for _ in range(3):
        make_client().get(PATH)
    assert len(api.asked_about) == 1
    clock.now += 2 * HOUR
    make_client().get(PATH)
    assert len(api.asked_about) == 2


@pytest.mark.parametrize(
    "about",
    [
        lambda: refusal(17),
        lambda: refusal(5),
        lambda: refusal(6),
        lambda: refusal(16),
        lambda: reply({}, status=403),
        lambda: Reply(b""),
        lambda: raw(b"<html>", keep=True),
        lambda: reply({"info": {"access": "everything"}}),
        lambda: reply([]),
    ],
)
def test_an_api_that_cannot_tell_of_a_key_stops_nothing(
    about: Callable[[], Reply], api: Loopback, make_client: MakeClient, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    api.replies, api.about_key = [reply(DATA)], lambda _: about()
    for _ in range(3):
        assert make_client(access="Full").get(PATH).body == DATA
    assert len(api.asked_about) == 1
    assert "key 1 of TORN_API_KEY is used without knowing its level and owner" in caplog.text
    clock.now += HOUR
    make_client().get(PATH)
    assert len(api.asked_about) == 2


@pytest.mark.parametrize(
    ("about", "needs", "says"),
    [
        (("Public Only", 1, ()), "Limited", "its level is Public, and /faction/crimes needs Limited"),
        (("Minimal Access", 2, ()), "Limited", "its level is Minimal, and /faction/crimes needs Limited"),
        (("Limited Access", 3, ()), "Limited", ""),
        (("Full Access", 4, ()), "Limited", ""),
        (("Custom", 0, ("basic",)), "Limited", "its level is Custom without crimes of faction"),
        (("Custom", 0, ("basic", "crimes")), "Limited", ""),
        (("Something New", 9, ()), "Limited", ""),
        (("Public Only", 1, ()), "", ""),
    ],
)
def test_an_endpoint_that_needs_more_is_refused_before_it_is_asked(
    about: tuple[str, int, tuple[str, ...]], needs: str, says: str, api: Loopback, make_client: MakeClient
) -> None:
    kind, level, selections = about
    api.replies, api.about_key = [reply(DATA)], lambda _: key_info(kind=kind, level=level, faction=selections)
    if says:
        with pytest.raises(AccessTooLow, match=says):
            make_client(access=needs).get("/faction/crimes")
        assert api.requests == []
    else:
        assert make_client(access=needs).get("/faction/crimes").body == DATA


@both
def test_accounts_of_one_person_are_refused_before_use(api: Loopback, make_client: MakeClient) -> None:
    api.replies = [reply(DATA)]
    make_client(others={"second": (OTHER_KEY,)}).get(PATH)
    with pytest.raises(ConfigError, match="the accounts `second` and `default` have keys of one user"):
        make_client(account="second", keys=(OTHER_KEY,), others={"default": (KEY,)}).get(PATH)
    with pytest.raises(ConfigError, match="the accounts `default` and `second` have keys of one user"):
        make_client(others={"second": (OTHER_KEY,)}).get(PATH)
    assert len(api.requests) == 1


def test_keys_of_several_people_in_one_account_are_refused(api: Loopback, make_client: MakeClient) -> None:
    api.answer = lambda request: refusal(2) if request.key == KEY else reply(DATA)
    api.about_key = lambda request: key_info(owner=1 if request.key == KEY else 2)
    with pytest.raises(ConfigError, match=r"TORN_API_KEY belong to different users \(1, 2\)"):
        make_client(keys=(KEY, OTHER_KEY)).get(PATH)
    assert [request.key for request in api.requests] == [KEY]


@both
@pytest.mark.usefixtures("clock")
def test_the_states_tell_all_but_the_key(api: Loopback, make_client: MakeClient, place: Path | str) -> None:
    api.answer = lambda request: refusal(18, "paused") if request.key == KEY else reply(DATA)
    api.about_key = lambda _: key_info(owner=12, kind="Limited Access", level=3)
    make_client(keys=(KEY, OTHER_KEY), window=60).get(PATH)
    accounts = {"default": (KEY, OTHER_KEY), "second": ("unused0Key1For2Tests",), "third": ()}
    states = key_states(ledger_at(place), accounts)
    assert [(one.account, one.place, one.level, one.owner, one.state, one.calls) for one in states] == [
        ("default", "key 1 of TORN_API_KEY", "Limited", 12, "error 18, 'paused' on 2026-04-29 22:00 UTC", 2),
        ("default", "key 2 of TORN_API_KEY", "Limited", 12, "usable", 2),
        ("second", "key 1 of TORN_API_KEY_SECOND", "", None, "usable", 0),
    ]
    assert not any(key in repr(states) for key in (KEY, OTHER_KEY, "unused0Key1For2Tests"))
    for file in place.parent.iterdir() if isinstance(place, Path) else ():
        assert not any(key.encode() in file.read_bytes() for key in (KEY, OTHER_KEY))


@both
def test_a_key_that_works_again_is_used_after_a_refresh(api: Loopback, make_client: MakeClient) -> None:
    api.replies = [refusal(18), refusal(16), reply(DATA)]
    client = make_client()
    for path in (PATH, "/faction/crimes"):
        with pytest.raises(KeyRefused):
            client.get(path)
        client.refresh_keys()
    assert client.get("/faction/crimes").body == DATA
    api.about_key = lambda _: refusal(18)
    client.refresh_keys()
    with pytest.raises(KeyRefused, match="error 18"):
        client.get(PATH)
    assert len(api.requests) == 3


@both
def test_threads_ask_about_a_key_once(api: Loopback, make_client: MakeClient) -> None:
    api.replies = [reply(DATA)]
    client = make_client()
    with ThreadPoolExecutor(8) as pool:
        assert [answer.body for answer in pool.map(client.get, [PATH] * 16)] == [DATA] * 16
    assert len(api.asked_about) == 1


@pytest.mark.parametrize("body", [{}, {"info": None}, {"info": {"access": {}, "user": {}, "selections": {}}}, {"info": []}])
def test_an_answer_that_is_no_key_info_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(BodyRefused, match="/key/info"):
        read_key_info(body)


@given(
    accounts=st.dictionaries(
        st.sampled_from(["a", "b", "c", "d"]), st.lists(st.sampled_from("1234567"), min_size=1, max_size=3, unique=True), max_size=4
    ),
    owners=st.dictionaries(st.sampled_from("1234567"), st.integers(1, 3)),
)
def test_people_and_accounts_go_together_one_by_one(accounts: dict[str, list[str]], owners: dict[str, int]) -> None:
    """Nothing is said exactly when no account has keys of two people, and no person or key has two accounts."""
    people = {account: {owners[key] for key in keys if key in owners} for account, keys in accounts.items()}
    marks = {account: people[account] | set(keys) for account, keys in accounts.items()}
    mixed = [account for account, found in people.items() if len(found) > 1]
    shared = [(one, other) for one in accounts for other in accounts if one < other and marks[one] & marks[other]]
    problems = check_owners(accounts, owners)
    assert bool(problems) == bool(mixed or shared)
    for account in mixed:
        assert any("different users" in problem and f"`{account}`" in problem for problem in problems)
    for pair in shared:
        assert any(f"`{account}`" in problem for problem in problems for account in pair)


def test_a_key_id_shows_nothing_of_the_key() -> None:
    assert Settings.id_of(KEY) == Settings(keys={"default": (KEY,)}).key_id("default")
    assert Settings.id_of(KEY) != Settings.id_of(OTHER_KEY)
    assert KEY[:4] not in Settings.id_of(KEY)
