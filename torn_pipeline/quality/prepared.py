"""What validation let through, ready to be loaded: frames, quarantine and findings of one fetch."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

import polars as pl

from torn_pipeline.tables.findings import Findings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from torn_pipeline.tables.normalise import Batch, Rejected

__all__ = ["Prepared"]

IN_MEMORY = 32 * 2**20  # bytes of frames kept in memory; what comes after them waits on disk


class Prepared:
    """The batches of one fetch, to be gone over as often as a load needs.

    The first :data:`IN_MEMORY` bytes of frames stay in memory, later ones go to files below ``folder``
    (Arrow IPC), so that memory does not grow with the fetch. Use it as a context manager: the files go with it.
    """

    def __init__(self, folder: Path) -> None:
        self.findings = Findings()
        self.rejected: list[Rejected] = []
        self.roots = 0
        self.rows: dict[str, int] = {}
        self._parent = folder
        self._folder: Path | None = None
        self._frames: list[dict[str, pl.DataFrame | Path]] = []
        self._held = 0

    def __enter__(self) -> Self:
        """The batches themselves."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Remove the files."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def quarantined_share(self) -> float:
        """The share of roots that are left out, 0 to 1."""
        return len(self.rejected) / self.roots if self.roots else 0.0

    def add(self, batch: Batch) -> None:
        """Keep a validated batch."""
        self.roots += batch.roots
        self.rejected += batch.rejected
        for finding in batch.findings:
            self.findings.add(finding)
        for name, frame in batch.frames.items():
            self.rows[name] = self.rows.get(name, 0) + frame.height
        self._frames.append({name: self._keep(name, frame) for name, frame in batch.frames.items()})

    def __iter__(self) -> Iterator[Mapping[str, pl.DataFrame]]:
        """The frames by table, a batch at a time."""
        for batch in self._frames:
            yield {name: pl.read_ipc(frame) if isinstance(frame, Path) else frame for name, frame in batch.items()}

    def _keep(self, name: str, frame: pl.DataFrame) -> pl.DataFrame | Path:
        size = int(frame.estimated_size())
        if self._held + size <= IN_MEMORY or not frame.height:
            self._held += size
            return frame
        if self._folder is None:
            self._parent.mkdir(parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(dir=self._parent, prefix="prepared-"))
        path = self._folder / f"{len(self._frames)}-{name}.arrow"
        frame.write_ipc(path)
        return path
