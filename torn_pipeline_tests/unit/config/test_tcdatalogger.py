"""A TCdatalogger config becomes one of ours: what moves, what is told, what can never be printed."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from torn_pipeline.cli.importing import imported_from
from torn_pipeline.config import load_config
from torn_pipeline.errors import ConfigError
from torn_pipeline.plan import plan_of
from torn_pipeline.settings import Settings
from torn_pipeline_tests.exhaustive import examples

if TYPE_CHECKING:
    from torn_pipeline.config import PipelineConfig
    from torn_pipeline.config.tcdatalogger import Imported

FILE = "TC_API_config.json"
V2, V1 = "https://api.torn.com/v2", "https://api.torn.com"
KEY = "aB3dEf6hIj9lMn2p"  # of the form that Torn gives them
CRIMES = {"name": "crimes", "url": f"{V2}/faction/crimes", "table": "project.data.crimes", "frequency": "PT15M", "storage_mode": "replace"}


def imported(*entries: dict[str, Any], **sections: object) -> Imported:
    """Import a config with these entries, each filled up from that of the crimes, and these other sections."""
    return imported_from(json.dumps({**sections, "endpoints": [{**CRIMES, **entry} for entry in entries]}), FILE, ())


def endpoints(result: Imported) -> list[dict[str, Any]]:
    """The endpoints of what was printed."""
    listed = yaml.safe_load(result.text)["endpoints"]
    assert isinstance(listed, list)
    return listed


def the_endpoint(result: Imported) -> dict[str, Any]:
    (only,) = endpoints(result)
    assert isinstance(only, dict)
    return only


def the_note(result: Imported, *words: str) -> str:
    (note,) = [note for note in result.notes if all(word in note for word in words)]
    return note


def config_of(result: Imported, folder: Path) -> PipelineConfig:
    """What our loader makes of it, after ``check``'s own questions about every endpoint."""
    file = folder / "pipeline.yaml"
    file.write_text(result.text, encoding="utf-8")
    config = load_config(Settings(config=file))
    plans = [plan_of(endpoint, config) for endpoint in config.endpoints]
    tables = [table.name for plan in plans for table in plan.tables]
    assert len(tables) == len(set(tables))
    return config


# --- what moves over -------------------------------------------------------------------------------------------


def test_an_entry_of_each_kind(tmp_path: Path) -> None:
    keys = {"api_key": "faction_40832"}, {"api_key": "faction_17991"}
    result = imported(
        *({**key, "name": f"crimes{place}", "use_time_windows": True} for place, key in enumerate(keys)),
        *({**key, "name": f"members{place}", "url": f"{V2}/faction/members?striptags=true"} for place, key in enumerate(keys)),
        {**keys[0], "name": "items", "url": f"{V2}/torn/items", "frequency": "P1D"},
        {**keys[0], "name": "basic0", "url": f"{V2}/faction/40832/basic", "frequency": "PT12H", "storage_mode": "append"},
        {**keys[1], "name": "basic1", "url": f"{V2}/faction/17991/basic", "frequency": "PT12H", "storage_mode": "append"},
        *({**key, "name": f"money{place}", "url": f"{V2}/faction?selections=currency"} for place, key in enumerate(keys)),
        defaults={"max_retries": 4, "retry_delay": 60, "rate_limit": 60, "timeout": 30, "pagination": {"next_url_field": "next"}},
        **{"/*": ["for people"]},
    )
    both = ["faction_40832", "faction_17991"]
    assert yaml.safe_load(result.text) == {
        "defaults": {"max_retries": 4, "retry_delay": "PT1M", "timeout": "PT30S", "rate_limit": 60},
        "accounts": [{"name": name} for name in both],
        "endpoints": [
            {"name": "faction_crimes", "path": "/faction/crimes", "frequency": "PT15M", "storage_mode": "replace", "accounts": both},
            {
                "name": "faction_members",
                "path": "/faction/members",
                "frequency": "PT15M",
                "storage_mode": "replace",
                "params": {"striptags": "true"},
                "accounts": both,
            },
            {"name": "torn_items", "path": "/torn/items", "frequency": "P1D", "storage_mode": "replace", "accounts": both[:1]},
            {"name": "faction_basic", "path": "/faction/basic", "frequency": "PT12H", "storage_mode": "append", "accounts": both},
            {"name": "faction_balance", "path": "/faction/balance", "frequency": "PT15M", "storage_mode": "replace", "accounts": both},
        ],
    }
    assert [endpoint.enabled for endpoint in config_of(result, tmp_path).endpoints] == [True] * 5
    assert "crimes0, crimes1: `use_time_windows` is dropped" in the_note(result, "use_time_windows")
    assert "2 entries in one; its rows go to the table faction_crimes, not to project.data.crimes" in the_note(result, "crimes0", "made")
    assert [note for note in result.notes if note.startswith("set TORN_API_KEY_")] == [
        f"set TORN_API_KEY_{name.upper()}, in the environment or in .env beside the config, to the key `{name}` of TC_API_key.json"
        for name in both
    ]


def test_what_is_left_out_of_an_entry_is_what_tcdatalogger_takes(tmp_path: Path) -> None:
    result = imported_from(json.dumps({"endpoints": [{"name": "any", "url": f"{V2}/faction/crimes"}]}), FILE, ())
    assert the_endpoint(result) == {"name": "faction_crimes", "path": "/faction/crimes", "frequency": "PT15M", "storage_mode": "append"}
    assert config_of(result, tmp_path).accounts[0].name == "default"
    assert the_note(result, "set TORN_API_KEY,")


@pytest.mark.parametrize(
    ("url", "fields"),
    [
        (f"{V1}/faction/?selections=crimes&key={{API_KEY}}", {}),
        (f"{V1}/faction?key={{API_KEY}}&selections=crimes", {}),
        (f"{V1}/faction/40832?selections=crimes", {"api_key": "faction_40832"}),
        (f"{V2}/faction/40832/crimes/", {"api_key": "faction_40832"}),
        (f"{V2}/faction?selections=crimes&id=40832", {"api_key": "40832"}),
        (f"{V2}/faction", {"selection": ["crimes"]}),
        (f"{V2}/faction/", {"selections": "crimes"}),
        ("HTTPS://API.TORN.COM/V2/Faction/Crimes", {}),
    ],
)
def test_every_way_to_say_a_path(url: str, fields: dict[str, Any]) -> None:
    assert the_endpoint(imported({"url": url, **fields}))["path"] == "/faction/crimes"


def test_several_selections_become_endpoints_of_their_own(tmp_path: Path) -> None:
    result = imported({"url": f"{V1}/faction/?selections=crimes,currency,members&key={{API_KEY}}&striptags=true"})
    assert [endpoint["path"] for endpoint in endpoints(result)] == ["/faction/crimes", "/faction/balance", "/faction/members"]
    assert all(endpoint["params"] == {"striptags": "true"} for endpoint in endpoints(result))
    assert "asks for several selections at once" in the_note(result, "selections")
    assert the_note(result, "version 1")
    config_of(result, tmp_path)


def test_paging_is_dropped_and_other_parameters_stay(tmp_path: Path) -> None:
    result = imported({"url": f"{V2}/faction/crimes?key={{API_KEY}}&cat=all&offset=0&sort=ASC&limit=100&from=1&to=2"})
    assert the_endpoint(result)["params"] == {"cat": "all"}
    assert "crimes: dropped from the url: `offset`, `sort`, `limit`, `from`, `to`; page size" in the_note(result, "offset")
    assert "crimes: moved from the url to `params`: `cat`" in the_note(result, "cat")
    config_of(result, tmp_path)


def test_one_path_asked_in_two_ways_is_two_endpoints(tmp_path: Path) -> None:
    result = imported({"url": f"{V2}/faction/crimes?cat=completed"}, {"name": "open", "url": f"{V2}/faction/crimes?cat=recruiting"})
    assert [endpoint["name"] for endpoint in endpoints(result)] == ["faction_crimes", "faction_crimes_2"]
    config_of(result, tmp_path)


def test_what_is_fetched_has_the_first_choice_of_names(tmp_path: Path) -> None:
    foreign = {"name": "foreign", "url": f"{V2}/faction/1/crimes"}
    result = imported(foreign, {"name": "odd", "frequency": "PT7S"}, {"name": "good"})
    assert [(endpoint["name"], endpoint.get("enabled", True)) for endpoint in endpoints(result)] == [
        ("faction_crimes_2", False),
        ("faction_crimes", True),
    ]
    assert "# - name: faction_crimes_3" in result.text
    config_of(result, tmp_path)


def test_one_path_at_two_frequencies_takes_the_more_frequent() -> None:
    result = imported({"frequency": "PT1H"}, {"name": "other", "frequency": "PT30M", "api_key": "second"})
    assert the_endpoint(result)["frequency"] == "PT30M"
    assert "PT30M of other and PT1H become PT30M" in the_note(result, "frequent")


def test_the_same_twice_is_asked_once() -> None:
    result = imported({}, {"name": "again", "table": "project.data.copy"})
    assert the_endpoint(result)["name"] == "faction_crimes"
    assert "again asks for the same with the same key" in the_note(result, "once")


def test_what_is_the_same_for_everyone_is_asked_with_one_key() -> None:
    items = {"url": f"{V2}/torn/items"}
    result = imported({**items, "api_key": "one"}, {**items, "name": "more", "api_key": "two"})
    assert "accounts" not in the_endpoint(result)
    assert "asked with the key one alone" in the_note(result, "everyone")


def test_an_entry_with_waits_of_its_own_keeps_them(tmp_path: Path) -> None:
    waits = {"max_retries": 5, "retry_delay": 0.5, "timeout": 90}
    result = imported(waits, {"name": "other", "url": f"{V2}/faction/members", "timeout": 60}, defaults={"timeout": 60})
    crimes, members = endpoints(result)
    assert [crimes[name] for name in waits] == [5, "PT0.5S", "PT1M30S"]
    assert "timeout" not in members
    config_of(result, tmp_path)


@pytest.mark.parametrize(
    ("defaults", "kept", "told"),
    [
        ({"rate_limit": 1000}, {"rate_limit": 95}, "`rate_limit` 1000 becomes 95: Torn allows 100 calls a minute"),
        ({"max_retries": 99}, None, "defaults: `max_retries` is dropped: it is 99: must be at most 20"),
        ({"timeout": 0}, None, "defaults: `timeout` is dropped: it must be above zero"),
        ({"timeout": "soon"}, None, "defaults: `timeout` is dropped: it is no ISO 8601 duration"),
        ({"retry_delay": -1}, None, "defaults: `retry_delay` is dropped"),
        ({"retry_delay": float("nan")}, None, "defaults: `retry_delay` is dropped"),
        ({"timeout": 1e300}, None, "defaults: `timeout` is dropped"),
        ({"timezone": "America/Chicago"}, None, "defaults: `timezone` is dropped: periods are counted in UTC"),
    ],
)
def test_defaults_that_cannot_stay_as_they_are(
    defaults: dict[str, object], kept: dict[str, object] | None, told: str, tmp_path: Path
) -> None:
    result = imported({}, defaults=defaults)
    assert yaml.safe_load(result.text).get("defaults") == kept
    assert the_note(result, told)
    config_of(result, tmp_path)


# --- what cannot be taken over ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "printed"), [(900, "PT15M"), (90, "PT2M"), (-1, "P1D"), ("900", "P1D")])
def test_an_interval_in_seconds_becomes_a_frequency(seconds: object, printed: str) -> None:
    entry = {name: value for name, value in CRIMES.items() if name != "frequency"}
    result = imported_from(json.dumps({"endpoints": [entry | {"fetch_interval_seconds": seconds}]}), FILE, ())
    assert the_endpoint(result)["frequency"] == printed
    assert the_endpoint(result).get("enabled", True) == (seconds == 900)
    assert the_note(result, "`fetch_interval_seconds` becomes `frequency`")
    assert "`frequency` says how often" in the_note(imported({"fetch_interval_seconds": 900}), "`fetch_interval_seconds` is dropped: ")


@pytest.mark.parametrize(
    ("given", "printed"),
    [("PT90S", "PT2M"), ("PT0S", "PT1M"), ("P7DT1S", "P7DT1M"), ("P1M", "P1D"), ("daily", "P1D"), (900, "P1D")],
)
def test_a_frequency_that_is_refused_disables_the_endpoint(given: object, printed: str, tmp_path: Path) -> None:
    result = imported({"frequency": given})
    assert (the_endpoint(result)["frequency"], the_endpoint(result)["enabled"]) == (printed, False)
    assert "  # disabled: frequency: " in result.text
    assert the_note(result, "faction_crimes: is disabled: frequency: ")
    assert not config_of(result, tmp_path).endpoints[0].enabled


@pytest.mark.parametrize("mode", ["merge", None, 7])
def test_a_storage_mode_that_is_refused_disables_the_endpoint(mode: object, tmp_path: Path) -> None:
    result = imported({"storage_mode": mode})
    assert (the_endpoint(result)["storage_mode"], the_endpoint(result)["enabled"]) == ("append", False)
    assert the_note(result, "is disabled: storage_mode: ")
    config_of(result, tmp_path)


def test_a_storage_mode_that_the_rows_do_not_suit_disables_the_endpoint(tmp_path: Path) -> None:
    result = imported({"url": f"{V2}/faction/balance", "storage_mode": "upsert"})
    assert the_endpoint(result)["enabled"] is False
    assert "upsert does not suit /faction/balance" in the_note(result, "disabled")
    config_of(result, tmp_path)


def test_a_path_without_a_contract_is_a_comment_that_can_be_taken_in(tmp_path: Path) -> None:
    stamp = {"name": "server_timestamp", "url": f"{V2}/torn/timestamp"}
    war = {"name": "wars", "url": f"{V2}/faction/wars?x=1", "api_key": "spare"}
    result = imported({}, stamp, war)
    assert [endpoint["name"] for endpoint in endpoints(result)] == ["faction_crimes"]
    assert "there is no contract for /torn/timestamp yet" in the_note(result, "server_timestamp")
    assert not [note for note in result.notes if "SPARE" in note]
    config_of(result, tmp_path)
    taken_in = yaml.safe_load(result.text.replace("  # - ", "  - ").replace("  #   ", "    "))
    assert taken_in["accounts"] == [{"name": "default"}, {"name": "spare"}]
    *_, wars = taken_in["endpoints"]
    assert wars == {
        "name": "faction_wars",
        "path": "/faction/wars",
        "frequency": "PT15M",
        "storage_mode": "replace",
        "params": {"x": "1"},
        "accounts": ["spare"],
    }


@pytest.mark.parametrize(
    ("url", "api_key", "reason"),
    [
        (f"{V2}/faction/17991/basic", "faction_40832", "it asks for faction 17991"),
        (f"{V2}/faction/17991/basic", "default", "it asks for faction 17991"),
        (f"{V2}/torn/206/items", "torn_206", "it asks for torn 206"),
        ("https://example.com/v2/faction/crimes", "default", "no address of the Torn API"),
        ("http://[", "default", "no address of the Torn API"),
        ("faction/crimes", "default", "no address of the Torn API"),
        (f"{V2}/faction", "default", "names no selection"),
        (V1, "default", "names no selection"),
        (f"{V2}/faction/cri-mes", "default", "must be a path of the API"),
    ],
)
def test_what_nothing_can_be_made_of_is_left_out_with_the_reason(url: str, api_key: str, reason: str, tmp_path: Path) -> None:
    result = imported({"name": "strange", "url": url, "api_key": api_key}, {})
    assert the_endpoint(result)["path"] == "/faction/crimes"
    assert reason in the_note(result, "strange: is left out")
    assert reason in result.text
    config_of(result, tmp_path)


def test_a_file_of_which_nothing_can_be_taken_over() -> None:
    with pytest.raises(ConfigError, match=r"wars: is left out: .*\nTC_API_config.json: nothing of it can be taken over"):
        imported({"name": "wars", "url": f"{V2}/faction/wars"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"{FILE}:1: is not JSON: Expecting value"),
        ('{\n"endpoints": [\n{"name": "a" "url": "b"}]}', f"{FILE}:3: is not JSON: Expecting ',' delimiter"),
        ("[]", r"\$ is no JSON object"),
        ("[" * 100_000, r"\$ is nested too deeply"),
        (f"[{'1' * 5000}]", r"\$ holds a number of too many digits"),
        ("{}", r"\$\.endpoints must be a list with at least one entry"),
        ('{"endpoints": {"members": {}}}', r"\$\.endpoints must be a list"),
        ('{"endpoints": [], "defaults": {}}', r"\$\.endpoints must be a list with at least one entry"),
        ('{"endpoints": [{}], "defaults": 3}', r"\$\.defaults is no JSON object"),
        ('{"endpoints": [3]}', r"\$\.endpoints\[0\] must be an object"),
        ('{"endpoints": [{"name": "a"}]}', r"\$\.endpoints\[0\]\.url must be text"),
        (
            '{"endpoints": [{"name": "a", "url": "b"}, {"name": 1, "url": "b"}]}',
            r"\$\.endpoints\[0\]|\$\.endpoints\[1\]\.name must be text",
        ),
        ('{"endpoints": [{"name": "a", "url": "b", "api_key": ["x"]}]}', r"\$\.endpoints\[0\]\.api_key must be the name of a key"),
    ],
)
def test_bad_input_is_one_sentence_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        imported_from(text, FILE, ())
    assert str(raised.value).startswith(FILE)
    assert "\n" not in str(raised.value)
    assert raised.value.exit_status == 2


# --- accounts and keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "account"),
    [
        ("default", "default"),
        ("Faction 40832", "faction_40832"),
        ("40832", "account_40832"),
        ("fac-a.b", "fac_a_b"),
        ("file", "file_account"),
        ("key_file", "key_file_account"),
        ("Überfall", "berfall"),
        ("§§", "account"),
        ("no", "no"),
        ("null", "null"),
    ],
)
def test_the_names_of_accounts(key: str, account: str, tmp_path: Path) -> None:
    result = imported({"api_key": key})
    assert [one.name for one in config_of(result, tmp_path).accounts] == [account]
    assert f"to the key `{key}`" in the_note(result, "set TORN_API_KEY")


def test_keys_with_names_alike_stay_apart(tmp_path: Path) -> None:
    result = imported({"api_key": "A b"}, {"api_key": "a-b"}, {"api_key": "a_b"})
    assert [one.name for one in config_of(result, tmp_path).accounts] == ["a_b", "a_b_2", "a_b_3"]


@pytest.mark.parametrize(
    ("entry", "sections"),
    [
        ({"api_key": KEY}, {}),
        ({"api_key": KEY.upper()}, {}),
        ({"url": f"{V2}/faction/crimes?key={KEY}"}, {}),
        ({"url": f"{V1}/faction/?selections=crimes&KEY={KEY}"}, {}),
        ({"url": f"{V2}/faction/crimes?comment={KEY}&striptags=true"}, {}),
        ({"url": f"{V2}/faction/{KEY}"}, {}),
        ({"name": f"crimes {KEY}", "table": KEY, "frequency": KEY, "storage_mode": KEY}, {}),
        ({"timeout": KEY, KEY: KEY}, {"defaults": {"timeout": KEY}}),
        ({}, {"api_keys": {"default": KEY}, KEY: 1}),
        ({"name": "the-long-secret", "api_key": "the-long-secret"}, {"api_keys": {"default": "the-long-secret"}}),
        ({"name": "a b+c/d-long", "url": f"{V2}/faction/crimes?key=a%20b%2Bc%2Fd-long"}, {}),
    ],
)
def test_no_key_is_shown_wherever_it_stands(entry: dict[str, Any], sections: dict[str, object]) -> None:
    result = imported(entry, {"name": "other", "url": f"{V2}/faction/members"}, **sections)
    shown = result.text + "\n".join(result.notes)
    for secret in (KEY, KEY.upper(), KEY.lower(), "the-long-secret", "a b+c/d-long", "a%20b%2Bc"):
        assert secret not in shown
    assert "/faction/members" in result.text


def test_a_key_in_the_place_of_its_name_gets_one() -> None:
    result = imported({"api_key": KEY}, {"name": "other", "api_key": KEY[::-1]})
    assert the_endpoint(result)["accounts"] == ["key_1", "key_2"]
    assert "the key that stands in the file itself as `api_key` (key_2 here)" in the_note(result, "TORN_API_KEY_KEY_2")


def test_keys_known_from_the_environment_are_not_shown_either() -> None:
    text = json.dumps({"endpoints": [{**CRIMES, "name": "about my-own-secret"}]})
    result = imported_from(text, FILE, ["my-own-secret"])
    assert "my-own-secret" not in result.text + "\n".join(result.notes)


# --- whatever is in it -----------------------------------------------------------------------------------------

texts = st.text(max_size=8) | st.sampled_from(
    ["a\nb", "- x", "#", "\ud800", "*", "&a", "on", "null", "'", '"', "{", "\u2028", "\x00", "<<"]
)
scalars = st.none() | st.booleans() | st.integers(-5, 5000) | st.floats() | texts
paths = (
    st.sampled_from(["v2/faction/crimes", "v2/faction/members", "v2/torn/items", "faction", "v2/faction/1/basic", "v2/user/x", ""]) | texts
)
queries = st.sampled_from(["key=abc", "selections=currency,basic", "limit=1", "striptags=true", "a=1", "id=1"]) | st.tuples(
    texts, texts
).map("=".join)
urls = st.tuples(st.just(f"{V1}/"), paths, st.just("?"), st.lists(queries, max_size=3).map("&".join)).map("".join)
entries = st.fixed_dictionaries(
    {"name": texts.filter(bool), "url": urls},
    optional={
        "api_key": texts.filter(bool) | st.sampled_from(["default", "faction_1", KEY]),
        "frequency": st.sampled_from(["PT15M", "PT1H", "PT7M", "P2D", "PT7S"]) | scalars,
        "storage_mode": st.sampled_from(["append", "replace", "upsert", "snapshot"]) | scalars,
        "timeout": scalars,
        "retry_delay": scalars,
        "max_retries": scalars,
        "table": scalars,
        "other": scalars,
    },
)
defaults = st.dictionaries(st.sampled_from(["timeout", "retry_delay", "max_retries", "rate_limit", "x"]), scalars)
files = st.fixed_dictionaries({"endpoints": st.lists(entries, min_size=1, max_size=6)}, optional={"defaults": defaults, "other": scalars})


@settings(max_examples=examples(100), deadline=None)
@given(files)
def test_whatever_comes_is_printed_as_the_loader_takes_it_or_refused(data: dict[str, Any]) -> None:
    try:
        result = imported_from(json.dumps(data), FILE, ())
    except ConfigError:
        return
    with tempfile.TemporaryDirectory() as folder:
        config = config_of(result, Path(folder))
    assert KEY not in result.text
    assert all(note.isprintable() for note in result.notes)
    used = {account for endpoint in config.endpoints for account in endpoint.accounts}
    assert used <= {account.name for account in config.accounts}
