"""Weeks of a simulated Torn City: what happens and goes wrong in them, and a pipeline that follows, held against the truth."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import duckdb
from filelock import FileLock

from torn_pipeline import steps
from torn_pipeline.errors import PipelineError
from torn_pipeline.simulator import FAULTS, Delay, Fault, Key, NewField, Simulator, World
from torn_pipeline.warehouse.duckdb import DuckDBWarehouse
from torn_pipeline_tests.e2e.weeks_truth import ENDPOINTS, FACTIONS, NOVELTY, Right, State, Taken, problems_of, state_of
from torn_pipeline_tests.ledger import forgive, know_keys
from torn_pipeline_tests.reference import TABLES, Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from torn_pipeline.landing import Fetch
    from torn_pipeline.simulator.chance import Chance
    from torn_pipeline.warehouse import Load

__all__ = ["DAY", "HOUR", "IMPATIENCE", "Change", "Road", "Trouble", "Weeks", "second_key"]

HOUR = 3_600
DAY = 24 * HOUR

# --- what goes wrong ----------------------------------------------------------------------------------------------

PASSING_CODES = (0, 5, 12, 15, 17)
CODES = (*PASSING_CODES, 1, 2, 8, 9, 10, 13, 14, 16, 18, 24, 6, 123)
STATUSES = (429, 500, 502, 503, 520)
STAYING = ("CutJson", "Drop", "EmptyBody", "ErrorCode", "HalfBody", "Html", "HttpStatus", "InvalidUtf8", "NextLink", "OtherBody")
"""What may go on for as long as it likes; an empty list that stays would be believed, as it is the answer of every call."""
PLACES = {
    "/faction/crimes": ("crimes", "crimes.slots", "crimes.rewards.items"),
    "/faction/members": ("members", "members.status"),
    "/torn/items": ("items", "items.value"),
    "/faction/basic": ("basic", "basic.rank"),
    "/faction/balance": ("balance", "balance.members"),
}
SLOWNESS, IMPATIENCE = 0.45, "PT0.3S"


@dataclass(kw_only=True)
class Trouble:
    """Makes faults from a seed, every kind as often as every other."""

    chance: Chance
    page: int
    waiting: list[str] = field(default_factory=list)
    made: int = 0

    def fault(self, world: World, path: str, account: str, call: int) -> Fault:
        """A fault of the next kind that means something for this path, for one of the calls from that number on."""
        if not self.waiting:
            self.waiting = self.chance.sample(sorted(FAULTS), len(FAULTS))
        crimes = path == "/faction/crimes"
        kind = next((name for name in self.waiting if crimes or name != "DuplicatePage"), "Drop")
        if kind in self.waiting:
            self.waiting.remove(kind)
        self.made += 1
        rows = len(world.faction(FACTIONS[account]).crimes)
        places = range(1 if kind == "DuplicatePage" else 0, 1 + (-(-rows // self.page) if crimes else 0))
        times = 50 if kind in STAYING and self.chance.yes(0.35) else 2 if kind == "EmptyList" and self.chance.yes(0.5) else 1
        given: dict[str, Any] = {"path": path, "call": call + self.chance.choice(places)} | ({} if kind == "KeyDies" else {"times": times})
        return FAULTS[kind](**given, **self._more(kind, path, rows))

    def _more(self, kind: str, path: str, rows: int) -> dict[str, Any]:
        chance = self.chance
        skip = f"?limit={self.page}&offset={chance.choice(range(0, rows + 2 * self.page, self.page))}"
        more: Mapping[str, Callable[[], dict[str, Any]]] = {
            "Delay": lambda: {"seconds": chance.choice((0.001, SLOWNESS))},
            "ErrorCode": lambda: {"code": chance.choice(CODES), "flat": chance.yes(0.3)},
            "HttpStatus": lambda: {"status": chance.choice(STATUSES), "retry_after": chance.choice((None, "0"))},
            "KeyDies": lambda: {"code": chance.choice((2, 10, 13, 18))},
            "NewField": lambda: {"name": NOVELTY, "value": self.made, "place": chance.choice(PLACES[path])},
            "NextLink": lambda: {"target": chance.choice((None, skip, "http://localhost:9/v2/faction/crimes"))},
            "RowMoved": lambda: {"source": chance.randrange(-rows, rows), "target": chance.randrange(-rows, rows)},
            "RowsAdded": lambda: {"count": chance.choice((1, 1, 2, self.page))},
        }
        return more.get(kind, dict)()


@dataclass(kw_only=True)
class Change:
    """Changes the world from outside, from a seed, as members and the API's operators do."""

    chance: Chance
    world: World
    most_crimes: int
    members: tuple[int, int]

    def while_paging(self, account: str) -> None:
        """What may happen between two calls: minutes or hours pass, somebody comes or goes, a crime is opened."""
        deeds: list[Callable[[], object]] = [
            partial(self.world.advance, self.chance.randint(1, 900)),
            partial(self.world.advance, self.chance.randint(900, 5 * HOUR)),
            partial(self.world.add_crime, FACTIONS[account], created_at=self._newest(account)),
            partial(self._leave, account),
            partial(self._join, account),
        ]
        self.chance.choices(deeds, (5, 3, 2, 2, 2))[0]()

    def between(self, account: str) -> None:
        """What may happen when nobody looks: the API forgets the oldest crimes that are over."""
        crimes = self.world.faction(FACTIONS[account]).crimes
        with self.world.lock:
            over = [crime for crime in crimes if crime["status"] not in {"Recruiting", "Planning"}]
            for crime in over[: max(0, len(crimes) - self.most_crimes)]:
                crimes.remove(crime)

    def _newest(self, account: str) -> int:
        return max(self.world.now, *(int(crime["created_at"]) for crime in self.world.faction(FACTIONS[account]).crimes))

    def _leave(self, account: str) -> None:
        faction = self.world.faction(FACTIONS[account])
        if len(faction.members) > self.members[0]:
            led_by = faction.basic["leader_id"]
            self.world.remove_member(faction.id, self.chance.choice([row["id"] for row in faction.members if row["id"] != led_by]))

    def _join(self, account: str) -> None:
        faction = self.world.faction(FACTIONS[account])
        if len(faction.members) < self.members[1]:
            self.world.add_member(faction.id)


# --- the weeks ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Road:
    """One endpoint for one account at one tick: how it ended, and what went wrong on the way."""

    tick: int
    endpoint: str
    account: str
    calls: int
    states: int
    struck: tuple[str, ...]
    error: str
    complete: bool
    held: bool


@dataclass(kw_only=True)
class Weeks:
    """A world, a pipeline that follows it by the steps of the road, and all that is known of both.

    ``patient`` and ``impatient`` are the same pipeline with a long and a short time-out.
    """

    world: World
    simulator: Simulator
    patient: steps.Pipeline
    impatient: steps.Pipeline
    trouble: Trouble
    change: Change
    born: int = field(init=False)
    tick: int = 0
    taken: dict[tuple[str, str], list[Taken]] = field(default_factory=dict)
    roads: list[Road] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    database: duckdb.DuckDBPyConnection = field(default_factory=lambda: duckdb.connect(":memory:"))
    right: Right = field(default_factory=dict)
    waiting: list[Fetch] = field(default_factory=list)
    busy: bool = False
    _watched: tuple[str, str] = ("", "")
    _notes: list[State] = field(default_factory=list)
    _moves: bool = False

    def __post_init__(self) -> None:
        """Watch every call of the road itself."""
        know_keys(self.patient.settings.data_dir, self.world)
        self.born = self.world.now
        self.simulator.before_call = self._before_call

    def accounts_of(self, endpoint: str) -> tuple[str, ...]:
        """Who an endpoint is fetched for."""
        return self.patient.config.endpoint(endpoint).accounts

    def mode_of(self, endpoint: str) -> str:
        """How an endpoint is kept."""
        return self.patient.config.endpoint(endpoint).storage_mode.value

    def run(self, endpoint: str, account: str, *, moves: bool = False, trouble: bool = False) -> Road:
        """One endpoint for one account: fetched, and loaded too unless another process has the warehouse."""
        path = ENDPOINTS[endpoint]
        began = self.simulator.received
        faults = [self.trouble.fault(self.world, path, account, began + 1)] if trouble else []
        novelty = next((fault.value for fault in faults if isinstance(fault, NewField)), None)
        slow = any(isinstance(fault, Delay) and fault.seconds == SLOWNESS for fault in faults)
        before = [fault.times for fault in faults]
        self.simulator.faults += faults
        self._watched, self._notes, self._moves = (path, account), [], moves
        forgive(self.patient.settings.data_dir)
        error, fetched = "", None
        try:
            fetched = self._fetch_and_load(self.impatient if slow else self.patient, endpoint, account)
        except PipelineError as refused:
            error = str(refused)
            self.problems += [f"tick {self.tick}: {refused!r}"] * (refused.exit_status != 1)
        struck = [fault for fault, left in zip(faults, before, strict=True) if fault.times != left]
        self.simulator.faults.clear()
        self._note()
        states = self._notes[1:]
        if fetched is not None:
            seen = states if path == "/faction/crimes" else states[-1:]
            self.taken.setdefault((endpoint, account), []).append(Taken(fetch=fetched, states=seen, novelty=novelty if struck else None))
        road = Road(
            tick=self.tick,
            endpoint=endpoint,
            account=account,
            calls=self.simulator.received - began,
            states=len({tuple(sorted(state.items())) for state in states}),
            struck=tuple(type(fault).__name__ for fault in struck),
            error=error,
            complete=fetched is not None,
            held=self.busy,
        )
        self.roads.append(road)
        return road

    @contextmanager
    def held(self) -> Iterator[None]:
        """Somebody else has the warehouse; what was fetched meanwhile is loaded in one transaction when they let it go."""
        self.warehouse.parent.mkdir(parents=True, exist_ok=True)
        self.busy = True
        with FileLock(f"{self.warehouse}.lock"):
            yield
        self.busy = False
        self.patient.warehouse.load_all(self._loads())
        self.waiting.clear()

    def _loads(self) -> Iterator[Load]:
        for fetched in self.waiting:
            with steps.validate(self.patient, fetched) as prepared:
                yield steps.load_of(self.patient.plan(fetched.endpoint), fetched, prepared, "")

    def check(self, endpoint: str) -> list[str]:
        """What is wrong now with the tables of an endpoint, for all accounts."""
        path = ENDPOINTS[endpoint]
        tables = self.read(endpoint)
        found = []
        for account in self.accounts_of(endpoint):
            rows = {table: [row for row in rows if row["_account"] == account] for table, rows in tables.items()}
            found += problems_of(path, account, self.mode_of(endpoint), self.taken.get((endpoint, account), []), rows, self.right)
        owners = {row["_account"] for rows in tables.values() for row in rows}
        found += [f"{endpoint}: rows of {owner}" for owner in owners - set(self.accounts_of(endpoint))]
        return found

    def read(self, endpoint: str) -> dict[str, Rows]:
        """The tables of an endpoint, past the pipeline."""
        names = TABLES[ENDPOINTS[endpoint]]
        with self.opened() as database:
            return {name: database.sql(f"FROM torn.{name}").pl().to_dicts() for name in names}

    def tables(self) -> dict[str, Rows]:
        """Every table, its rows in an order that only they decide."""
        return {table: sorted(rows, key=repr) for endpoint in ENDPOINTS for table, rows in self.read(endpoint).items()}

    @contextmanager
    def opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The warehouse, to be read past the pipeline."""
        self.database.execute(f"ATTACH '{self.warehouse}' AS stored (READ_ONLY)")
        self.database.execute("USE stored")
        self.database.execute("SET TimeZone = 'UTC'")
        try:
            yield self.database
        finally:
            self.database.execute("USE memory")
            self.database.execute("DETACH stored")

    @property
    def warehouse(self) -> Path:
        """The warehouse's file."""
        return self.patient.settings.data_dir / "warehouse.duckdb"

    def _fetch_and_load(self, pipeline: steps.Pipeline, endpoint: str, account: str) -> Fetch:
        if self.busy:
            warehouse = DuckDBWarehouse(self.warehouse, lock_timeout=0)
            self.waiting.append(steps.fetch(replace(pipeline, warehouse=warehouse), endpoint, account))
            return self.waiting[-1]
        fetched = steps.fetch(pipeline, endpoint, account)
        with steps.validate(pipeline, fetched) as prepared:
            steps.load(pipeline, fetched, prepared)
        return fetched

    def _before_call(self, _number: int, path: str) -> None:
        """Note the state in which the call before was answered; then the world may move."""
        self._note()
        if self._moves and path == self._watched[0]:
            self.change.while_paging(self._watched[1])

    def _note(self) -> None:
        self._notes.append(state_of(self.world, *self._watched))


def second_key(world: World, account: str) -> str:
    """Another key of the owner of an account's first one."""
    known = next(key for key in world.keys.values() if key.faction == FACTIONS[account])
    world.keys["another0Key1For2Tests"] = Key(known.owner, known.faction)
    return "another0Key1For2Tests"
