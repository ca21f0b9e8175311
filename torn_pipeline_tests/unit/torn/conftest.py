"""A loopback API and clients of it."""

from __future__ import annotations

from contextlib import ExitStack
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

import pytest

from torn_pipeline.torn import Quota, TornClient
from torn_pipeline.torn.ledger import ledger_at
from torn_pipeline_tests.postgres import postgres
from torn_pipeline_tests.unit.torn.clocks import Clock
from torn_pipeline_tests.unit.torn.loopback import Loopback, serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

KEY = "planted0Key1For2Tests"
OTHER_KEY = "another0Key1For2Tests"


class MakeClient(Protocol):
    def __call__(
        self,
        *,
        keys: Sequence[str] = ...,
        account: str = ...,
        timeout: float = ...,
        max_retries: int = ...,
        window: float = ...,
        url: str = ...,
        access: str = ...,
        others: Mapping[str, Sequence[str]] = ...,
    ) -> TornClient: ...


@pytest.fixture
def api() -> Iterator[Loopback]:
    with serving() as server:
        yield server


LEDGERS = ("sqlite", "postgres")


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where the ledger is: a new file, or a new database for tests that ask for ``LEDGERS``, indirectly."""
    return postgres() if getattr(request, "param", "") == "postgres" else tmp_path / "new" / "quota.sqlite"


@pytest.fixture
def clock(place: Path | str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """The ledger's clock: 2026-04-29 22:00 UTC."""
    clock = Clock(1_777_500_000.0)
    clock.rule(place, monkeypatch)
    yield clock
    clock.let_go()


@pytest.fixture
def make_client(api: Loopback, place: Path | str) -> Iterator[MakeClient]:
    with ExitStack() as stack:

        def make(
            *,
            keys: Sequence[str] = (KEY,),
            account: str = "default",
            timeout: float = 5.0,
            max_retries: int = 0,
            window: float = 0.05,
            url: str = "",
            access: str = "",
            others: Mapping[str, Sequence[str]] = MappingProxyType({}),
        ) -> TornClient:
            quota = Quota(ledger_at(place), 1000, window, hold=timeout)
            return stack.enter_context(
                TornClient(
                    url or api.url,
                    keys=keys,
                    account=account,
                    quota=quota,
                    timeout=timeout,
                    max_retries=max_retries,
                    retry_delay=0.01,
                    access=access,
                    others=others,
                )
            )

        yield make
