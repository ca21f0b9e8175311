"""What every log record says about the work it was written in: which run, endpoint, account, fetch and call.

Here belongs how these facts are bound to the work and read by the log. Not here: how a record looks (``ops``).
Every layer may import it. A thread begins with none of them, unless it is started in a copy of the context.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["bound", "bound_fields"]

_NONE: dict[str, str] = {}
_fields: ContextVar[Mapping[str, str]] = ContextVar("torn_pipeline_correlation", default=_NONE)


def bound_fields() -> Mapping[str, str]:
    """What is bound to the work at hand, by name."""
    return _fields.get()


@contextmanager
def bound(**fields: str) -> Iterator[None]:
    """Let every record that is written within the block carry these fields, besides those of the blocks around it.

    An empty value leaves what is bound already.
    """
    before = _fields.get()
    _fields.set({**before, **{name: value for name, value in fields.items() if value}})
    try:
        yield
    finally:
        _fields.set(before)
