"""A stateful Torn City API on loopback, for the demo and the tests.

Here belongs a small world, the HTTP server that shows it as the API would, and a page of controls. It imports nothing of
the rest of the package, so that what it answers owes nothing to the contracts. ``cli`` and tests may
import it.
"""

from __future__ import annotations

from torn_pipeline.simulator.api import CACHE_SECONDS
from torn_pipeline.simulator.chaos import Chaos
from torn_pipeline.simulator.clock import FASTEST
from torn_pipeline.simulator.faults import (
    FAULTS,
    Answer,
    CutJson,
    Delay,
    Drop,
    DuplicatePage,
    EmptyBody,
    EmptyList,
    ErrorCode,
    Fault,
    HalfBody,
    Html,
    HttpStatus,
    InvalidUtf8,
    KeyDies,
    NewField,
    NextLink,
    OtherBody,
    RowMoved,
    RowsAdded,
)
from torn_pipeline.simulator.keyring import more_keys, variables
from torn_pipeline.simulator.server import Answered, Call, Simulator
from torn_pipeline.simulator.shapes import SHAPES
from torn_pipeline.simulator.world import Access, Faction, Key, KeyState, Rival, Size, User, World

__all__ = [
    "CACHE_SECONDS",
    "FASTEST",
    "FAULTS",
    "SHAPES",
    "Access",
    "Answer",
    "Answered",
    "Call",
    "Chaos",
    "CutJson",
    "Delay",
    "Drop",
    "DuplicatePage",
    "EmptyBody",
    "EmptyList",
    "ErrorCode",
    "Faction",
    "Fault",
    "HalfBody",
    "Html",
    "HttpStatus",
    "InvalidUtf8",
    "Key",
    "KeyDies",
    "KeyState",
    "NewField",
    "NextLink",
    "OtherBody",
    "Rival",
    "RowMoved",
    "RowsAdded",
    "Simulator",
    "Size",
    "User",
    "World",
    "more_keys",
    "variables",
]
