"""What the matrix of faults is made of: the kinds, what each must lead to, and a small city in which they happen."""

from __future__ import annotations

import copy
import json
import shutil
import signal
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any, cast

import duckdb
import orjson
import polars as pl
import pytest
import requests

from torn_pipeline import steps
from torn_pipeline.errors import ApiClosed, ApiUnavailable, BodyRefused, KeyRefused, ListMoved, PipelineError, RequestRefused
from torn_pipeline.landing import landing_from_url
from torn_pipeline.settings import Settings
from torn_pipeline.simulator import Key, Simulator, Size, World
from torn_pipeline.simulator.faults import (
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
from torn_pipeline.tables.contracts import CONTRACTS
from torn_pipeline.warehouse import warehouse_from_url
from torn_pipeline_tests.ledger import know_keys
from torn_pipeline_tests.reference import TABLES, differences, reference_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from torn_pipeline.landing import Fetch
    from torn_pipeline.warehouse import Warehouse

__all__ = [
    "ALONE",
    "CALLS",
    "KINDS",
    "PAIRED",
    "PLACES",
    "SECONDS",
    "Case",
    "City",
    "Kind",
    "Outcome",
    "assert_sentence",
    "open_city",
    "within",
]

PAGE = 5
CRIMES = 13
PLACES = ("first", "middle", "last")
"""The pages of the crimes, one call each."""
CALLS = (*PLACES, "proof")
"""The calls that read the crimes: the proof asks for the first page once more."""

ENDPOINTS = {"faction_crimes": "upsert", "faction_members": "replace", "faction_basic": "append"}
SECONDS = 60.0
EVER = 1_000_000
STORED = [table for name in ENDPOINTS for table in TABLES[f"/{name.replace('_', '/')}"]]
PATIENCE, IMPATIENCE, SLOWNESS = "PT10S", "PT0.2S", 0.5
NOVELTY = "novelty"
FACTION = 40_832
ELSEWHERE = "http://localhost:9/v2/faction/crimes?offset=5"


class Outcome(Enum):
    """What a fault must lead to."""

    RECOVERED = "the fetch is complete, and the tables are the world, value by value"
    REFUSED = "exit status 1 and one sentence; the tables are as before, and no fetch is complete"


RECOVERED, REFUSED = Outcome.RECOVERED, Outcome.REFUSED


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of fault, and what must become of a fetch that meets it.

    ``once`` is the outcome when it strikes one call, ``stays`` when it strikes every call from that one on (None where that
    is no question), ``at_proof`` when the one call is the proof. ``error`` is the error of a refusal.
    ``accepted`` says that the answer is used, so that the next call asks for what comes next.
    """

    make: Callable[[], Fault]
    once: Outcome
    stays: Outcome | None
    error: type[PipelineError]
    at_proof: Outcome
    accepted: bool = False


def passing(
    make: Callable[[], Fault],
    stays: Outcome | None = REFUSED,
    error: type[PipelineError] = ApiUnavailable,
    *,
    accepted: bool = False,
) -> Kind:
    """A fault that is gone at the next try."""
    return Kind(make=make, once=RECOVERED, stays=stays, error=error, at_proof=RECOVERED, accepted=accepted)


def final(make: Callable[[], Fault], error: type[PipelineError], at_proof: Outcome = REFUSED) -> Kind:
    """A fault that no other try can help."""
    return Kind(make=make, once=REFUSED, stays=None, error=error, at_proof=at_proof)


def _errors(codes: tuple[int, ...], kind: Callable[[Callable[[], Fault]], Kind]) -> dict[str, Kind]:
    return {f"error {code}": kind(partial(ErrorCode, code=code)) for code in codes}


KINDS: Mapping[str, Kind] = {
    # Try again soon.
    **_errors((0, 12, 15, 17), passing),
    "flat error 17": passing(lambda: ErrorCode(code=17, flat=True)),
    "status 500": passing(lambda: HttpStatus(status=500)),
    "status 503": passing(lambda: HttpStatus(status=503)),
    "status 520": passing(lambda: HttpStatus(status=520)),
    "web page": passing(Html),
    "half a body": passing(HalfBody),
    "half a JSON": passing(CutJson),
    "empty body": passing(EmptyBody),
    "invalid UTF-8": passing(InvalidUtf8),
    "dropped connection": passing(Drop),
    "slowness": passing(lambda: Delay(seconds=SLOWNESS)),
    # Wait, then go on.
    **_errors((5,), passing),
    "status 429": passing(lambda: HttpStatus(status=429)),
    "status 429 with Retry-After": passing(lambda: HttpStatus(status=429, retry_after="0.01")),
    # The pages themselves. A list that is always empty is empty; one that moves with every call has no end to compare with.
    "empty list": passing(EmptyList, None),
    "link to itself": passing(NextLink, error=ListMoved),
    "link to the first page": passing(lambda: NextLink(target="?limit=5"), error=ListMoved),
    "page once more": passing(DuplicatePage, error=ListMoved),
    "row added": passing(RowsAdded, None, accepted=True),
    "page of rows added": passing(lambda: RowsAdded(count=PAGE), error=ListMoved, accepted=True),
    "row to the head": passing(RowMoved, None, accepted=True),
    "row to the end": passing(lambda: RowMoved(source=0, target=-1), None, accepted=True),
    "row to a later page": passing(lambda: RowMoved(source=6, target=-1), None, accepted=True),
    "row to an earlier page": passing(lambda: RowMoved(source=-1, target=7), None, accepted=True),
    "new field": passing(lambda: NewField(name=NOVELTY), RECOVERED, accepted=True),
    "new field of a child": passing(lambda: NewField(name=NOVELTY, place="crimes.slots"), RECOVERED, accepted=True),
    # Stop calling for some minutes.
    **_errors((8, 9, 24), lambda make: final(make, ApiClosed)),
    # This key is done, and there is no other one.
    **_errors((1, 2, 10, 13, 14, 16, 18), lambda make: final(make, KeyRefused)),
    "dead key": final(KeyDies, KeyRefused),
    # This request is wrong.
    **_errors((3, 4, 6, 7, 11, *range(19, 24), *range(25, 30), 123), lambda make: final(make, RequestRefused)),
    "status 404": final(lambda: HttpStatus(status=404), RequestRefused),
    # Not the endpoint's body, or not the API's link; the proof's link is not followed.
    "other body": final(OtherBody, BodyRefused),
    "no object": final(lambda: OtherBody(body="[]"), BodyRefused),
    "list that is none": final(lambda: OtherBody(body='{"crimes": {}}'), BodyRefused),
    "link to another host": final(lambda: NextLink(target=ELSEWHERE), RequestRefused, at_proof=RECOVERED),
    "link that is none": final(lambda: NextLink(target="http://[/"), BodyRefused, at_proof=RECOVERED),
}
"""Every kind of fault, in the classes of the API's errors."""

ALONE = tuple(KINDS)
"""The kinds that are tried alone."""

PAIRED = (
    "error 17",
    "status 503",
    "half a body",
    "half a JSON",
    "dropped connection",
    "slowness",
    "error 5",
    "status 429",
    "empty list",
    "link to itself",
    "link to the first page",
    "page once more",
    "row added",
    "row to the head",
    "row to the end",
    "row to a later page",
    "row to an earlier page",
    "new field",
    "error 8",
    "error 2",
    "dead key",
    "error 6",
    "other body",
    "link to another host",
)
"""The kinds that are tried in pairs: one of each class of errors, and one of those that are whole answers but no JSON."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail the test when the block takes longer: a fault must never make a call hang."""

    def late(*_: object) -> None:
        pytest.fail(f"it did not end within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Witness:
    """A warehouse for fetches that must touch no table: it hears of the fetches, and fails the test when asked for more."""

    def __init__(self) -> None:
        self.told: list[Fetch] = []

    def record_fetch(self, fetch: Fetch) -> None:
        self.told.append(fetch)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a warehouse has
        pytest.fail(f"a fetch asked the warehouse for {name}")


@dataclass(kw_only=True, eq=False)
class City:
    """A world whose crimes take three pages, the simulator in front of it, and a warehouse that knows it as it was before.

    ``crimes`` are the crimes of every case, oldest first. The warehouse has all but the two newest of them, each easier by one,
    all members but the last, and the faction with a point of respect less. ``loaded`` is what was seen to load rightly.
    """

    folder: Path
    world: World
    simulator: Simulator
    crimes: list[dict[str, Any]]
    template: Path = field(init=False)
    loaded: set[tuple[bytes, ...]] = field(default_factory=set)
    database: duckdb.DuckDBPyConnection = field(default_factory=lambda: duckdb.connect(":memory:"))
    http: requests.Session = field(default_factory=requests.Session)
    cases: int = 0

    def __post_init__(self) -> None:
        """Load the crimes as they were before."""
        know_keys(self.folder, self.world)
        self.http.trust_env = False
        case, faction = self.case(), self.world.faction(FACTION)
        with self.world.lock:
            faction.crimes[:] = [{**crime, "difficulty": crime["difficulty"] - 1} for crime in self.crimes[:-2]]
            faction.basic["respect"] -= 1
            left = faction.members.pop()
        for endpoint in ENDPOINTS:
            case.load(steps.fetch(case.pipeline, endpoint, "default"))
        with self.world.lock:
            faction.basic["respect"] += 1
            faction.members.append(left)
        self.template = self.folder / "template.duckdb"
        shutil.copy(case.warehouse, self.template)
        case.remove()

    @property
    def known(self) -> Path:
        """What every case knows of the keys when it begins."""
        return self.folder / "quota.sqlite"

    def case(self, *kinds: Kind) -> Case:
        """A data directory of its own, and the world as every case of these kinds begins with it."""
        self.cases += 1
        faults = [kind.make() for kind in kinds]
        case = Case(city=self, folder=self.folder / str(self.cases), patient=not any(isinstance(fault, Delay) for fault in faults))
        (case.folder / "data").mkdir(parents=True)
        shutil.copy(self.known, case.folder / "data")
        with self.world.lock:
            self.world.faction(FACTION).crimes[:] = orjson.loads(orjson.dumps(self.crimes))
        self.simulator.faults.clear()
        if any(isinstance(fault, DuplicatePage) for fault in faults):
            self.ask()
        return case

    def ask(self) -> None:
        """Ask for the first page, so that the answer before the next one is known to be that."""
        key = next(iter(self.world.keys))
        self.http.get(f"{self.simulator.url}/faction/crimes?limit={PAGE}", headers={"Authorization": f"ApiKey {key}"}, timeout=10)

    @cache  # noqa: B019 - a city lives as long as its tests
    def config(self, *, patient: bool) -> Path:
        """A config file: the shipped retries without their waits."""
        config = {
            "defaults": {"max_retries": 3, "retry_delay": "PT0S", "timeout": PATIENCE if patient else IMPATIENCE, "rate_limit": 10_000},
            "endpoints": [
                {"name": name, "path": f"/{name.replace('_', '/')}", "frequency": "PT15M", "storage_mode": mode}
                for name, mode in ENDPOINTS.items()
            ],
        }
        path = self.folder / f"{'patient' if patient else 'impatient'}.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        return path

    @cache  # noqa: B019 - a city lives as long as its tests
    def pipeline(self, config: Path) -> steps.Pipeline:
        """A pipeline with this config."""
        keys = {"default": tuple(self.world.keys)[:1]}
        settings = Settings(api_url=self.simulator.url, config=config, data_dir=self.folder / "none", rate_window=0.01, keys=keys)
        return steps.open_pipeline(settings)

    def plant(self, fault: Fault, call: int, *, ever: bool = False) -> None:
        """Let the fault strike the call of that number from now, 0 for the next one, or every call from there on."""
        fault.call = self.simulator.received + 1 + call
        if ever:
            fault.times = EVER
        self.simulator.faults.append(fault)

    @cached_property
    def before(self) -> dict[str, list[tuple[Any, ...]]]:
        """The content of the warehouse that every case begins with."""
        return self.content(self.template)

    def content(self, warehouse: Path) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of the tables of a warehouse, in no order that means anything; moments are microseconds since 1970."""
        connection = self.database.cursor()
        connection.execute(f"ATTACH '{warehouse}' AS stored (READ_ONLY)")
        try:
            tables = {
                table: pl.DataFrame(connection.sql(f"FROM stored.torn.{table}").to_arrow_table()) for table in TABLES["/faction/crimes"]
            }
            return {table: rows.select(pl.all().to_physical()).sort(pl.all()).rows() for table, rows in tables.items()}
        finally:
            connection.execute("DETACH stored")
            connection.close()


@dataclass(kw_only=True)
class Case:
    """One case: a data directory, and how it is fetched into. ``patient`` waits for an answer as long as one does."""

    city: City
    folder: Path
    patient: bool = True

    @property
    def warehouse(self) -> Path:
        return self.folder / "data" / "warehouse.duckdb"

    @property
    def config(self) -> Path:
        return self.city.config(patient=self.patient)

    @property
    def keys(self) -> list[str]:
        return list(self.city.world.keys)

    @cached_property
    def pipeline(self) -> steps.Pipeline:
        """The pipeline of the data directory."""
        general = self.city.pipeline(self.config)
        settings = replace(general.settings, data_dir=self.folder / "data")
        landing, warehouse = landing_from_url(settings.landing_url), warehouse_from_url("", settings.data_dir)
        return replace(general, settings=settings, landing=landing, warehouse=warehouse)

    def environment(self, *, keys: int = 1) -> dict[str, str]:
        """What the console script is told by its environment."""
        return {
            "TORN_API_URL": self.city.simulator.url,
            "TORN_CONFIG": str(self.config),
            "TORN_DATA_DIR": str(self.folder / "data"),
            "TORN_RATE_WINDOW": "0.01",
            "TORN_API_KEY": ",".join(self.keys[:keys]),
            "DAGSTER_HOME": str(self.city.folder / "dagster"),
        }

    def take_warehouse(self) -> None:
        """Begin with the warehouse as it was before."""
        shutil.copy(self.city.template, self.warehouse)

    def fetch(self, endpoint: str = "faction_crimes") -> None:
        """Fetch, as a run does, with a witness in place of the warehouse."""
        witness = Witness()
        try:
            steps.fetch(replace(self.pipeline, warehouse=cast("Warehouse", witness)), endpoint, "default")
        finally:
            assert [one.complete for one in witness.told] == [bool(self.complete(endpoint))]

    def load(self, fetched: Fetch) -> None:
        """Validate and load a fetch."""
        with steps.validate(self.pipeline, fetched) as prepared:
            steps.load(self.pipeline, fetched, prepared)

    def complete(self, endpoint: str = "faction_crimes") -> list[Fetch]:
        """The complete fetches in the landing."""
        return list(self.pipeline.landing.fetches(endpoint))

    def remove(self) -> None:
        shutil.rmtree(self.folder)

    # --- what came of it ---------------------------------------------------------------------------------------

    def assert_recovered(self, load: Callable[[], object] | None = None) -> None:
        """What landed is complete and is the world, and so are the tables after a load (``load``, or the steps themselves).

        What a load leaves behind follows from what landed and the tables before it, so the same crimes are loaded once, and
        once more where some came twice; one crime that was added is like another.
        """
        (fetched,) = self.complete()
        pages = self.assert_landed()
        known = {crime["id"] for crime in self.city.crimes}
        landed = {crime["id"]: orjson.dumps(crime) if crime["id"] in known else b"added" for page in pages for crime in page}
        content = (*sorted(landed.values()), b"twice" if fetched.repeated else b"once")
        if content not in self.city.loaded:
            self.take_warehouse()
            (load or (lambda: self.load(fetched)))()
            self.assert_tables(pages)
            self.city.loaded.add(content)

    def assert_landed(self) -> list[list[dict[str, Any]]]:
        """The crimes of each page of the one complete fetch: they are the world's, all of them."""
        (fetched,) = self.complete()
        pages = [orjson.loads(self.pipeline.landing.get(page))["crimes"] for page in fetched.pages]
        self._assert_world({crime["id"]: crime for page in pages for crime in page})
        return pages

    def _assert_world(self, landed: Mapping[int, dict[str, Any]]) -> None:
        """Every crime is there as it is, or as it was when the fetch began."""
        now = {crime["id"]: crime for crime in self.city.world.faction(FACTION).crimes}
        then = {crime["id"]: crime for crime in self.city.crimes}
        assert landed.keys() == now.keys()
        for crime_id, crime in landed.items():
            assert without_novelty(crime) in (now[crime_id], then.get(crime_id))

    def assert_tables(self, pages: list[list[dict[str, Any]]]) -> None:
        """The tables hold just these crimes, value by value, and a new field where one came with it."""
        landed = {crime["id"]: crime for page in pages for crime in page}
        warehouse = self.pipeline.warehouse
        wanted = reference_tables("/faction/crimes", [{"crimes": [without_novelty(crime) for crime in landed.values()]}])
        for table, rows in wanted.items():
            stored = warehouse.read(table).to_dicts()
            new = {
                tuple(row[name] for name in ("crime_id", "_index")) if "crime_id" in row else row["id"]: row.pop(NOVELTY, None)
                for row in stored
            }
            assert differences(table, stored, rows) == []
            if table == "faction_crimes":
                assert new == {crime_id: crime.get(NOVELTY) for crime_id, crime in landed.items()}
            if table == "faction_crimes_slots":
                slots = [(crime_id, index, slot) for crime_id, crime in landed.items() for index, slot in enumerate(crime["slots"])]
                assert new == {(crime_id, index): slot.get(NOVELTY) for crime_id, index, slot in slots}

    def assert_untold(self, *texts: str) -> None:
        """No key is in any of the texts, nor in any file."""
        written = [path.read_bytes() for path in self.folder.rglob("*") if path.is_file()]
        for key in self.keys:
            assert not any(key.encode() in content for content in (*written, *map(str.encode, texts)))


def without_novelty(crime: dict[str, Any]) -> dict[str, Any]:
    """A crime as the world has it: the field that a fault put in taken out again."""
    plain = {name: value for name, value in crime.items() if name != NOVELTY}
    plain["slots"] = [{name: value for name, value in slot.items() if name != NOVELTY} for slot in crime["slots"]]
    return plain


def assert_sentence(text: str) -> None:
    """One line, which says what is wrong and, after a semicolon, what to do."""
    assert len(text.splitlines()) == 1
    assert "; " in text
    assert "Traceback" not in text


@contextmanager
def open_city(folder: Path) -> Iterator[City]:
    """A small city whose crimes take three pages of five, with two keys of one owner."""
    world = World(size=Size(members=8, crimes=CRIMES, items=12, attacks=0))
    owner = world.faction(FACTION).basic["leader_id"]
    world.keys = {name: Key(owner, FACTION) for name in ("planted0Key1For2Tests", "another0Key1For2Tests")}
    contracts = dict(CONTRACTS) | {"/faction/crimes": replace(CONTRACTS["/faction/crimes"], page_size=PAGE)}
    faction = world.faction(FACTION)
    with pytest.MonkeyPatch.context() as patch, Simulator(world, calls_per_window=EVER) as simulator:
        patch.setattr("torn_pipeline.plan.CONTRACTS", contracts)
        city = City(folder=folder, world=world, simulator=simulator, crimes=copy.deepcopy(faction.crimes))
        yield city
        city.http.close()
        city.database.close()
