"""Every error the pipeline raises on purpose, told apart by whether trying again can help.

::

    PipelineError
    ├── Permanent                trying again changes nothing
    │   ├── UsageError           wrong call of a command (exit status 2)
    │   │   └── ConfigError      wrong configuration or environment (exit status 2)
    │   ├── RequestRefused       the API says the request itself is wrong
    │   │   └── IdRefused            the API knows nothing of this id, or does not tell this key
    │   ├── KeyRefused           the API says this key cannot be used
    │   ├── BodyRefused          a complete JSON answer that is not the endpoint's
    │   ├── ListMoved            a list changed in a way that leaves rows unproven
    │   ├── ContractError        a contract contradicts itself or the naming rules
    │   ├── LandingError         the landing cannot be read or written as it must
    │   ├── WarehouseError       the warehouse refused a load or a query
    │   │   └── QueryRefused     what somebody asked of it is no query, or a wrong one (exit status 2)
    │   ├── ChannelRefused       an alert's channel takes no message as it is set up
    │   ├── TooManyQuarantined   more roots are broken than the endpoint allows
    │   └── TooManyClosed        a snapshot lacks more rows than the endpoint allows
    └── Transient                the same call may succeed later
        ├── ApiUnavailable       the API or the way to it is in trouble
        │   ├── RateLimited      too many calls; wait, then go on
        │   └── ApiClosed        the API asks everybody to stay away for some minutes
        ├── ChannelUnavailable   an alert's channel, or the way to it, is in trouble
        └── WarehouseBusy        another process holds the warehouse

A message is one sentence for a person: what is wrong, where, and what to do. It never holds a key.
"""

from __future__ import annotations

__all__ = [
    "ApiClosed",
    "ApiUnavailable",
    "BodyRefused",
    "ChannelRefused",
    "ChannelUnavailable",
    "ConfigError",
    "ContractError",
    "IdRefused",
    "KeyRefused",
    "LandingError",
    "ListMoved",
    "Permanent",
    "PipelineError",
    "QueryRefused",
    "RateLimited",
    "RequestRefused",
    "TooManyClosed",
    "TooManyQuarantined",
    "Transient",
    "UsageError",
    "WarehouseBusy",
    "WarehouseError",
]


class PipelineError(Exception):
    """Base of all errors raised on purpose; ``exit_status`` is what the console script ends with."""

    exit_status = 1


class Permanent(PipelineError):
    """Trying again changes nothing until somebody changes something."""


class UsageError(Permanent):
    """A command was called wrongly."""

    exit_status = 2


class ConfigError(UsageError):
    """The configuration or the environment is wrong; the message lists every problem, one a line."""


class RequestRefused(Permanent):
    """The API says that the request itself is wrong."""


class IdRefused(RequestRefused):
    """The API knows nothing of the id that was asked for, or does not tell this key."""


class KeyRefused(Permanent):
    """The API says that this key cannot be used, or not for this endpoint."""


class BodyRefused(Permanent):
    """A complete JSON answer that is not the endpoint's body."""


class ListMoved(Permanent):
    """A paged list kept changing in a way that leaves rows unproven."""


class ContractError(Permanent):
    """A contract contradicts itself or the naming rules."""


class LandingError(Permanent):
    """The landing cannot be read or written as it must."""


class WarehouseError(Permanent):
    """The warehouse refused a load or a query."""


class QueryRefused(WarehouseError):
    """What somebody asked of the warehouse is not one reading query, or a wrong one."""

    exit_status = 2


class ChannelRefused(Permanent):
    """A channel of alerts takes no message until somebody changes how it is set up."""


class TooManyQuarantined(Permanent):
    """More roots of a fetch are broken than the endpoint's ``max_quarantined`` allows."""


class TooManyClosed(Permanent):
    """A snapshot lacks more of the rows that are there than the endpoint's ``max_closed`` allows."""


class Transient(PipelineError):
    """The same call may succeed later."""


class ApiUnavailable(Transient):
    """The API, or the way to it, is in trouble; ``wait`` is how many seconds it asked for, if it did."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class RateLimited(ApiUnavailable):
    """Too many calls; wait, then go on."""


class ApiClosed(ApiUnavailable):
    """The API asks everybody to stay away for some minutes; not tried again at once."""


class ChannelUnavailable(Transient):
    """A channel of alerts, or the way to it, is in trouble; ``wait`` is how many seconds it asked for, if it did."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class WarehouseBusy(Transient):
    """Another process holds the warehouse for longer than the lock's timeout."""
