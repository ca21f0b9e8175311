"""What is said of a wrong question to BigQuery: the answers are those that its documentation names, and the emulator's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from torn_pipeline.errors import QueryRefused, WarehouseError
from torn_pipeline.warehouse.bigquery import BigQueryWarehouse
from torn_pipeline.warehouse.bigquery_service import Place
from torn_pipeline_tests.conformance.warehouse_loads import fetch, load
from torn_pipeline_tests.emulator import bigquery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_httpserver import HTTPServer


TOO_DEAR = "Query exceeded limit for bytes billed: 10485760. 20971520 or higher required."


def asked(server: HTTPServer, reason: str, message: str, sql: str, *, status: int = 400) -> str:
    """What is said of a query that BigQuery answers so; the one table that is there is ``things``."""
    tables, columns = "/bigquery/v2/projects/my-project/datasets/torn/tables", [{"name": name, "type": "STRING"} for name in ("id", "name")]
    reference = {"projectId": "my-project", "datasetId": "torn", "tableId": "things"}
    server.expect_request(tables).respond_with_json({"tables": [{"tableReference": reference, "type": "TABLE"}]})
    server.expect_request(f"{tables}/things").respond_with_json({"tableReference": reference, "schema": {"fields": columns}})
    server.expect_request(re.compile(".*torn_meta.*")).respond_with_json({"tableReference": reference | {"datasetId": "torn_meta"}})
    error = {"code": status, "message": message, "errors": [{"message": message, "domain": "global", "reason": reason}]}
    server.expect_request("/bigquery/v2/projects/my-project/jobs").respond_with_json({"error": error}, status=status)
    warehouse = BigQueryWarehouse(Place(project="my-project", dataset="torn", emulator=server.url_for("").rstrip("/")))
    with pytest.raises(WarehouseError) as caught:
        warehouse.query(sql)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, QueryRefused) == (reason != "bytesBilledLimitExceeded")
    return str(caught.value)


@pytest.mark.parametrize(
    ("reason", "message", "sql", "said"),
    [
        (
            "invalidQuery",
            "Unrecognized name: nme; Did you mean name? at [2:3]",
            "SELECT id,\n  nme\nFROM things",
            "the query is wrong in line 2, column 3: there is no column nme; did you mean name?",
        ),
        (
            "invalidQuery",
            "Unrecognized name: nme at [1:48]",
            "SELECT 1 FROM torn.things WHERE nme > 1",
            "the query is wrong in line 1, column 33: there is no column nme; did you mean name?",
        ),
        (
            "invalidQuery",
            'Syntax error: Unexpected identifier "SELEC" at [1:1]',
            "SELEC 1",
            'the query is wrong in line 1, column 1: Syntax error: Unexpected identifier "SELEC"',
        ),
        (
            "invalidQuery",
            "Function not found: date_trnc; Did you mean date_trunc? at [1:8]",
            "SELECT date_trnc(id) FROM things",
            "the query is wrong in line 1, column 8: there is no function date_trnc; did you mean date_trunc?",
        ),
        (
            "invalidQuery",
            "Name nme not found inside t at [1:10]",
            "SELECT t.nme FROM things t",
            "the query is wrong in line 1, column 10: t has no column nme; did you mean name?",
        ),
        ("invalidQuery", "Division by zero: 1 / 0", "SELECT 1/0", "the query is wrong: Division by zero: 1 / 0"),
        (
            "notFound",
            "Not found: Table my-project:torn.thingz was not found in location EU",
            "SELECT * FROM thingz",
            "the query is wrong: there is no table thingz; did you mean things?",
        ),
        (
            "bytesBilledLimitExceeded",
            TOO_DEAR,
            "SELECT * FROM things",
            f"BigQuery stopped a statement that costs more than maximum_bytes_billed in TORN_WAREHOUSE: {TOO_DEAR}",
        ),
    ],
)
def test_what_bigquery_finds_wrong_is_said_where_it_stands(  # the reasons and the texts are BigQuery's
    httpserver: HTTPServer, reason: str, message: str, sql: str, said: str
) -> None:
    assert asked(httpserver, reason, message, sql, status=404 if reason == "notFound" else 400) == said


@pytest.fixture
def warehouse() -> Iterator[BigQueryWarehouse]:
    with bigquery() as opened:
        yield opened


def test_a_wrong_question_is_told_from_a_wrong_warehouse(warehouse: BigQueryWarehouse) -> None:
    warehouse.load(load(fetch(1), {1: ("a",)}))
    only = "only a SELECT may be asked, and one at a time: give a single SELECT"
    for sql, said in (
        ("SELECT *\nFROM thingz", "the query is wrong: there is no table thingz; did you mean things?"),
        ("SELECT nme FROM torn.things", "the query is wrong: there is no column nme; did you mean name?"),
        ("SELECT\n  nofun(id) FROM things", "the query is wrong in line 2, column 3: there is no function nofun"),
        ("SELECT 1/0 FROM things", "the query is wrong: division by zero: 1 / 0"),
        ("DELETE FROM things WHERE TRUE", only),
        ("SELECT 1; SELECT 2", only),
        ("", only),
    ):
        with pytest.raises(QueryRefused) as caught:
            warehouse.query(sql)
        assert str(caught.value) == said
