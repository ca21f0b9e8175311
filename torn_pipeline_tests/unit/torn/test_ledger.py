"""What a ledger does with its file or its database: upgrades, losses, refusals."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from torn_pipeline.errors import ConfigError
from torn_pipeline.torn import Quota
from torn_pipeline.torn.ledger import LedgerUnavailable, ledger_at, spared
from torn_pipeline_tests.postgres import IN_URL, PASSWORD, postgres, query
from torn_pipeline_tests.unit.torn.conftest import LEDGERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from torn_pipeline.torn.ledger import Database, Ledger

END_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture
def url() -> str:
    return postgres()


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with closing(ledger_at(url)) as ledger:
        yield ledger


def calls(ledger: Ledger) -> int:
    with ledger.connection() as database:
        (count,) = database.execute("SELECT count(*) FROM calls").fetchone()
    return int(count)


def within(ledger: Ledger, work: Callable[[Database], None]) -> None:
    with ledger.transaction() as database:
        work(database)


def call(ledger: Ledger) -> None:
    with Quota(ledger, 100, hold=5).call("default"):
        pass


@pytest.mark.parametrize("place", LEDGERS, indirect=True)
def test_a_ledger_is_there_once_it_was_used(place: Path | str) -> None:
    with closing(ledger_at(place)) as ledger:
        assert not ledger.exists()
        assert not ledger.exists()
        call(ledger)
        assert ledger.exists()


@pytest.mark.parametrize("place", LEDGERS, indirect=True)
def test_a_transaction_is_undone_when_its_block_raises(place: Path | str) -> None:
    def begin(database: Database) -> None:
        database.execute("INSERT INTO passed_over (account, times) VALUES (?, ?)", ("default", 1))
        raise RuntimeError

    with closing(ledger_at(place)) as ledger:
        with pytest.raises(RuntimeError):
            within(ledger, begin)
        with ledger.connection() as database:
            assert database.execute("SELECT * FROM passed_over").fetchall() == []


@pytest.mark.parametrize("place", LEDGERS, indirect=True)
def test_no_transaction_overlaps_another(place: Path | str) -> None:
    def count(database: Database) -> None:
        (times,) = database.execute("SELECT times FROM passed_over").fetchone()
        database.execute("UPDATE passed_over SET times = ?", (times + 1,))

    with closing(ledger_at(place)) as ledger, ThreadPoolExecutor(8) as pool:
        with ledger.transaction() as database:
            database.execute("INSERT INTO passed_over (account, times) VALUES (?, ?)", ("default", 0))
        list(pool.map(partial(within, ledger), [count] * 40))
        with ledger.connection() as database:
            assert database.execute("SELECT times FROM passed_over").fetchone() == (40,)


def test_a_file_of_the_version_before_keeps_its_calls(tmp_path: Path) -> None:
    path = tmp_path / "quota.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            "CREATE TABLE calls (id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, key TEXT NOT NULL, granted REAL NOT NULL,"
            " ends REAL NOT NULL); INSERT INTO calls (account, key, granted, ends) VALUES ('default', 'a', 1, 2);"
            "CREATE TABLE breaker (id INTEGER PRIMARY KEY CHECK (id = 1), times INTEGER NOT NULL, opened REAL NOT NULL,"
            " until REAL NOT NULL, said TEXT NOT NULL, probe_until REAL NOT NULL); PRAGMA user_version = 2;"
        )
    with closing(ledger_at(path)) as ledger:
        assert calls(ledger) == 1
        call(ledger)
        assert calls(ledger) == 2


# --- in a database ---------------------------------------------------------------------------------------------


def test_a_connection_that_was_lost_since_is_replaced(ledger: Ledger, url: str) -> None:
    for _ in range(3):
        call(ledger)
        query(url, END_OTHERS)
    assert calls(ledger) == 3


def test_a_connection_that_is_lost_in_a_transaction_is_told_and_frees_the_others(ledger: Ledger, url: str) -> None:
    def lose(database: Database) -> None:
        database.execute("INSERT INTO passed_over (account, times) VALUES (?, ?)", ("default", 1))
        query(url, END_OTHERS)
        call(ledger)  # nobody holds the others up any more
        database.execute("DELETE FROM calls")

    with pytest.raises(LedgerUnavailable, match="no call is made without it: run it again"):
        within(ledger, lose)
    assert calls(ledger) == 1
    with ledger.connection() as database:
        assert database.execute("SELECT * FROM passed_over").fetchall() == []


def test_a_commit_that_is_lost_is_told(ledger: Ledger, url: str) -> None:
    with pytest.raises(LedgerUnavailable), ledger.transaction():
        query(url, END_OTHERS)


def test_an_error_of_the_callers_own_is_his_though_the_connection_is_lost(ledger: Ledger, url: str) -> None:
    def fail(_: Database) -> None:
        query(url, END_OTHERS)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        within(ledger, fail)
    call(ledger)


def test_what_is_good_to_know_is_spared(ledger: Ledger, url: str, caplog: pytest.LogCaptureFixture) -> None:
    with spared("the end of a call"), ledger.transaction():
        query(url, END_OTHERS)
    assert "the end of a call could not be written down: the database of DAGSTER_POSTGRES_URL" in caplog.text


def test_a_wrong_password_is_told_without_any(url: str) -> None:
    wrong = url.replace(IN_URL, "wrong-wrong")
    with pytest.raises(LedgerUnavailable, match='password authentication failed for user "torn"') as caught:
        call(ledger_at(wrong))
    assert "wrong" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_user_who_may_not_make_the_schema_is_a_clear_error(url: str) -> None:
    database = urlsplit(url).path[1:]
    query(url, f"DROP ROLE IF EXISTS reader_{database}")
    query(url, f"CREATE ROLE reader_{database} LOGIN PASSWORD '{PASSWORD}'")
    with pytest.raises(ConfigError, match=r"permission denied for database .+ let its user create the schema torn_ledger"):
        call(ledger_at(url.replace("//torn:", f"//reader_{database}:")))


def test_the_urls_own_words_go_before_ours(url: str) -> None:
    with closing(ledger_at(f"{url}?application_name=mine&connect_timeout=3")) as ledger, ledger.connection() as database:
        assert database.execute("SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()").fetchone() == ("mine",)


def test_a_machine_that_stops_in_a_transaction_holds_nobody_up_for_long(ledger: Ledger) -> None:
    """The server ends its connection after half a minute; here after a tenth of a second."""

    def stop(database: Database) -> None:
        assert database.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("30s",)
        database.execute("SET idle_in_transaction_session_timeout TO '0.1s'")
        call(ledger)  # waits for that
        database.execute("SELECT 1")

    with pytest.raises(LedgerUnavailable):
        within(ledger, stop)
