"""The road itself: fetch, normalize, validate, load, replay. What the console script and the assets share.

Here belongs what one step does, one module each. A step is a function of the one before it and the config;
none knows who called it. One that fails raises a :class:`torn_pipeline.errors.PipelineError` and leaves the
tables as they were. Not here: how the API, the landing or a warehouse work. ``cli`` and the Dagster side may
import it, and do so when a step runs: it loads all that a step needs.
"""

from torn_pipeline.steps.accounts import refuse_renamed, rename_account
from torn_pipeline.steps.asking import key_states
from torn_pipeline.steps.backing import back_up, backups, restore
from torn_pipeline.steps.comparing import Loaded, loads_so_far, rows_by_day
from torn_pipeline.steps.context import Pipeline, open_pipeline
from torn_pipeline.steps.expecting import expectation_suites
from torn_pipeline.steps.fetching import fetch, land_file, read_file
from torn_pipeline.steps.ids import fetch_ids, ids_due
from torn_pipeline.steps.loading import check_limit, check_mode, load, load_of, too_many
from torn_pipeline.steps.preparing import latest_fetch, normalize, validate
from torn_pipeline.steps.profiling import Profiled, fresh_now, profiled
from torn_pipeline.steps.relating import Related, related
from torn_pipeline.steps.replaying import Outcome, landed_fetches, load_together, rebuild, replay
from torn_pipeline.steps.retrying import Retried, retry
from torn_pipeline.steps.shaping import apply_changes, roll_back, schema_changes, schema_versions
from torn_pipeline.steps.states import EndpointState, states, stored_columns
from torn_pipeline.steps.windows import (
    asked_spans,
    calls_for,
    complete,
    due,
    fetch_new,
    fetch_span,
    fill,
    landed_first,
    missing,
    pending,
    refuse_without_windows,
)
from torn_pipeline.torn import Rank, days_of
from torn_pipeline.torn.keys import KeyState

__all__ = [
    "EndpointState",
    "KeyState",
    "Loaded",
    "Outcome",
    "Pipeline",
    "Profiled",
    "Rank",
    "Related",
    "Retried",
    "apply_changes",
    "asked_spans",
    "back_up",
    "backups",
    "calls_for",
    "check_limit",
    "check_mode",
    "complete",
    "days_of",
    "due",
    "expectation_suites",
    "fetch",
    "fetch_ids",
    "fetch_new",
    "fetch_span",
    "fill",
    "fresh_now",
    "ids_due",
    "key_states",
    "land_file",
    "landed_fetches",
    "landed_first",
    "latest_fetch",
    "load",
    "load_of",
    "load_together",
    "loads_so_far",
    "missing",
    "normalize",
    "open_pipeline",
    "pending",
    "profiled",
    "read_file",
    "rebuild",
    "refuse_renamed",
    "refuse_without_windows",
    "related",
    "rename_account",
    "replay",
    "restore",
    "retry",
    "roll_back",
    "rows_by_day",
    "schema_changes",
    "schema_versions",
    "states",
    "stored_columns",
    "too_many",
    "validate",
]
