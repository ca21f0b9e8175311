"""``report`` on the console: of the platform, of one run, in all forms."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING

from torn_pipeline_tests.e2e.console import files_below

if TYPE_CHECKING:
    from torn_pipeline_tests.e2e.console import Console

MEMBERS = "faction_members"


def test_before_the_first_run_nothing_was_ever_checked_and_nothing_is_made(console: Console) -> None:
    result = console("report")
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith("no score yet, as no table is due\n")
    assert result.row(f"torn/{MEMBERS}") == [f"torn/{MEMBERS}", "0", "0", "0", "6"]
    unknown = console("report", "--run", "1a2b3c4d")
    assert (unknown.status, unknown.out) == (2, "")
    assert unknown.err == f"there is no run '1a2b3c4d', as there are none in {console.data / 'dagster'} yet\n"
    assert not (console.data / "dagster").exists()


def test_the_same_is_told_as_tables_as_json_and_as_a_page(console: Console) -> None:
    member = next(iter(console.world.factions.values())).members[0]
    member["mood"] = "tense"
    assert console("materialize", MEMBERS, "--partition", "default").status == 0
    before = files_below(console.data / "dagster")

    whole = json.loads(console("report", "--format", "json").out)
    (table,) = [one for one in whole["assets"] if one["asset"] == f"torn/{MEMBERS}"]
    (contract,) = [one for one in table["checks"] if one["check"] == "contract"]
    text = console("report", "--run", contract["run_id"][:8])
    page, there = console.folder / "pages" / "run.html", console.folder / "report.txt"
    written = console("report", "--run", contract["run_id"], "--format", "html", "--to", str(page))
    told = console("report", "--to", str(there))

    assert (contract["grade"], contract["account"]) == ("warned", "default")
    lines = text.out.splitlines()
    assert lines[0].startswith(f"run {contract['run_id']} of {MEMBERS} for default: success, 2")
    assert lines[2] == "6 checks: 5 passed, 1 warned, 0 failed, 0 never made; 0 roots in quarantine"
    assert text.row(f"torn/{MEMBERS}", "contract", "warned")[4:6] == [contract["run_id"][:8], "default"]
    assert contract["says"] in text.out
    assert (written.status, written.out) == (0, f"wrote {page}\n")
    assert escape(contract["says"], quote=False) in page.read_text(encoding="utf-8").replace("&#34;", '"')
    assert (told.status, f"torn/{MEMBERS}" in there.read_text(encoding="utf-8")) == (0, True)
    assert files_below(console.data / "dagster") == before
    assert not (console.data / "reports").exists()


def test_a_run_that_is_not_there_and_a_file_that_cannot_be_are_told_in_a_sentence(console: Console) -> None:
    assert console("materialize", MEMBERS, "--partition", "default").status == 0
    unknown = console("report", "--run", "nonesuch", "--format", "json")
    assert (unknown.status, unknown.out) == (2, "")
    assert unknown.err == "there is no run 'nonesuch', or no longer: the page Runs of Dagster's UI shows those there are\n"
    (console.folder / "file").touch()
    place = console.folder / "file" / "reports" / "report.html"
    refused = console("report", "--format", "html", "--to", str(place))
    assert (refused.status, refused.out) == (2, "")
    assert refused.err == f"{place} cannot be written: Not a directory; name another place\n"
