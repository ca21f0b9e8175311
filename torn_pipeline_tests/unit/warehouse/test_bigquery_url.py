"""Which BigQuery a URL means, and what is said of one that means none."""

from __future__ import annotations

from pathlib import Path

import pytest

from torn_pipeline.errors import ConfigError
from torn_pipeline.settings import Settings
from torn_pipeline.warehouse import warehouse_from_url
from torn_pipeline.warehouse.bigquery import BigQueryWarehouse
from torn_pipeline.warehouse.bigquery_service import Place

DATA = Path("data")


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("bigquery://my-project/torn", Place(project="my-project", dataset="torn", location="EU")),
        ("bigquery://my-project/torn?location=europe-west3", Place(project="my-project", dataset="torn", location="europe-west3")),
        ("bigquery://example.org:my-project/torn", Place(project="example.org:my-project", dataset="torn")),
        (
            "bigquery://my-project/torn?maximum_bytes_billed=1000000000&location=US",
            Place(project="my-project", dataset="torn", location="US", maximum_bytes_billed=1_000_000_000),
        ),
        (
            "bigquery://my-project/torn?require_partition_filter=true",
            Place(project="my-project", dataset="torn", require_partition_filter=True),
        ),
        ("bigquery://my-project/torn?require_partition_filter=false", Place(project="my-project", dataset="torn")),
    ],
)
def test_a_url_names_project_dataset_and_location(url: str, place: Place) -> None:
    warehouse = warehouse_from_url(url, DATA)
    assert isinstance(warehouse, BigQueryWarehouse)
    assert warehouse.place == place
    assert warehouse.label == f"BigQuery dataset {place.project}.{place.dataset} ({place.location})"


@pytest.mark.parametrize("host", ["127.0.0.1:9050", "http://127.0.0.1:9050"])
def test_the_emulators_address_is_the_ecosystems_own_variable(host: str) -> None:
    settings = Settings.from_environment({"BIGQUERY_EMULATOR_HOST": host})
    assert settings.environment()["BIGQUERY_EMULATOR_HOST"] == host
    warehouse = warehouse_from_url("bigquery://torn/torn", DATA, bigquery_emulator=settings.bigquery_emulator)
    assert isinstance(warehouse, BigQueryWarehouse)
    assert warehouse.place.emulator == "http://127.0.0.1:9050"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("bigquery://my-project", "names no BigQuery project and dataset"),
        ("bigquery:///torn", "names no BigQuery project and dataset"),
        ("bigquery://user:secret@my-project/torn", "names no BigQuery project and dataset"),
        ("bigquery://my-project/torn/crimes", "names no BigQuery project and dataset"),
        ("bigquery://my-project/torn-data", "names no BigQuery project and dataset"),
        ("bigquery://My_Project/torn", "names no BigQuery project and dataset"),
        ("bigquery://my-project/torn?location=", "option that is not one of BigQuery's"),
        ("bigquery://my-project/torn?region=EU", "option that is not one of BigQuery's"),
        ("bigquery://my-project/torn?maximum_bytes_billed=1e9", "option that is not one of BigQuery's"),
        ("bigquery://my-project/torn?require_partition_filter=yes", "option that is not one of BigQuery's"),
        ("bigquery://my-project/torn?key=secret", "option that is not one of BigQuery's"),
    ],
)
def test_a_wrong_url_is_refused_in_one_sentence_without_repeating_it(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        warehouse_from_url(url, DATA)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
