"""A stateful Torn City API on loopback, for the demo and the tests.

Here belongs a small world and the HTTP server that shows it as the API would. It imports nothing of
the rest of the package, so that what it answers owes nothing to the contracts. ``cli`` and tests may
import it.
"""

from __future__ import annotations

from torn_pipeline.simulator.faults import Answer, CutJson, Delay, Drop, ErrorCode, Fault, HalfBody, Html, HttpStatus, NextLink
from torn_pipeline.simulator.server import Call, Simulator
from torn_pipeline.simulator.world import Access, Faction, Key, Size, World

__all__ = [
    "Access",
    "Answer",
    "Call",
    "CutJson",
    "Delay",
    "Drop",
    "ErrorCode",
    "Faction",
    "Fault",
    "HalfBody",
    "Html",
    "HttpStatus",
    "Key",
    "NextLink",
    "Simulator",
    "Size",
    "World",
]
