"""Every problem of a config file is told at once, with its line, and without any key."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from torn_pipeline.config import PipelineConfig, load_config
from torn_pipeline.errors import ConfigError
from torn_pipeline.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

KEY = "aB3dE6gH9jK2mN5p"
GOOD = """\
endpoints:
  - name: crimes
    path: /faction/crimes
    frequency: PT15M
"""


class Folder:
    """A folder with a config file in it."""

    def __init__(self, path: Path) -> None:
        self.file = path / "pipeline.yaml"

    def load(self, text: str | bytes, *overrides: str, **settings: str) -> PipelineConfig:
        """Write the file and load it."""
        self.file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_config(Settings(config=self.file, keys={"default": (KEY,)}, **settings), overrides)  # type: ignore[arg-type] # texts only

    def problems(self, text: str | bytes, *overrides: str, **settings: str) -> list[str]:
        """The lines of the error, each without the folder."""
        with pytest.raises(ConfigError) as caught:
            self.load(text, *overrides, **settings)
        assert caught.value.exit_status == 2
        assert KEY not in str(caught.value)
        return str(caught.value).replace(f"{self.file.parent}/", "").split("\n")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_every_problem_is_told_at_once_in_the_order_of_the_file(folder: Folder) -> None:
    text = f"""\
defaults: {{max_retries: x, rate_limt: 3, retry_delay: 5, timeout: PT0S}}
accounts:
  - name: Default
  - name: a
    api_key: {KEY}
  - name: a
bogus: 1
endpoints:
  - name: crimes
    path: /faction/crimes
    storage_mode: snapshot
  - name: monthly
    path: /faction/crimes
    frequency: P1M
    params: {{limit: 3, From: 1}}
  - name: members
    path: /faction/members?key={KEY}
    frequency: PT50S
    storage_mode: upsrt
    enabled: 1
    max_quarantined: 5
  - path: /faction/40832/basic
    name: 7
    frequency: PT15M
    accounts: []
    table: My-Table
    on_new_field: drop
  - name: second
    path: /faction/members
    frequency: PT15M
    accounts: [b, a]
    params:
  - 3
"""
    field = "lower-case letters, digits and _, beginning with a letter"
    assert folder.problems(text) == [
        "pipeline.yaml:1: defaults.max_retries: is 'x': must be a whole number",
        "pipeline.yaml:1: defaults.rate_limt: is not a known field: did you mean `rate_limit`?",
        "pipeline.yaml:1: defaults.retry_delay: is no ISO 8601 duration: write for example PT5S or PT1M",
        "pipeline.yaml:1: defaults.timeout: must be above zero: write for example PT30S",
        f"pipeline.yaml:3: accounts.Default.name: is 'Default': use {field}",
        "pipeline.yaml:5: accounts.a.api_key: holds a secret: take it out, secrets belong in the environment as TORN_API_KEY_<NAME>",
        "pipeline.yaml:6: accounts.a.name: is used twice in `accounts`: give each entry a name of its own",
        "pipeline.yaml:7: bogus: is not a known field: use one of defaults, accounts, endpoints, retention, weights, logging, rules, kpis",
        "pipeline.yaml:9: endpoints.crimes.frequency: is missing: add it",
        (
            "pipeline.yaml:14: endpoints.monthly.frequency: P1M is not a fixed length of time, as years and months differ: "
            "write it in weeks, days, hours or minutes"
        ),
        (
            "pipeline.yaml:15: endpoints.monthly.params: must not hold from, limit: "
            "page size, order and time window are set by the pipeline, take it out"
        ),
        "pipeline.yaml:17: endpoints.members.path: holds a secret: take it out, secrets belong in the environment as TORN_API_KEY_<NAME>",
        ("pipeline.yaml:18: endpoints.members.frequency: PT50S is not a number of whole minutes above zero: write for example PT15M"),
        "pipeline.yaml:19: endpoints.members.storage_mode: is 'upsrt': use append, replace, upsert or snapshot",
        "pipeline.yaml:20: endpoints.members.enabled: is 1: must be true or false",
        "pipeline.yaml:21: endpoints.members.max_quarantined: is 5: must be at most 1",
        (
            "pipeline.yaml:22: endpoints[3].path: has an id in it: use the path without one, which answers for the key's owner, "
            "or `{parameter}` and `ids_from`"
        ),
        "pipeline.yaml:23: endpoints[3].name: is 7: must be text: put it in quotes if it is meant so",
        "pipeline.yaml:25: endpoints[3].accounts: names no account: leave the field out for all accounts, or say `enabled: false`",
        f"pipeline.yaml:26: endpoints[3].table: is 'My-Table': use {field}",
        "pipeline.yaml:27: endpoints[3].on_new_field: is 'drop': use add or report",
        "pipeline.yaml:32: endpoints.second.params: is empty: give it a value, or leave the field out",
        "pipeline.yaml:33: endpoints[5]: is 3: must be a mapping of names to values",
    ]


@pytest.mark.parametrize(
    ("addition", "problem"),
    [
        ("accounts: [b]", "5: endpoints.crimes.accounts[0]: there is no account of this name: add it to `accounts`, or use one of default"),
        ("accounts: default", "5: endpoints.crimes.accounts: is 'default': must be a list, write [default]"),
        ("accounts: [default, default]", "5: endpoints.crimes.accounts: names an account twice: name each once"),
        ("fetch_interval_seconds: 60", "5: endpoints.crimes.fetch_interval_seconds: is given besides `frequency`: leave one of them out"),
        ("scope: everyone", "5: endpoints.crimes.scope: is 'everyone': use account or global"),
        ("max_quarantined: .nan", "5: endpoints.crimes.max_quarantined: is nan: must be at most 1"),
        ("max_retries: true", "5: endpoints.crimes.max_retries: is true: must be a whole number"),
        ("max_retries: -1", "5: endpoints.crimes.max_retries: is -1: must be at least 0"),
        ("params: {cat: [a]}", "5: endpoints.crimes.params.cat: is a list: must be text: put it in quotes if it is meant so"),
        ("params: [a]", "5: endpoints.crimes.params: is a list: must be a mapping of names to values"),
        ("params: {api_key: x}", "5: endpoints.crimes.params.api_key: secrets are not read from the config: take it out and set "),
        (
            "key: x",
            "5: endpoints.crimes.key: secrets are not read from the config: take it out and set TORN_API_KEY_<NAME> in the environment",
        ),
        ("storage-mode: append", "5: endpoints.crimes.storage-mode: is not a known field: did you mean `storage_mode`?"),
        ("name: other", "5: endpoints.other.name: is written twice, first in line 2: keep one of them"),
        (f"{KEY}: 1", "2: endpoints.crimes: has a secret as a field: take it out"),
        (f"table: {KEY[::-1]}", "5: endpoints.crimes.table: is a value not shown here, as it could be a key: use lower-case letters"),
        (f"{KEY[::-1]}: 1", "5: endpoints.crimes.(not shown): is not a known field: use one of "),
    ],
)
def test_one_problem_is_one_line(folder: Folder, addition: str, problem: str) -> None:
    [found] = folder.problems(f"{GOOD}    {addition}\n")
    assert found.startswith(f"pipeline.yaml:{problem}")
    assert KEY[::-1] not in found


@pytest.mark.parametrize(
    "path", ["faction/crimes", "/faction", "/faction/", "/faction//crimes", "/faction/crimes?cat=all", "//evil/crimes", "/a/../b"]
)
def test_what_is_no_path_of_the_api_is_refused(folder: Folder, path: str) -> None:
    [found] = folder.problems(GOOD.replace("/faction/crimes", path))
    assert found.startswith("pipeline.yaml:3: endpoints.crimes.path: must be a path of the API with its section and selection")


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("/faction/{id}/crimes", "/faction/{id}/crimes needs an id: say with `ids_from: TABLE.COLUMN` which table has them"),
        ("/faction/40832/basic", "has an id in it: use the path without one"),
        ("/faction/x{id}/basic", "has an id in it: use the path without one"),
        ("/torn/{ids}/items", "asks for several ids, which is not supported yet"),
        ("/faction/{id}/{other}", "asks for several ids"),
        ("/torn/1,2/items", "must be a path"),
    ],
)
def test_ids_in_a_path_need_a_column_to_come_from(folder: Folder, path: str, wrong: str) -> None:
    [found] = folder.problems(GOOD.replace("/faction/crimes", path))
    assert wrong in found


@pytest.mark.parametrize(
    ("path", "ids_from", "wrong"),
    [
        ("/faction/{chainId}/chainreport", "faction_chains.id", ""),
        ("/faction/{chainId}/chainreport", "faction_chains", "is 'faction_chains': write a table and its column, such as"),
        ("/faction/{chainId}/chainreport", "'a.b; drop'", "write a table and its column"),
        ("/faction/chains", "faction_chains.id", "/faction/chains takes no id: leave `ids_from` out"),
    ],
)
def test_ids_come_from_a_column_of_a_table(folder: Folder, path: str, ids_from: str, wrong: str) -> None:
    text = f"endpoints: [{{name: report, path: '{path}', frequency: P1D, ids_from: {ids_from}}}]"
    if wrong:
        [found] = folder.problems(text)
        assert wrong in found
    else:
        assert folder.load(text).endpoint("report").ids_from == ids_from


def test_an_unknown_section_of_the_api_is_refused(folder: Folder) -> None:
    [found] = folder.problems(GOOD.replace("/faction/", "/fraction/"))
    assert found.startswith("pipeline.yaml:3: endpoints.crimes.path: `fraction` is no known section of the API (user, faction")


@pytest.mark.parametrize("name", ["file", "my_file"])
def test_an_account_may_not_be_named_like_the_variable_of_a_file(folder: Folder, name: str) -> None:
    [found] = folder.problems(f"accounts: [{{name: {name}}}]\n{GOOD}")
    assert found.startswith(f"pipeline.yaml:1: accounts.{name}.name: must not end in `file`")


@pytest.mark.parametrize(("field", "way"), [("storage_mode: upsert", "another storage mode"), ("path: /faction/members", "another path")])
def test_a_table_cannot_be_written_in_two_ways(folder: Folder, field: str, way: str) -> None:
    other = yaml.safe_dump([{"name": "other", "path": "/faction/crimes", "frequency": "P1D", "table": "crimes", **yaml.safe_load(field)}])
    [found] = folder.problems(GOOD + other.replace("- ", "  - ", 1).replace("\n  ", "\n    "))
    assert found.endswith(f"writes the table of the endpoint `crimes` with {way}: give one of them its own with `table:`")
    assert "endpoints.other.table" in found


def test_two_endpoints_of_one_name_are_one_problem(folder: Folder) -> None:
    text = GOOD + GOOD.removeprefix("endpoints:\n").replace("/crimes", "/members")
    assert folder.problems(text) == [
        "pipeline.yaml:5: endpoints.crimes.name: is used twice in `endpoints`: give each entry a name of its own"
    ]


@pytest.mark.parametrize("text", ["endpoints: []", "accounts: []\nendpoints: [{name: a, path: /faction/basic, frequency: P1D}]"])
def test_empty_sections_are_refused(folder: Folder, text: str) -> None:
    [found] = folder.problems(text)
    assert found.endswith("is empty: it needs at least one entry")


def test_more_calls_than_torn_allows_only_on_loopback(folder: Folder) -> None:
    text = f"defaults:\n  rate_limit: 6000\n{GOOD}"
    [found] = folder.problems(text)
    assert found.startswith("pipeline.yaml:2: defaults.rate_limit: is 6000, but Torn allows 100 calls a minute")
    assert folder.load(text, api_url="http://127.0.0.1:8080/v2").defaults.rate_limit == 6000
    assert folder.load(text.replace("6000", "100")).defaults.rate_limit == 100


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "pipeline.yaml: is empty: begin with `endpoints:"),
        ("# nothing\n", "pipeline.yaml: is empty: begin with `endpoints:"),
        ("just text", "pipeline.yaml:1: the file: is 'just text': must be a mapping"),
        ("[1]", "pipeline.yaml:1: the file: is a list: must be a mapping"),
        ("endpoints: [\n  {name: a\n", "pipeline.yaml:3: is not YAML: "),
        ("endpoints:\n\t- name: a\n", "pipeline.yaml:2: is not YAML: indent with spaces, not with tabs"),
        ("a: *b\n", "pipeline.yaml:1: is not YAML: found undefined alias"),
        ("endpoints: !!python/object:os.system {}\n", "pipeline.yaml:1: is not YAML: tags (`!`) are not allowed"),
        ("a: 1\n---\nb: 2\n", "pipeline.yaml:2: is not YAML: "),
        ("? [a]\n: b\n", "pipeline.yaml:1: is not YAML: "),
        ("a: &a [*a]\n", "pipeline.yaml:1: an alias (`*`) stands within its own anchor: write the value out"),
        ("a: b\nc: \x07\n", "pipeline.yaml:2: holds a character that YAML does not allow"),
        ("a: 2026-99-99\n", "pipeline.yaml: holds a date or a number that does not exist"),
        (b"\xff\xfe\x00", "pipeline.yaml: is not UTF-8 text: save it as UTF-8"),
    ],
)
def test_what_is_no_config_at_all_is_told_with_its_line(folder: Folder, text: str | bytes, problem: str) -> None:
    [found] = folder.problems(text)
    assert found.startswith(problem)


def test_a_missing_file_is_told_with_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such config file: set TORN_CONFIG to yours, or make one that begins with") as caught:
        load_config(Settings(config=tmp_path / "none.yaml"))
    example = str(caught.value).split("`")[1]
    (tmp_path / "none.yaml").write_text(example, encoding="utf-8")
    assert load_config(Settings(config=tmp_path / "none.yaml")).endpoints[0].name == "faction_basic"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read \\(IsADirectoryError\\)"):
        load_config(Settings(config=tmp_path))


@pytest.mark.parametrize("indent", [None, 2, "\t"])
def test_json_is_accepted_and_has_lines_too(folder: Folder, indent: int | str | None) -> None:
    data = {**yaml.safe_load(GOOD), "defaults": {"rate_limit": 10, "timeout": "PT1S"}}
    assert folder.load(json.dumps(data, indent=indent)).defaults.rate_limit == 10
    broken = json.dumps({**data, "defaults": {"rate_limit": 0}}, indent=indent)
    line = next(number for number, line in enumerate(broken.split("\n"), 1) if "rate_limit" in line)
    assert folder.problems(broken) == [f"pipeline.yaml:{line}: defaults.rate_limit: is 0: must be at least 1"]


def test_json_numbers_are_numbers(folder: Folder) -> None:
    text = json.dumps(yaml.safe_load(GOOD)).replace('"name"', '"max_quarantined": 1e-2, "name"')
    assert folder.load(text).endpoints[0].max_quarantined == 0.01


def test_a_mapping_in_braces_need_not_be_json(folder: Folder) -> None:
    config = folder.load("{endpoints: [\n\t{name: crimes, path: /faction/crimes, frequency: P1D}]}")
    assert config.where("endpoints", "crimes", "path") == f"{folder.file}:2"


def test_anchors_and_a_byte_order_mark_are_fine(folder: Folder) -> None:
    text = (
        "endpoints:\n"
        "  - &first {name: a, path: /faction/crimes, frequency: P1D, params: &p {cat: all}}\n"
        "  - {<<: *first, name: b, params: *p}\n"
    )
    assert [one.path for one in folder.load(b"\xef\xbb\xbf" + text.encode()).endpoints] == ["/faction/crimes"] * 2
    config = folder.load(text, "endpoints.a.params.cat=completed")
    assert [one.params["cat"] for one in config.endpoints] == ["completed", "all"]


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("defaults.timeout=PT10S", "PT10S"),
        ("endpoints.crimes.timeout=PT10S", "PT10S"),
        ("endpoints.crimes.max_quarantined=0.5", 0.5),
        ("endpoints.crimes.enabled=false", False),
        ("endpoints.crimes.params.cat=a=b", "a=b"),
        ("endpoints.crimes.params={cat: all}", {"cat": "all"}),
        ("accounts=[{name: other}]", "other"),
    ],
)
def test_a_value_can_be_set_without_the_file(folder: Folder, override: str, value: object) -> None:
    config = folder.load(GOOD, override)
    dumped = config.model_dump_json()
    assert json.dumps(value, separators=(",", ":")) in dumped
    assert dumped != folder.load(GOOD).model_dump_json()


def test_the_last_of_two_overrides_wins(folder: Folder) -> None:
    assert folder.load(GOOD, "defaults.rate_limit=1", "defaults.rate_limit=2").defaults.rate_limit == 2


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("defaults.timeout", "--set must be written PATH=VALUE, for example --set defaults.timeout=PT10S"),
        ("defaults..timeout=3", "--set must be written PATH=VALUE, for example --set defaults.timeout=PT10S"),
        ("endpoints.nope.enabled=1", "--set endpoints.nope.enabled: there is no `nope` in `endpoints`: use one of crimes"),
        ("endpoints.crimes.name.x=1", "--set endpoints.crimes.name.x: has no such field: it is a single value, set it as a whole"),
        ("defaults.timeout=[", "--set defaults.timeout: the value is not YAML: put it in quotes"),
        ("defaults.time_out=1", "--set defaults.time_out: defaults.time_out: is not a known field: did you mean `timeout`?"),
        ("defaults={timeout: 3}", "--set defaults: defaults.timeout: is no ISO 8601 duration: write for example PT5S or PT1M"),
        ("endpoints.crimes.enabled=7", "--set endpoints.crimes.enabled: endpoints.crimes.enabled: is 7: must be true or false"),
        (
            f"endpoints.crimes.params.a={KEY}",
            "--set endpoints.crimes.params.a: endpoints.crimes.params.a: holds a secret: take it out, secrets",
        ),
    ],
)
def test_a_wrong_override_is_told_by_its_path(folder: Folder, override: str, problem: str) -> None:
    [found] = folder.problems(GOOD, override)
    assert found.startswith(problem)


def test_later_checks_can_name_the_line_of_any_part(folder: Folder) -> None:
    config = folder.load(
        f"defaults:\n  rate_limit: 9\naccounts:\n- name: default\n{GOOD}    params:\n      cat: all\n", "defaults.timeout=PT1S"
    )
    file = folder.file
    assert config.where("endpoints", "crimes", "path") == f"{file}:7"
    assert config.where("endpoints", "crimes", "params", "cat") == f"{file}:10"
    assert config.where("endpoints", "crimes", "table") == f"{file}:6"
    assert config.where("endpoints", "crimes") == f"{file}:6"
    assert config.where("endpoints") == f"{file}:5"
    assert config.where("accounts", "default", "name") == f"{file}:4"
    assert config.where("defaults", "rate_limit") == f"{file}:2"
    assert config.where("defaults", "timeout") == "--set defaults.timeout"
    assert config.where() == f"{file}:1"
    assert PipelineConfig(endpoints=config.endpoints).where("endpoints", "crimes", "path") == "config"


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.dates()
    | st.sampled_from(["PT1H", "a", "/faction/basic"])
)
FIELDS = st.sampled_from(["name", "path", "frequency", "accounts", "endpoints", "defaults", "params", "timeout", "key", "scope", "table"])
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS | SCALARS, inner, max_size=4), max_leaves=12
)


@given(ANYTHING | st.fixed_dictionaries({"endpoints": st.lists(ANYTHING), "accounts": ANYTHING, "defaults": ANYTHING}))
@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_yaml_is_a_config_or_a_list_of_problems(folder: Folder, data: object) -> None:
    try:
        folder.load(yaml.safe_dump(data))
    except ConfigError as error:
        assert str(error).strip()  # noqa: PT017 - either way is fine, any other error is not


@given(st.text(max_size=60))
@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_a_config_or_a_list_of_problems(folder: Folder, text: str) -> None:
    assert folder.problems(text.encode("utf-8", "replace"))
