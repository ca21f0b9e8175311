"""The platform in trouble, as short as schedules of a minute allow: everything recovers, and who looks hears of it once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torn_pipeline_tests.e2e.chaos import chaos

if TYPE_CHECKING:
    from pathlib import Path


def test_after_errors_a_dead_key_and_two_kills_all_is_right_and_told_once(tmp_path: Path) -> None:
    paths = ("/faction/crimes", "/faction/members")
    left = chaos(tmp_path, seconds=0, paths=paths, frequency="PT1M", share=0.25)
    assert left.problems == []

    assert left.ill.returncode == 1
    assert "second cannot be used" in left.ill.stdout  # by itself, or with what failed for it
    assert "not well" in left.ill.stdout.splitlines()[-1]
    assert (left.well.returncode, left.well.stdout.partition(":")[0]) == (0, "well"), left.well.stdout
    shown = [line.split() for line in left.status.stdout.splitlines() if "faction_" in line]
    assert [row[:2] for row in shown] == [[path[1:].replace("/", "_"), account] for path in paths for account in ("default", "second")]
    assert "never" not in left.status.stdout
