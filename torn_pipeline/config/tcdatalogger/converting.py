"""TCdatalogger's entries as endpoints of ours: what changes, what goes together, and what cannot be taken over."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from torn_pipeline.config.durations import LONGEST, format_duration, parse_delay, parse_period
from torn_pipeline.config.loader import KEY_FIELDS
from torn_pipeline.config.models import SCOPES, SECONDS, Account, Defaults, Endpoint, StorageMode
from torn_pipeline.config.rules import TORN_LIMIT
from torn_pipeline.config.tcdatalogger.address import read_address
from torn_pipeline.config.wording import sentence_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from torn_pipeline.config.tcdatalogger.address import Address
    from torn_pipeline.config.tcdatalogger.reading import Entry, Source

__all__ = ["Converted", "Group", "LeftOut", "convert"]

RETRY = ("max_retries", "retry_delay", "timeout")
USUAL_FREQUENCY, USUAL_MODE = "PT15M", "append"  # what TCdatalogger takes where an entry says nothing
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
DROPPED = {
    "use_time_windows": "what is new, and how a list is read whole, is the pipeline's business",
    "pagination": "the pipeline follows the API's own links to the last page",
    "rate_limit": "`rate_limit` in `defaults` holds for all calls of an account",
    SECONDS: "`frequency` says how often",
    "timezone": "periods are counted in UTC",
    **dict.fromkeys(KEY_FIELDS, "keys come from the environment, so take them out of that file"),
}


@dataclass(slots=True, kw_only=True)
class Group:
    """What becomes one endpoint: entries that ask for the same in the same way, with one key or several.

    ``keys`` are the names of the keys, ``fields`` ours, from ``path`` on. ``disabled`` says why it is not to be fetched yet,
    ``left_out`` why it cannot be in a config at all; both are empty where all is well. ``notes`` are of how it came about.
    """

    fields: dict[str, Any]
    name: str = ""
    disabled: str = ""
    left_out: str = ""
    keys: list[str] = field(default_factory=list)
    entries: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """An entry that nothing at all can be made of, and why."""

    name: str
    reason: str


@dataclass(slots=True, kw_only=True)
class Converted:
    """A whole file: ``defaults`` in our words, accounts by the names of their keys, and ``notes`` of what was changed.

    ``unused`` are the names of those keys that only endpoints need which are left out.
    """

    defaults: dict[str, Any]
    accounts: dict[str, str] = field(default_factory=dict)
    unused: frozenset[str] = frozenset()
    groups: list[Group] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def convert(source: Source, modes: Mapping[str, Collection[str]]) -> Converted:
    """Make endpoints of entries; ``modes`` are the storage modes that each path with a contract can be kept in."""
    told = _Notes()
    for name in source.others:
        told.add("", f"`{name}` is dropped: {DROPPED.get(name, 'there is no such section here')}")
    done = Converted(defaults=_defaults(source.defaults, told))
    for entry in source.entries:
        _take(entry, done, modes, told)
    _name(done.groups)
    for group in done.groups:
        _settle(group, told)
    used = dict.fromkeys(key for group in done.groups if not group.left_out for key in group.keys)
    done.accounts = _accounts(dict.fromkeys([*used, *(key for group in done.groups for key in group.keys)]))
    done.unused = frozenset(done.accounts) - frozenset(used)
    done.notes = told.lines()
    return done


class _Notes:
    """Sentences about entries; one that holds for several is told once, for all of them."""

    def __init__(self) -> None:
        self._about: dict[str, dict[str, None]] = {}

    def add(self, name: str, sentence: str) -> None:
        self._about.setdefault(sentence, {})[name] = None

    def lines(self) -> list[str]:
        about = ((", ".join(name for name in names if name), sentence) for sentence, names in self._about.items())
        return [f"{names}: {sentence}" if names else sentence for names, sentence in about]


# --- one entry -------------------------------------------------------------------------------------------------


def _take(entry: Entry, done: Converted, modes: Mapping[str, Collection[str]], told: _Notes) -> None:
    """Add what an entry asks for to the groups, or the entry to what is left out."""
    try:
        address = read_address(entry.url, entry.fields.get("selections", entry.fields.get("selection")))
    except ValueError as error:
        done.left_out.append(LeftOut(name=entry.name, reason=str(error)))
        return
    if not address.paths:
        done.left_out.append(LeftOut(name=entry.name, reason="its url names no selection, such as /v2/faction/crimes does"))
        return
    for note in address.notes:
        told.add(entry.name, note)
    _tell_dropped(entry, told)
    ways = _own_ways(entry, done.defaults, told)
    for path in address.paths:
        left_out = _why_left_out(path, address, entry, modes)
        if address.ids and not left_out:
            told.add(entry.name, f"taken out of the path: {', '.join(address.ids)}; {path} answers for the key's own {address.section}")
        frequency, slow = _frequency(_asked(entry))
        mode, unsuited = _mode(entry.fields.get("storage_mode", USUAL_MODE), path, modes.get(path, tuple(StorageMode)))
        wanted = {"path": path, "frequency": frequency, "storage_mode": mode, "params": dict(address.params), **ways}
        group = _group(done.groups, wanted, left_out, "; ".join(filter(None, (slow, unsuited))))
        _join(group, wanted, entry)


def _own_ways(entry: Entry, defaults: Mapping[str, Any], told: _Notes) -> dict[str, Any]:
    """How an entry's calls are made, where that differs from the defaults."""
    ways = _retry(entry.fields, entry.name, told)
    usual = [name for name, value in ways.items() if value == defaults.get(name, _shipped(name))]
    if usual:
        told.add(entry.name, f"left to the defaults, which say the same: {', '.join(f'`{name}`' for name in usual)}")
    return {name: value for name, value in ways.items() if name not in usual}


def _why_left_out(path: str, address: Address, entry: Entry, modes: Mapping[str, Collection[str]]) -> str:
    try:
        Endpoint(name="any", path=path, frequency=DAY)
    except ValidationError as error:
        return f"its path {path} {sentence_of(error.errors()[0])}"
    if path not in modes:
        return f"there is no contract for {path} yet; docs/adding-an-endpoint.md says how to add one"
    own = re.findall(r"\d+", entry.key) if SCOPES.get(address.section) == "account" else []
    strange = [number for number in address.ids if number not in own]
    if strange:
        return (
            f"it asks for {address.section} {', '.join(strange)}, and a path with an id is not supported yet; if the key {entry.key} is "
            f"of that very {address.section}, uncomment its lines, else ask with a key of its own"
        )
    return ""


def _tell_dropped(entry: Entry, told: _Notes) -> None:
    for name in entry.fields:
        if name == SECONDS and "frequency" not in entry.fields:
            told.add(entry.name, f"`{name}` becomes `frequency`")
        elif name not in {*RETRY, "table", "frequency", "storage_mode", "selection", "selections"}:
            told.add(entry.name, f"`{name}` is dropped: {DROPPED.get(name, 'there is no such setting here')}")
    for name, usual in (("frequency", USUAL_FREQUENCY), ("storage_mode", USUAL_MODE)):
        if name not in entry.fields and not (name == "frequency" and SECONDS in entry.fields):
            told.add(entry.name, f"`{name}` is written out: {usual}, as TCdatalogger takes it")


def _asked(entry: Entry) -> object:
    """How often an entry asks to be fetched, as it says so."""
    seconds = entry.fields.get(SECONDS)
    if "frequency" in entry.fields or isinstance(seconds, bool) or not isinstance(seconds, int):
        return entry.fields.get("frequency", entry.fields.get(SECONDS, USUAL_FREQUENCY))
    return format_duration(timedelta(seconds=seconds)) if 0 < seconds < LONGEST.total_seconds() else str(seconds)


def _frequency(given: object) -> tuple[str, str]:
    """A frequency that the loader takes, and why the one given is not."""
    try:
        Endpoint.model_validate({"name": "any", "path": "/any/path", "frequency": given})
    except ValidationError as error:
        return format_duration(_near(given)), f"frequency: {sentence_of(error.errors()[0])}"
    return str(given), ""


def _near(given: object) -> timedelta:
    """The next period that is no shorter and has whole minutes, a day where what is given is no length of time."""
    try:
        length = parse_delay(given)
    except ValueError:
        return DAY
    return max(math.ceil(length / MINUTE), 1) * MINUTE


def _mode(given: object, path: str, suited: Collection[str]) -> tuple[str, str]:
    """A storage mode that the loader takes, and why the one given is not."""
    try:
        endpoint = Endpoint.model_validate({"name": "any", "path": "/any/path", "frequency": DAY, "storage_mode": given})
    except ValidationError as error:
        return USUAL_MODE, f"storage_mode: {sentence_of(error.errors()[0])}"
    if endpoint.storage_mode not in suited:
        return USUAL_MODE, f"storage_mode: {given} does not suit {path}, whose rows have no key: use {' or '.join(suited)}"
    return endpoint.storage_mode.value, ""


# --- several entries -------------------------------------------------------------------------------------------


def _group(groups: list[Group], wanted: Mapping[str, Any], left_out: str, disabled: str) -> Group:
    """The group of those that ask for the same in the same way, a new one where there is none."""
    for group in groups:
        same = all(group.fields[name] == wanted[name] for name in ("path", "storage_mode", "params"))
        if same and (group.left_out, group.disabled) == (left_out, disabled):
            return group
    group = Group(fields=dict(wanted), left_out=left_out, disabled=disabled)
    groups.append(group)
    return group


def _name(groups: list[Group]) -> None:
    """Call each after its path, with a number where the name is taken; what is fetched at once has the first choice."""
    taken: set[str] = set()
    for group in sorted(groups, key=lambda group: (bool(group.left_out), bool(group.disabled))):
        name = re.sub(r"[^a-z0-9]+", "_", group.fields["path"]).strip("_")
        numbered = (name if number == 1 else f"{name}_{number}" for number in range(1, len(groups) + 1))
        group.name = next(one for one in numbered if one not in taken)
        taken.add(group.name)


def _join(group: Group, wanted: Mapping[str, Any], entry: Entry) -> None:
    """Add an entry to its group; where they differ in how often, the more frequent one counts, else the first."""
    if entry.key in group.keys:
        group.notes.append(f"{entry.name} asks for the same with the same key as another entry; it is asked once")
    else:
        group.keys.append(entry.key)
    given, before = wanted["frequency"], group.fields["frequency"]
    if parse_period(given) != parse_period(before):
        group.fields["frequency"] = min(given, before, key=parse_period)
        group.notes.append(f"{given} of {entry.name} and {before} become {group.fields['frequency']}, the more frequent")
    for name in RETRY:
        if wanted.get(name) != group.fields.get(name):
            group.notes.append(f"`{name}` of {entry.name} is dropped: it differs from that of {group.entries[0]}")
    group.entries.append(entry.name)
    table = entry.fields.get("table")
    if isinstance(table, str):
        group.tables.append(table)


def _settle(group: Group, told: _Notes) -> None:
    """Say what a group was made of; one that is the same for everyone is asked with one key."""
    is_global = SCOPES.get(group.fields["path"].split("/")[1]) == "global"
    keys = list(group.keys)
    if is_global:
        del group.keys[1:]
    if group.left_out:
        return
    made_of = ", ".join(dict.fromkeys(group.entries))
    merged = f", {len(group.entries)} entries in one" if len(group.entries) > 1 else ""
    told.add(group.name, f"is made of {made_of}{merged}; {_of_tables(group)}")
    for note in group.notes:
        told.add(group.name, note)
    if group.keys != keys:
        told.add(group.name, f"is the same for everyone, so it is asked with the key {group.keys[0]} alone")
    if group.disabled:
        told.add(group.name, f"is disabled: {group.disabled}")


def _of_tables(group: Group) -> str:
    tables = " and ".join(dict.fromkeys(group.tables))
    instead = f", not to {tables}" if tables else ""
    return f"its rows go to the table {group.name}{instead}{', with `_account` to tell them apart' if len(group.keys) > 1 else ''}"


def _accounts(keys: Iterable[str]) -> dict[str, str]:
    """A name for each key that may stand in a config, and in the name of a variable."""
    names: dict[str, str] = {}
    for key in keys:
        name = re.sub(r"[^a-z0-9]+", "_", key.lower()).strip("_")
        name = name if re.match("[a-z]", name) else f"account_{name}".rstrip("_")
        if not _is_account(name):
            name = f"{name}_account"
        numbered = (name if number == 1 else f"{name}_{number}" for number in range(1, len(names) + 2))
        names[key] = next(one for one in numbered if one not in names.values())
    return names


def _is_account(name: str) -> bool:
    try:
        Account(name=name)
    except ValidationError:
        return False
    return True


# --- defaults --------------------------------------------------------------------------------------------------


def _defaults(given: Mapping[str, object], told: _Notes) -> dict[str, Any]:
    for name in given:
        if name not in {*RETRY, "rate_limit"}:
            told.add("defaults", f"`{name}` is dropped: {DROPPED.get(name, 'there is no such setting here')}")
    ours = _retry(given, "defaults", told)
    if "rate_limit" in given:
        ours |= dict(_valid("rate_limit", given["rate_limit"], "defaults", told))
    if ours.get("rate_limit", 0) > TORN_LIMIT:
        told.add("defaults", f"`rate_limit` {ours['rate_limit']} becomes {_shipped('rate_limit')}: Torn allows {TORN_LIMIT} calls a minute")
        ours["rate_limit"] = _shipped("rate_limit")
    return ours


def _retry(given: Mapping[str, object], where: str, told: _Notes) -> dict[str, Any]:
    """How one call is made, in our words: seconds are durations."""
    ours: dict[str, Any] = {}
    for name in RETRY:
        value = given.get(name)
        if name in given and name != "max_retries":
            value = _duration(value)
            if value != given[name]:
                told.add("", f"`{name}` {given[name]} becomes {value}")
        if name in given:
            ours |= dict(_valid(name, value, where, told))
    return ours


def _duration(seconds: object) -> object:
    """Seconds as a duration; what is no number stays as it is, to be told of."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return seconds
    try:
        length = timedelta(seconds=seconds)
    except (OverflowError, ValueError):
        return seconds
    return format_duration(length) if length >= timedelta() else seconds


def _valid(name: str, value: object, where: str, told: _Notes) -> Iterator[tuple[str, object]]:
    """The field, if the loader takes it."""
    try:
        Defaults.model_validate({name: value})
    except ValidationError as error:
        told.add(where, f"`{name}` is dropped: it {sentence_of(error.errors()[0])}")
    else:
        yield name, value


def _shipped(name: str) -> object:
    """What holds where the file says nothing, as it would be written."""
    value = getattr(Defaults(), name)
    return format_duration(value) if isinstance(value, timedelta) else value
