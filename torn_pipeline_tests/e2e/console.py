"""The console script as a user has it: called in a folder of its own, against a simulated Torn City."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torn_pipeline.cli import run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torn_pipeline.simulator import Simulator, World

__all__ = ["Console", "Result", "files_below"]

SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a call ended. ``out`` is stdout, ``err`` stderr."""

    status: int
    raw: bytes
    err: str

    @property
    def out(self) -> str:
        return self.raw.decode()

    def row(self, *words: str) -> list[str]:
        """The cells of the one line of a table that holds these words."""
        (line,) = [line for line in self.out.splitlines() if set(words) <= set(line.split())]
        return line.split()


@dataclass(frozen=True, kw_only=True)
class Console:
    """Calls the console script in ``folder``; ``environment`` holds all of its own variables."""

    folder: Path
    world: World
    simulator: Simulator
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """What the calls write to."""
        return self.folder / "data"

    def __call__(self, *arguments: str) -> Result:
        """Call it in this process."""
        out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True), io.StringIO()
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            with redirect_stdout(out), redirect_stderr(err):
                status = run(arguments)
        finally:
            os.environ.clear()
            os.environ.update(before)
        content = out.buffer
        assert isinstance(content, io.BytesIO)
        return Result(status=status, raw=content.getvalue(), err=err.getvalue())

    def child(self, *arguments: str, code: str = "", given: bytes = b"", environment: Mapping[str, str] | None = None) -> Result:
        """Call it in a process of its own; with ``code``, Python that runs before it."""
        done = subprocess.run(  # noqa: S603 - the command is our own
            self.command(*arguments, code=code),
            cwd=self.folder,
            env=self.child_environment(environment),
            input=given,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        return Result(status=done.returncode, raw=done.stdout, err=done.stderr.decode())

    def command(self, *arguments: str, code: str = "") -> list[str]:
        """The command line of a process of its own."""
        if code:
            return [sys.executable, "-c", f"{code}\nfrom torn_pipeline.cli import main\nmain()", *arguments]
        return [sys.executable, "-m", "torn_pipeline", *arguments]

    def child_environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of a process of its own: nothing of the developer's but what a process needs."""
        return {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | self.environment | dict(more or {})


def files_below(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, with what is in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
