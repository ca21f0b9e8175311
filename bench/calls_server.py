"""A server that answers at once with bytes it has ready, so that what is measured is the client: ``python -m bench.calls_server``."""

from __future__ import annotations

import socketserver
import sys

import orjson

from torn_pipeline.simulator import Size, World

__all__ = ["CRIMES"]

CRIMES = 100


class _Server(socketserver.ThreadingTCPServer):
    """Knows its answers by the last part of a path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        (faction, *_) = World(size=Size(crimes=CRIMES)).factions.values()
        info = {"selections": {}, "access": {"level": 4, "type": "Full Access"}, "user": {"id": 1, "faction_id": faction.id}}
        bodies = {b"basic": {"basic": faction.basic}, b"crimes": {"crimes": faction.crimes}, b"info": {"info": info}}
        self.answers = {name: _answer(orjson.dumps(body)) for name, body in bodies.items()}


class _Handler(socketserver.StreamRequestHandler):
    """Answers every request of a connection."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Answer until the client is gone."""
        while line := self.rfile.readline():
            while self.rfile.readline().strip():
                pass
            if isinstance(self.server, _Server):
                self.wfile.write(self.server.answers[line.split(b" ")[1].rpartition(b"/")[2]])


def _answer(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


if __name__ == "__main__":
    with _Server() as server:
        sys.stdout.write(f"http://127.0.0.1:{server.server_address[1]}/v2\n")
        sys.stdout.flush()
        server.serve_forever()
