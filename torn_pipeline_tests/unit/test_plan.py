"""What follows from an endpoint's config and its contract."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from torn_pipeline import plan as plans
from torn_pipeline.config import PipelineConfig, load_config
from torn_pipeline.errors import BodyRefused, ConfigError
from torn_pipeline.plan import EndpointPlan, plan_of
from torn_pipeline.settings import Settings
from torn_pipeline.tables.contracts import CONTRACTS
from torn_pipeline_tests.unit.tables.builders import contract, integer, listing, mapping, text, thing

if TYPE_CHECKING:
    from pathlib import Path

    from torn_pipeline.tables.contract import Contract

Json = Any


def config_of(folder: Path, **endpoint: object) -> PipelineConfig:
    file = folder / "pipeline.json"
    given = {"name": "x", "path": "/faction/crimes", "frequency": "PT15M", "storage_mode": "replace"} | endpoint
    file.write_bytes(orjson.dumps({"accounts": [{"name": "default"}], "endpoints": [given]}, option=orjson.OPT_INDENT_2))
    return load_config(Settings(config=file))


def plan(folder: Path, **endpoint: object) -> EndpointPlan:
    config = config_of(folder, **endpoint)
    return plan_of(config.endpoint("x"), config)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, Contract]:
    """The contracts, to which a test may add its own."""
    contracts = dict(CONTRACTS)
    monkeypatch.setattr(plans, "CONTRACTS", contracts)
    return contracts


def add(known: dict[str, Contract], given: Contract) -> str:
    known[given.path] = given
    return given.path


# --- tables ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "name", "key"),
    [
        ({"storage_mode": "upsert"}, "faction_crimes", ("_account", "id")),
        ({"storage_mode": "append"}, "faction_crimes", ("_account", "id", "_fetched_at")),
        ({"table": "oc"}, "oc", ("_account", "id")),
        ({"path": "/torn/items"}, "torn_items", ("id",)),
        ({"path": "/torn/items", "scope": "account"}, "torn_items", ("_account", "id")),
        ({"path": "/faction/balance"}, "faction_balance", ("_account",)),
    ],
)
def test_tables_follow_from_path_table_scope_and_mode(tmp_path: Path, endpoint: dict[str, str], name: str, key: tuple[str, ...]) -> None:
    made = plan(tmp_path, **endpoint)

    assert (made.root.name, made.root.key) == (name if "table" in endpoint else made.endpoint.table, key)
    assert made.is_global == (made.endpoint.scope == "global")
    assert {table.root for table in made.tables} == {made.root.name}


def test_a_path_without_a_contract_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"pipeline\.json:.*: endpoints\.x\.path: there is no contract for /faction/applications; .*/faction/crimes"
    ):
        plan(tmp_path, path="/faction/applications")


def test_rows_without_a_key_cannot_be_upserted(tmp_path: Path, known: dict[str, Contract]) -> None:
    for given in (
        CONTRACTS["/faction/balance"],
        contract("/torn/hof", listing("hof", text("name"))),
        contract("/torn/skills", mapping("skills", integer("level"))),
        contract("/faction/wars", listing("wars", integer("id")), listing("pacts", text("name"))),
    ):
        path = add(known, given)
        with pytest.raises(ConfigError, match=r"endpoints\.x\.storage_mode: the rows of \w+ have no key, .*: use append or replace"):
            plan(tmp_path, path=path, storage_mode="upsert")
        assert plan(tmp_path, path=path, storage_mode="replace").tables


def test_the_version_changes_with_the_contract_and_with_what_new_fields_become(tmp_path: Path, known: dict[str, Contract]) -> None:
    crimes = plan(tmp_path)
    reporting = plan(tmp_path, on_new_field="report")
    path = add(known, contract("/faction/crimes", listing("crimes", integer("id"))))
    mended = plan(tmp_path, path=path)

    assert len({crimes.version, reporting.version, mended.version}) == 3
    assert plan(tmp_path, path=path, storage_mode="append").version == mended.version


# --- bodies ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/faction/crimes", {"crimes": []}),
        ("/faction/crimes", {"crimes": [{"id": 1}], "_metadata": {}}),
        ("/faction/basic", {"basic": {}}),
        ("/faction/balance", {"balance": {"members": []}}),
    ],
)
def test_the_endpoints_body_is_accepted(tmp_path: Path, path: str, body: Json) -> None:
    plan(tmp_path, path=path).check_body(body)


@pytest.mark.parametrize(
    ("path", "body", "found"),
    [
        ("/faction/crimes", {"members": []}, "holds 'members' where 'crimes' is expected"),
        ("/faction/crimes", {}, "holds nothing where 'crimes' is expected"),
        ("/faction/crimes", {"crimes": None}, "has no list as 'crimes'"),
        ("/faction/crimes", {"crimes": {}}, "has no list as 'crimes'"),
        ("/faction/crimes", {"error": {"code": 5, "error": "Too many requests"}}, "holds 'error' where"),
        ("/faction/basic", {"basic": []}, "has no object as 'basic'"),
        ("/faction/basic", {"basic": None}, "has no object as 'basic'"),
        ("/faction/crimes", [], "is no JSON object"),
        ("/faction/crimes", None, "is no JSON object"),
        ("/faction/crimes", "crimes", "is no JSON object"),
    ],
)
def test_any_other_body_is_refused(tmp_path: Path, path: str, body: Json, found: str) -> None:
    with pytest.raises(BodyRefused, match=f"the answer of {path} {found}.*check the endpoint's path"):
        plan(tmp_path, path=path).check_body(body)


def test_a_body_that_is_its_own_row_is_known_by_any_of_its_keys(tmp_path: Path, known: dict[str, Contract]) -> None:
    made = plan(tmp_path, path=add(known, contract("/torn/timestamp", integer("timestamp"))))

    made.check_body({"timestamp": 5})
    assert (made.root_key, made.count_rows({"timestamp": 5}), made.key_of) == (None, 1, None)
    with pytest.raises(BodyRefused, match="holds 'error' where 'timestamp' is expected"):
        made.check_body({"error": 5})


def test_rows_are_counted_in_the_root(tmp_path: Path, known: dict[str, Contract]) -> None:
    skills = plan(tmp_path, path=add(known, contract("/torn/skills", mapping("skills", integer("level")))))

    assert plan(tmp_path).count_rows({"crimes": [1, 2, 3], "_metadata": {}}) == 3
    assert plan(tmp_path, path="/faction/balance").count_rows({"balance": {"members": [1, 2]}}) == 1
    assert skills.count_rows({"skills": {"a": {}, "b": {}}}) == 2


# --- keys of rows --------------------------------------------------------------------------------------------


def test_a_row_is_known_by_its_key_and_not_at_all_without_one(tmp_path: Path) -> None:
    key_of = plan(tmp_path).key_of

    assert key_of is not None
    assert key_of({"id": 5, "name": "a"}) == key_of({"id": 5})
    assert key_of({"id": 5}) != key_of({"id": 6})
    keyless: list[Json] = [{"id": None}, {"id": []}, {"id": {}}, {"id": True}, {}, None, [], 5]
    assert [key_of(row) for row in keyless] == [None] * 8


def test_rows_that_have_no_key_are_not_told_apart(tmp_path: Path, known: dict[str, Contract]) -> None:
    hof = add(known, contract("/torn/hof", listing("hof", text("name"))))

    assert plan(tmp_path, path=hof).key_of is None
    assert plan(tmp_path, path="/faction/basic").key_of is None


def test_a_natural_key_may_stand_deeper(tmp_path: Path, known: dict[str, Contract]) -> None:
    given = contract(
        "/torn/rackets", listing("rackets", thing("territory", text("code")), integer("level")), keys={"": ("territory_code", "level")}
    )
    key_of = plan(tmp_path, path=add(known, given)).key_of

    assert key_of is not None
    assert key_of({"territory": {"code": "A"}, "level": 2}) == ("A", 2)
    assert key_of({"territory": None, "level": 2}) is None


# --- finding a root again ------------------------------------------------------------------------------------


def test_a_root_is_found_again_in_its_body(tmp_path: Path) -> None:
    made = plan(tmp_path)
    body = {"crimes": [{"id": 1, "name": "é"}, {"id": 2, "v": "old"}, "odd", None, {"id": 2, "v": "new"}]}

    assert made.find_root(body, {"_account": "default", "id": 1}) == '{"id": 1, "name": "é"}'.encode()
    assert json.loads(made.find_root(body, {"_account": "default", "id": 2})) == {"id": 2, "v": "new"}
    assert made.find_root(body, {"_account": "default", "id": 3}) == b"null"


def test_the_only_object_is_its_own_root(tmp_path: Path) -> None:
    made = plan(tmp_path, path="/faction/balance")
    body = {"balance": {"members": [{"id": 1}, {"id": 1}]}}

    assert json.loads(made.find_root(body, {"_account": "default"})) == body["balance"]


def test_a_root_of_a_map_and_of_a_list_beside_the_main_one(tmp_path: Path, known: dict[str, Contract]) -> None:
    skills = plan(tmp_path, path=add(known, contract("/torn/skills", mapping("skills", integer("level")))))
    stocks = plan(tmp_path, path=add(known, contract("/torn/stocks", mapping("stocks", integer("id")))))
    wars = plan(tmp_path, path=add(known, contract("/faction/wars", thing("wars", integer("n")), listing("pacts", integer("id")))))

    assert skills.find_root({"skills": {"a": {"level": 1}, "b": {"level": 2}}}, {"key": "b"}) == b'{"level": 2}'
    assert stocks.find_root({"stocks": {"a": {"id": 1}, "b": {"id": 2}}}, {"id": 2}) == b'{"id": 2}'
    assert wars.find_root({"wars": {"n": 1}, "pacts": [{"id": 3}]}, {"id": 3}, wars.tables[1].name) == b'{"id": 3}'


def test_a_row_without_a_key_is_not_mistaken_for_another(tmp_path: Path, known: dict[str, Contract]) -> None:
    made = plan(tmp_path, path=add(known, contract("/torn/hof", listing("hof", text("name")))))

    assert made.find_root({"hof": [{"name": "a"}, {"name": "b"}]}, {"_account": "default", "_index": 1}) == b"null"
