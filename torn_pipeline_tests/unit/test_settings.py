"""The environment is read once, checked as a whole, and never shows a key."""

from __future__ import annotations

from pathlib import Path

import pytest

from torn_pipeline.errors import ConfigError
from torn_pipeline.redaction import Redactor
from torn_pipeline.settings import Settings


def _problems(environment: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        Settings.from_environment(environment)
    assert caught.value.exit_status == 2
    return str(caught.value).split("\n")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads a ``.env`` of the folder it happens to run in."""
    monkeypatch.chdir(tmp_path)


def test_an_empty_environment_gives_the_defaults(tmp_path: Path) -> None:
    settings = Settings.from_environment({})
    assert settings.api_url == "https://api.torn.com/v2"
    assert settings.config == Path("config/pipeline.yaml")
    assert settings.data_dir == Path("data")
    assert settings.warehouse == ""
    assert settings.landing_url == f"file://{tmp_path}/data/landing"
    assert (settings.log_level, settings.log_format) == ("", "")  # as the config says
    assert settings.dagster_home == tmp_path / "data" / "dagster"
    assert settings.rate_window == 60
    assert settings.keys == {}
    assert not settings.is_loopback


def test_every_variable_is_read() -> None:
    settings = Settings.from_environment(
        {
            "TORN_API_URL": "https://localhost/v2/",
            "TORN_CONFIG": "/etc/torn/pipeline.json",
            "TORN_DATA_DIR": "/var/torn",
            "TORN_WAREHOUSE": "bigquery://project/dataset?location=EU",
            "TORN_LANDING": "s3://bucket/prefix",
            "TORN_LOG_LEVEL": "debug",
            "TORN_LOG_FORMAT": "JSON",
            "DAGSTER_HOME": "/var/dagster",
            "TORN_RATE_WINDOW": "0.5",
        }
    )
    assert settings.api_url == "https://localhost/v2"
    assert settings.config == Path("/etc/torn/pipeline.json")
    assert settings.data_dir == Path("/var/torn")
    assert settings.warehouse == "bigquery://project/dataset?location=EU"
    assert settings.landing_url == "s3://bucket/prefix"
    assert (settings.log_level, settings.log_format) == ("DEBUG", "json")
    assert settings.dagster_home == Path("/var/dagster")
    assert settings.rate_window == 0.5


def test_the_data_directory_holds_what_is_not_placed_elsewhere() -> None:
    settings = Settings.from_environment({"TORN_DATA_DIR": "/var/torn"})
    assert settings.landing_url == "file:///var/torn/landing"
    assert settings.dagster_home == Path("/var/torn/dagster")


def test_the_process_environment_is_read_when_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORN_DATA_DIR", "/var/from-the-process")
    assert Settings.from_environment().data_dir == Path("/var/from-the-process")


def test_an_empty_variable_is_as_good_as_none() -> None:
    names = (
        "TORN_API_URL",
        "TORN_CONFIG",
        "TORN_DATA_DIR",
        "TORN_WAREHOUSE",
        "TORN_LANDING",
        "TORN_LOG_LEVEL",
        "TORN_LOG_FORMAT",
        "TORN_API_KEY",
    )
    assert Settings.from_environment(dict.fromkeys((*names, "DAGSTER_HOME", "DAGSTER_POSTGRES_URL"), "")) == Settings.from_environment({})


def test_keys_belong_to_accounts() -> None:
    settings = Settings.from_environment(
        {
            "TORN_API_KEY": "first",
            "TORN_API_KEY_FACTION_40832": "second",
            "TORN_API_KEY_OTHER": " third, fourth ,,third",
            "TORN_API_KEYS": "no key of ours",
            "TORN_API_KEY_lower": "no account of ours",
        }
    )
    assert settings.keys == {"default": ("first",), "faction_40832": ("second",), "other": ("third", "fourth")}
    assert set(settings.secrets) == {"first", "second", "third", "fourth"}


def test_the_account_default_may_be_named_too() -> None:
    assert Settings.from_environment({"TORN_API_KEY_DEFAULT": "b,a", "TORN_API_KEY": "a"}).keys == {"default": ("a", "b")}


def test_a_key_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("from-a-file, and-another\n", encoding="utf-8")
    settings = Settings.from_environment({"TORN_API_KEY_OTHER_FILE": str(file), "TORN_API_KEY_OTHER": "direct"})
    assert settings.keys == {"other": ("direct", "from-a-file", "and-another")}


def test_the_key_of_the_default_account_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("from-a-file", encoding="utf-8")
    assert Settings.from_environment({"TORN_API_KEY_FILE": str(file)}).keys == {"default": ("from-a-file",)}


def test_a_key_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    problems = _problems({"TORN_API_KEY_A_FILE": str(tmp_path / "none"), "TORN_API_KEY_B_FILE": str(binary)})
    assert problems == [
        f"TORN_API_KEY_A_FILE names a file that cannot be read, '{tmp_path}/none': FileNotFoundError; check the path and its permissions",
        f"TORN_API_KEY_B_FILE names a file that cannot be read, '{binary}': UnicodeDecodeError; check the path and its permissions",
    ]


def test_the_env_file_beside_the_config_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    folder = tmp_path / "place"
    folder.mkdir()
    (folder / ".env").write_text(
        '# comment\nTORN_API_KEY=from-the-file\nexport TORN_DATA_DIR="/var/file"\nTORN_LOG_LEVEL=ERROR\nALONE\n', encoding="utf-8"
    )
    settings = Settings.from_environment({"TORN_CONFIG": str(folder / "pipeline.yaml"), "TORN_LOG_LEVEL": "WARNING"})
    assert settings.keys == {"default": ("from-the-file",)}
    assert settings.data_dir == Path("/var/file")
    assert settings.log_level == "WARNING"
    assert Settings.from_environment({"TORN_CONFIG": str(tmp_path / "pipeline.yaml")}).keys == {}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_plain_http_is_for_loopback(host: str) -> None:
    settings = Settings.from_environment({"TORN_API_URL": f"http://{host}:8080/v2"})
    assert settings.is_loopback


@pytest.mark.parametrize("host", ["api.torn.com", "127.0.0.1.example.org", "localhost.example.org", "10.0.0.1", "0.0.0.0"])  # noqa: S104 - nothing listens
def test_plain_http_to_other_machines_is_refused(host: str) -> None:
    assert _problems({"TORN_API_URL": f"http://{host}/v2"}) == [
        f"TORN_API_URL uses plain http to {host}, which would show the key on the way: use https"
    ]


@pytest.mark.parametrize(
    "url", ["ftp://example.org", "api.torn.com/v2", "https://", "file:///etc/passwd", "http://[bad", "https://example.org:99999"]
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    [problem] = _problems({"TORN_API_URL": url})
    assert problem.startswith("TORN_API_URL is not an http(s) URL")
    assert problem.endswith("use for example https://api.torn.com/v2")


@pytest.mark.parametrize(
    "url",
    ["https://name:hush@example.org/v2", "https://hush@example.org/v2", "https://example.org/v2?key=hush", "https://example.org/v2#hush"],
)
def test_an_address_holds_no_secret(url: str) -> None:
    [problem] = _problems({"TORN_API_URL": url})
    assert problem == "TORN_API_URL must hold neither a user, a password, a query nor a fragment: keys belong in TORN_API_KEY"


def test_every_problem_is_told_at_once() -> None:
    problems = _problems(
        {
            "TORN_API_URL": "http://example.org",
            "TORN_LOG_LEVEL": "LOUD",
            "TORN_LOG_FORMAT": "xml",
            "TORN_RATE_WINDOW": "fast",
            "DAGSTER_POSTGRES_URL": "mysql://dagster:hush@db/dagster",
        }
    )
    assert [problem.split()[0] for problem in problems] == [
        "TORN_RATE_WINDOW",
        "TORN_API_URL",
        "TORN_LOG_LEVEL",
        "TORN_LOG_FORMAT",
        "DAGSTER_POSTGRES_URL",
    ]
    assert "hush" not in "".join(problems)


@pytest.mark.parametrize("seconds", ["0", "-1", "61", "nan", "inf", "1m"])
def test_the_rate_window_only_gets_shorter(seconds: str) -> None:
    assert _problems({"TORN_RATE_WINDOW": seconds}) == [f"TORN_RATE_WINDOW is '{seconds}': use a number of seconds above 0 and up to 60"]


def test_keys_are_never_shown() -> None:
    settings = Settings.from_environment({"TORN_API_KEY": "hush-hush", "TORN_API_KEY_OTHER": "hush-hush-too"})
    for shown in (repr(settings), str(settings), f"{settings}"):
        assert "hush" not in shown
    assert "hush" not in "".join(_problems({"TORN_API_KEY": "hush-hush", "TORN_LOG_LEVEL": "LOUD"}))


@pytest.mark.parametrize(
    "url",
    [
        "dagster:hush@db/dagster",
        "http://dagster:hush@db/dagster",
        "postgresql://",
        "postgresql://dagster:hush@db",
        "postgresql://u:hu/sh@db/d",
    ],
)
def test_what_is_no_postgresql_url_is_refused_unseen(url: str) -> None:
    [problem] = _problems({"DAGSTER_POSTGRES_URL": url})
    assert problem.startswith("DAGSTER_POSTGRES_URL is not a PostgreSQL URL")
    assert "hu" not in problem


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2"])
def test_dagster_is_told_of_its_database_with_the_driver_that_it_has(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.from_environment({"DAGSTER_POSTGRES_URL": f"{scheme}://dagster:hush%2Fhush@db:5433/dagster"})
    url = "postgresql+psycopg2://dagster:hush%2Fhush@db:5433/dagster"
    assert settings.environment()["DAGSTER_POSTGRES_URL"] == url
    assert settings.dagster_template == "dagster.postgres.yaml"
    assert Settings.from_environment(settings.environment()).dagster_postgres == url
    assert set(settings.secrets) >= {"hush%2Fhush", "hush/hush"}
    assert "hush" not in repr(settings)
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", "another one's")
    settings.tell_dagster()
    assert Settings.from_environment().dagster_postgres == url
    assert Settings().environment()["DAGSTER_POSTGRES_URL"] == ""


def test_a_driver_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torn_pipeline.settings.find_spec", lambda _: None)
    [problem] = _problems({"DAGSTER_POSTGRES_URL": "postgresql://dagster@db/dagster"})
    assert problem.endswith("are not installed: run pip install 'torn-pipeline[postgres]', or unset it")


def test_a_password_in_an_address_is_never_shown() -> None:
    assert "hush" not in repr(Settings.from_environment({"TORN_WAREHOUSE": "postgresql://torn:hush@db/torn"}))
    assert "hush" not in "".join(_problems({"TORN_API_URL": "ftp://torn:hush@example.org"}))


def test_only_an_api_on_this_machine_may_have_another_window() -> None:
    assert Settings.from_environment({"TORN_RATE_WINDOW": "0.5", "TORN_API_URL": "http://127.0.0.1:1/v2"}).rate_window == 0.5
    assert _problems({"TORN_RATE_WINDOW": "0.5"}) == ["TORN_RATE_WINDOW is 0.5: Torn itself counts in 60 s, unset it"]


def test_a_key_is_told_from_others_without_showing_it() -> None:
    settings = Settings.from_environment({"TORN_API_KEY": "abcdefgh12345678,second", "TORN_API_KEY_OTHER": "abcdefgh12345679"})
    assert len(settings.key_id("default")) == 16
    assert settings.key_id("default") != settings.key_id("other")
    assert "abcdefgh" not in settings.key_id("default")
    assert settings.key_id("nobody") == ""


def test_channels_have_one_secret_each(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from-a-file\n", encoding="utf-8")
    settings = Settings.from_environment(
        {"TORN_ALERT_LEADERS": " hush-hush ", "TORN_ALERT_POST_2_FILE": str(file), "TORN_ALERT_EMPTY": "", "TORN_ALERTS": "no channel's"}
    )
    assert settings.alert_secrets == {"leaders": "hush-hush", "post_2": "from-a-file"}
    assert "hush" not in repr(settings)
    assert _problems({"TORN_ALERT_A": "hush", "TORN_ALERT_A_FILE": str(file)}) == [
        "TORN_ALERT_A_FILE and TORN_ALERT_A are both set: unset one of them"
    ]


def test_of_a_secret_url_every_telling_part_is_secret() -> None:
    url = "https://discord.com/api/webhooks/123/abcdefghijklmnopqrstuvwx?thread_id=5"
    ping = "https://ping.example/0b7a7c3e-1d0f-4c58-9d43-3c8d7a5b1f10"
    redact = Redactor(Settings.from_environment({"TORN_ALERT_LEADERS": url, "TORN_HEARTBEAT_URL": ping}).secrets)
    assert redact(f"posted to {url}") == "posted to ***"
    assert redact("POST /api/webhooks/123/abcdefghijklmnopqrstuvwx?thread_id=5&wait=true 404") == "POST ***&wait=true 404"
    assert redact("the token abcdefghijklmnopqrstuvwx is at discord.com") == "the token *** is at discord.com"
    assert redact("0b7a7c3e-1d0f-4c58-9d43-3c8d7a5b1f10") == "***"


def test_a_child_gets_the_secrets_of_alerts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORN_ALERT_GONE", "of this process alone")
    given = {"TORN_ALERT_LEADERS": "hush-hush", "TORN_HEARTBEAT_URL": "https://ping.example/1"}
    child = Settings.from_environment(Settings.from_environment(given).environment())
    assert (child.alert_secrets, child.heartbeat_url) == ({"leaders": "hush-hush"}, "https://ping.example/1")


@pytest.mark.parametrize(
    "url", ["http://ping.example/hush", "ftp://ping.example/hush", "hush", "https://", "https://a b/hush", "https://[bad/hush"]
)
def test_a_heartbeat_url_that_cannot_be_used_is_refused_unseen(url: str) -> None:
    [problem] = _problems({"TORN_HEARTBEAT_URL": url})
    assert problem.startswith("TORN_HEARTBEAT_URL ")
    assert "hush" not in problem
    assert Settings.from_environment({"TORN_HEARTBEAT_URL": "http://127.0.0.1:1/hush"}).heartbeat_url
