"""How old the data of each endpoint is; of what was never loaded, for how long there could have been some."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from torn_pipeline.durable import replace_file
from torn_pipeline.quality.freshness import freshness
from torn_pipeline.steps.states import states

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torn_pipeline.config import Endpoint
    from torn_pipeline.quality.freshness import Freshness
    from torn_pipeline.steps.context import Pipeline
    from torn_pipeline.steps.states import EndpointState

__all__ = ["FIRST_SEEN_FILE", "Aged", "aged"]

_log = logging.getLogger(__name__)

FIRST_SEEN_FILE = Path("first_seen.json")
"""Where it stands below the data directory since when each endpoint is known to be enabled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aged:
    """An enabled endpoint for an account, and how old its data is.

    ``since`` is what the age is counted from: when the newest fetch began that was loaded or, where none ever was, when the endpoint was
    first seen enabled.
    """

    endpoint: Endpoint
    state: EndpointState
    since: datetime
    found: Freshness

    @property
    def is_waiting(self) -> bool:
        """Whether nothing was ever loaded, and none had to be yet."""
        return self.state.data_at is None and self.found.ok

    @property
    def until(self) -> datetime:
        """Until when it is young enough."""
        return self.since + self.found.allowed


def aged(pipeline: Pipeline, now: datetime) -> list[Aged]:
    """How old the data of each enabled endpoint and account is at ``now`` (UTC); what is seen for the first time is remembered.

    Raises:
        PipelineError: the warehouse cannot be read.
    """
    endpoints = {endpoint.name: endpoint for endpoint in pipeline.config.endpoints if endpoint.enabled}
    known = [state for state in states(pipeline, now) if state.endpoint in endpoints]
    seen = _first_seen(pipeline.settings.data_dir / FIRST_SEEN_FILE, known, now)
    found = []
    for state in known:
        endpoint, since = endpoints[state.endpoint], state.data_at or seen[_name(state)]
        found.append(Aged(endpoint=endpoint, state=state, since=since, found=freshness(endpoint, since, now)))
    return found


def _first_seen(path: Path, enabled: Sequence[EndpointState], now: datetime) -> Mapping[str, datetime]:
    """Since when each is known; what is enabled no more is forgotten, so that it counts anew should it come back."""
    known = _read(path)
    found = {_name(one): min(known.get(_name(one), now), now) for one in enabled}
    if found != known:
        try:
            replace_file(path, f"{json.dumps({name: at.isoformat() for name, at in found.items()}, indent=1)}\n".encode())
        except OSError as error:
            _log.warning("since when endpoints are enabled could not be written to %s (%s); make the data directory writable", path, error)
    return found


def _read(path: Path) -> dict[str, datetime]:
    """What the file says; nothing where it is none of ours."""
    try:
        return {str(name): datetime.fromisoformat(at) for name, at in json.loads(path.read_bytes()).items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _name(state: EndpointState) -> str:
    return f"{state.endpoint}|{state.account}"
