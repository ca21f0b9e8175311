"""A small world on loopback, and a caller that uses one connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from torn_pipeline.simulator import Key, Simulator, Size, World

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = Size(members=24, crimes=45, items=60, attacks=20)
KEYS = {
    "full-of-one": Key(11, 40_832),
    "second-of-one": Key(11, 40_832, "Public"),
    "minimal-of-one": Key(12, 40_832, "Minimal"),
    "limited-of-one": Key(13, 40_832, "Limited"),
    "full-of-two": Key(22, 8_991),
    "without-access": Key(14, 40_832, faction_access=False),
    "of-nobody": Key(15, 0),
}


class Caller:
    """Calls a simulator as a client would, over one connection."""

    def __init__(self, simulator: Simulator, session: requests.Session) -> None:
        self.simulator = simulator
        self.session = session

    def get(self, path: str, key: str = "full-of-one", **query: str | int) -> requests.Response:
        headers = {"Authorization": f"ApiKey {key}"} if key else {}
        url = path if path.startswith("http") else self.simulator.url + path
        return self.session.get(url, params={name.rstrip("_"): value for name, value in query.items()}, headers=headers, timeout=10)

    def json(self, path: str, key: str = "full-of-one", **query: str | int) -> Any:  # noqa: ANN401 - a body is any JSON
        response = self.get(path, key, **query)
        assert response.status_code == 200
        return response.json()

    def code(self, path: str, key: str = "full-of-one", **query: str | int) -> int:
        return int(self.json(path, key, **query)["error"]["code"])

    def pages(self, path: str, key: str = "full-of-one", link: str = "next", **query: str | int) -> list[list[dict[str, Any]]]:
        """The rows of every page; ``link`` says which of the two is followed."""
        found = []
        body = self.json(path, key, **query)
        while True:
            found += [rows for name, rows in body.items() if name != "_metadata"]
            following = body["_metadata"]["links"][link]
            if following is None:
                return found
            body = self.json(following, key)


@pytest.fixture
def world() -> World:
    return World(keys=KEYS, size=SIZE)


@pytest.fixture
def simulator(world: World) -> Iterator[Simulator]:
    with Simulator(world) as running:
        yield running


@pytest.fixture
def caller(simulator: Simulator) -> Iterator[Caller]:
    with requests.Session() as session:
        session.trust_env = False
        yield Caller(simulator, session)
