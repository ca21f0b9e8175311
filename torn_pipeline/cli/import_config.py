"""``import-config``: a TCdatalogger config as one of ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.options import Command
from torn_pipeline.errors import UsageError
from torn_pipeline.redaction import Redactor
from torn_pipeline.settings import Settings

if TYPE_CHECKING:
    from torn_pipeline.cli.session import Session

__all__ = ["import_config"]


@click.command("import-config", cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def import_config(session: Session, *, file: Path) -> int:
    """Print FILE, the TC_API_config.json of TCdatalogger, as a config of ours.

    The config goes to stdout, to be redirected into a file. What was changed, merged or left out, and which variables the
    keys belong in, goes to stderr. No key is printed. Nothing is written and no call is made.
    """
    from torn_pipeline.cli.importing import imported_from

    settings, _ = Settings.read()
    session.redact = Redactor(settings.secrets)
    imported = imported_from(_text(file), str(file), settings.secrets)
    for note in imported.notes:
        session.tell(note)
    session.say(imported.text.rstrip("\n"))
    return 0


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{file}: is not UTF-8 text: save it as UTF-8"
        raise UsageError(message) from error
    except OSError as error:
        message = f"{file}: cannot be read: {error.strerror or error}; name the TC_API_config.json of TCdatalogger"
        raise UsageError(message) from error
