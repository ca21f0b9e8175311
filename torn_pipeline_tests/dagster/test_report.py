"""The validation report of real runs: it says what their checks said, as JSON and as a page, and nothing that is secret."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from torn_pipeline.alerts import open_alerts
from torn_pipeline.assets.runs import find_run
from torn_pipeline.errors import UsageError
from torn_pipeline.ops.retention import prune_reports
from torn_pipeline_tests.dagster.running import Platform, open_platform
from torn_pipeline_tests.dagster.test_runs import CRIMES, crimes_of, failure
from torn_pipeline_tests.dagster.test_wishes import wish
from torn_pipeline_tests.emulator import PROJECT, bigquery, emulator
from torn_pipeline_tests.mail import Mailbox, mail_server

if TYPE_CHECKING:
    from collections.abc import Iterator

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
SECRET = "s3cret-of-the-hook"  # noqa: S105 - made up
NASTY = f"<script>alert('{SECRET}')</script>"
CLEAN = f'"{NASTY}"'.replace(SECRET, "***")


READERS = """\
channels:
  - {{name: file, kind: file, path: told.jsonl}}
  - {{name: post, kind: email, host: localhost, port: {port}, from: torn@example.org, to: [owner@example.org], starttls: false}}
rules: [{{name: readers, kinds: [report], channels: [file, post]}}]
"""


@dataclasses.dataclass(frozen=True)
class Past:
    """A run of crimes: one is broken, one has a field that is new, and the items earned are as they should be."""

    platform: Platform
    run_id: str
    began: str
    ended: datetime
    broken: int
    moody: int


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    with open_platform(tmp_path_factory.mktemp("report"), alert_secrets={"chat": SECRET}) as platform:
        broken, moody = crimes_of(platform)[3], crimes_of(platform)[5]
        broken["slots"][0]["user"], moody["mood"] = NASTY, NASTY
        began = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        result = platform.run("faction_crimes", run_config=QUIET)
        assert result.success
        yield Past(platform, result.run_id, began, datetime.now(UTC), broken["id"], moody["id"])


class Page(HTMLParser):
    """What a page is made of: its tags, and its text with one space between words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: dict[str, list[dict[str, str | None]]] = {}
        self._text: list[str] = []
        self._cells: list[list[str]] = []
        self._is_in_cell = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.setdefault(tag, []).append(dict(attrs))
        if tag == "tr":
            self._cells.append([])
        elif tag in {"td", "th"}:
            self._cells[-1].append("")
            self._is_in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._is_in_cell &= tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        self._text.append(data)
        if self._is_in_cell:
            self._cells[-1][-1] += data

    @property
    def text(self) -> str:
        return " ".join("".join(self._text).split())

    @property
    def rows(self) -> list[list[str]]:
        return [[" ".join(cell.split()) for cell in row] for row in self._cells]


def report(platform: Platform, **config: str) -> tuple[dict[str, Any], Page, dg.AssetMaterialization]:
    """Run the job; the JSON that it wrote, the page, and what its asset says."""
    chosen = {"ops": {"report__validation": {"config": config}}} if config else {}
    job = platform.defs.resolve_job_def("report_validation")
    result = job.execute_in_process(instance=platform.instance, run_config={**QUIET, **chosen})
    (event,) = result.get_asset_materialization_events()
    said = event.materialization
    file, page = (Path(str(said.metadata[name].value)) for name in ("json", "page"))
    assert file.parent == page.parent == (platform.settings.data_dir / "reports" / "validation").absolute()
    content = json.loads(file.read_text(encoding="utf-8"))
    named = content["run"]["id"] if content["run"] else result.run_id
    assert {file.name, page.name} == {
        f"{content['made_at'].replace('-', '').replace(':', '')}_{named[:8]}.{kind}" for kind in ("json", "html")
    }
    assert [path.suffix for path in file.parent.iterdir() if path.suffix not in {".json", ".html"}] == []
    return content, Page(page.read_text(encoding="utf-8")), said


def told(content: dict[str, Any], asset: str, name: str) -> dict[str, Any]:
    """What a report says of one check."""
    (table,) = [one for one in content["assets"] if one["asset"] == asset]
    (check,) = [one for one in table["checks"] if one["check"] == name]
    assert isinstance(check, dict)
    return check


def specs_of(asset: object) -> list[dg.AssetCheckSpec]:
    assert isinstance(asset, dg.AssetsDefinition)
    return list(asset.check_specs)


def lost_of(score: dict[str, Any], table: str) -> list[int]:
    """The points that a table takes from the score of the platform, and those it could give."""
    return [value for line in score["lines"] if line["what"] == table for value in (line["lost"], line["points"])]


def test_the_report_of_a_run_says_what_it_loaded_and_what_it_left_out(past: Past) -> None:
    content, page, said = report(past.platform, run_id=past.run_id[:8])

    run, quarantine = content["run"], content["quarantine"]
    (fetch,) = run.pop("fetches")
    (landed,) = past.platform.pipeline.landing.fetches("faction_crimes")
    rows = {table: len(past.platform.rows(table)) for table in CRIMES}
    assert past.began <= run.pop("started") <= fetch.pop("fetched_at") <= fetch.pop("loaded_at") <= run.pop("ended") <= content["made_at"]
    assert fetch == {"fetch_id": landed.fetch_id, "endpoint": "faction_crimes", "account": "default", "calls": 1, "rows": rows}
    assert run == {
        "id": past.run_id,
        "endpoint": "faction_crimes",
        "account": "default",
        "status": "success",
        "error": "",
        "fetches_loaded": 1,
        "rows_loaded": sum(rows.values()),
    }
    (kept,) = past.platform.pipeline.warehouse.quarantined()
    root = {"quarantine_id": kept.quarantine_id, "root": "faction_crimes", "account": "default", "fetch_id": landed.fetch_id}
    why = {"json_path": "$.crimes[36].slots[0].user", "reason": f"expected object, got string {CLEAN}"}
    assert quarantine.pop("roots") == [root | {"key": {"_account": "default", "id": past.broken}} | why]
    reason = {"root": "faction_crimes", "table": "faction_crimes_slots", "account": "default", "count": 1}
    assert quarantine == {
        "count": 1,
        "tables": {"faction_crimes": 1},
        "reasons": [reason | why | {"json_path": "$.crimes[*].slots[*].user"}],
    }
    assert (content["version"], content["kind"], content["score"], content["never_checked"]) == (1, "run", None, [])
    assert content["counts"] == {"assets": 3, "checks": 14, "passed": 11, "warned": 2, "failed": 1, "never_made": 0, "quarantined": 1}
    assert {name: said.metadata[name].value for name in content["counts"]} == content["counts"]
    assert [one["rows"] for one in content["assets"]] == [rows[one["asset"].removeprefix("torn/")] for one in content["assets"]]
    assert f"Run {past.run_id[:8]}: validation report" in page.text
    assert [f"{past.broken}" in row[2] for row in page.rows if row[0] == kept.quarantine_id] == [True]


def test_the_report_of_a_run_says_what_each_check_found_and_what_to_do(past: Past) -> None:
    content, page, _ = report(past.platform, run_id=past.run_id)

    contract = told(content, "torn/faction_crimes", "contract")
    made_at, to_do = contract.pop("made_at"), contract.pop("to_do")
    assert past.began <= made_at <= content["made_at"]
    assert contract == {
        "check": "contract",
        "grade": "warned",
        "run_id": past.run_id,
        "account": "default",
        "says": f"new field $.crimes[*].mood, once (string, for example {CLEAN})",
        "rows": [{"_account": "default", "id": past.moody, "found": "new field $.crimes[*].mood", "value": CLEAN}],
        "asks": "Did the API answer as its contract says?",
    }
    assert to_do.startswith("There were fields that are new, missing or null")
    assert to_do.endswith("unless the endpoint says `on_new_field: report`.")
    broken, left_out = told(content, "torn/faction_crimes_slots", "contract"), told(content, "torn/faction_crimes", "quarantine")
    assert (broken["grade"], broken["rows"], left_out["grade"]) == ("failed", [], "warned")
    assert "`torn-pipeline quarantine retry --all`" in broken["to_do"]
    assert [(row["id"], row["where"]) for row in left_out["rows"]] == [(past.broken, "$.crimes[36].slots[0].user")]
    passed = told(content, "torn/faction_crimes_rewards_items", "contract")
    assert (passed["grade"], passed["says"], passed["rows"], passed["to_do"]) == ("passed", "", [], "")
    assert [str(past.moody), "new field $.crimes[*].mood", CLEAN] in page.rows
    assert f"{contract['check']} warned {made_at[:10]} {made_at[11:19]} UTC, account default {contract['says']}" in page.text
    assert to_do.replace("`", "") in page.text


def test_the_report_of_the_platform_is_what_the_scores_say_now(past: Past) -> None:
    platform = past.platform
    platform.age(timedelta(days=2))
    content, page, said = report(platform)
    health = platform.defs.resolve_job_def("ops_health").execute_in_process(instance=platform.instance, run_config=QUIET)
    (event,) = health.get_asset_materialization_events()

    score = content["score"]
    assert score["points"] == said.metadata["score"].value == event.materialization.metadata["score"].value
    assert score["points"] == 100 - sum(line["lost"] for line in score["lines"])
    assert (content["kind"], content["run"], content["quarantine"]["roots"]) == ("platform", None, [])
    checks = {(one["asset"], check["check"]): check for one in content["assets"] for check in one["checks"]}
    assert set(checks) >= {(spec.asset_key.to_user_string(), spec.name) for asset in platform.defs.assets or () for spec in specs_of(asset)}
    assert content["counts"]["checks"] == len(checks)
    crimes = checks["torn/faction_crimes", "contract"]
    assert (crimes["grade"], crimes["run_id"], crimes["account"]) == ("warned", past.run_id, "default")
    stale = checks["torn/faction_crimes", "freshness"]
    assert (stale["grade"], stale["says"], stale["run_id"]) == ("failed", "what was last loaded of second was fetched: never", "")
    assert stale["made_at"] == content["made_at"]
    never = checks["torn/torn_items", "contract"]
    assert (never["grade"], never["made_at"], never["to_do"]) == ("never made", None, "Fetch it: `torn-pipeline materialize torn_items`.")
    assert {"asset": "torn/torn_items", "check": "contract"} in content["never_checked"]
    assert {one["check"] for one in content["never_checked"] if one["asset"].startswith("torn/faction_crimes")} == set()
    assert ["faction_crimes", *map(str, lost_of(score, "faction_crimes"))] in [
        row[:1] + row[1].split(" of ") for row in page.rows if len(row) == 3
    ]


def test_a_rule_of_a_history_is_among_the_checks_of_the_platform(platform: Platform) -> None:
    platform.reload(faction_members={"storage_mode": "snapshot"})
    wish(platform, rules=[{"name": "changes", "table": "faction_members_history", "sql": "SELECT * FROM faction_members_history"}])

    content, _, _ = report(platform)

    (history,) = [one for one in content["assets"] if one["asset"] == "torn/faction_members_history"]
    assert ([one["check"] for one in history["checks"]], history["score"], history["rows"]) == (["changes"], None, None)
    assert {"asset": "torn/faction_members_history", "check": "changes"} in content["never_checked"]


def test_on_bigquery_the_report_of_a_run_is_the_same(tmp_path: Path) -> None:
    with bigquery() as warehouse:
        url = f"bigquery://{PROJECT}/{warehouse.place.dataset}?location=EU&require_partition_filter=true"
        with open_platform(tmp_path, warehouse=url, bigquery_emulator=emulator()) as platform:
            crimes_of(platform)[3]["difficulty"] = "hard"
            result = platform.run("faction_crimes", run_config=QUIET)

            content, _, _ = report(platform, run_id=result.run_id)

            (fetch,) = content["run"]["fetches"]
            assert {f"torn/{table}": rows for table, rows in fetch["rows"].items()} == {
                one["asset"]: one["rows"] for one in content["assets"]
            }
            assert fetch["rows"]["faction_crimes"] == 39
            assert [one["reason"] for one in content["quarantine"]["roots"]] == ['expected integer, got string "hard"']


def test_what_players_wrote_is_text_and_secrets_are_nowhere(past: Past) -> None:
    for config in ({}, {"run_id": past.run_id}):
        content, page, said = report(past.platform, **config)

        assert CLEAN in page.text
        assert set(page.tags) & {"script", "link", "img", "iframe"} == set()
        assert [attrs for every in page.tags.values() for attrs in every if set(attrs) & {"src", "href", "onload", "onerror"}] == []
        files = [Path(str(said.metadata[name].value)).read_text(encoding="utf-8") for name in ("json", "page")]
        assert [SECRET in text for text in files] == [False, False]
        assert "url(" not in files[1]
        assert content["warehouse"].endswith("warehouse.duckdb")


def test_a_run_that_failed_says_why_and_one_that_is_not_there_is_told(past: Past, platform: Platform) -> None:
    for crime in crimes_of(platform)[:3]:
        crime["difficulty"] = "hard"
    result = platform.run("faction_crimes", run_config=QUIET)

    content, page, _ = report(platform, run_id=result.run_id)

    assert (content["run"]["status"], content["run"]["error"], content["run"]["fetches"]) == ("failure", failure(result), [])
    assert "3 of 40 roots are broken, more than max_quarantined allows (5%)" in page.text
    assert (content["quarantine"]["count"], content["quarantine"]["reasons"][0]["count"]) == (3, 3)
    assert told(content, "torn/faction_crimes", "quarantine")["grade"] == "failed"

    job = platform.defs.resolve_job_def("report_validation")
    missing = {**QUIET, "ops": {"report__validation": {"config": {"run_id": past.run_id}}}}
    refused = job.execute_in_process(instance=platform.instance, run_config=missing, raise_on_error=False)
    assert failure(refused) == f"there is no run {past.run_id!r}, or no longer: the page Runs of Dagster's UI shows those there are"
    with pytest.raises(UsageError, match=r"runs begin with '': give more of the id"):
        find_run(platform.instance, "")


def test_health_says_how_much_is_in_quarantine_and_since_when(past: Past) -> None:
    platform = past.platform
    result = platform.defs.resolve_job_def("ops_health").execute_in_process(instance=platform.instance, run_config=QUIET)
    (event,) = result.get_asset_materialization_events()
    said, held = event.materialization.metadata, platform.pipeline.warehouse.quarantined()
    assert said["quarantined"].value == len(held) > 0
    assert said["quarantined_since"].value == min(row.quarantined_at for row in held).timestamp()


def test_who_asks_for_reports_hears_of_them_and_no_trouble_with_that_fails_one(past: Past) -> None:
    settings = past.platform.settings
    rules = settings.config.with_name("alerts.yaml")
    mailbox = Mailbox()
    try:
        with mail_server(mailbox) as port:
            rules.write_text(READERS.format(port=port))
            content, _, said = report(past.platform)
            assert said.metadata["told"].value == "file, post"
            assert open_alerts(settings).deliver(datetime.now(UTC)) == 2
        (line,) = (settings.data_dir / "told.jsonl").read_text().splitlines()
        page = Path(str(said.metadata["page"].value))
        checks = content["counts"]["checks"]
        assert (json.loads(line)["kind"], json.loads(line)["title"]) == ("report", f"Report ready: {page.name}")
        assert json.loads(line)["lines"][:3] == [
            "The validation report of the platform was written.",
            f"Page: {page}",
            f"JSON: {said.metadata['json'].value}",
        ]
        assert json.loads(line)["lines"][-1].startswith(f"Checks: {checks} (")

        (mail,) = mailbox.mails
        ((name, text),) = ((one.get_filename(), one.get_content()) for one in mail.iter_attachments())
        assert mail["Subject"] == f"[report] Report ready: {page.name}"
        assert (name, text.split()) == (page.name, page.read_text(encoding="utf-8").split())

        _, _, said = report(past.platform)  # while nobody takes mail any more
        assert said.metadata["told"].value == "file, post"
        alerts = open_alerts(settings)
        assert (alerts.deliver(datetime.now(UTC)), alerts.waiting()) == (1, {"post": 1})

        (settings.data_dir / "alerts.sqlite").write_text("no database")
        _, _, said = report(past.platform)
        assert "cannot be used" in str(said.metadata["not told"].value)
    finally:
        rules.unlink()
        (settings.data_dir / "alerts.sqlite").unlink()


def test_old_reports_go_and_what_else_is_there_stays(past: Past) -> None:
    pipeline = past.platform.pipeline
    _, _, said = report(past.platform)
    page = Path(str(said.metadata["page"].value))
    own = page.with_name("notes_of_mine.html")
    own.touch()
    there = sorted(page.parent.iterdir())
    year = timedelta(days=365)

    kept = prune_reports(pipeline.settings, pipeline.config, past.ended + year - timedelta(minutes=1))
    dry = prune_reports(pipeline.settings, pipeline.config, datetime.now(UTC) + year + timedelta(minutes=1), dry_run=True)
    assert (kept.things, sorted(page.parent.iterdir())) == (0, there)
    assert (dry.things, dry.size) == (len(there) - 1, sum(path.stat().st_size for path in there))
    assert prune_reports(pipeline.settings, pipeline.config, datetime.now(UTC) + year + timedelta(minutes=1)).things == dry.things
    assert list(page.parent.iterdir()) == [own]
