"""A planted key is in nothing that a call prints or leaves behind, at DEBUG, after success, failure and a crash."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote

from torn_pipeline.simulator import Key
from torn_pipeline_tests.e2e.console import files_below

if TYPE_CHECKING:
    from torn_pipeline_tests.e2e.console import Console, Result

PLANTED = "Pl4nted/Key+1234"  # of a form that would show up encoded in a URL
CRASH = """
import torn_pipeline.steps
def crash(pipeline, fetched, *more, **others):
    raise RuntimeError("the settings are " + repr(pipeline.settings) + " and the fetch " + repr(fetched))
torn_pipeline.steps.validate = crash
"""


def assert_unseen(console: Console, result: Result) -> None:
    """The key, in no spelling, in anything printed or written; what a child process is given is not written."""
    spellings = {PLANTED, quote(PLANTED, safe=""), b64encode(PLANTED.encode()).decode().rstrip("=")}
    seen = files_below(console.folder) | {"stdout": result.raw, "stderr": result.err.encode()}
    assert len(seen) > 2
    found = [(name, spelling) for name, content in seen.items() for spelling in spellings if spelling.encode() in content]
    assert found == []


def test_a_planted_key_is_nowhere(console: Console) -> None:
    owner = next(iter(console.world.keys.values()))
    with console.world.lock:
        console.world.keys[PLANTED] = Key(owner=owner.owner, faction=owner.faction, access="Full")
    console.environment.update({"TORN_API_KEY": PLANTED, "TORN_LOG_LEVEL": "DEBUG"})
    done = console.child("materialize", "faction_basic", "--partition", "default")
    assert done.status == 0, done.err
    assert "STEP_SUCCESS" in done.err
    assert_unseen(console, done)
    crashed = console.child("--debug", "materialize", "faction_basic", "--partition", "default", code=CRASH)
    assert crashed.status == 1
    assert "nobody expected (RuntimeError)" in crashed.err
    assert_unseen(console, crashed)
    with console.world.lock:
        del console.world.keys[PLANTED]
    for command in (["materialize", "faction_basic", "--partition", "default"], ["--debug", "fetch", "torn_items"]):
        refused = console.child(*command)
        assert refused.status == 1
        assert_unseen(console, refused)


def test_a_key_in_the_data_is_not_printed(console: Console) -> None:
    result = console("fetch", "faction_basic")
    assert result.status == 0
    key = console.environment["TORN_API_KEY"]
    for form in ("table", "csv", "json"):
        shown = console("sql", f"SELECT '{key}' AS it", "--format", form)
        assert shown.status == 0
        assert key not in shown.out
        assert "***" in shown.out
