"""``prune`` on the console: what would be freed, and what was."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from torn_pipeline_tests.e2e.console import files_below

if TYPE_CHECKING:
    from torn_pipeline_tests.e2e.console import Console, Result

LONG_AGO = 1_700_000_000


def freed(result: Result) -> dict[str, list[str]]:
    """Things, bytes and the moment since which all is kept, by class."""
    lines = [line for line in result.out.splitlines() if not line.startswith(("what", "-"))]
    return {line.rsplit(maxsplit=3)[0]: line.rsplit(maxsplit=3)[1:] for line in lines if line.strip()}


def test_what_is_old_goes_and_a_dry_run_says_so_before(console: Console) -> None:
    assert console("fetch", "faction_basic").status == 0
    spilled = console.data / "tmp" / "prepared-old"
    spilled.mkdir(parents=True)
    (spilled / "0-faction_basic.arrow").write_bytes(b"0123456789")
    for path in (spilled / "0-faction_basic.arrow", spilled):
        os.utime(path, (LONG_AGO, LONG_AGO))
    report = console.data / "reports" / "validation" / "20200101T053000Z_01234567.html"
    report.parent.mkdir(parents=True)
    report.write_bytes(b"01234")
    before = files_below(console.data / "landing")

    told = console("prune", "--dry-run")
    assert spilled.exists()
    assert report.exists()
    done = console("prune")

    assert (told.status, done.status, done.err) == (0, 0, "")
    assert freed(told)["temporary"][:2] == freed(done)["temporary"][:2] == ["1", "10"]
    assert freed(done)["landing, upsert"] == ["0", "0", "forever"]
    assert "runs" not in freed(done)  # nothing has run in Dagster yet
    assert freed(told)["reports"][:2] == freed(done)["reports"][:2] == ["1", "5"]
    assert not spilled.exists()
    assert not report.exists()
    assert files_below(console.data / "landing") == before


def test_dagsters_past_is_among_it(console: Console) -> None:
    assert console("materialize", "faction_basic", "--partition", "default").status == 0
    left = console.data / "dagster" / "storage" / "01234567-89ab-cdef-0123-456789abcdef"
    left.mkdir(parents=True)
    done = console("prune")
    assert (done.status, done.err) == (0, "")
    assert freed(done)["runs"][0] == "1"
    assert freed(done)["ticks"][0] == "0"
    assert not left.exists()
    assert console("materialize", "faction_basic", "--partition", "default").status == 0
