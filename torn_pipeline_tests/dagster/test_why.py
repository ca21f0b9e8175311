"""Why a run failed whose process said nothing itself: one sentence, with what to do."""

from __future__ import annotations

import dagster as dg
import pytest

from torn_pipeline.assets.runs import why_failed

SAID = {
    "Run execution process for 1a was terminated by signal 9 (SIGKILL). This": "its process was killed (signal 9): memory may",
    "Run execution process for 1a was terminated by signal 15 (SIGTERM).": "its process was ended by signal 15: somebody stopped it",
    "Run execution process for 1a unexpectedly exited with code 3.": "its process ended with code 3 and told Dagster no more",
    "GRPC server: Subprocess for 1a terminated unexpectedly with exit code 1": "its process ended with code 1 and told Dagster no more",
    "GRPC server: Subprocess for 1a terminated unexpectedly with exit code -9": "its process was killed (signal 9): memory may",
    "Run dequeue failed to reach the user code server after 1 attempts, failing run": "it could not be started, as the code server",
}
ENDED = {
    "Exceeded maximum runtime of 3600 seconds.": "it took longer than the 3600 seconds that it may, and was ended",
    "Run timed out due to taking longer than 180 seconds to start.": "it had not started after 180 seconds",
    "Something else.": "Something else.",
}


@dg.job
def nothing() -> None:
    """A job that does nothing."""


@pytest.mark.parametrize(("said", "ended", "expected"), [
    *((said, None, expected) for said, expected in SAID.items()), *(("", ended, expected) for ended, expected in ENDED.items())
])  # fmt: skip
def test_a_run_whose_process_said_nothing_is_told_with_what_became_of_it_and_what_to_do(
    said: str, ended: str | None, expected: str
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(nothing)
        instance.report_engine_event("Started process for run (pid: 12).", run)
        instance.report_engine_event(said, run)
        instance.report_run_failed(run, ended)

        sentence, error = why_failed(instance, run.run_id)

    assert sentence.startswith(expected)
    assert ("`" in sentence or "UI" in sentence) == (ended != "Something else.")
    assert error == ""
