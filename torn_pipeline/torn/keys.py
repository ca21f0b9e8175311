"""The keys of an account: which of them can be used, and what is known of each.

Here belongs what is remembered of keys, over all processes that share a ledger: what the API refused them, and what
it says of them (``/key/info``). A key itself is never written down: it goes by its id. Not here: how the API is asked.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from torn_pipeline.errors import ApiUnavailable, BodyRefused, ConfigError, KeyRefused, RequestRefused
from torn_pipeline.settings import Settings
from torn_pipeline.torn.codes import AccessTooLow, KeyDone, KeyDoneForToday, RefusedKey
from torn_pipeline.torn.usage import usage_by_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torn_pipeline.torn.ledger import Database, Ledger
    from torn_pipeline.torn.usage import Usage

__all__ = ["INFO_PATH", "USABLE", "Key", "KeyInfo", "KeyState", "Keyring", "check_owners", "key_states", "read_key_info"]

_log = logging.getLogger(__name__)

INFO_PATH = "/key/info"
USABLE = "usable"
"""The state of a key that can be used."""

LEVELS = ("Public", "Minimal", "Limited", "Full")
CUSTOM = "Custom"
_ASK_AGAIN_SECONDS = 3600.0
_DAY_SECONDS = 86_400.0
_REMEMBERED_SECONDS = 1.0  # what another process learns of a key is known here no later


@dataclass(frozen=True, slots=True)
class Key:
    """One key of an account: ``id`` tells it from others, ``place`` says where it stands, like ``key 2 of TORN_API_KEY``."""

    value: str = field(repr=False)
    id: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInfo:
    """What the API says of a key: its level (one of four, or ``Custom``), whose it is, and the selections open to it by section."""

    level: str
    owner: int
    faction: int | None
    selections: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyState:
    """What is known of one key, without the key.

    ``level`` is empty and ``owner`` (a user's id) ``None`` where the API has not been asked. ``state`` is ``usable``, or since
    when and why it is not. ``calls`` are those that count now, in the window of a minute; ``usage`` is of those of the last 24 hours,
    ``None`` where there were none.
    """

    account: str
    place: str
    level: str
    owner: int | None
    faction: int | None
    state: str
    calls: int
    usage: Usage | None
    info_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    refused: str = ""
    refused_at: float = 0.0
    refused_until: float | None = None
    asked: float = 0.0
    info_at: float = 0.0
    info: KeyInfo | None = None

    def reason(self, now: float) -> str:
        """Why the key is not used now; empty when it can be."""
        if not self.refused or (self.refused_until is not None and self.refused_until <= now):
            return ""
        return f"{self.refused} on {_moment(self.refused_at)}"


class Keyring:
    """The keys of one account, and what all processes know of them.

    ``needs`` is the level that the endpoint answers to, ``others`` are the keys of the config's other accounts. A key that the
    API has called done is not used again: for the rest of the day (UTC), or until :meth:`refresh` finds that it works again;
    another key in its place has another id. Before a key's first use in a day :meth:`make_ready` asks the API about it.

    Raises:
        ConfigError: there is no key, or one that no HTTP header can carry.
    """

    def __init__(
        self, ledger: Ledger, account: str, keys: Sequence[str], *, needs: str = "", others: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self.account = account
        self.variable = Settings.key_variable(account)
        self.keys = _keys(account, keys)
        self._ledger = ledger
        self._needs = needs
        everybody = {account: tuple(keys), **(others or {})}
        self._ids = {name: [Settings.id_of(key) for key in values] for name, values in everybody.items()}
        self._ready: set[str] = set()
        self._usable: dict[str, tuple[float, list[Key]]] = {}
        self._lock = threading.Lock()

    def usable(self, path: str, call: str) -> list[Key]:
        """The keys to try for a path (without a query), in their order. ``call`` is how an error calls it.

        Raises:
            AccessTooLow: the level of each is too low.
            KeyRefused: there is none, for these or other reasons, each named.
        """
        asked = time.monotonic()
        at, keys = self._usable.get(path, (-_REMEMBERED_SECONDS, []))
        if asked < at + _REMEMBERED_SECONDS:
            return keys
        with self._ledger.connection() as database:
            now = database.time()
            known = _known(database)
            today = _midnight(now) - _DAY_SECONDS
            low = dict(database.execute("SELECT key, said FROM too_low WHERE path = ? AND at >= ?", (path, today)).fetchall())
        states = [known.get(key.id, _Known()) for key in self.keys]
        reasons = [
            one.reason(now) or low.get(key.id, "") or self._too_low(one, path, now) for key, one in zip(self.keys, states, strict=True)
        ]
        if not all(reasons):
            self._usable[path] = asked, [key for key, reason in zip(self.keys, reasons, strict=True) if not reason]
            return self._usable[path][1]
        each = "; ".join(f"{key.place}: {reason}" for key, reason in zip(self.keys, reasons, strict=True))
        other = "another key" if len(self.keys) == 1 else "a working key"
        advice = f"put {other} into {self.variable}, or run `torn-pipeline keys --refresh` when one of these can be used again"
        message = f"{call}: no key can be used ({each}); {advice}"
        if any(one.reason(now) for one in states):
            raise KeyRefused(message)
        raise AccessTooLow(message, said=each, advice=advice)

    def refuse(self, key: Key, path: str, error: KeyRefused) -> None:
        """Remember what the API said of a key when this path was asked."""
        if not isinstance(error, RefusedKey):
            return
        self._usable.clear()
        with self._ledger.transaction() as database:
            now = database.time()
            if isinstance(error, AccessTooLow):
                database.execute(
                    "INSERT INTO too_low (key, path, said, at) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT (key, path) DO UPDATE SET said = excluded.said, at = excluded.at",
                    (key.id, path, error.said, now),
                )
            elif isinstance(error, KeyDone | KeyDoneForToday):
                until = _midnight(now) if isinstance(error, KeyDoneForToday) else None
                database.execute(
                    "INSERT INTO keys (key, refused, refused_at, refused_until) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE"
                    " SET refused = excluded.refused, refused_at = excluded.refused_at, refused_until = excluded.refused_until",
                    (key.id, error.said, now, until),
                )
        _log.warning("%s", error)

    def make_ready(self, key: Key, ask: Callable[[Key], Mapping[str, Any]]) -> bool:
        """Ask the API about a key that was not used today yet, and hold it against its neighbours; whether the API was asked.

        When the API cannot tell, the key is used all the same, and asked about again in an hour at the earliest.

        Raises:
            KeyRefused: the API refuses the key.
            ConfigError: it belongs to another person than the account's other keys, or to the same as another account's.
        """
        with self._lock:
            if key.id in self._ready:
                return False
            with self._ledger.connection() as database:
                now = database.time()
                known = _known(database).get(key.id, _Known())
            is_due = not _same_day(known.info_at, now) and not 0 <= now - known.asked < _ASK_AGAIN_SECONDS
            if is_due:
                self._ask(key, ask, now)
            self._check_owners()
            self._ready.add(key.id)
            return is_due

    def refresh(self, ask: Callable[[Key], Mapping[str, Any]]) -> None:
        """Ask the API about every key, also those it has refused: one that works is used again.

        Raises:
            ApiClosed: the API has asked everybody to stay away.
        """
        for key in self.keys:
            try:
                info = read_key_info(ask(key))
            except KeyRefused as error:
                self.refuse(key, INFO_PATH, error)
                continue
            self._remember(key, info)

    def _ask(self, key: Key, ask: Callable[[Key], Mapping[str, Any]], now: float) -> None:
        with self._ledger.transaction() as database:
            upsert = "INSERT INTO keys (key, asked) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET asked = excluded.asked"
            database.execute(upsert, (key.id, now))
        try:
            self._remember(key, read_key_info(ask(key)))
        except (KeyDone, KeyDoneForToday):
            raise
        except (KeyRefused, ApiUnavailable, BodyRefused, RequestRefused) as error:
            _log.warning("%s is used without knowing its level and owner: %s", key.place, error)

    def _remember(self, key: Key, info: KeyInfo) -> None:
        self._usable.clear()
        with self._ledger.transaction() as database:
            now = database.time()
            for table in ("too_low", "keys"):
                database.execute(f"DELETE FROM {table} WHERE key = ?", (key.id,))  # noqa: S608 - one of these two
            database.execute(
                "INSERT INTO keys (key, asked, info_at, level, owner, faction, selections) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (key.id, now, now, info.level, info.owner, info.faction, json.dumps(info.selections)),
            )

    def _check_owners(self) -> None:
        with self._ledger.connection() as database:
            known = _known(database)
        problems = check_owners(self._ids, {key: one.info.owner for key, one in known.items() if one.info})
        mine = [problem for problem in problems if f"`{self.account}`" in problem]
        if mine:
            raise ConfigError("\n".join(mine))

    def _too_low(self, known: _Known, path: str, now: float) -> str:
        """Why a key that was asked about today is not for this path; empty when it is, or nobody knows."""
        if known.info is None or not self._needs or not _same_day(known.info_at, now):
            return ""
        level = known.info.level
        if level in LEVELS and self._needs in LEVELS and LEVELS.index(level) < LEVELS.index(self._needs):
            return f"its level is {level}, and {path} needs {self._needs}"
        parts = path.strip("/").split("/")
        section, selection = parts[0], parts[-1]
        open_to_it = {name.lower() for name in known.info.selections.get(section, ())}
        if level == CUSTOM and section in known.info.selections and selection.lower() not in open_to_it:
            return f"its level is {CUSTOM} without {selection} of {section}, and {path} needs that, or the level {self._needs}"
        return ""


def read_key_info(body: Mapping[str, Any]) -> KeyInfo:
    """What an answer of ``/key/info`` says.

    Raises:
        BodyRefused: it is none.
    """
    try:
        info = body["info"]
        access, user = info["access"], info["user"]
        level = str(access["type"]).split(" ")[0]
        faction = user["faction_id"]
        selections = {str(section): [str(name) for name in names] for section, names in info["selections"].items()}
        return KeyInfo(
            level=level if level in {*LEVELS, CUSTOM} else "",
            owner=int(user["id"]),
            faction=None if faction is None else int(faction),
            selections=selections,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        message = f"the answer of {INFO_PATH} is not what it should be ({type(error).__name__}); check TORN_API_URL"
        raise BodyRefused(message) from error


def check_owners(accounts: Mapping[str, Sequence[str]], owners: Mapping[str, int]) -> list[str]:
    """One sentence for each two accounts of one person, and for each account with keys of several.

    ``accounts`` has the ids of the keys by account, ``owners`` the user ids by key id, as far as they are known.
    """
    found = []
    seen: dict[int | str, str] = {}
    for account, keys in accounts.items():
        people = sorted({owners[key] for key in keys if key in owners})
        if len(people) > 1:
            found.append(
                f"the keys in {Settings.key_variable(account)} belong to different users ({', '.join(map(str, people))}), but those of "
                f"an account, as of `{account}`, must be one person's: give the other ones an account of their own"
            )
        marks: list[int | str] = [*keys, *people]
        twice = dict.fromkeys(seen[mark] for mark in marks if mark in seen)
        found += [
            f"the accounts `{other}` and `{account}` have keys of one user, whose calls Torn counts together: "
            "give one of them a key of somebody else, or fetch with one account alone"
            for other in twice
        ]
        seen = dict.fromkeys(marks, account) | seen
    return found


def key_states(ledger: Ledger, accounts: Mapping[str, Sequence[str]]) -> list[KeyState]:
    """What is known of the keys of each account, in their order.

    Raises:
        ConfigError: the ledger cannot be used.
    """
    keys = [(account, key) for account, values in accounts.items() if values for key in _keys(account, values)]
    with ledger.connection() as database:
        now = database.time()
        known = _known(database)
        calls = dict(database.execute("SELECT key, count(*) FROM calls WHERE ends > seconds() GROUP BY key").fetchall())
        usage = usage_by_key(database)
    found = []
    for account, key in keys:
        one = known.get(key.id, _Known())
        found.append(
            KeyState(
                account=account,
                place=key.place,
                level=one.info.level if one.info else "",
                owner=one.info.owner if one.info else None,
                faction=one.info.faction if one.info else None,
                state=one.reason(now) or USABLE,
                calls=calls.get(key.id, 0),
                usage=usage.get(key.id),
                info_at=datetime.fromtimestamp(one.info_at, UTC) if one.info else None,
            )
        )
    return found


def _keys(account: str, values: Sequence[str]) -> tuple[Key, ...]:
    variable = Settings.key_variable(account)
    if not values:
        message = f"there is no key for account {account}: put one into {variable}"
        raise ConfigError(message)
    if any(not value.isascii() or not value.isprintable() or " " in value for value in values):
        message = f"a key of account {account} holds blanks or other characters that no key has: check {variable}"
        raise ConfigError(message)
    return tuple(Key(value, Settings.id_of(value), f"key {number} of {variable}") for number, value in enumerate(values, start=1))


def _known(database: Database) -> dict[str, _Known]:
    """What is known of each key that was ever used; they are few."""
    rows = database.execute("SELECT key, refused, refused_at, refused_until, asked, info_at, level, owner, faction, selections FROM keys")
    return {row[0]: _known_of(row[1:]) for row in rows.fetchall()}


def _known_of(row: tuple[Any, ...]) -> _Known:
    refused, refused_at, until, asked, info_at, level, owner, faction, selections = row
    info = None if info_at is None else KeyInfo(level=level, owner=owner, faction=faction, selections=json.loads(selections))
    return _Known(refused=refused, refused_at=refused_at or 0.0, refused_until=until, asked=asked or 0.0, info_at=info_at or 0.0, info=info)


def _same_day(at: float, now: float) -> bool:
    return datetime.fromtimestamp(at, UTC).date() == datetime.fromtimestamp(now, UTC).date()


def _midnight(now: float) -> float:
    """When the day of a time ends (UTC)."""
    return datetime.combine(datetime.fromtimestamp(now, UTC).date() + timedelta(days=1), datetime.min.time(), UTC).timestamp()


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
