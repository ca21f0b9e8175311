"""Prepared batches: gone over as often as wanted, on disk beyond their memory, and gone afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from torn_pipeline.quality import prepared
from torn_pipeline.quality.prepared import Prepared
from torn_pipeline.tables.findings import Finding, Findings, Kind
from torn_pipeline.tables.normalise import Batch, Rejected

if TYPE_CHECKING:
    from pathlib import Path


def batch(start: int, rows: int, *, broken: int = 0) -> Batch:
    frames = {
        "t": pl.DataFrame({"id": range(start, start + rows), "name": [f"é{number}" for number in range(rows)]}),
        "t_children": pl.DataFrame(schema={"t_id": pl.Int64(), "seen_at": pl.Datetime("us", "UTC")}),
    }
    rejected = [
        Rejected(table="t", root="t", key={"id": number}, json_path="$", reason="r", raw=b"{}", raw_id="p") for number in range(broken)
    ]
    return Batch(frames, rejected, Findings([Finding(Kind.MISSING, "t", "$.a", "", rows, "")]), rows + broken)


@pytest.mark.parametrize(("in_memory", "files"), [(0, 3), (1, 2), (4, 0)])
def test_batches_come_back_the_same_as_often_as_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: int, files: int) -> None:
    given = [batch(0, 20), batch(20, 30), batch(50, 0), batch(50, 20)]
    monkeypatch.setattr(prepared, "IN_MEMORY", sum(one.frames["t"].estimated_size() for one in given[:in_memory]))

    with Prepared(tmp_path / "tmp") as kept:
        for one in given:
            kept.add(one)
        for _ in range(2):
            again = list(kept)
            assert len(again) == 4
            for one, frames in zip(given, again, strict=True):
                assert list(frames) == ["t", "t_children"]
                assert all(one.frames[name].equals(frame) and one.frames[name].schema == frame.schema for name, frame in frames.items())
        on_disk = list(tmp_path.rglob("*.arrow"))

    assert len(on_disk) == files
    assert list(tmp_path.rglob("*.arrow")) == []
    assert not any((tmp_path / "tmp").glob("*")) if on_disk else not (tmp_path / "tmp").exists()


def test_files_go_also_when_the_load_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "IN_MEMORY", 0)

    def fail() -> None:
        with Prepared(tmp_path) as kept:
            kept.add(batch(0, 5))
            assert list(tmp_path.rglob("*.arrow"))
            message = "no"
            raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="no"):
        fail()

    assert list(tmp_path.iterdir()) == []


def test_two_fetches_at_once_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "IN_MEMORY", 0)

    with Prepared(tmp_path) as one:
        one.add(batch(0, 5))
        with Prepared(tmp_path) as other:
            other.add(batch(100, 5))
            assert next(iter(other))["t"]["id"].to_list() == [100, 101, 102, 103, 104]
        assert next(iter(one))["t"]["id"].to_list() == [0, 1, 2, 3, 4]


def test_rows_roots_findings_and_broken_roots_add_up(tmp_path: Path) -> None:
    with Prepared(tmp_path) as kept:
        assert kept.quarantined_share == 0.0
        kept.add(batch(0, 6, broken=1))
        kept.add(batch(6, 2, broken=1))

        assert (kept.roots, kept.rows, len(kept.rejected)) == (10, {"t": 8, "t_children": 0}, 2)
        assert kept.quarantined_share == 0.2
        assert list(kept.findings) == [Finding(Kind.MISSING, "t", "$.a", "", 8, "")]
