"""The store itself: bytes as received, compressed, written once, found again by where they are.

::

    <source>/<endpoint>/account=<account>/date=<date>/<fetched_at>_<sha256>.json.zst    one response
    <source>/<endpoint>/account=<account>/date=<date>/<fetch_id>.fetch.json             one fetch
    <source>/renamed.json                                                               accounts that have another name now

A response's name holds the hash of its bytes, so writing it twice is harmless and reading it back is
checked. The file of a fetch is written last: without it the responses belong to no fetch. Nothing is ever
moved: an account that gets another name keeps its folders, and what lies in them is read under the new name.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import zstandard

from torn_pipeline.durable import sync_folder
from torn_pipeline.errors import ConfigError, LandingError
from torn_pipeline.landing.fetch import Fetch, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Landing", "landing_from_url", "new_fetch_id"]

LEVEL = 3  # of zstd; higher ones cost more than they save on bodies of some kilobytes
STAMP = "%Y%m%dT%H%M%S%fZ"
RESPONSE = ".json.zst"
FETCH = ".fetch.json"


def new_fetch_id(fetched_at: datetime) -> str:
    """An id for a fetch: its moment, and eight random hex digits; ids sort by time."""
    return f"{fetched_at.strftime(STAMP)}-{secrets.token_hex(4)}"


def landing_from_url(url: str) -> Landing:
    """The landing that ``TORN_LANDING`` names.

    Raises:
        ConfigError: when the URL is of a kind that is not supported.
    """
    parts = urlsplit(url)
    if parts.scheme in {"s3", "gs"}:
        message = f"TORN_LANDING is {url}: object stores are not supported yet, use file:///ABSOLUTE/PATH"
        raise ConfigError(message)
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"} or not parts.path:
        message = f"TORN_LANDING is {url!r}: use file:///ABSOLUTE/PATH"
        raise ConfigError(message)
    return Landing(Path(unquote(parts.path)))


class Landing:
    """The landing below one folder. ``source`` is whose answers they are."""

    def __init__(self, root: Path, source: str = "torn") -> None:
        self.root = root
        self.source = source

    @property
    def label(self) -> str:
        """Where it is, for people."""
        return str(self.root)

    # --- writing ---------------------------------------------------------------------------------------

    def put(self, endpoint: str, account: str, fetched_at: datetime, content: bytes, *, url: str, received_at: datetime, rows: int) -> Page:
        """Keep one response.

        Raises:
            LandingError: when the disk refuses, or other bytes lie under the same name.
        """
        digest = hashlib.sha256(content).hexdigest()
        raw_id = f"{self._folder(endpoint, account, fetched_at.date())}/{fetched_at.strftime(STAMP)}_{digest[:16]}"
        packed = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compress(content)
        is_new = self._write_once(self.root / f"{raw_id}{RESPONSE}", packed)
        page = Page(raw_id=raw_id, url=url, received_at=received_at, size=len(content), sha256=digest, rows=rows)
        if not is_new:
            self.get(page)  # the same name must be the same bytes
        return page

    def close(self, fetch: Fetch) -> None:
        """Write down what a fetch was; from then on it counts.

        Raises:
            LandingError: when the disk refuses.
        """
        folder = self._folder(fetch.endpoint, fetch.account, fetch.fetched_at.date())
        text = json.dumps(asdict(fetch), default=_encode, indent=1, ensure_ascii=False)
        self._write_once(self.root / folder / f"{fetch.fetch_id}{FETCH}", text.encode())

    def _write_once(self, path: Path, content: bytes) -> bool:
        """Write beside, flush to the disk, then link: a reader sees all or nothing, and nothing is ever replaced.

        Returns whether the file is new.
        """
        beside = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with beside.open("xb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                path.hardlink_to(beside)
            except FileExistsError:
                return False
            finally:
                beside.unlink(missing_ok=True)
            sync_folder(path.parent)
        except OSError as error:
            message = f"the landing cannot be written at {path}: {error.strerror or error}; check the disk and its permissions"
            raise LandingError(message) from error
        return True

    def folder(self, fetch: Fetch) -> Path:
        """Where a fetch and its responses are."""
        return self.root / self._folder(fetch.endpoint, fetch.account, fetch.fetched_at.date())

    def _folder(self, endpoint: str, account: str, day: date) -> str:
        return f"{self.source}/{endpoint}/account={account}/date={day.isoformat()}"

    # --- reading ---------------------------------------------------------------------------------------

    def get(self, page: Page) -> bytes:
        """The bytes of a response as received.

        Raises:
            LandingError: when they are gone or not the ones that were received.
        """
        path = self.root / f"{page.raw_id}{RESPONSE}"
        try:
            content = _unpacked(path.read_bytes(), page.size)
        except FileNotFoundError as error:
            message = f"the landed response {path} is gone; restore it from a backup or fetch again"
            raise LandingError(message) from error
        except (OSError, zstandard.ZstdError) as error:
            message = f"the landed response {path} cannot be read: {error}; restore it from a backup or fetch again"
            raise LandingError(message) from error
        if hashlib.sha256(content).hexdigest() != page.sha256:
            message = f"the landed response {path} is not what was received: its hash differs; restore it from a backup or fetch again"
            raise LandingError(message)
        return content

    def reader(self, page: Page) -> Callable[[], bytes]:
        """Reads a response when it is needed."""
        return lambda: self.get(page)

    def fetches(self, endpoint: str, *, account: str | None = None, since: date | None = None) -> Iterator[Fetch]:
        """The complete fetches of an endpoint, oldest first."""
        wanted = [
            (file, owner)
            for folder, owner in self._folders(endpoint, account)
            for file in folder.glob(f"date=*/*{FETCH}")
            if since is None or file.parent.name >= f"date={since.isoformat()}"
        ]
        for file, owner in sorted(wanted, key=lambda found: found[0].name):
            fetch = _read(file, owner)
            if fetch.complete:
                yield fetch

    def latest(self, endpoint: str, account: str) -> Fetch | None:
        """The latest complete fetch of an endpoint for an account, if there is one."""
        found = (self._latest_in(folder, account) for folder, _ in self._folders(endpoint, account))
        return max((fetch for fetch in found if fetch), key=lambda fetch: fetch.fetch_id, default=None)

    def _latest_in(self, folder: Path, account: str) -> Fetch | None:
        for day in sorted(folder.glob("date=*"), reverse=True):
            for file in sorted(day.glob(f"*{FETCH}"), reverse=True):
                fetch = _read(file, account)
                if fetch.complete:
                    return fetch
        return None

    # --- accounts --------------------------------------------------------------------------------------

    def accounts(self, endpoint: str) -> set[str]:
        """The accounts that the landing has something of the endpoint for, by their names of today."""
        return {owner for _, owner in self._folders(endpoint, None)}

    def rename_account(self, old: str, new: str) -> None:
        """Read from now on under the name ``new`` what landed for ``old``.

        Raises:
            LandingError: when the disk refuses.
        """
        file = self._renamed_file()
        names = {name: new if today == old else today for name, today in self._renamed().items()} | {old: new}
        names.pop(new, None)
        beside = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps(names, indent=1), encoding="utf-8")
            beside.replace(file)
        except OSError as error:
            message = f"the landing cannot be written at {file}: {error.strerror or error}; check the disk and its permissions"
            raise LandingError(message) from error

    def _renamed_file(self) -> Path:
        return self.root / self.source / "renamed.json"

    def _renamed(self) -> dict[str, str]:
        file = self._renamed_file()
        try:
            names: dict[str, str] = json.loads(file.read_bytes()) if file.exists() else {}
        except (OSError, ValueError) as error:
            message = f"the names of renamed accounts in {file} cannot be read: {error}; restore it from a backup"
            raise LandingError(message) from error
        return names

    def _folders(self, endpoint: str, account: str | None) -> list[tuple[Path, str]]:
        """The folders of an endpoint with the account that each belongs to today; of one account when given."""
        renamed = self._renamed()
        folders = []
        for folder in sorted((self.root / self.source / endpoint).glob("account=*")):
            name = folder.name.removeprefix("account=")
            owner = renamed.get(name, name)
            if account in {None, owner}:
                folders.append((folder, owner))
        return folders


def _unpacked(packed: bytes, size: int) -> bytes:
    """The content, as far as it can be the one of that size: a damaged header may ask for any amount of memory."""
    if zstandard.frame_content_size(packed) not in {size, -1}:
        message = f"it does not hold {size} bytes"
        raise zstandard.ZstdError(message)
    return zstandard.ZstdDecompressor().decompress(packed, max_output_size=size + 1)


def _encode(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    message = f"a {type(value).__name__} has no place in the description of a fetch"
    raise TypeError(message)


def _read(file: Path, account: str) -> Fetch:
    try:
        given = json.loads(file.read_bytes())
        moments = {name: datetime.fromisoformat(given[name]) for name in ("fetched_at", "ended_at")}
        windows = {name: given[name] and datetime.fromisoformat(given[name]) for name in ("window_from", "window_to")}
        pages = tuple(Page(**{**page, "received_at": datetime.fromisoformat(page["received_at"])}) for page in given["pages"])
        missing = tuple(given.get("missing", ()))
        return Fetch(**{**given, **moments, **windows, "pages": pages, "account": account, "missing": missing})
    except (OSError, ValueError, TypeError, KeyError) as error:
        message = f"the description of a fetch {file} cannot be read: {error}; restore it from a backup"
        raise LandingError(message) from error
