"""``simulator``: the bundled Torn City API on loopback."""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.options import Command
from torn_pipeline.errors import UsageError
from torn_pipeline.simulator import Simulator, World

if TYPE_CHECKING:
    from torn_pipeline.cli.session import Session

__all__ = ["simulator"]


@click.command(cls=Command)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Where on 127.0.0.1; 0 is a free one.")
@click.option("--seed", type=int, default=1, show_default=True, help="The world that it shows follows from this number.")
@click.pass_obj
def simulator(session: Session, *, port: int, seed: int) -> int:
    """Serve the bundled Torn simulator on loopback until Ctrl-C."""
    try:
        server = Simulator(World(seed=seed), port=port)
    except OSError as error:
        message = f"the simulator cannot listen on 127.0.0.1:{port}: {error.strerror or error}; name another port with --port"
        raise UsageError(message) from error
    session.say(f"the simulator answers at {server.url}; use it with:")
    session.say(f"export TORN_API_URL={server.url}")
    for number, (key, opens) in enumerate(server.world.keys.items(), start=1):
        variable = "TORN_API_KEY" if number == 1 else f"TORN_API_KEY_FACTION{number}"
        session.say(f"export {variable}={key}  # faction {opens.faction}, level {opens.access}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        server.serve_forever()
    return 0
