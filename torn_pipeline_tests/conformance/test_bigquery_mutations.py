"""The suite itself: each of these mistakes in the BigQuery writer is caught by a behaviour of the suite.

A mutation rewrites a script or a query on its way to BigQuery, or replaces a function of the writer. It counts only when
it was reached. One takes seconds, so by default one in sixteen is tried, always the same ones.
"""

# ruff: noqa: FBT003, S608 - answers of functions, and statements of these tests alone

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from torn_pipeline.tables.table import ColumnType, StorageMode
from torn_pipeline.warehouse import bigquery_accounts, bigquery_history, bigquery_load, bigquery_meta, bigquery_sql, bigquery_staging
from torn_pipeline.warehouse import bigquery_tables as shapes
from torn_pipeline.warehouse.bigquery import BigQueryWarehouse
from torn_pipeline.warehouse.bigquery_history import Histories
from torn_pipeline.warehouse.bigquery_load import Writing
from torn_pipeline.warehouse.bigquery_meta import Ledger
from torn_pipeline.warehouse.bigquery_rebuild import _Rebuild
from torn_pipeline.warehouse.bigquery_service import Service
from torn_pipeline.warehouse.bigquery_settle import Incoming, Settlement
from torn_pipeline.warehouse.bigquery_staging import StagedTable
from torn_pipeline.warehouse.snapshots import compared
from torn_pipeline_tests.conformance import test_warehouse as loads
from torn_pipeline_tests.conformance import test_warehouse_measurements as measurements
from torn_pipeline_tests.conformance import test_warehouse_quarantine as quarantine
from torn_pipeline_tests.conformance import test_warehouse_snapshots as snapshots
from torn_pipeline_tests.conformance import test_warehouse_tables as tables
from torn_pipeline_tests.conformance import test_warehouse_values as values
from torn_pipeline_tests.conformance import test_warehouse_windows as windows
from torn_pipeline_tests.conformance.mutations import Mutation, is_caught, nothing, of, replace_function
from torn_pipeline_tests.emulator import EXHAUSTIVE, bigquery

if TYPE_CHECKING:
    from collections.abc import Callable

    from torn_pipeline.warehouse import Load

APPEND, REPLACE, UPSERT = StorageMode.APPEND, StorageMode.REPLACE, StorageMode.UPSERT
BEHAVIOURS = 60
EVERY = 16

ROOT, CHILD = r"`\w+`\.`\w+`\.`things`", r"`\w+`\.`\w+`\.`things_parts`"
STAYS = (rf"DELETE FROM ({ROOT}) t WHERE ", r"DELETE FROM \1 t WHERE FALSE AND ")
CHILDREN_STAY = (rf"DELETE FROM ({CHILD}) t WHERE ", r"DELETE FROM \1 t WHERE FALSE AND ")
ANY_PATH_IDS = (r"AND (path_ids = @p\d+)", r"AND (\1 OR TRUE)")
ANY_ENDPOINT = (r"WHERE (endpoint = @p\d+) AND path_ids", r"WHERE (\1 OR TRUE) AND path_ids")
slice_of, shape, look = bigquery_meta.slice_of, shapes.shape, shapes.look


def of_any_account(load: Load) -> tuple[str, None, str]:
    """The slice of all accounts."""
    endpoint, _, path_ids = slice_of(load)
    return endpoint, None, path_ids


def without_account(found: re.Match[str]) -> str:
    """A key that leaves the account out."""
    return f"STRUCT({found[1]} AS k1)" if found[1] else ""


MUTATIONS = (
    # --- what a mode leaves behind
    Mutation(
        "children are not written",
        loads.test_a_first_load_writes_every_row_and_value,
        (APPEND,),
        rf"INSERT INTO {CHILD} [^;]*",
        "SELECT 1",
    ),
    Mutation("a load is not committed", loads.test_append_adds_to_what_is_there, (), "COMMIT TRANSACTION", "ROLLBACK TRANSACTION"),
    Mutation("earlier rows of the fetch stay", loads.test_a_mended_contract_corrects_the_rows_and_never_doubles_them, (APPEND,), *STAYS),
    Mutation("an upsert leaves children", loads.test_upsert_replaces_a_root_with_its_children_and_keeps_the_rest, (), *CHILDREN_STAY),
    Mutation(
        "an upsert mixes accounts",
        loads.test_upsert_tells_accounts_apart,
        (),
        r"STRUCT\((?:\w+\.\S+|@p\d+) AS k0, (\w+\.\S+) AS k1\)| AND t\._account = @p\d+",
        without_account,
    ),
    Mutation("a replace adds only", loads.test_replace_leaves_exactly_what_the_fetch_brought, (), *STAYS),
    Mutation(
        "a replace by nothing is forgotten",
        loads.test_replace_by_nothing_leaves_nothing,
        function=(Settlement, "_delete"),
        instead=nothing,
    ),
    Mutation(
        "a replace takes other accounts along",
        loads.test_replace_leaves_other_accounts_alone,
        function=(bigquery_meta, "slice_of"),
        instead=of_any_account,
    ),
    Mutation("a replace takes other path ids along", loads.test_replace_leaves_other_path_ids_alone, (), *ANY_PATH_IDS),
    Mutation(
        "a replace takes other endpoints along", loads.test_replace_leaves_another_endpoint_in_the_same_table_alone, (), *ANY_ENDPOINT
    ),
    Mutation(
        "a single object is kept twice",
        loads.test_a_single_object_without_a_key_of_its_own,
        function=(Settlement, "_delete"),
        instead=nothing,
    ),
    Mutation("a key of no column is no key", loads.test_a_key_of_no_column_is_one_row, function=(Settlement, "_delete"), instead=nothing),
    Mutation(
        "rows of all loads come with each",
        tables.test_several_loads_in_one_transaction,
        (),
        r"(INSERT INTO [^;]* WHERE) s\._load = \d+",
        r"\1 TRUE",
    ),
    # --- again and late
    Mutation(
        "what is loaded is loaded again",
        loads.test_the_same_fetch_again_changes_nothing,
        (UPSERT,),
        function=(Ledger, "loaded_version"),
        instead=of(None),
    ),
    Mutation(
        "a mended contract is skipped",
        loads.test_a_contract_set_back_corrects_the_rows_again,
        function=(Ledger, "loaded_version"),
        instead=lambda _, load: load.contract_version,
    ),
    Mutation(
        "an append to what is there is skipped",
        loads.test_append_takes_older_fetches_in_any_order,
        function=(bigquery_load, "_reason_to_skip"),
        instead=lambda _load, ledger: "a newer fetch is already loaded" if ledger.sequence else "",
    ),
    Mutation(
        "an older upsert wins",
        loads.test_upsert_keeps_the_roots_of_a_newer_fetch,
        function=(Settlement, "_drop_older_than_stored"),
        instead=nothing,
    ),
    Mutation(
        "an older upsert comes back by a mended contract",
        loads.test_a_mended_contract_does_not_bring_back_what_a_newer_fetch_replaced,
        function=(Settlement, "_drop_older_than_stored"),
        instead=nothing,
    ),
    Mutation("an older replace wins", loads.test_replace_by_an_older_fetch_is_skipped, function=(Ledger, "newer_fetches"), instead=of([])),
    Mutation(
        "a newer fetch of nothing is forgotten",
        loads.test_replace_knows_a_newer_fetch_that_brought_nothing,
        function=(Ledger, "newer_fetches"),
        instead=of([]),
    ),
    Mutation(
        "accounts make one another old",
        loads.test_replace_of_another_account_is_not_older,
        function=(Ledger, "newer_fetches"),
        instead=lambda ledger, load: [one for one in ledger.newer if one.began > bigquery_meta.micros(load.fetch.fetched_at)],
    ),
    # --- quarantine
    Mutation(
        "a broken root loses its rows",
        loads.test_a_broken_root_keeps_its_earlier_rows,
        (REPLACE,),
        function=(Incoming, "broken"),
        instead=of("SELECT ''"),
    ),
    Mutation(
        "what is found broken later is lost",
        loads.test_a_root_that_a_mended_contract_finds_broken_keeps_its_rows,
        (UPSERT,),
        function=(Incoming, "broken"),
        instead=of("SELECT ''"),
    ),
    Mutation(
        "quarantine is not written",
        loads.test_what_is_in_quarantine_says_where_it_came_from,
        function=(bigquery_meta, "quarantine_rows"),
        instead=of([]),
    ),
    Mutation(
        "quarantine of all endpoints is told",
        loads.test_quarantine_of_one_endpoint,
        (),
        r"WHERE (endpoint = @p\d+) ORDER",
        r"WHERE (\1 OR TRUE) ORDER",
    ),
    Mutation(
        "old quarantine stays",
        loads.test_a_fetch_loaded_again_replaces_its_quarantine,
        (),
        r"DELETE FROM (\S+quarantine`) WHERE _fetch_id",
        r"DELETE FROM \1 WHERE FALSE AND _fetch_id",
    ),
    Mutation(
        "all is purged",
        quarantine.test_purged_roots_are_counted_and_gone_from_the_quarantine_alone,
        (),
        r"WHERE (quarantine_id IN UNNEST)",
        r"WHERE TRUE OR \1",
    ),
    Mutation(
        "a refused load leaves no quarantine",
        loads.test_a_refused_load_leaves_its_quarantine_and_nothing_else,
        function=(BigQueryWarehouse, "quarantine"),
        instead=nothing,
    ),
    Mutation(
        "settled quarantine stays",
        loads.test_a_partial_load_adds_a_mended_root_to_its_fetch,
        (UPSERT,),
        r"quarantine_id IN UNNEST",
        "FALSE AND quarantine_id IN UNNEST",
    ),
    Mutation(
        "a partial replace of an older fetch wins",
        loads.test_a_partial_replace_of_an_older_fetch_is_skipped,
        function=(Ledger, "newer_fetches"),
        instead=of([]),
    ),
    Mutation(
        "a partial upsert replaces newer rows",
        loads.test_a_partial_upsert_does_not_replace_newer_rows,
        function=(Settlement, "_drop_older_than_stored"),
        instead=nothing,
    ),
    # --- the platform's own tables
    Mutation("the ledger is not written", tables.test_the_ledger_has_a_row_a_table_write, function=(Settlement, "ledger"), instead=nothing),
    Mutation(
        "a fetch's row is doubled",
        tables.test_the_row_of_a_fetch_is_rewritten,
        (),
        r"DELETE FROM (\S+fetches`) WHERE",
        r"DELETE FROM \1 WHERE FALSE AND",
    ),
    Mutation(
        "a change is not recorded",
        tables.test_every_change_of_a_table_is_recorded,
        function=(shapes.LiveTable, "changes"),
        instead=of([]),
    ),
    Mutation(
        "another mode is taken", tables.test_another_mode_than_the_tables_is_refused, function=(Ledger, "other_mode"), instead=of(None)
    ),
    Mutation(
        "half a fetch is loaded", tables.test_an_incomplete_fetch_is_never_loaded, function=(bigquery_load, "_refuse"), instead=nothing
    ),
    Mutation(
        "accounts share their quarantine",
        tables.test_status_tells_endpoints_and_accounts_apart,
        (),
        r" AND f\.account = q\.account",
        "",
    ),
    Mutation(
        "what was measured is doubled",
        measurements.test_what_is_measured_again_at_the_same_moment_takes_the_place_of_the_first,
        (),
        r"(MERGE [^;]* i ON) ",
        r"\1 FALSE AND ",
    ),
    Mutation(
        "a renamed account leaves its measurements",
        measurements.test_measurements_follow_an_account_that_got_another_name,
        (),
        r"UPDATE (\S+measurements`) SET (account = @p\d+) WHERE",
        r"UPDATE \1 SET \2 WHERE FALSE AND",
    ),
    # --- the shape of tables
    Mutation(
        "integers are floats",
        tables.test_prepared_tables_are_typed_and_empty,
        function=(shapes, "_FIELD_TYPES"),
        instead={**shapes._FIELD_TYPES, ColumnType.INTEGER: "FLOAT"},
    ),
    Mutation(
        "large integers are rounded",
        values.test_the_largest_integers_arrive_whole,
        function=(shapes, "_FIELD_TYPES"),
        instead={**shapes._FIELD_TYPES, ColumnType.INTEGER: "FLOAT"},
    ),
    Mutation(
        "tables without rows are not made",
        tables.test_a_table_exists_when_the_api_sent_no_row_for_it,
        function=(bigquery_load, "shape"),
        instead=lambda service, live: shape(service, {name: one for name, one in live.items() if name == "things"}),
    ),
    Mutation(
        "a new field has no room",
        tables.test_a_new_field_becomes_a_column_at_the_end,
        function=(Writing, "make_room"),
        instead=nothing,
    ),
    Mutation(
        "a contract's new column is forgotten",
        tables.test_a_column_that_a_contract_gains_is_added,
        function=(shapes, "describe"),
        instead=nothing,
    ),
    Mutation(
        "a wider value is cut",
        tables.test_a_new_field_of_two_types_is_widened,
        (2, 1.5, pl.Float64(), [2.0, 1.5]),
        function=(shapes, "wider"),
        instead=lambda one, _other: one,
    ),
    Mutation(
        "another type than the table's is taken",
        tables.test_another_type_in_the_contract_than_in_the_table_is_refused,
        function=(bigquery_load, "look"),
        instead=lambda service, found, **_: look(service, found, strict=False),
    ),
    Mutation(
        "another type is taken",
        tables.test_a_frame_of_another_type_than_the_contract_is_refused,
        function=(StagedTable, "_type"),
        instead=lambda _self, _name, dtype: bigquery_staging._TYPES[dtype],
    ),
    Mutation("names are not encoded", tables.test_odd_names_and_values_are_only_data, function=(bigquery_sql, "physical"), instead=str),
    Mutation(
        "columns go by their place", values.test_columns_go_by_their_names, (), rf"(INSERT INTO {ROOT}) \([^)]*\) SELECT", r"\1 SELECT"
    ),
    # --- rebuild, rename, read
    Mutation(
        "a rebuild keeps the ledger",
        tables.test_a_rebuild_changes_mode_and_types_in_one_step,
        function=(_Rebuild, "_fill_ledger"),
        instead=nothing,
    ),
    Mutation(
        "a rebuild drops what others use",
        tables.test_a_rebuild_leaves_another_endpoint_in_the_same_table_alone,
        function=(_Rebuild, "_shared"),
        instead=of(set()),
    ),
    Mutation(
        "a rebuild empties nothing",
        tables.test_a_rebuild_without_loads_leaves_empty_tables,
        function=(_Rebuild, "_refill"),
        instead=nothing,
    ),
    Mutation(
        "a renamed account leaves its slices",
        tables.test_rows_follow_an_account_that_got_another_name,
        (),
        r"UPDATE (\S+loads`) SET ([^;]*) WHERE",
        r"UPDATE \1 SET \2 WHERE FALSE AND",
    ),
    Mutation(
        "two accounts become one", tables.test_two_accounts_do_not_become_one, function=(bigquery_accounts, "_check_apart"), instead=nothing
    ),
    Mutation(
        "reading mixes accounts",
        tables.test_reading_some_columns_of_one_account,
        (),
        r"((?:\w+\.)?_account = @p\d+)",
        r"(\1 OR TRUE)",
    ),
    Mutation(
        "names of all warehouses are not known",
        tables.test_queries_see_the_tables_by_both_names,
        function=(BigQueryWarehouse, "_own_names"),
        instead=lambda _self, sql: sql,
    ),
    Mutation(
        "any statement may be asked",
        tables.test_what_is_not_a_reading_query_is_refused,
        ("SELECT 1; SELECT 2",),
        function=(Service, "statement_type"),
        instead=of("SELECT"),
    ),
    Mutation(
        "what is not there is asked",
        tables.test_reading_before_the_first_load_says_so,
        function=(BigQueryWarehouse, "_check_exists"),
        instead=nothing,
    ),
    # --- snapshots
    Mutation(
        "a version is never ended",
        snapshots.test_an_absent_row_ends_its_version_and_its_children_theirs,
        function=(Histories, "_close"),
        instead=nothing,
    ),
    Mutation(
        "a fetch of nothing ends nothing",
        snapshots.test_a_complete_fetch_of_nothing_ends_all,
        function=(Histories, "_close"),
        instead=nothing,
    ),
    Mutation(
        "what comes back was never gone",
        snapshots.test_a_row_that_comes_back_begins_a_new_version,
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
        "a single object has no versions", snapshots.test_a_single_object_has_versions, function=(Histories, "_open"), instead=nothing
    ),
    Mutation(
        "every row is a change",
        snapshots.test_an_unchanged_row_goes_on_in_its_version,
        function=(bigquery_history, "compared"),
        instead=lambda table, columns: [*compared(table, columns), "_fetch_id"],
    ),
    Mutation(
        "only the key is compared",
        snapshots.test_a_changed_row_ends_a_version_and_begins_the_next,
        function=(bigquery_history, "compared"),
        instead=lambda table, _columns: list(table.key),
    ),
    Mutation(
        "a child has only its key",
        snapshots.test_a_child_has_versions_of_its_own,
        function=(bigquery_history, "compared"),
        instead=lambda table, _columns: list(table.key),
    ),
    Mutation(
        "null is like any value",
        snapshots.test_null_is_a_change_from_a_value_and_back,
        function=(bigquery_history, "compared"),
        instead=lambda table, _columns: list(table.key),
    ),
    Mutation(
        "new fields are not compared",
        snapshots.test_a_new_field_is_compared_and_kept,
        function=(bigquery_history, "compared"),
        instead=lambda table, _columns: compared(table, [column.name for column in table.columns]),
    ),
    Mutation(
        "a history lacks new columns",
        snapshots.test_a_widened_field_is_widened_in_the_history,
        function=(bigquery_load, "follow"),
        instead=nothing,
    ),
    Mutation("broken is gone", snapshots.test_a_root_in_quarantine_is_not_absent, function=(Histories, "_concerns"), instead=of("TRUE")),
    Mutation(
        "what is found broken later ends",
        snapshots.test_a_root_that_a_mended_contract_finds_broken_keeps_its_version,
        function=(Histories, "_concerns"),
        instead=of("TRUE"),
    ),
    Mutation(
        "quarantine is doubted",
        snapshots.test_roots_in_quarantine_do_not_count_as_absent,
        function=(Histories, "_concerns"),
        instead=of("TRUE"),
    ),
    Mutation(
        "accounts share a history",
        snapshots.test_accounts_have_versions_of_their_own,
        function=(bigquery_meta, "slice_of"),
        instead=of_any_account,
    ),
    Mutation("endpoints share a history", snapshots.test_endpoints_and_path_ids_of_one_table_have_versions_of_their_own, (), *ANY_ENDPOINT),
    Mutation("an older snapshot wins", snapshots.test_an_older_snapshot_is_skipped, function=(Ledger, "newer_fetches"), instead=of([])),
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
        r"UPDATE (\S+ h) SET (\S+) = NULL WHERE",
        r"UPDATE \1 SET \2 = NULL WHERE FALSE AND",
    ),
    Mutation(
        "nothing is doubted",
        snapshots.test_a_snapshot_without_too_many_rows_is_refused_and_changes_nothing,
        function=(Histories, "_doubt"),
        instead=nothing,
    ),
    Mutation(
        "one of several loads is not doubted",
        snapshots.test_without_a_rebuild_several_loads_are_refused_together,
        function=(Histories, "_doubt"),
        instead=nothing,
    ),
    Mutation("few rows are doubted", snapshots.test_of_few_rows_all_may_go, function=(bigquery_history, "WORTH_A_DOUBT"), instead=1),
    Mutation(
        "versions are not in the ledger",
        snapshots.test_status_and_ledger_know_the_histories,
        function=(Settlement, "ledger"),
        instead=nothing,
    ),
    # --- time windows
    Mutation("a window is all", windows.test_rows_outside_the_window_stay, function=(Settlement, "_in_window"), instead=of("")),
    Mutation(
        "a window has its start",
        windows.test_a_window_begins_after_its_start_and_ends_with_its_end,
        (),
        r"(`seen_at`) > (@p)",
        r"\1 >= \2",
    ),
    Mutation(
        "a bound that is missing is all",
        windows.test_a_window_may_have_one_bound,
        ((None, 5), {6: 1}),
        function=(Settlement, "_in_window"),
        instead=of(""),
    ),
    Mutation(
        "accounts share a window",
        windows.test_other_accounts_have_windows_of_their_own,
        function=(bigquery_meta, "slice_of"),
        instead=of_any_account,
    ),
    Mutation(
        "a row of no time lies in every window",
        windows.test_a_row_whose_time_is_not_known_lies_in_no_window,
        function=(Settlement, "_in_window"),
        instead=of(""),
    ),
    Mutation(
        "a moved row is doubled",
        windows.test_a_row_that_moved_into_the_window_is_not_doubled,
        (),
        r"\) OR TO_JSON_STRING\(STRUCT\(i\.",
        ") OR FALSE AND TO_JSON_STRING(STRUCT(i.",
    ),
    Mutation("a fetch of all is a window", windows.test_a_fetch_of_all_replaces_all, function=(Settlement, "_delete"), instead=nothing),
    Mutation(
        "a broken root of a window is lost",
        windows.test_a_broken_root_in_the_window_keeps_its_rows,
        function=(Incoming, "broken"),
        instead=of("SELECT ''"),
    ),
    Mutation(
        "a late window wins",
        windows.test_a_late_window_leaves_alone_what_newer_windows_hold,
        function=(Settlement, "_drop_what_newer_windows_hold"),
        instead=nothing,
    ),
    Mutation(
        "a late fetch of all is dropped",
        windows.test_a_late_fetch_of_all_fills_what_newer_windows_leave,
        function=(bigquery_load, "leaves_nothing"),
        instead=of(True),
    ),
    Mutation(
        "a late window inside a newer one wins",
        windows.test_a_late_window_inside_a_newer_one_is_skipped,
        function=(Ledger, "newer_fetches"),
        instead=of([]),
    ),
    Mutation(
        "a late window after all wins",
        windows.test_a_late_window_after_a_newer_fetch_of_all_is_skipped,
        function=(Ledger, "newer_fetches"),
        instead=of([]),
    ),
    Mutation("a mended window adds only", windows.test_a_mended_window_corrects_its_rows_and_no_others, (), *STAYS),
    Mutation(
        "a window of no column is taken for all",
        windows.test_a_window_of_no_column_is_refused_before_it_drops_the_rest,
        function=(bigquery_load, "refuse_window"),
        instead=nothing,
    ),
    Mutation(
        "a window of no key is taken",
        windows.test_a_window_of_rows_without_a_key_is_refused,
        function=(bigquery_load, "refuse_window"),
        instead=nothing,
    ),
    Mutation(
        "a snapshot of a window is taken",
        windows.test_a_snapshot_of_a_window_is_refused,
        function=(bigquery_load, "refuse_window"),
        instead=nothing,
    ),
)

CHOSEN = [mutation for mutation in MUTATIONS if EXHAUSTIVE or zlib.crc32(mutation.name.encode()) % EVERY == 0]
"""Those that are tried: by name, so that they stay the same when others come."""


def mutate(mutation: Mutation, patch: pytest.MonkeyPatch) -> Callable[[], bool]:
    """Make the mistake; the result tells whether it was reached."""
    if mutation.function is not None:
        return replace_function(mutation, patch)
    reached: list[bool] = []

    def mutated(run: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Service, sql: str, *given: Any, **rest: Any) -> Any:  # noqa: ANN401 - handed on as they are
            changed, count = re.subn(mutation.sql, mutation.instead, sql)
            if count:
                reached.append(True)
            return run(self, changed, *given, **rest)

        return call

    patch.setattr(Service, "run", mutated(Service.run))
    patch.setattr(Service, "_ask", mutated(Service._ask))
    return lambda: bool(reached)


@pytest.mark.parametrize("mutation", CHOSEN, ids=lambda mutation: mutation.name)
def test_a_mistake_is_caught(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    with bigquery() as warehouse, monkeypatch.context() as patch:
        was_reached = mutate(mutation, patch)
        caught = is_caught(mutation, warehouse, patch)
        patch.undo()
    assert caught, f"{mutation.behaviour.__name__} does not notice that {mutation.name}"
    assert was_reached(), f"the mutation {mutation.name!r} touches nothing any more"


def test_the_mistakes_are_of_many_behaviours() -> None:
    assert len({mutation.behaviour for mutation in MUTATIONS}) >= BEHAVIOURS
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)
    assert len(CHOSEN) >= len(MUTATIONS) // (2 * EVERY)
