"""The suite itself: each of these mistakes in the DuckDB writer is caught by a behaviour of the suite.

A mutation rewrites a statement on its way to DuckDB, or replaces a function of the writer. It counts only when it was
reached: one that no longer touches anything fails as well.
"""

# ruff: noqa: S608, FBT003 - statements of these tests alone, and answers of functions

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from typing import TYPE_CHECKING, Any

import pytest

from torn_pipeline.tables.table import StorageMode
from torn_pipeline.warehouse import duckdb as warehouse_module
from torn_pipeline.warehouse import (
    duckdb_changes,
    duckdb_history,
    duckdb_load,
    duckdb_measurements,
    duckdb_meta,
    duckdb_schema,
    inputs,
    warehouse_from_url,
)
from torn_pipeline.warehouse.duckdb_file import Session
from torn_pipeline_tests import conformance
from torn_pipeline_tests.conformance import test_warehouse as loads
from torn_pipeline_tests.conformance import test_warehouse_changes as changes
from torn_pipeline_tests.conformance import test_warehouse_inputs as parts
from torn_pipeline_tests.conformance import test_warehouse_measurements as measurements
from torn_pipeline_tests.conformance import test_warehouse_quarantine as quarantine
from torn_pipeline_tests.conformance import test_warehouse_snapshots as snapshots
from torn_pipeline_tests.conformance import test_warehouse_tables as tables
from torn_pipeline_tests.conformance import test_warehouse_values as values
from torn_pipeline_tests.conformance import test_warehouse_windows as windows
from torn_pipeline_tests.conformance.mutations import Mutation, is_caught, nothing, of, replace_function

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

APPEND, REPLACE, UPSERT = StorageMode.APPEND, StorageMode.REPLACE, StorageMode.UPSERT
BEHAVIOURS = 60


ROOT, CHILD = r'warehouse\.torn\."things"', r'warehouse\.torn\."things_parts"'
Writing, Histories = duckdb_load._Writing, duckdb_history.Histories

MUTATIONS = (
    # --- what a mode leaves behind
    Mutation(
        "earlier rows of the fetch stay",
        loads.test_a_mended_contract_corrects_the_rows_and_never_doubles_them,
        (APPEND,),
        rf"^DELETE FROM {ROOT} WHERE _fetch_id = \?",
    ),
    Mutation(
        "earlier children of the fetch stay",
        loads.test_a_mended_contract_corrects_the_rows_and_never_doubles_them,
        (APPEND,),
        rf"^DELETE FROM {CHILD} WHERE _fetch_id = \?",
    ),
    Mutation(
        "an upsert adds only", loads.test_upsert_replaces_a_root_with_its_children_and_keeps_the_rest, (), rf"^DELETE FROM {ROOT} t USING"
    ),
    Mutation(
        "an upsert leaves children",
        loads.test_upsert_replaces_a_root_with_its_children_and_keeps_the_rest,
        (),
        rf"^DELETE FROM {CHILD} t USING",
    ),
    Mutation(
        "an upsert mixes accounts",
        loads.test_upsert_tells_accounts_apart,
        (),
        r't\."_account" (IS NOT DISTINCT FROM|=) k\."_account" AND ',
        "",
    ),
    Mutation(
        "an upsert drops all else",
        loads.test_upsert_replaces_a_root_with_its_children_and_keeps_the_rest,
        (),
        r"(t\._fetch_id <> \? AND) .*",
        r"\1 true",
    ),
    Mutation(
        "a replace adds only",
        loads.test_replace_leaves_exactly_what_the_fetch_brought,
        (),
        rf"^DELETE FROM {ROOT} t WHERE t\._fetch_id <> ",
    ),
    Mutation(
        "a replace leaves children",
        loads.test_replace_leaves_exactly_what_the_fetch_brought,
        (),
        rf"^DELETE FROM {CHILD} t WHERE t\._fetch_id <> ",
    ),
    Mutation(
        "a replace by nothing is forgotten",
        loads.test_replace_by_nothing_leaves_nothing,
        function=(Writing, "_delete_slice"),
        instead=nothing,
    ),
    Mutation(
        "a replace takes other accounts along",
        loads.test_replace_leaves_other_accounts_alone,
        (),
        r"\(\? OR account = \?\)",
        "(? OR account = ? OR true)",
    ),
    Mutation(
        "a replace takes other path ids along",
        loads.test_replace_leaves_other_path_ids_alone,
        (),
        r"AND path_ids = \?",
        "AND (path_ids = ? OR true)",
    ),
    Mutation(
        "a replace takes other endpoints along",
        loads.test_replace_leaves_another_endpoint_in_the_same_table_alone,
        (),
        r"WHERE endpoint = \? AND \(",
        "WHERE (endpoint = ? OR true) AND (",
    ),
    Mutation(
        "an append replaces", loads.test_append_adds_to_what_is_there, function=(Writing, "_settle"), instead=Writing._delete_replaced
    ),
    # --- again and late
    Mutation(
        "what is loaded is loaded again",
        loads.test_the_same_fetch_again_changes_nothing,
        (UPSERT,),
        function=(duckdb_meta, "loaded_version"),
        instead=of(None),
    ),
    Mutation(
        "a mended contract is skipped",
        loads.test_a_contract_set_back_corrects_the_rows_again,
        function=(duckdb_meta, "loaded_version"),
        instead=lambda _, load: load.contract_version,
    ),
    Mutation(
        "an older upsert wins",
        loads.test_upsert_keeps_the_roots_of_a_newer_fetch,
        function=(Writing, "_drop_older_than_stored"),
        instead=nothing,
    ),
    Mutation(
        "an older replace wins", loads.test_replace_by_an_older_fetch_is_skipped, function=(duckdb_meta, "newer_fetches"), instead=of([])
    ),
    Mutation(
        "accounts make one another old",
        loads.test_replace_of_another_account_is_not_older,
        (),
        r"\(\? OR account = \?\)",
        "(? OR account = ? OR true)",
    ),
    # --- quarantine
    Mutation(
        "a broken root loses its rows",
        loads.test_a_broken_root_keeps_its_earlier_rows,
        (REPLACE,),
        r'(NOT EXISTS \(FROM temp\."broken things" b WHERE) ',
        r"\1 false AND ",
    ),
    Mutation(
        "what is found broken later is lost",
        loads.test_a_root_that_a_mended_contract_finds_broken_keeps_its_rows,
        (UPSERT,),
        function=(Writing, "_put_back"),
        instead=nothing,
    ),
    Mutation(
        "quarantine is not written",
        loads.test_what_is_in_quarantine_says_where_it_came_from,
        function=(duckdb_meta, "record_quarantine"),
        instead=nothing,
    ),
    Mutation(
        "old quarantine stays",
        loads.test_a_fetch_loaded_again_replaces_its_quarantine,
        (),
        r"^DELETE FROM warehouse\.torn_meta\.quarantine WHERE _fetch_id",
    ),
    Mutation(
        "settled quarantine stays",
        loads.test_a_partial_load_adds_a_mended_root_to_its_fetch,
        (UPSERT,),
        function=(duckdb_meta, "delete_quarantine"),
        instead=nothing,
    ),
    Mutation(
        "all is purged",
        quarantine.test_purged_roots_are_counted_and_gone_from_the_quarantine_alone,
        (),
        r"WHERE list_contains\(\?, quarantine_id\)",
        "WHERE len(?) > 0",
    ),
    Mutation(
        "quarantine is read before the batches",
        tables.test_quarantine_is_read_after_the_batches,
        function=(Writing, "_note_broken"),
        instead=lambda self, root: self._session.run(
            f"CREATE OR REPLACE TEMP TABLE temp.\"broken {root.name}\" AS SELECT '' AS _account, 0 AS id WHERE false"
        ),
    ),
    Mutation(
        "a partial load drops the rest",
        loads.test_a_partial_load_adds_a_mended_root_to_its_fetch,
        (REPLACE,),
        function=(Writing, "_put_back"),
        instead=nothing,
    ),
    # --- the platform's own tables
    Mutation(
        "the ledger is not written", tables.test_the_ledger_has_a_row_a_table_write, function=(duckdb_meta, "record_load"), instead=nothing
    ),
    Mutation("a fetch's row is doubled", tables.test_the_row_of_a_fetch_is_rewritten, (), r"^DELETE FROM warehouse\.torn_meta\.fetches"),
    Mutation(
        "a change is not recorded",
        tables.test_every_change_of_a_table_is_recorded,
        function=(duckdb_meta, "record_change"),
        instead=nothing,
    ),
    Mutation(
        "another mode is taken", tables.test_another_mode_than_the_tables_is_refused, function=(duckdb_meta, "other_mode"), instead=of(None)
    ),
    Mutation("half a fetch is loaded", tables.test_an_incomplete_fetch_is_never_loaded, function=(duckdb_load, "_refuse"), instead=nothing),
    Mutation(
        "every statement is committed",
        tables.test_an_error_half_way_leaves_everything_as_it_was,
        (),
        r"^(BEGIN TRANSACTION|COMMIT|ROLLBACK)$",
    ),
    Mutation("a load is not committed", loads.test_append_adds_to_what_is_there, (), r"^COMMIT$", "ROLLBACK"),
    Mutation(
        "what was measured is doubled",
        measurements.test_what_is_measured_again_at_the_same_moment_takes_the_place_of_the_first,
        (),
        r"^DELETE FROM warehouse\.torn_meta\.measurements",
    ),
    Mutation(
        "accounts are measured as one",
        measurements.test_what_is_measured_again_at_the_same_moment_takes_the_place_of_the_first,
        function=(duckdb_measurements, "_KEY"),
        instead=["measured_at", "kind", "subject"],
    ),
    Mutation(
        "a renamed account leaves its measurements",
        measurements.test_measurements_follow_an_account_that_got_another_name,
        (),
        r"^UPDATE warehouse\.torn_meta\.measurements SET account",
    ),
    # --- the shape of tables
    Mutation(
        "columns go by their place",
        values.test_columns_go_by_their_names,
        (),
        r" BY NAME SELECT .* FROM incoming$",
        " SELECT * FROM incoming",
    ),
    Mutation(
        "another type is taken",
        tables.test_a_frame_of_another_type_than_the_contract_is_refused,
        function=(duckdb_schema, "_POLARS"),
        instead=dict.fromkeys(duckdb_schema._POLARS, "VARCHAR"),
    ),
    Mutation(
        "a wider value is cut",
        tables.test_every_change_of_a_table_is_recorded,
        function=(duckdb_schema, "_wider"),
        instead=lambda one, _other: one,
    ),
    Mutation("names are not quoted", tables.test_odd_names_and_values_are_only_data, function=(duckdb_schema, "identifier"), instead=str),
    # --- rebuild, rename, read
    Mutation(
        "a rebuild empties nothing",
        tables.test_a_rebuild_without_loads_leaves_empty_tables,
        function=(duckdb_schema, "empty"),
        instead=nothing,
    ),
    Mutation(
        "a rebuild drops what others use",
        tables.test_a_rebuild_leaves_another_endpoint_in_the_same_table_alone,
        (),
        r"AND endpoint <> \? LIMIT 1",
        "AND endpoint <> ? LIMIT 0",
    ),
    Mutation(
        "a rebuild keeps the ledger",
        tables.test_a_rebuild_without_loads_leaves_empty_tables,
        function=(duckdb_schema, "empty"),
        instead=lambda session, _endpoint, found, _run: [session.run(f'DELETE FROM warehouse.torn."{one.name}"') for one in found],
    ),
    Mutation(
        "a renamed account leaves its slices",
        tables.test_rows_follow_an_account_that_got_another_name,
        (),
        r"^UPDATE warehouse\.torn_meta\.loads SET slice",
    ),
    Mutation(
        "two accounts become one",
        tables.test_two_accounts_do_not_become_one,
        (),
        r"FILTER \(WHERE _account = \?\), count",
        "FILTER (WHERE _account = ? AND false), count",
    ),
    Mutation(
        "reading mixes accounts",
        tables.test_reading_some_columns_of_one_account,
        (),
        r"WHERE t\._account = \?",
        "WHERE (t._account = ? OR true)",
    ),
    Mutation(
        "any statement may be asked",
        tables.test_what_is_not_a_reading_query_is_refused,
        ("SELECT 1; SELECT 2",),
        function=(Session, "is_one_query"),
        instead=of(True),
    ),
    # --- snapshots
    Mutation(
        "a version is never ended",
        snapshots.test_an_absent_row_ends_its_version_and_its_children_theirs,
        function=(Histories, "_close"),
        instead=nothing,
    ),
    Mutation(
        "a version is never begun",
        snapshots.test_the_first_snapshot_opens_a_version_of_every_row,
        function=(Histories, "_open"),
        instead=nothing,
    ),
    Mutation(
        "every row is a change",
        snapshots.test_an_unchanged_row_goes_on_in_its_version,
        function=(duckdb_history, "compared"),
        instead=lambda _, columns: list(columns),
    ),
    Mutation(
        "only the key is compared",
        snapshots.test_a_changed_row_ends_a_version_and_begins_the_next,
        function=(duckdb_history, "compared"),
        instead=lambda table, _: list(table.key),
    ),
    Mutation(
        "new fields are not compared",
        snapshots.test_a_new_field_is_compared_and_kept,
        function=(duckdb_history, "compared"),
        instead=lambda table, _: [c.name for c in table.columns if c.name not in {"_fetch_id", "_fetched_at", "_raw_id"}],
    ),
    Mutation(
        "null is unlike null",
        snapshots.test_null_is_equal_to_null_and_not_a_number_to_itself,
        (),
        r"h\.\"is_old\" IS NOT DISTINCT FROM",
        'h."is_old" =',
    ),
    Mutation("broken is gone", snapshots.test_a_root_in_quarantine_is_not_absent, function=(Histories, "_concerns"), instead=of("true")),
    Mutation(
        "accounts share a history",
        snapshots.test_accounts_have_versions_of_their_own,
        (),
        r"\(\? OR account = \?\)",
        "(? OR account = ? OR true)",
    ),
    Mutation(
        "a mended contract adds to the history",
        snapshots.test_a_mended_contract_corrects_the_versions_of_its_fetch,
        function=(Histories, "_undo"),
        instead=nothing,
    ),
    Mutation(
        "what a mended fetch ended stays ended",
        snapshots.test_a_mended_contract_corrects_what_a_fetch_of_nothing_ended,
        (),
        r"^UPDATE .* SET _valid_to = NULL",
    ),
    Mutation(
        "an older snapshot wins", snapshots.test_an_older_snapshot_is_skipped, function=(duckdb_meta, "newer_fetches"), instead=of([])
    ),
    Mutation(
        "nothing is doubted",
        snapshots.test_a_snapshot_without_too_many_rows_is_refused_and_changes_nothing,
        function=(Histories, "_doubt"),
        instead=nothing,
    ),
    Mutation("few rows are doubted", snapshots.test_of_few_rows_all_may_go, function=(duckdb_history, "WORTH_A_DOUBT"), instead=1),
    Mutation(
        "quarantine is doubted",
        snapshots.test_roots_in_quarantine_do_not_count_as_absent,
        (),
        r'count\(\*\) FILTER \(WHERE (NOT EXISTS \(FROM temp\."keys.*?\)) AND NOT EXISTS \(.*?\)\)',
        r"count(*) FILTER (WHERE \1)",
    ),
    Mutation(
        "a history lacks new columns",
        snapshots.test_a_widened_field_is_widened_in_the_history,
        function=(duckdb_history, "follow"),
        instead=nothing,
    ),
    Mutation(
        "a refused snapshot ends a rebuild",
        snapshots.test_a_rebuild_leaves_out_what_was_refused,
        function=(Writing, "take_back"),
        instead=nothing,
    ),
    # --- time windows
    Mutation(
        "a window is all",
        windows.test_rows_outside_the_window_stay,
        (),
        r'AND EXISTS \(FROM temp\."inside',
        'AND true OR EXISTS (FROM temp."inside',
    ),
    Mutation(
        "a window has its start",
        windows.test_a_window_begins_after_its_start_and_ends_with_its_end,
        (),
        r't\."seen_at" > \?',
        't."seen_at" >= ?',
    ),
    Mutation(
        "a window lacks its end",
        windows.test_a_window_begins_after_its_start_and_ends_with_its_end,
        (),
        r't\."seen_at" <= \?',
        't."seen_at" < ?',
    ),
    Mutation(
        "a moved row is doubled",
        windows.test_a_row_that_moved_into_the_window_is_not_doubled,
        (),
        r' OR EXISTS \(FROM temp\."keys',
        ' OR false AND EXISTS (FROM temp."keys',
    ),
    Mutation(
        "a late window wins",
        windows.test_a_late_window_leaves_alone_what_newer_windows_hold,
        function=(Writing, "_drop_what_newer_windows_hold"),
        instead=nothing,
    ),
    Mutation(
        "a late fetch of all is dropped",
        windows.test_a_late_fetch_of_all_fills_what_newer_windows_leave,
        function=(duckdb_load, "leaves_nothing"),
        instead=of(True),
    ),
    Mutation(
        "a window of no column is taken for all",
        windows.test_a_window_of_no_column_is_refused_before_it_drops_the_rest,
        function=(duckdb_load, "refuse_window"),
        instead=nothing,
    ),
    # --- changes that were asked for
    Mutation(
        "values are cut",
        changes.test_no_value_is_ever_lost,
        function=(duckdb_schema, "_lost"),
        instead=of("SELECT 0, NULL"),
    ),
    Mutation(
        "no copy is kept", changes.test_a_copy_of_a_table_that_is_rewritten_is_kept, function=(duckdb_changes, "_keep"), instead=nothing
    ),
    Mutation("copies are kept for ever", changes.test_the_oldest_copies_go, (), r'^DROP TABLE warehouse\.torn_meta\."backup_'),
    Mutation(
        "what was dropped is gone",
        changes.test_a_dropped_column_comes_back_with_its_values_in_the_rows_that_are_the_same,
        function=(duckdb_changes, "_refill"),
        instead=nothing,
    ),
    # --- inputs
    Mutation(
        "the window of an input is ignored",
        parts.test_only_the_rows_that_are_asked_for,
        function=(warehouse_module, "inside"),
        instead=of(("true", [])),
    ),
    Mutation(
        "a lazy input reads all columns",
        parts.test_a_lazy_input_reads_only_what_its_query_needs,
        function=(inputs, "read_part"),
        instead=lambda warehouse, table, **_: warehouse.read(table, columns=()),
    ),
)


def mutate(mutation: Mutation, patch: pytest.MonkeyPatch) -> Callable[[], bool]:
    """Make the mistake; the result tells whether it was reached."""
    if mutation.function is not None:
        return replace_function(mutation, patch)
    reached: list[bool] = []

    def mutated(run: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Session, sql: str, values: Any = (), **rest: Any) -> Any:  # noqa: ANN401 - handed on as they are
            found = re.search(mutation.sql, sql, re.DOTALL)
            if found is None:
                return run(self, sql, values, **rest)
            reached.append(True)
            if mutation.instead is None:
                return [(0,)]
            return run(self, re.sub(mutation.sql, mutation.instead, sql, flags=re.DOTALL), values, **rest)

        return call

    patch.setattr(Session, "run", mutated(Session.run))
    patch.setattr(Session, "arrow", mutated(Session.arrow))
    return lambda: bool(reached)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mistake_is_caught(mutation: Mutation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse: Any = warehouse_from_url(f"duckdb:///{tmp_path}/warehouse.duckdb", tmp_path)
    with monkeypatch.context() as patch:
        was_reached = mutate(mutation, patch)
        caught = is_caught(mutation, warehouse, patch)
    assert caught, f"{mutation.behaviour.__name__} does not notice that {mutation.name}"
    assert was_reached(), f"the mutation {mutation.name!r} touches nothing any more"


def test_the_behaviours_are_many_and_pass_without_a_mistake(tmp_path: Path) -> None:
    modules = [importlib.import_module(f"{conformance.__name__}.{found.name}") for found in pkgutil.iter_modules(conformance.__path__)]
    behaviours = {
        name
        for module in modules
        for name, found in vars(module).items()
        if name.startswith("test_") and "warehouse" in inspect.signature(found).parameters
    }
    assert len(behaviours) >= BEHAVIOURS
    assert {mutation.behaviour.__name__ for mutation in MUTATIONS} <= behaviours
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)
    for number, behaviour in enumerate((loads.test_upsert_tells_accounts_apart, snapshots.test_of_few_rows_all_may_go)):
        behaviour(warehouse_from_url(f"duckdb:///{tmp_path}/{number}.duckdb", tmp_path))
