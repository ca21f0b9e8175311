"""``simulator``: the bundled Torn City API on loopback, whose world lives on from one start to the next."""

from __future__ import annotations

import json
import signal
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.options import Command
from torn_pipeline.errors import UsageError
from torn_pipeline.settings import Settings
from torn_pipeline.simulator import CACHE_SECONDS, FASTEST, Simulator, World, more_keys, variables
from torn_pipeline.simulator.keyring import export_lines

if TYPE_CHECKING:
    from pathlib import Path

    from torn_pipeline.cli.session import Session

__all__ = ["simulator"]

KEPT = "simulator.json"
OWN_FOLDER = "simulator"  # in the data directory: made up rows are kept apart from real ones
DAY = 86_400
EARLIEST, LATEST = 1_000_000_000, 4_000_000_000
SAVE_SECONDS = 10.0
PATIENCE = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A world that goes on: it follows from ``seed`` and ``born``; at the real time ``at`` its own was ``world`` (Unix seconds)."""

    seed: int
    born: int
    world: int
    at: int

    def save(self, path: Path) -> None:
        """Write it in place of what the file held, at once."""
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".json.new")
        beside.write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")
        beside.replace(path)


class _Moment(click.ParamType[int]):
    """A moment as ISO 8601 has it, UTC where it names no zone, or in Unix seconds."""

    name = "moment"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The moment in Unix seconds."""
        try:
            moment = int(value) if str(value).isdigit() else _seconds(str(value))
        except ValueError:
            self.fail(f"{value!r} is no moment: use one such as 2026-04-29T22:00:00Z, or Unix seconds", param, ctx)
        if not EARLIEST <= moment <= LATEST:
            self.fail(f"{value!r} is too long ago or too far away", param, ctx)
        return moment


@click.command(cls=Command)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Where on 127.0.0.1; 0 is a free one.")
@click.option("--seed", type=int, help="The world follows from this number; the kept world's, or 1, unless given.")
@click.option(
    "--speed", type=click.FloatRange(0, FASTEST), default=1.0, show_default=True, help="World seconds in a real one; 0 stands still."
)
@click.option(
    "--now", type=_Moment(), help="What time it is in the world at the start (ISO 8601 or Unix seconds); the real time unless given."
)
@click.option("--fresh", is_flag=True, help="Give up the kept world and start another.")
@click.pass_obj
def simulator(session: Session, *, port: int, seed: int | None, speed: float, now: int | None, fresh: bool) -> int:
    """Serve the bundled Torn simulator on loopback until Ctrl-C, with a page of controls.

    Its clock starts at the real time and runs as fast. The next start shows the same world further on: simulator.json in
    TORN_DATA_DIR keeps what it follows from. What was changed on the page, other than the time, is gone by then.
    """
    path = Settings.read()[0].data_dir / KEPT
    kept = None if fresh else _read(path)
    if kept is not None and seed not in {None, kept.seed}:
        message = f"{path} keeps a world of the seed {kept.seed}, not {seed}: add --fresh to give it up for another"
        raise UsageError(message)
    real = int(time.time())
    start = now or real
    kept = kept or _Kept(seed=1 if seed is None else seed, born=start, world=start, at=real)
    world = World(seed=kept.seed, now=kept.born)
    world.keys |= more_keys(world)
    server = _listening(world, port)
    server.data_dir = path.parent.absolute() / OWN_FOLDER
    try:
        _live(session, world, _resumed(kept, now, real, path))
        server.set_speed(speed)
        _tell(session, server)
        _serve(server, kept, path)
    finally:
        server.close()
    return 0


def _listening(world: World, port: int) -> Simulator:
    try:
        return Simulator(world, port=port, cache_seconds=CACHE_SECONDS)
    except OSError as error:
        message = f"the simulator cannot listen on 127.0.0.1:{port}: {error.strerror or error}; name another port with --port"
        raise UsageError(message) from error


def _serve(server: Simulator, kept: _Kept, path: Path) -> None:
    """Serve until Ctrl-C, and keep the clock every few seconds, as a process may be killed."""
    over = threading.Event()

    def save() -> None:
        _Kept(seed=kept.seed, born=kept.born, world=server.clock.tick(), at=int(time.time())).save(path)

    def save_again() -> None:
        while not over.wait(SAVE_SECONDS):
            save()

    save()
    saver = threading.Thread(target=save_again, name="saver", daemon=True)
    saver.start()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt):
            server.serve_forever()
    finally:
        over.set()
        saver.join()
        save()


def _tell(session: Session, server: Simulator) -> None:
    session.say(f"the simulator answers at {server.url}; use it with:")
    for line in export_lines(server.url, server.data_dir):
        session.say(line)
    for secret, variable in variables(server.world).items():
        key = server.world.keys[secret]
        access = "" if key.faction_access else ", without faction access"
        session.say(f"export {variable}={secret}  # faction {key.faction}, level {key.access}{access}")
    session.say(f"the page of controls is {server.origin}/; the world's time is {_iso(server.world.now)}, seed {server.world.seed}")


def _live(session: Session, world: World, until: int) -> None:
    """Let the world catch up, and say so when that takes a while."""
    started, told = time.monotonic(), False
    while world.now < until:
        world.advance_to(min(world.now + DAY, until))
        if not told and time.monotonic() - started > PATIENCE:
            session.tell(f"letting the world live until {_iso(until)}: it is {_iso(world.now)} there")
            told = True


def _resumed(kept: _Kept, now: int | None, real: int, path: Path) -> int:
    """The world's time at the start: as much later than when it was left as it is in the real world."""
    if now is None:
        return kept.world + max(0, real - kept.at)
    if now < kept.world:
        message = f"the world that {path} keeps has lived until {_iso(kept.world)}: name a later --now, or add --fresh"
        raise UsageError(message)
    return now


def _read(path: Path) -> _Kept | None:
    """The kept world; None when there is none.

    Raises:
        UsageError: when the file cannot be read, or is none of ours.
    """
    try:
        kept = _Kept(**json.loads(path.read_text(encoding="utf-8")))
        sound = all(type(value) is int for value in asdict(kept).values()) and EARLIEST <= kept.born <= kept.world <= LATEST
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        message = f"{path} keeps no world that can be read ({type(error).__name__}): add --fresh to start another"
        raise UsageError(message) from error
    if not sound:
        message = f"{path} keeps no world that could be: add --fresh to start another"
        raise UsageError(message)
    return kept


def _seconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _iso(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
