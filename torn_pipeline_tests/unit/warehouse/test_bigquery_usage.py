"""What a load took, as BigQuery's answers say it, in the receipt and on the asset."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, cast

import dagster as dg
from google.cloud.bigquery import SchemaField

from torn_pipeline import steps
from torn_pipeline.resources import io_manager
from torn_pipeline.resources.io_manager import TableLoad, WarehouseIOManager
from torn_pipeline.warehouse import Receipt
from torn_pipeline.warehouse.bigquery_service import Place, Service
from torn_pipeline_tests.conformance.warehouse_loads import fetch, load
from torn_pipeline_tests.emulator import bigquery

if TYPE_CHECKING:
    import pytest
    from pytest_httpserver import HTTPServer

PROJECT = "/bigquery/v2/projects/my-project"
ANSWER = {"schema": {"fields": [{"name": "n", "type": "INTEGER"}]}, "rows": [{"f": [{"v": "1"}]}], "totalRows": "1", "jobComplete": True}


def job(name: str, kind: str, statistics: dict[str, Any]) -> dict[str, Any]:
    """A job that has ended, in the form of https://cloud.google.com/bigquery/docs/reference/rest/v2/Job."""
    configuration: dict[str, dict[str, Any]] = {
        "query": {"query": "SELECT 1 AS n", "destinationTable": {"projectId": "my-project", "datasetId": "_a", "tableId": "b"}},
        "load": {"destinationTable": {"projectId": "my-project", "datasetId": "torn_meta", "tableId": "staged"}},
    }
    return {
        "jobReference": {"projectId": "my-project", "jobId": name, "location": "EU"},
        "configuration": {"jobType": kind.upper(), kind: configuration[kind], "labels": {"torn_call": "a call"}},
        "status": {"state": "DONE"},
        "statistics": {"creationTime": "1793448000000", "startTime": "1793448000100", "endTime": "1793448001900", **statistics},
    }


def used(server: HTTPServer, query: dict[str, Any], script: dict[str, Any], loaded: dict[str, Any]) -> tuple[int | None, int | None]:
    """What a query, a script and a load job with these statistics have used."""
    server.expect_request(f"{PROJECT}/queries", method="POST").respond_with_json(
        {"jobReference": {"projectId": "my-project", "jobId": "ledger", "location": "EU"}, **ANSWER}
    )
    server.expect_request(f"{PROJECT}/jobs/ledger").respond_with_json(job("ledger", "query", query))
    server.expect_request(f"{PROJECT}/jobs", method="POST").respond_with_json(job("lane_1", "query", script))
    server.expect_request(f"{PROJECT}/jobs/lane_1").respond_with_json(job("lane_1", "query", script))
    server.expect_request(f"{PROJECT}/queries/lane_1").respond_with_json({"jobReference": {"jobId": "lane_1"}, **ANSWER})
    server.expect_request(f"/upload{PROJECT}/jobs", method="POST").respond_with_json(
        job("staging_1", "load", loaded), headers={"Location": server.url_for("/there")}
    )
    server.expect_request("/there", method="PUT").respond_with_json(job("staging_1", "load", loaded))
    server.expect_request(f"{PROJECT}/jobs/staging_1").respond_with_json(job("staging_1", "load", loaded))
    service = Service(Place(project="my-project", dataset="torn", emulator=server.url_for("").rstrip("/")))
    with service.metered() as usage:
        assert service.rows("SELECT 1 AS n") == [{"n": 1}]
        staged = service.new_table("torn_meta", "staged", [SchemaField("n", "INTEGER")])
        service.wait(service.upload(io.BytesIO(b"PAR1"), 4, staged, "staging", "a call"))
        assert service.run("SELECT 1 AS n", None, "lane", "a call") == [{"n": 1}]
    return usage.bytes_billed, usage.slot_milliseconds


QUERY = {"totalBytesProcessed": "48213", "totalSlotMs": "412", "query": {"totalBytesBilled": "52428800", "totalSlotMs": "412"}}
SCRIPT = {"totalBytesProcessed": "90112", "totalSlotMs": "5300", "numChildJobs": "9", "query": {"totalBytesBilled": "209715200"}}
LOADED = {"totalSlotMs": "88", "load": {"inputFileBytes": "4", "outputRows": "1", "outputBytes": "8"}}


def test_the_ledger_the_load_jobs_and_the_transaction_are_counted(httpserver: HTTPServer) -> None:
    assert used(httpserver, QUERY, SCRIPT, LOADED) == (52_428_800 + 209_715_200, 412 + 88 + 5_300)


def test_what_bigquery_does_not_tell_of_all_is_not_told(httpserver: HTTPServer) -> None:
    without = {"query": {"totalBytesBilled": "209715200"}}
    assert used(httpserver, QUERY, without, LOADED) == (52_428_800 + 209_715_200, None)


def test_a_load_that_cannot_be_asked_about_is_no_failure(httpserver: HTTPServer) -> None:
    denied = {"error": {"code": 403, "message": "Access Denied", "errors": [{"reason": "accessDenied"}]}}
    httpserver.expect_oneshot_request(f"{PROJECT}/jobs/ledger").respond_with_json(denied, status=403)
    assert used(httpserver, QUERY, SCRIPT, LOADED) == (None, None)


def test_a_receipt_says_it() -> None:
    """The emulator bills nothing, and does not tell slots of scripts."""
    with bigquery() as warehouse:
        receipt = warehouse.load(load(fetch(1), {1: ()}))
    assert (receipt.bytes_billed, receipt.slot_milliseconds) == (0, None)


def test_the_asset_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    group = TableLoad(*cast("Any", (None, None, None)))
    monkeypatch.setattr(steps, "load", lambda *_given, **_options: Receipt(bytes_billed=262_144_000))
    monkeypatch.setattr(io_manager, "table_metadata", lambda *_given: {"rows_written": 1})
    context = dg.build_output_context(asset_key="faction_basic", run_id="a run")
    WarehouseIOManager(cast("Any", None)).handle_output(context, group)
    said = context.consume_logged_metadata()
    assert {name: value.value for name, value in said.items()} == {"rows_written": 1, "bytes_billed": 262_144_000}
