"""Reports as files: ``reports/validation/<moment>_<run>.json`` and ``.html`` below the data directory."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from torn_pipeline.durable import replace_file
from torn_pipeline.errors import PipelineError
from torn_pipeline.ops.report.content import as_json
from torn_pipeline.ops.report.page import report_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torn_pipeline.ops.report.content import Content

__all__ = ["report_files", "write_report"]

_FOLDER = Path("reports/validation")
_MOMENT = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"(?P<moment>\d{8}T\d{6}Z)_[\w-]+\.(?:json|html)")
_SHOWN = 8  # digits of a run's id, as Dagster's UI shows it


def write_report(data_dir: Path, content: Content, run_id: str, at: datetime) -> tuple[Path, Path]:
    """Write a report of the moment ``at`` (UTC), named for a run, and say where: the JSON and the page. Each is whole or not there.

    Raises:
        PipelineError: the disk refuses.
    """
    stem = data_dir / _FOLDER / f"{at:{_MOMENT}}_{run_id[:_SHOWN]}"
    written = stem.with_name(f"{stem.name}.json"), stem.with_name(f"{stem.name}.html")
    for path, text in zip(written, (as_json(content), report_page(content)), strict=True):
        try:
            replace_file(path, text.encode())
        except OSError as error:
            message = f"{path} cannot be written: {error.strerror or error}; look at the disk and the permissions of its folder"
            raise PipelineError(message) from error
    return written


def report_files(data_dir: Path, before: datetime) -> Iterator[Path]:
    """The files of reports of a moment before ``before`` (UTC); what else lies beside them is none of ours."""
    for path in sorted((data_dir / _FOLDER).glob("*")):
        match = _NAME.fullmatch(path.name)
        if match and datetime.strptime(match["moment"], _MOMENT).replace(tzinfo=UTC) < before:
            yield path
