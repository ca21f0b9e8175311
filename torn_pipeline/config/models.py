"""The config file as frozen models: what each field may hold, and what is filled in for what was left out.

A model judges its own fields. What concerns several of them (names used twice, tables shared, limits that
depend on the environment) is judged in :mod:`torn_pipeline.config.rules`, where the file's lines are known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from torn_pipeline.config.durations import parse_delay, parse_period
from torn_pipeline.config.log import LogConfig
from torn_pipeline.config.names import NAME
from torn_pipeline.config.retention import Retention
from torn_pipeline.config.ticks import CatchUp, Ticks, ticks_of
from torn_pipeline.config.weights import Weights
from torn_pipeline.config.wishes import BusinessRule, Kpi

__all__ = ["Account", "Defaults", "Endpoint", "Parts", "PipelineConfig", "Places", "StorageMode", "place"]

Parts = tuple[str | int, ...]
"""The way to a part of the config, such as ``("endpoints", 0, "path")``."""

Places = Mapping[Parts, str]
"""Where each part of the config was written, such as ``config/pipeline.yaml:7``."""

PATH = re.compile(r"/[a-z]+(/[A-Za-z0-9_{}]+)+", re.ASCII)
PATH_ID = re.compile(r"\{[a-zA-Z]+\}", re.ASCII)
SOURCE = re.compile(r"[a-z][a-z0-9_]*\.[a-z_][a-z0-9_]*", re.ASCII)
SCOPES: dict[str, Literal["account", "global"]] = {
    **dict.fromkeys(("user", "faction", "company", "key", "property"), "account"),
    **dict.fromkeys(("torn", "market", "racing", "forum"), "global"),
}
PAGING = frozenset({"limit", "offset", "from", "to", "sort"})
SECONDS = "fetch_interval_seconds"
INHERITED = ("max_retries", "retry_delay", "timeout", "since", "catch_up", "max_runtime", "service_level")


class StorageMode(StrEnum):
    """What a load leaves behind; the words of ``storage_mode``."""

    APPEND = "append"
    REPLACE = "replace"
    UPSERT = "upsert"
    SNAPSHOT = "snapshot"


def _param(value: object) -> object:
    """What the API is sent for a parameter: ``true`` and numbers need no quotes in the file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _day(value: object) -> object:
    """A day as YAML has it, or in quotes."""
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            message = f"{value!r} is no day: write for example 2024-01-31"
            raise ValueError(message) from error
    return value


Name = Annotated[str, Field(pattern=NAME)]
Period = Annotated[timedelta, BeforeValidator(parse_period)]
Delay = Annotated[timedelta, BeforeValidator(parse_delay)]
Param = Annotated[str, BeforeValidator(_param)]
Day = Annotated[date, BeforeValidator(_day)]
Rules = Annotated[tuple[BusinessRule, ...], Field(strict=False)]
Kpis = Annotated[tuple[Kpi, ...], Field(strict=False)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Asking(_Model):
    """How the API is asked: given for all endpoints in ``defaults``, for one in the endpoint itself.

    ``retry_delay`` is the wait before the first retry, ``timeout`` the longest wait for an answer. ``since`` is the first
    day (UTC) of the history that is fetched of endpoints that have one. ``catch_up`` is what becomes of ticks that were missed,
    ``max_runtime`` after how long a run that a tick started is ended, ``service_level`` the share of the time, from 0 to 1, in which
    the table is to be fresh.
    """

    max_retries: int = Field(default=3, ge=0, le=20)
    retry_delay: Delay = timedelta(seconds=5)
    timeout: Delay = timedelta(seconds=30)
    since: Day = date(2020, 1, 1)
    catch_up: Annotated[CatchUp, Field(strict=False)] = CatchUp.LATEST
    max_runtime: Delay = timedelta(hours=1)
    service_level: float = Field(default=0.99, ge=0, le=1)

    @field_validator("timeout", "max_runtime")
    @classmethod
    def _is_some_time(cls, length: timedelta) -> timedelta:
        if not length:
            message = "must be above zero: write for example PT30S"
            raise ValueError(message)
        return length


class Defaults(_Asking):
    """What holds for every endpoint that does not say otherwise.

    ``rate_limit`` is the calls a minute of one account, over all endpoints and processes. ``keep_backups`` is how many
    copies of a table that was rewritten, and of the whole warehouse, are kept.
    """

    rate_limit: int = Field(default=95, ge=1)
    keep_backups: int = Field(default=3, ge=1)


class Account(_Model):
    """One faction or player. Its key comes from the environment: ``TORN_API_KEY_<NAME>``."""

    name: Name

    @field_validator("name")
    @classmethod
    def _has_a_variable(cls, name: str) -> str:
        if name == "file" or name.endswith("_file"):
            message = "must not end in `file`: TORN_API_KEY_<NAME>_FILE would be read as the file with a key, choose another name"
            raise ValueError(message)
        return name


class Endpoint(_Asking):
    """What is fetched from one path of the API, how often, and how it is kept.

    Within a :class:`PipelineConfig` nothing is left open: ``accounts`` are the names of those it is fetched
    with (one for a global endpoint), ``table`` is the root table's name, ``scope`` is set, and the inherited
    fields hold the file's defaults where the endpoint has none of its own. ``frequency`` is a number of
    whole minutes, which a file may give as ``fetch_interval_seconds`` too. ``ids_from`` names the table and the column that has the
    ids of the path. ``max_quarantined`` is a share of a fetch's roots, ``max_closed`` of the rows that a snapshot finds and may be
    without, both from 0 to 1.
    """

    name: Name
    path: str
    frequency: Period
    storage_mode: Annotated[StorageMode, Field(strict=False)] = StorageMode.APPEND
    accounts: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    params: Mapping[str, Param] = Field(default_factory=dict)
    enabled: bool = True
    on_new_field: Literal["add", "report"] = "add"
    max_quarantined: float = Field(default=0.05, ge=0, le=1)
    max_closed: float = Field(default=0.5, ge=0, le=1)
    table: Name = Field(default="", validate_default=False)
    scope: Literal["account", "global"] | None = None
    ids_from: str = Field(default="", validate_default=False)

    @model_validator(mode="before")
    @classmethod
    def _takes_seconds(cls, data: object) -> object:
        """``fetch_interval_seconds: 900`` for ``frequency: PT15M``."""
        if not isinstance(data, dict) or SECONDS not in data:
            return data
        seconds = data[SECONDS]
        if "frequency" in data:
            problem = "is given besides `frequency`: leave one of them out"
        elif isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 1 or seconds % 60:
            problem = "must be a number of seconds that makes whole minutes, above zero: write for example 900"
        else:
            return {name: value for name, value in data.items() if name != SECONDS} | {"frequency": timedelta(seconds=seconds)}
        error = PydanticCustomError("value_error", "{error}", {"error": problem})
        raise ValidationError.from_exception_data(cls.__name__, [{"type": error, "loc": (SECONDS,), "input": seconds}])

    @property
    def ticks(self) -> Ticks:
        """When it is due: every ``frequency``."""
        return ticks_of(self.name, self.frequency)

    @property
    def section(self) -> str:
        """The section of the API that its path is in, such as ``faction``."""
        return self.path.split("/")[1]

    @property
    def owner(self) -> str:
        """Whose its assets are: the team of its section."""
        return f"team:{self.section}"

    @field_validator("path")
    @classmethod
    def _is_a_path(cls, path: str) -> str:
        if not PATH.fullmatch(path):
            message = "must be a path of the API with its section and selection, such as /faction/crimes; a query belongs in `params`"
            raise ValueError(message)
        parts = path.split("/")
        if any(part.isdigit() or (PATH_ID.search(part) and not PATH_ID.fullmatch(part)) for part in parts):
            message = "has an id in it: use the path without one, which answers for the key's owner, or `{parameter}` and `ids_from`"
            raise ValueError(message)
        if sum(PATH_ID.fullmatch(part) is not None for part in parts) > 1 or "{ids}" in parts:
            message = "asks for several ids, which is not supported yet: use a path with one"
            raise ValueError(message)
        return path

    @field_validator("ids_from")
    @classmethod
    def _is_a_column(cls, ids_from: str) -> str:
        if not SOURCE.fullmatch(ids_from):
            message = f"is {ids_from!r}: write a table and its column, such as faction_rankedwars.id"
            raise ValueError(message)
        return ids_from

    @model_validator(mode="after")
    def _has_ids_for_its_path(self) -> Self:
        has_parameter = "{" in self.path
        if has_parameter and not self.ids_from:
            message = f"{self.path} needs an id: say with `ids_from: TABLE.COLUMN` which table has them"
            raise ValueError(message)
        if self.ids_from and not has_parameter:
            message = f"{self.path} takes no id: leave `ids_from` out"
            raise ValueError(message)
        return self

    @field_validator("accounts")
    @classmethod
    def _are_some(cls, accounts: tuple[str, ...]) -> tuple[str, ...]:
        if not accounts:
            message = "names no account: leave the field out for all accounts, or say `enabled: false`"
            raise ValueError(message)
        if len(set(accounts)) < len(accounts):
            message = "names an account twice: name each once"
            raise ValueError(message)
        return accounts

    @field_validator("params")
    @classmethod
    def _is_no_paging(cls, params: Mapping[str, str]) -> Mapping[str, str]:
        if paging := sorted(PAGING & {name.lower() for name in params}):
            message = f"must not hold {', '.join(paging)}: page size, order and time window are set by the pipeline, take it out"
            raise ValueError(message)
        return params

    def resolved(self, defaults: Defaults, accounts: tuple[str, ...]) -> Endpoint:
        """This endpoint with everything filled in that it leaves to the file or to its path."""
        scope = self.scope or SCOPES.get(self.section, "account")
        chosen = self.accounts or accounts
        left_out = {name: getattr(defaults, name) for name in INHERITED if name not in self.model_fields_set}
        filled = {
            "scope": scope,
            "accounts": chosen[:1] if scope == "global" else chosen,
            "table": self.table or self.name,
        }
        return self.model_copy(update={**left_out, **filled})


class PipelineConfig(_Model):
    """The whole config file; the account ``default`` stands where the section is left out."""

    defaults: Defaults = Field(default_factory=Defaults)
    accounts: Annotated[tuple[Account, ...], Field(strict=False)] = (Account(name="default"),)
    endpoints: Annotated[tuple[Endpoint, ...], Field(strict=False)]
    retention: Retention = Field(default_factory=Retention)
    weights: Weights = Field(default_factory=Weights)
    logging: LogConfig = Field(default_factory=LogConfig)
    rules: Rules = ()
    kpis: Kpis = ()
    _places: Places = PrivateAttr(default_factory=dict)

    @field_validator("accounts", "endpoints")
    @classmethod
    def _are_some(cls, items: tuple[object, ...]) -> tuple[object, ...]:
        if not items:  # not `min_length`, which also complains of items that are there and wrong
            message = "is empty: it needs at least one entry"
            raise ValueError(message)
        return items

    @field_validator("endpoints")
    @classmethod
    def _resolve(cls, endpoints: tuple[Endpoint, ...], info: ValidationInfo) -> tuple[Endpoint, ...]:
        if not {"defaults", "accounts"} <= info.data.keys():
            return endpoints
        names = tuple(account.name for account in info.data["accounts"])
        return tuple(endpoint.resolved(info.data["defaults"], names) for endpoint in endpoints)

    def endpoint(self, name: str) -> Endpoint:
        """The endpoint of that name; ``KeyError`` when there is none."""
        for endpoint in self.endpoints:
            if endpoint.name == name:
                return endpoint
        raise KeyError(name)

    def model_post_init(self, context: object) -> None:
        """Take the places of the parts from the validation's context, where the loader puts them."""
        if isinstance(context, dict):
            self._places = context

    def where(self, *path: str | int) -> str:
        """The file and line (or ``--set``) of a part, such as ``where("endpoints", "faction_crimes", "path")``.

        Endpoints and accounts go by their names, other entries by their place; ``ValueError`` when there is none of that name. What
        was left out is where the part around it is.
        """
        sections: dict[str | int, Sequence[Account | Endpoint]] = {"endpoints": self.endpoints, "accounts": self.accounts}
        section, *rest = path or ("",)
        if not rest or section not in sections:
            return place(self._places, path)
        names = [item.name for item in sections[section]]
        return place(self._places, (section, names.index(str(rest[0])), *rest[1:]))


def place(places: Places, path: Parts) -> str:
    """Where the part at ``path``, or else the nearest part around it, was written."""
    for length in range(len(path), -1, -1):
        if path[:length] in places:
            return places[path[:length]]
    return "config"
