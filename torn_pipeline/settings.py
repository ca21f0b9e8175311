"""The environment, read once: the only module that looks at it.

Everything deployment-specific comes from here; what is fetched and how comes from the config file.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qs, parse_qsl, unquote, urlsplit

from dotenv import dotenv_values

from torn_pipeline.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "ALERT_VARIABLE",
    "DEFAULT_API_URL",
    "LOG_FORMATS",
    "LOG_LEVELS",
    "LOOPBACK_HOSTS",
    "LogDefaults",
    "Settings",
    "address_problem",
    "secret_parts",
]

DEFAULT_API_URL = "https://api.torn.com/v2"
TORN_WINDOW = 60.0  # seconds in which Torn counts the calls of one user
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LOG_FORMATS = ("text", "json")
ALERT_VARIABLE = "TORN_ALERT"
ALERT_SECRET = re.compile(rf"{ALERT_VARIABLE}_(?P<name>[A-Z][A-Z0-9_]*?)(?P<file>_FILE)?")
PATH_IS_TELLING = 8  # characters from which on the path of a secret URL is a secret by itself
PART_IS_TELLING = 16  # likewise one part of it, such as a token
POSTGRES = frozenset({"postgresql", "postgres", "postgresql+psycopg2"})  # what a URL of that database begins with
KEY_VARIABLE = re.compile(r"TORN_API_KEY(?:_(?!FILE\Z)(?P<name>[A-Z][A-Z0-9_]*?))?(?P<file>_FILE)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogDefaults:
    """How a process logs as long as neither environment nor config file says otherwise; the fields are those of ``logging`` there."""

    level: str = "INFO"
    format: str = "text"
    file: str = "logs/torn_pipeline.log"
    max_mb: int = 10
    keep: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment says. ``keys`` maps an account's name to its keys and never shows in ``repr``.

    ``rate_window`` is the length in seconds of the window that ``rate_limit`` counts calls in; Torn's is
    60, tests shorten it. ``bigquery_emulator`` is the address of a local server that stands in for BigQuery.
    ``dagster_postgres`` is the URL of the database that Dagster's storage and the count of calls are in, with the scheme
    that SQLAlchemy needs; without one both are in SQLite.
    ``log_level`` and ``log_format`` are empty where the environment leaves them to the config file; ``log_file`` is where the log is
    whatever that file says.
    ``alert_secrets`` maps the name of a channel of alerts to its URL, password or key; ``heartbeat_url`` is asked at each beat, and
    ``ui_url`` is where messages lead to.
    """

    api_url: str = DEFAULT_API_URL
    config: Path = Path("config/pipeline.yaml")
    data_dir: Path = Path("data")
    warehouse: str = field(default="", repr=False)  # may hold a password
    bigquery_emulator: str = ""
    landing: str = field(default="", repr=False)
    ui_url: str = ""
    log_level: str = ""
    log_format: str = ""
    log_file: Path | None = None
    dagster_home: Path = Path("data/dagster")
    dagster_postgres: str = field(default="", repr=False)  # may hold a password
    rate_window: float = TORN_WINDOW
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    alert_secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    heartbeat_url: str = field(default="", repr=False)

    @property
    def is_loopback(self) -> bool:
        """Whether the API is on this machine."""
        return (_url(self.api_url).hostname or "") in LOOPBACK_HOSTS

    @property
    def landing_url(self) -> str:
        """``TORN_LANDING``, or the folder ``landing`` in the data directory."""
        return self.landing or (self.data_dir / "landing").absolute().as_uri()

    def key_id(self, account: str) -> str:
        """The id of an account's first key, empty when there is no key."""
        keys = self.keys.get(account, ())
        return self.id_of(keys[0]) if keys else ""

    @staticmethod
    def id_of(key: str) -> str:
        """Tells a key from others without showing it: 16 hex digits."""
        return hashlib.blake2b(key.encode(), digest_size=8, person=b"torn_pipeline").hexdigest()

    @property
    def dagster_template(self) -> str:
        """The name of the shipped file with Dagster's own settings that fits these."""
        return "dagster.postgres.yaml" if self.dagster_postgres else "dagster.yaml"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every value that must never be shown."""
        keys = [key for keys in self.keys.values() for key in keys]
        others = [part for value in (*self.alert_secrets.values(), self.heartbeat_url) if value for part in secret_parts(value)]
        return tuple(dict.fromkeys([*keys, *others, *_passwords(self.dagster_postgres)]))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the environment, and the ``.env`` file beside the config for what it leaves out.

        Raises:
            ConfigError: with one line for each problem.
        """
        settings, problems = cls.read(environment)
        if problems:
            raise ConfigError("\n".join(problems))
        return settings

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> tuple[Settings, list[str]]:
        """As :meth:`from_environment`, with the problems beside the settings, for who wants to judge the rest all the same."""
        given = dict(os.environ if environment is None else environment)
        config = Path(given.get("TORN_CONFIG") or "config/pipeline.yaml")
        merged = {**_dotenv(config.parent / ".env"), **given}
        problems: list[str] = []
        data_dir = Path(merged.get("TORN_DATA_DIR") or "data")
        settings = cls(
            api_url=(merged.get("TORN_API_URL") or DEFAULT_API_URL).rstrip("/"),
            config=config,
            data_dir=data_dir,
            warehouse=merged.get("TORN_WAREHOUSE", ""),
            bigquery_emulator=merged.get("BIGQUERY_EMULATOR_HOST", ""),
            landing=merged.get("TORN_LANDING", ""),
            ui_url=merged.get("TORN_UI_URL", "").rstrip("/"),
            log_level=merged.get("TORN_LOG_LEVEL", "").upper(),
            log_format=merged.get("TORN_LOG_FORMAT", "").lower(),
            dagster_home=Path(merged.get("DAGSTER_HOME") or data_dir / "dagster").absolute(),
            dagster_postgres=_with_driver(merged.get("DAGSTER_POSTGRES_URL", "")),
            rate_window=_seconds(merged, "TORN_RATE_WINDOW", TORN_WINDOW, problems),
            keys=_keys(merged, problems),
            alert_secrets=_alert_secrets(merged, problems),
            heartbeat_url=merged.get("TORN_HEARTBEAT_URL", "").strip(),
        )
        problems += settings.problems()
        return settings, problems

    @staticmethod
    def key_variable(account: str) -> str:
        """The variable that an account's key comes from."""
        return "TORN_API_KEY" if account == "default" else f"TORN_API_KEY_{account.upper()}"

    @staticmethod
    def alert_variable(channel: str) -> str:
        """The variable that the secret of a channel of alerts comes from."""
        return f"{ALERT_VARIABLE}_{channel.upper()}"

    def environment(self) -> dict[str, str]:
        """The environment of this process with these settings in place of its own, for a child process."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TORN_")}
        keys = {self.key_variable(account): ",".join(keys) for account, keys in self.keys.items()}
        alerts = {self.alert_variable(channel): secret for channel, secret in self.alert_secrets.items()}
        emulator = {"BIGQUERY_EMULATOR_HOST": self.bigquery_emulator} if self.bigquery_emulator else {}
        return kept | {
            **emulator,
            "TORN_API_URL": self.api_url,
            "TORN_CONFIG": str(self.config.absolute()),
            "TORN_DATA_DIR": str(self.data_dir.absolute()),
            "TORN_WAREHOUSE": self.warehouse,
            "TORN_LANDING": self.landing,
            "TORN_UI_URL": self.ui_url,
            "TORN_LOG_LEVEL": self.log_level,
            "TORN_LOG_FORMAT": self.log_format,
            "TORN_RATE_WINDOW": str(self.rate_window),
            "TORN_HEARTBEAT_URL": self.heartbeat_url,
            "DAGSTER_HOME": str(self.dagster_home),
            "DAGSTER_POSTGRES_URL": self.dagster_postgres,
            **keys,
            **alerts,
        }

    def tell_dagster(self) -> None:
        """Let Dagster find its database in the environment of this process, where its settings look for it."""
        os.environ["DAGSTER_POSTGRES_URL"] = self.dagster_postgres

    def problems(self) -> list[str]:
        """One sentence for each value that cannot be used."""
        found = []
        url = _url(self.api_url)
        if url.scheme not in {"http", "https"} or not url.hostname:
            found.append(f"TORN_API_URL is not an http(s) URL: use for example {DEFAULT_API_URL}")
        elif url.scheme == "http" and not self.is_loopback:
            found.append(f"TORN_API_URL uses plain http to {url.hostname}, which would show the key on the way: use https")
        if url.username or url.password or url.query or url.fragment:
            found.append("TORN_API_URL must hold neither a user, a password, a query nor a fragment: keys belong in TORN_API_KEY")
        if self.rate_window != TORN_WINDOW and not self.is_loopback:
            found.append(f"TORN_RATE_WINDOW is {self.rate_window:g}: Torn itself counts in {TORN_WINDOW:g} s, unset it")
        if self.heartbeat_url and (problem := address_problem(self.heartbeat_url)):
            found.append(f"TORN_HEARTBEAT_URL {problem}")
        if self.log_level not in {"", *LOG_LEVELS}:
            found.append(f"TORN_LOG_LEVEL is {self.log_level!r}: use one of {', '.join(LOG_LEVELS)}")
        if self.log_format not in {"", *LOG_FORMATS}:
            found.append(f"TORN_LOG_FORMAT is {self.log_format!r}: use text or json")
        return [*found, *_postgres_problems(self.dagster_postgres)]


def address_problem(url: str) -> str:
    """What keeps a secret URL from being used, said without showing it; empty when nothing does."""
    parts = _url(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not url.isprintable() or " " in url:
        return "is not an http(s) URL: copy it whole from the service that gave it"
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        return "uses plain http to another machine, which would show it on the way: use https"
    return ""


def secret_parts(secret: str) -> Iterator[str]:
    """The secret, and of a URL the parts that give it away."""
    yield secret
    url = _url(secret)
    if url.scheme not in {"http", "https"}:
        return
    request = f"{url.path}?{url.query}" if url.query else url.path
    parts = [*url.path.split("/"), *(value for _, value in parse_qsl(url.query)), url.password or ""]
    yield from (whole for whole in (request, url.path) if len(whole) >= PATH_IS_TELLING)
    yield from (part for part in parts if len(part) >= PART_IS_TELLING)


def _url(text: str) -> SplitResult:
    """The parts of a URL; all empty when it is none."""
    try:
        url = urlsplit(text)
        url.port  # noqa: B018 - raises for a port that is none
    except ValueError:
        return urlsplit("")
    return url


def _with_driver(url: str) -> str:
    """A PostgreSQL URL as SQLAlchemy reads it with the driver that Dagster brings; anything else as it is."""
    scheme, _, rest = url.strip().partition("://")
    return f"postgresql+psycopg2://{rest}" if scheme in POSTGRES else url


def _passwords(url: str) -> set[str]:
    """The passwords in a database's URL, also as it writes them."""
    parts = _url(url)
    found = [parts.password or "", *parse_qs(parts.query).get("password", [])]
    return {word for written in found for word in (written, unquote(written)) if word}


def _postgres_problems(url: str) -> list[str]:
    """One sentence when a URL is not the one of a database that can be used; never the URL."""
    if not url:
        return []
    parts = _url(url)
    if parts.scheme not in POSTGRES or not (parts.hostname or parse_qs(parts.query).get("host")) or not parts.path.strip("/"):
        return ["DAGSTER_POSTGRES_URL is not a PostgreSQL URL: use for example postgresql://USER:PASSWORD@HOST:5432/DATABASE"]
    if find_spec("dagster_postgres") is None:
        return ["DAGSTER_POSTGRES_URL needs packages that are not installed: run pip install 'torn-pipeline[postgres]', or unset it"]
    return []


def _dotenv(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    return {name: value for name, value in dotenv_values(path).items() if value is not None}


def _seconds(environment: Mapping[str, str], name: str, default: float, problems: list[str]) -> float:
    text = environment.get(name)
    if not text:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= default:
        problems.append(f"{name} is {text!r}: use a number of seconds above 0 and up to {default:g}")
        return default
    return seconds


def _keys(environment: Mapping[str, str], problems: list[str]) -> dict[str, tuple[str, ...]]:
    keys: dict[str, tuple[str, ...]] = {}
    for name, value in sorted(environment.items()):
        match = KEY_VARIABLE.fullmatch(name)
        if match is None or not value:
            continue
        account = (match["name"] or "default").lower()
        text = _file(name, value, problems) if match["file"] else value
        found = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
        if found:
            keys[account] = keys.get(account, ()) + tuple(key for key in found if key not in keys.get(account, ()))
    return keys


def _alert_secrets(environment: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    secrets: dict[str, str] = {}
    for name, value in sorted(environment.items()):
        match = ALERT_SECRET.fullmatch(name)
        if match is None or not value.strip():
            continue
        channel = match["name"].lower()
        if channel in secrets:
            problems.append(f"{name} and {Settings.alert_variable(channel)} are both set: unset one of them")
            continue
        secret = (_file(name, value, problems) if match["file"] else value).strip()
        if secret:
            secrets[channel] = secret
    return secrets


def _file(name: str, path: str, problems: list[str]) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{name} names a file that cannot be read, {path!r}: {type(error).__name__}; check the path and its permissions")
        return ""
