"""Mistakes that are made in a writer to see that the suite catches them."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from torn_pipeline.warehouse import Warehouse

__all__ = ["Mutation", "is_caught", "nothing", "of", "replace_function"]


@dataclass(frozen=True)
class Mutation:
    """A mistake, by name, and the behaviour that it breaks, with the arguments that the behaviour takes besides the warehouse.

    With ``sql`` every statement that matches gets ``instead`` in the place of the match, or (in DuckDB) is left out when
    that is ``None``. With ``function`` (its owner and its name) that function is replaced by ``instead``, a value or a function.
    """

    name: str
    behaviour: Callable[..., None]
    given: tuple[Any, ...] = ()
    sql: str = ""
    instead: Any = None
    function: tuple[Any, str] | None = None


def nothing(*_: Any, **__: Any) -> None:  # noqa: ANN401 - it takes what the function takes
    """What a function that was forgotten does."""


def of(result: Any) -> Callable[..., Any]:  # noqa: ANN401 - as above
    """A function that always answers the same."""
    return lambda *_, **__: result


def replace_function(mutation: Mutation, patch: pytest.MonkeyPatch) -> Callable[[], bool]:
    """Replace the mutation's function; the result tells whether it was called."""
    assert mutation.function is not None
    reached: list[bool] = []
    owner, name = mutation.function
    if not callable(mutation.instead):
        patch.setattr(owner, name, mutation.instead)
        return lambda: True

    def called(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - handed on as they are
        reached.append(True)
        return mutation.instead(*given, **named)

    patch.setattr(owner, name, called)
    return lambda: bool(reached)


def is_caught(mutation: Mutation, warehouse: Warehouse, patch: pytest.MonkeyPatch) -> bool:
    """Whether the behaviour fails."""
    wanted = [name for name in inspect.signature(mutation.behaviour).parameters if name == "monkeypatch"]
    try:
        mutation.behaviour(warehouse, *mutation.given, *(patch for _ in wanted))
    except (Exception, pytest.fail.Exception):  # noqa: BLE001 - whatever a behaviour fails with
        return True
    return False
