"""Lists by time and by offset: pages, links, windows, filters, categories."""

from __future__ import annotations

from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from torn_pipeline_tests.unit.simulator.made import ONE, START, TWO, fill

if TYPE_CHECKING:
    from torn_pipeline.simulator import World
    from torn_pipeline_tests.unit.simulator.conftest import Caller

EVERY_NEWS = "main,attack,crime,membership,depositFunds"
LISTS = [
    "/faction/attacks",
    "/faction/attacksfull",
    "/faction/chains",
    "/faction/revives",
    "/faction/revivesFull",
    f"/faction/news?cat={EVERY_NEWS}",
]


@pytest.fixture(autouse=True)
def filled(world: World) -> None:
    fill(world)


def ids(rows: list[dict[str, Any]]) -> list[Any]:
    return [row["id"] for row in rows]


def every_id(world: World, path: str) -> list[Any]:
    faction = world.faction(ONE)
    rows = {"attacks": faction.attacks, "attacksfull": faction.attacks, "chains": faction.chains, "news": [row for _, row in faction.news]}
    rows |= {"revives": faction.revives, "revivesFull": faction.revives}
    return ids(rows[urlsplit(path).path.split("/")[-1]])


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", [4, 7, 100])
def test_older_pages_bring_every_row_and_only_the_second_of_a_cut_again(world: World, caller: Caller, path: str, limit: int) -> None:
    pages = caller.pages(path, link="prev", limit=limit)
    expected = every_id(world, path)[::-1]
    assert list(dict.fromkeys(ids(list(chain(*pages))))) == expected
    for earlier, later in pairwise(pages):
        repeated = set(ids(earlier)) & set(ids(later))
        assert repeated
        assert len({row.get("ended", row.get("timestamp", row.get("start"))) for row in later if row["id"] in repeated}) == 1


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", [4, 7, 100])
def test_newer_pages_bring_no_row_twice_and_leave_out_the_rest_of_a_second(world: World, caller: Caller, path: str, limit: int) -> None:
    pages = caller.pages(path, sort="ASC", limit=limit)
    found, expected = ids(list(chain(*pages))), every_id(world, path)
    assert found == [one for one in expected if one in found]
    when = {row["id"]: row.get("ended") for row in world.faction(ONE).attacks}
    cuts = {when.get(page[-1]["id"]) for page in pages[:-1]}
    if "attacks" in path:
        assert {when[one] for one in set(expected) - set(found)} <= cuts
    if "chains" in path or limit == 100:
        assert found == expected


@pytest.mark.parametrize(("sort", "link", "other", "moved"), [("DESC", "prev", "next", "to"), ("ASC", "next", "prev", "from")])
def test_a_link_moves_one_bound_and_keeps_the_question_without_the_key(
    caller: Caller, sort: str, link: str, other: str, moved: str
) -> None:
    bounds = {"from": str(START - 1), "to": str(START + 500)}
    body = caller.json("/faction/attacks", "", key_="full-of-one", sort=sort, limit=10, filters="outgoing", comment="me", **bounds)
    assert body["_metadata"]["links"][other] is None
    url = body["_metadata"]["links"][link]
    assert url.startswith(f"{caller.simulator.url}/faction/attacks?")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    expected = {"sort": sort, "limit": "10", "filters": "outgoing", "comment": "me", **bounds, moved: str(body["attacks"][-1]["ended"])}
    assert asked == expected


def test_a_window_leaves_out_its_start_and_keeps_its_end(world: World, caller: Caller) -> None:
    found = caller.json("/faction/attacks", from_=START, to=START + 3, sort="ASC")["attacks"]
    assert found == world.faction(ONE).attacks[3:12]
    assert caller.json("/faction/attacks", from_=START + 10_000)["attacks"] == []


@pytest.mark.parametrize(
    ("path", "asked", "got"),
    [("attacks", 1_000, 100), ("attacks", None, 100), ("attacksfull", 5_000, 1_000), ("attacksfull", None, 1_000), ("chains", 500, 100)],
)
def test_a_page_has_its_most_rows(world: World, caller: Caller, path: str, asked: int | None, got: int) -> None:
    faction = world.faction(ONE)
    faction.attacks.extend([row | {"id": 600_000 + n, "ended": START + 1_000 + n} for n, row in enumerate(faction.attacks * 18)])
    faction.chains.extend([row | {"id": 8_000 + n, "start": START + 90_000 + n} for n, row in enumerate(faction.chains * 12)])
    body = caller.json(f"/faction/{path}" if asked is None else f"/faction/{path}?limit={asked}")
    assert [len(rows) for name, rows in body.items() if name != "_metadata"] == [got]


def test_attacks_are_incoming_or_outgoing(world: World, caller: Caller) -> None:
    outgoing = ids(caller.json("/faction/attacks", filters="outgoing", sort="ASC")["attacks"])
    incoming = ids(caller.json("/faction/attacks", filters="incoming", sort="ASC")["attacks"])
    assert outgoing == ids([row for row in world.faction(ONE).attacks if row["attacker"] and row["attacker"]["id"] < 900])
    assert sorted(outgoing + incoming) == every_id(world, "/faction/attacks")
    assert len(caller.json("/faction/attacks", filters="incoming,outgoing")["attacks"]) == 60


def test_a_window_may_be_one_of_ids(caller: Caller) -> None:
    found = caller.json("/faction/attacksfull", filters="idFilter", from_=500_010, to=500_013, sort="ASC")["attacks"]
    assert ids(found) == [500_011, 500_012, 500_013]


def test_revives_are_of_members_or_by_them_or_both(world: World, caller: Caller) -> None:
    revives = world.faction(ONE).revives
    incoming = ids([row for row in revives if row["target"]["faction"]])
    outgoing = ids([row for row in revives if row["reviver"]["faction"]])
    assert ids(caller.json("/faction/revives", filters="incoming", sort="ASC")["revives"]) == incoming
    assert ids(caller.json("/faction/revives", filters="outgoing", sort="ASC")["revives"]) == outgoing
    assert set(incoming) & set(outgoing)
    assert len(caller.json("/faction/revivesFull", filters="incoming,outgoing")["revives"]) == len(revives)
    found = caller.json("/faction/revives", filters="idFilter,incoming", from_=40_000, to=40_006, sort="ASC")["revives"]
    assert ids(found) == [40_001, 40_003, 40_005, 40_006]


def test_a_revive_is_without_tags_unless_asked_and_simplified_with_ids_alone(world: World, caller: Caller) -> None:
    row = world.faction(ONE).revives[0]
    assert caller.json("/faction/revives", sort="ASC", limit=1, striptags="false")["revives"] == [row]
    target = {**row["target"], "hospital_reason": "Lost to Vex"}
    assert caller.json("/faction/revives", sort="ASC", limit=1)["revives"] == [{**row, "target": target}]
    (simple,) = caller.json("/faction/revivesFull", sort="ASC", limit=1)["revives"]
    assert simple["reviver"] == {"id": 900, "faction_id": None}
    condition = {name: value for name, value in target.items() if name not in {"id", "name", "faction"}}
    assert simple["target"] == {"id": 100, "faction_id": ONE, **condition}


def test_raids_and_territory_wars_are_the_factions_own_by_their_start(world: World, caller: Caller) -> None:
    own = ids([row for row in world.raids if row["aggressor"]["id"] == ONE])
    assert ids(caller.json("/faction/raids")["raids"]) == own[::-1]
    assert [len(page) for page in caller.pages("/faction/raids", link="prev", limit=11)] == [11, 10]
    assert ids(caller.json(f"/faction/{TWO}/raids", sort="ASC")["raids"]) == [304, 309, 314, 319, 324]
    body = caller.json("/faction/territorywars", sort="ASC", limit=3)
    assert body == {"territorywars": world.territory_wars[:3]}, "this list is without links"
    for name, first in (("raids", 300), ("territorywars", 600)):
        window = caller.json(f"/faction/{name}", from_=START, to=START + 86_400 * 2, sort="ASC")[name]
        assert ids(window) == [first + 1, first + 2]


def test_simplified_attacks_have_ids_for_people_and_factions(caller: Caller) -> None:
    hidden, own = caller.json("/faction/attacksfull", sort="ASC", limit=3)["attacks"][1:]
    assert hidden["attacker"] is None
    assert hidden["defender"] == {"id": 101, "faction_id": ONE}
    assert own["attacker"] == {"id": 102, "faction_id": ONE}
    assert own["defender"] == {"id": 902, "faction_id": None}
    assert set(own) == {"id", "code", "started", "ended", "attacker", "defender", "result", "respect_gain", "respect_loss"}


def test_news_is_html_unless_tags_are_stripped(world: World, caller: Caller) -> None:
    told = [row for category, row in world.faction(ONE).news if category in {"crime", "main"}]
    assert caller.json("/faction/news", cat="crime,main", sort="ASC")["news"] == told
    stripped = caller.json("/faction/news", cat="crime", striptags="true")["news"]
    assert {row["text"] for row in stripped} == {"Ash &lt;3 did it"}


def test_ranked_wars_are_the_factions_own_by_offset(world: World, caller: Caller) -> None:
    own = [row for row in world.ranked_wars if ONE in {side["id"] for side in row["factions"]}]
    pages = caller.pages("/faction/rankedwars", limit=6)
    assert list(chain(*pages)) == own[::-1]
    assert [len(page) for page in pages] == [6, 6, 6, 2]
    assert len(caller.json("/faction/rankedwars")["rankedwars"]) == 20
    assert ids(caller.json(f"/faction/{TWO}/rankedwars", sort="ASC")["rankedwars"]) == [904, 909, 914, 919, 924]
    window = caller.json("/faction/rankedwars", from_=START, to=START + 86_400 * 2, sort="ASC")["rankedwars"]
    assert ids(window) == [901, 902]


@pytest.mark.parametrize(
    ("code", "path", "query"),
    [
        (4, "/faction/attacks", {"filters": "sideways"}),
        (4, "/faction/attacks", {"sort": "UP"}),
        (4, "/faction/attacks", {"limit": 0}),
        (4, "/faction/chains", {"to": "now"}),
        (4, "/faction/news", {"cat": "crime", "striptags": "1"}),
        (4, "/faction/rankedwars", {"offset": "x"}),
        (21, "/faction/news", {}),
        (21, "/faction/news", {"cat": "gossip"}),
        (21, "/faction/news", {"cat": "crime,gossip"}),
        (
            21,
            "/faction/news",
            {"cat": "main,attack,armoryDeposit,armoryAction,territoryWar,rankedWar,territoryGain,chain,crime,membership,depositFunds"},
        ),
    ],
)
def test_a_wrong_question_is_answered_with_an_error(caller: Caller, code: int, path: str, query: dict[str, str | int]) -> None:
    assert caller.code(path, "full-of-one", **query) == code
