"""What BigQuery refuses, said in one sentence: the answers are those that its documentation names."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from google.auth.exceptions import DefaultCredentialsError

from torn_pipeline.errors import PipelineError, WarehouseBusy, WarehouseError
from torn_pipeline.tables.table import StorageMode
from torn_pipeline.warehouse.bigquery import BigQueryWarehouse
from torn_pipeline.warehouse.bigquery_service import Place, Service
from torn_pipeline_tests.conformance.warehouse_loads import fetch, load

if TYPE_CHECKING:
    from pytest_httpserver import HTTPServer


def answering(server: HTTPServer, status: int, reason: str, message: str) -> BigQueryWarehouse:
    """A warehouse whose every call is answered by this error, in the form of https://cloud.google.com/bigquery/docs/error-messages."""
    error = {"code": status, "message": message, "errors": [{"message": message, "domain": "global", "reason": reason}]}
    server.expect_request(re.compile(".*")).respond_with_json({"error": error}, status=status)
    return BigQueryWarehouse(Place(project="my-project", dataset="torn", emulator=server.url_for("").rstrip("/")))


@pytest.mark.parametrize(
    ("status", "reason", "message", "kind", "said"),
    [
        (
            403,
            "accessDenied",
            "Access Denied: Project my-project: User does not have bigquery.jobs.create permission in project my-project.",
            WarehouseError,
            "refuses my-project.torn to these credentials: Access Denied: .*jobs.create.*grant the roles that docs/bigquery.md names",
        ),
        (
            403,
            "billingNotEnabled",
            "Billing has not been enabled for this project. Enable billing at https://console.cloud.google.com/billing.",
            WarehouseError,
            "project my-project cannot be billed: .*turn billing on",
        ),
        (404, "notFound", "Not found: Project my-project", WarehouseError, "there is no project my-project .*check TORN_WAREHOUSE"),
        (
            403,
            "quotaExceeded",
            "Quota exceeded: Your project exceeded quota for free query bytes scanned.",
            WarehouseBusy,
            "has no room, or is in trouble: Quota exceeded: .*try again later",
        ),
        (
            400,
            "bytesBilledLimitExceeded",
            "Query exceeded limit for bytes billed: 10485760. 20971520 or higher required.",
            WarehouseError,
            "costs more than maximum_bytes_billed in TORN_WAREHOUSE: .*20971520",
        ),
        (400, "invalidQuery", "Syntax error: Unexpected end of script at [1:1]", WarehouseError, "refused a statement: Syntax error"),
    ],
)
def test_a_refusal_is_one_sentence(  # the status, the reason and the text are BigQuery's
    httpserver: HTTPServer, status: int, reason: str, message: str, kind: type[PipelineError], said: str
) -> None:
    with pytest.raises(kind, match=said) as caught:
        answering(httpserver, status, reason, message).load(load(fetch(1), {1: ()}))
    assert "\n" not in str(caught.value)
    assert "http://" not in str(caught.value)
    assert len(httpserver.log) <= 2, "what cannot succeed is not tried again"


def test_trouble_at_bigquery_is_tried_again_for_a_while(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torn_pipeline.warehouse.bigquery_service._PATIENCE", 0.5)
    with pytest.raises(WarehouseBusy, match=r"try again"):
        answering(httpserver, 503, "backendError", "Error encountered during execution. Retrying may solve the problem.").load(
            load(fetch(1), {1: ()})
        )
    assert len(httpserver.log) > 1


def test_a_network_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torn_pipeline.warehouse.bigquery_service._PATIENCE", 0.3)
    nowhere = BigQueryWarehouse(Place(project="my-project", dataset="torn", emulator="http://127.0.0.1:9"))
    with pytest.raises(WarehouseBusy, match=r"BigQuery \(my-project.torn\) cannot be reached: .*check the network") as caught:
        nowhere.status()
    assert "\n" not in str(caught.value)


def test_missing_credentials_are_named_with_what_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_given: object, **_options: object) -> None:
        raise DefaultCredentialsError

    monkeypatch.setattr("google.auth.default", missing)  # a machine in Google's cloud has some
    with pytest.raises(WarehouseError, match=r"gcloud auth application-default login.*GOOGLE_APPLICATION_CREDENTIALS"):
        BigQueryWarehouse(Place(project="my-project", dataset="torn")).status()


def test_a_dataset_in_another_location_is_refused(httpserver: HTTPServer) -> None:
    datasets = "/bigquery/v2/projects/my-project/datasets"
    conflict = {"code": 409, "message": "Already Exists: Dataset my-project:torn", "errors": [{"reason": "duplicate"}]}
    httpserver.expect_request(datasets, method="POST").respond_with_json({"error": conflict}, status=409)
    found = {"datasetReference": {"projectId": "my-project", "datasetId": "torn"}, "location": "US"}
    httpserver.expect_request(f"{datasets}/torn").respond_with_json(found)
    service = Service(Place(project="my-project", dataset="torn", location="EU", emulator=httpserver.url_for("").rstrip("/")))
    with pytest.raises(WarehouseError, match=r"dataset torn of project my-project is in US and TORN_WAREHOUSE says EU: add \?location=US"):
        service.ensure_datasets()


def test_a_snapshot_of_a_time_window_is_refused_before_any_call() -> None:
    nowhere = BigQueryWarehouse(Place(project="my-project", dataset="torn", emulator="http://127.0.0.1:9"))
    of_window = replace(fetch(1), window_from=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(WarehouseError, match="a snapshot is of all there is"):
        nowhere.load(load(of_window, {1: ()}, mode=StorageMode.SNAPSHOT))
