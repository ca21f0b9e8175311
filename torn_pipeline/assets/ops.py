"""The platform about itself, as assets: ``ops/keys``, the state of the keys.

Dagster looks at the annotations of what it decorates, so they are not postponed here.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from torn_pipeline.resources import PipelineResource, told_to_dagster

if TYPE_CHECKING:
    from torn_pipeline.steps import KeyState

__all__ = ["KEYS", "keys_asset"]

KEYS = dg.AssetKey(["ops", "keys"])
_USABLE = "usable"
_COLUMNS = ("account", "place", "level", "owner", "faction", "state", "calls", "calls_24_hours", "most_a_minute")
_DESCRIPTION = """\
What the API says of each key: its level, its owner and whether it can be used. The keys themselves are nowhere in Dagster.

- **Comes** from `/key/info`, one call for each key, and from what the API said when a key was refused; `calls` are those of the \
last minute, `calls_24_hours` those of the last day, `most_a_minute` the most of these in any minute.
- **Described** by the API's makers in [its documentation](https://www.torn.com/swagger.php).
- **On the console**: `torn-pipeline keys`.
"""
_ABOUT = """\
Can every key be used?

- **Passed**: yes.
- **Error**: not those listed below. Put another key into the variable that is named there; the pipeline tries a key again when it \
is another one, when the day is over where it was the day's limit, or after `torn-pipeline keys --refresh`.
"""


@dg.asset(
    key=KEYS,
    description=_DESCRIPTION,
    group_name="ops",
    metadata={"path": "/key/info"},
    kinds={"api"},
    owners=["team:ops"],
    check_specs=[dg.AssetCheckSpec(name=_USABLE, asset=KEYS, description=_ABOUT)],
)
def keys_asset(context: dg.AssetExecutionContext, pipeline: PipelineResource) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Ask about each key, and tell what is known of it."""
    from torn_pipeline.steps import key_states

    with told_to_dagster():
        states = key_states(pipeline.open(context.run.tags), refresh=True)
    done = [state for state in states if state.state != _USABLE]
    yield dg.MaterializeResult(metadata={"keys": _table(states), "all": len(states), "usable": len(states) - len(done)})
    yield dg.AssetCheckResult(
        asset_key=KEYS,
        check_name=_USABLE,
        passed=not done,
        severity=dg.AssetCheckSeverity.ERROR,
        description="; ".join(f"{state.place} of account {state.account}: {state.state}" for state in done) or None,
        metadata={"keys_done": _table(done)} if done else {},
    )


def _table(states: "Sequence[KeyState]") -> dg.TableMetadataValue:
    schema = dg.TableSchema([dg.TableColumn(name) for name in _COLUMNS])
    return dg.MetadataValue.table([_record(state) for state in states], schema=schema)


def _record(state: "KeyState") -> dg.TableRecord:
    return dg.TableRecord(
        {
            "account": state.account,
            "place": state.place,
            "level": state.level,
            "owner": "" if state.owner is None else state.owner,
            "faction": "" if state.faction is None else state.faction,
            "state": state.state,
            "calls": state.calls,
            "calls_24_hours": state.usage.day if state.usage else 0,
            "most_a_minute": state.usage.most if state.usage else 0,
        }
    )
