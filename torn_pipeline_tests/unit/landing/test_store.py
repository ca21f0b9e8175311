"""The store on a real disk: bytes as received, written once, found again, and never half there."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from torn_pipeline.errors import ConfigError, LandingError
from torn_pipeline.landing import Fetch, Landing, Page, landing_from_url, new_fetch_id

NOON = datetime(2026, 4, 29, 12, 0, 0, 5, tzinfo=UTC)
DAY = timedelta(days=1)
FOLDER = "torn/faction_crimes/account=default/date=2026-04-29"


def put(
    landing: Landing, content: bytes, *, fetched_at: datetime = NOON, account: str = "default", endpoint: str = "faction_crimes"
) -> Page:
    return landing.put(endpoint, account, fetched_at, content, url="https://api.torn.com/v2/x?limit=100", received_at=fetched_at, rows=3)


def fetch(landing: Landing, *contents: bytes, fetched_at: datetime = NOON, account: str = "default", complete: bool = True) -> Fetch:
    """A fetch that is landed and closed."""
    pages = tuple(put(landing, content, fetched_at=fetched_at, account=account) for content in contents)
    made = Fetch(
        fetch_id=new_fetch_id(fetched_at),
        endpoint="faction_crimes",
        account=account,
        path="/faction/crimes",
        params={"striptags": "true"},
        path_ids={"_crime_id": 5},
        window_from=fetched_at - DAY,
        window_to=None,
        fetched_at=fetched_at,
        ended_at=fetched_at + timedelta(seconds=2),
        pages=pages,
        rows=3 * len(pages),
        repeated=1,
        complete=complete,
        error="" if complete else "gone",
    )
    landing.close(made)
    return made


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path / "landing")


# --- bytes -----------------------------------------------------------------------------------------------


@given(st.binary(max_size=300))
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_come_back_as_they_were_received(landing: Landing, content: bytes) -> None:
    page = put(landing, content)

    assert landing.get(page) == content
    assert (page.size, page.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert landing.reader(page)() == content


def test_a_response_lies_where_it_can_be_found_by_hand(landing: Landing) -> None:
    page = put(landing, b'{"crimes":[]}')
    digest = hashlib.sha256(b'{"crimes":[]}').hexdigest()

    assert page.raw_id == f"{FOLDER}/20260429T120000000005Z_{digest[:16]}"
    assert files(landing.root) == [f"{page.raw_id}.json.zst"]
    assert zstandard.ZstdDecompressor().decompress((landing.root / f"{page.raw_id}.json.zst").read_bytes()) == b'{"crimes":[]}'
    assert landing.label == str(landing.root)


def test_a_large_response_takes_less_room_than_it_came_in(landing: Landing) -> None:
    content = json.dumps([{"id": number, "name": "Break the Bank"} for number in range(20_000)]).encode()
    page = put(landing, content)

    assert (landing.root / f"{page.raw_id}.json.zst").stat().st_size < len(content) / 5
    assert landing.get(page) == content


# --- written once ------------------------------------------------------------------------------------------


def test_the_same_response_again_changes_nothing(landing: Landing) -> None:
    first = put(landing, b"a")
    file = landing.root / f"{first.raw_id}.json.zst"
    before = file.stat()

    assert put(landing, b"a") == first
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert len(files(landing.root)) == 1


def test_other_bytes_under_the_same_name_are_refused_and_left_alone(landing: Landing) -> None:
    page = put(landing, b"a")
    file = landing.root / f"{page.raw_id}.json.zst"
    other = zstandard.ZstdCompressor().compress(b"b")
    file.write_bytes(other)

    with pytest.raises(LandingError, match="is not what was received: its hash differs"):
        put(landing, b"a")
    assert file.read_bytes() == other


def test_the_description_of_a_fetch_is_never_replaced(landing: Landing) -> None:
    made = fetch(landing, b"a")

    landing.close(replace(made, complete=False, error="changed my mind"))

    assert list(landing.fetches("faction_crimes")) == [made]


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from torn_pipeline.landing import Landing

now = datetime(2026, 4, 29, 12, 0, 0, 5, tzinfo=UTC)
print("ready", flush=True)
sys.stdin.readline()
for number in range(40):
    content = b'{"crimes":[%d]}' % (number % 20) * 500
    Landing(Path(sys.argv[1])).put("faction_crimes", "default", now, content, url="u", received_at=now, rows=3)
"""


def _writer(root: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(root)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603  # the command is the one above


def test_writers_at_once_leave_each_response_whole_and_once(landing: Landing) -> None:
    with ExitStack() as stack:
        writers = [stack.enter_context(_writer(landing.root)) for _ in range(3)]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        for writer in writers:
            writer.communicate(timeout=60)

    assert [writer.returncode for writer in writers] == [0, 0, 0]
    pages = [put(landing, b'{"crimes":[%d]}' % number * 500) for number in range(20)]
    assert files(landing.root) == sorted(f"{page.raw_id}.json.zst" for page in pages)
    assert [landing.get(page) for page in pages] == [b'{"crimes":[%d]}' % number * 500 for number in range(20)]


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from torn_pipeline.landing import Landing
import torn_pipeline.landing.store as store

def die(*given, **more):
    os.kill(os.getpid(), signal.SIGKILL)

owner, name = {"fsync": (os, "fsync"), "link": (Path, "hardlink_to"), "unlink": (Path, "unlink")}[sys.argv[2]]
setattr(owner, name, die)
now = datetime(2026, 4, 29, 12, 0, 0, 5, tzinfo=UTC)
Landing(Path(sys.argv[1])).put("faction_crimes", "default", now, b"a" * 10_000, url="u", received_at=now, rows=3)
"""


@pytest.mark.parametrize(("at", "is_there"), [("fsync", False), ("link", False), ("unlink", True)])
def test_a_writer_that_is_killed_leaves_all_of_a_response_or_none(landing: Landing, at: str, *, is_there: bool) -> None:
    command = [sys.executable, "-c", KILLED, str(landing.root), at]
    killed = subprocess.run(command, check=False, timeout=60)  # noqa: S603  # the command is the one above

    assert killed.returncode == -signal.SIGKILL
    finished = [file for file in landing.root.rglob("*.json.zst") if not file.name.startswith(".")]
    assert len(finished) == is_there
    assert list(landing.fetches("faction_crimes")) == []
    page = put(landing, b"a" * 10_000)
    assert landing.get(page) == b"a" * 10_000


def test_nothing_is_left_beside_what_was_written(landing: Landing) -> None:
    made = fetch(landing, b"a", b"b")

    assert files(landing.root) == sorted([*(f"{page.raw_id}.json.zst" for page in made.pages), f"{FOLDER}/{made.fetch_id}.fetch.json"])


# --- damage ------------------------------------------------------------------------------------------------


def test_a_changed_byte_is_found_wherever_it_is(landing: Landing) -> None:
    content = json.dumps({"crimes": [{"id": number} for number in range(50)]}).encode()
    page = put(landing, content)
    file = landing.root / f"{page.raw_id}.json.zst"
    packed = file.read_bytes()

    for place in range(len(packed)):
        for flip in (0x01, 0x80, 0xFF):
            file.write_bytes(packed[:place] + bytes([packed[place] ^ flip]) + packed[place + 1 :])
            try:
                assert landing.get(page) == content  # a bit that means nothing
            except LandingError as error:
                assert str(file) in str(error)  # noqa: PT017  # most bytes mean something, and then this is raised


@pytest.mark.parametrize("kept", [0, 1, 10, -1])
def test_a_cut_file_is_found(landing: Landing, kept: int) -> None:
    page = put(landing, b'{"crimes":[]}' * 100)
    file = landing.root / f"{page.raw_id}.json.zst"
    file.write_bytes(file.read_bytes()[:kept])

    with pytest.raises(LandingError, match="restore it from a backup or fetch again"):
        landing.get(page)


@pytest.mark.parametrize("other", [b"", b"b", b"ab", b"a" * 2**20])
def test_other_content_well_packed_is_found(landing: Landing, other: bytes) -> None:
    page = put(landing, b"a")
    (landing.root / f"{page.raw_id}.json.zst").write_bytes(zstandard.ZstdCompressor(write_content_size=False).compress(other))

    with pytest.raises(LandingError):
        landing.get(page)


def test_a_response_that_is_gone_is_an_error(landing: Landing) -> None:
    page = put(landing, b"a")
    (landing.root / f"{page.raw_id}.json.zst").unlink()

    with pytest.raises(LandingError, match="is gone; restore it from a backup or fetch again"):
        landing.get(page)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"5", b'{"fetch_id":"x"}', b"\xff"])
def test_a_damaged_description_is_an_error_not_a_silence(landing: Landing, text: bytes) -> None:
    made = fetch(landing, b"a")
    (landing.folder(made) / f"{made.fetch_id}.fetch.json").write_bytes(text)

    with pytest.raises(LandingError, match=r"the description of a fetch .* cannot be read"):
        list(landing.fetches("faction_crimes"))
    with pytest.raises(LandingError, match=r"the description of a fetch .* cannot be read"):
        landing.latest("faction_crimes", "default")


# --- the disk ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [".", "torn", "torn/faction_crimes", "torn/faction_crimes/account=default", FOLDER])
def test_a_file_where_a_folder_should_be_is_an_error_of_the_landing(landing: Landing, part: str) -> None:
    blocked = landing.root / part
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_text("in the way", encoding="utf-8")

    with pytest.raises(LandingError, match=r"the landing cannot be written at .*; check the disk and its permissions"):
        put(landing, b"a")


def test_a_folder_where_a_response_should_be_is_an_error_of_the_landing(landing: Landing) -> None:
    page = put(landing, b"a")
    file = landing.root / f"{page.raw_id}.json.zst"
    file.unlink()
    file.mkdir()

    with pytest.raises(LandingError):
        put(landing, b"a")
    with pytest.raises(LandingError, match="cannot be read"):
        landing.get(page)


# --- fetches -----------------------------------------------------------------------------------------------


def test_a_fetch_comes_back_as_it_was_closed(landing: Landing) -> None:
    made = fetch(landing, b"a", b"b")

    assert list(landing.fetches("faction_crimes")) == [made]
    assert landing.latest("faction_crimes", "default") == made
    assert [landing.get(page) for page in made.pages] == [b"a", b"b"]
    assert landing.folder(made) == landing.root / FOLDER


def test_a_fetch_without_a_description_does_not_count(landing: Landing) -> None:
    put(landing, b"a")

    assert list(landing.fetches("faction_crimes")) == []
    assert landing.latest("faction_crimes", "default") is None


def test_an_incomplete_fetch_does_not_count(landing: Landing) -> None:
    whole = fetch(landing, b"a")
    fetch(landing, b"b", fetched_at=NOON + DAY, complete=False)

    assert list(landing.fetches("faction_crimes")) == [whole]
    assert landing.latest("faction_crimes", "default") == whole


def test_fetches_come_oldest_first_over_days_and_accounts(landing: Landing) -> None:
    moments = [NOON + 2 * DAY, NOON, NOON + timedelta(microseconds=1), NOON - DAY, NOON + timedelta(hours=11)]
    made = [fetch(landing, b"a", fetched_at=moment, account=("default", "second")[place % 2]) for place, moment in enumerate(moments)]
    in_order = sorted(made, key=lambda one: one.fetched_at)

    assert list(landing.fetches("faction_crimes")) == in_order
    assert list(landing.fetches("faction_crimes", account="second")) == [one for one in in_order if one.account == "second"]
    assert list(landing.fetches("faction_crimes", since=date(2026, 4, 29))) == in_order[1:]
    assert list(landing.fetches("faction_crimes", since=date(2026, 5, 2))) == []
    assert list(landing.fetches("faction_members")) == []
    assert landing.latest("faction_crimes", "default") == in_order[-1]
    assert landing.latest("faction_crimes", "second") == in_order[1]
    assert landing.latest("faction_crimes", "third") is None
    assert landing.accounts("faction_crimes") == {"default", "second"}


def test_sources_and_endpoints_do_not_mix(tmp_path: Path) -> None:
    torn, other = Landing(tmp_path), Landing(tmp_path, source="other")
    made = fetch(torn, b"a")

    assert list(other.fetches("faction_crimes")) == []
    assert list(torn.fetches("faction")) == []
    assert list(torn.fetches("faction_crimes")) == [made]


def test_what_landed_for_an_account_is_read_under_its_new_name(landing: Landing) -> None:
    made = fetch(landing, b"a", account="old")
    landing.rename_account("old", "new")
    later = fetch(landing, b"b", account="new", fetched_at=NOON + DAY)

    assert list(landing.fetches("faction_crimes", account="new")) == [replace(made, account="new"), later]
    assert list(landing.fetches("faction_crimes", account="old")) == []
    assert landing.latest("faction_crimes", "new") == later
    assert landing.get(made.pages[0]) == b"a"
    assert landing.accounts("faction_crimes") == {"new"}


# --- names -------------------------------------------------------------------------------------------------


def test_ids_of_fetches_sort_by_time_and_differ() -> None:
    moments = [NOON - DAY, NOON, NOON + timedelta(microseconds=1), NOON + timedelta(seconds=1)]
    ids = [new_fetch_id(moment) for moment in moments]

    assert ids == sorted(ids)
    assert ids[1].startswith("20260429T120000000005Z-")
    assert len({new_fetch_id(NOON) for _ in range(50)}) == 50


def test_a_landing_is_named_by_a_url(tmp_path: Path) -> None:
    assert landing_from_url(f"file://{tmp_path}").root == tmp_path
    assert landing_from_url(f"file://localhost{tmp_path}").root == tmp_path
    assert landing_from_url("file:///a%20b/c").root == Path("/a b/c")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://bucket/prefix", "object stores are not supported yet, use file:///ABSOLUTE/PATH"),
        ("gs://bucket", "object stores are not supported yet"),
        ("file://host/path", "use file:///ABSOLUTE/PATH"),
        ("file://", "use file:///ABSOLUTE/PATH"),
        ("/plain/path", "use file:///ABSOLUTE/PATH"),
        ("ftp://host/path", "use file:///ABSOLUTE/PATH"),
    ],
)
def test_a_landing_of_another_kind_is_refused(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        landing_from_url(url)
