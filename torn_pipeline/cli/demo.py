"""``demo``: the whole road on a bundled Torn simulator."""

from __future__ import annotations

import shlex
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.materialize import CHECKOUT, run_all, tell_outcomes
from torn_pipeline.cli.options import Command
from torn_pipeline.cli.selection import chosen_runs
from torn_pipeline.errors import PipelineError, UsageError
from torn_pipeline.ops.summary.page import NextStep, html_page
from torn_pipeline.ops.summary.story import tell_story
from torn_pipeline.settings import Settings
from torn_pipeline.simulator import Simulator, World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.cli.session import Session
    from torn_pipeline.ops.summary import RunOutcome
    from torn_pipeline.ops.summary.charts import Drawing
    from torn_pipeline.ops.summary.story import Story
    from torn_pipeline.steps import Pipeline

__all__ = ["demo"]

SEED = 1
ACCOUNT = "default"
WINDOW = 1.0  # seconds in which the demo's own limit of calls counts: another demo at once need not wait for this one's minute
CONFIG = Path("config") / "pipeline.yaml"
EXAMPLE = "SELECT status, count(*) FROM faction_crimes GROUP BY status"


@click.command(cls=Command)
@click.option("--keep", is_flag=True, help="Leave the simulator and the UI up until Ctrl-C.")
@click.pass_obj
def demo(session: Session, *, keep: bool) -> int:
    """Show the whole road, on a bundled Torn simulator.

    Starts the simulator on loopback, materializes every asset of the shipped config into TORN_WAREHOUSE, or else into
    demo/warehouse.duckdb of TORN_DATA_DIR, and shows what came, with a page of numbers and charts. No key is needed, and
    nothing but loopback is talked to.
    """
    from torn_pipeline.steps import open_pipeline

    # At the real time, so that "idle for three hours" is true of the fetch that says so.
    with Simulator(World(seed=SEED, now=int(time.time())), window=WINDOW) as simulator:
        given = Settings.from_environment()
        settings = session.use(demo_settings(given, simulator))
        pipeline = open_pipeline(settings)
        outcomes = run_all(session, settings, chosen_runs(pipeline, (), None), ops=True)
        status = tell_outcomes(session, outcomes)
        session.say()
        session.say(f"warehouse: {pipeline.warehouse.label}")
        make_page(session, pipeline, outcomes, own_warehouse=bool(given.warehouse))
        if keep:
            _serve(session, settings, simulator)
        else:
            session.say(f"to open the UI on it: {_again()}")
    return status


def demo_settings(given: Settings, simulator: Simulator) -> Settings:
    """Settings that talk to the simulator alone and write below ``demo`` of the data directory.

    Of the environment's, only the warehouse with its emulator, the landing, the data directory and the log's are kept.

    Raises:
        UsageError: when the shipped config is not there.
    """
    if not (CHECKOUT / CONFIG).is_file():
        message = f"the demo needs the shipped {CONFIG}, which is not in {CHECKOUT}: run it from a checkout of the project"
        raise UsageError(message)
    folder = (given.data_dir / "demo").absolute()
    return Settings(
        api_url=simulator.url,
        config=CHECKOUT / CONFIG,
        data_dir=folder,
        warehouse=given.warehouse,
        bigquery_emulator=given.bigquery_emulator,
        landing=given.landing,
        log_level=given.log_level,
        log_format=given.log_format,
        dagster_home=folder / "dagster",
        rate_window=WINDOW,
        keys={ACCOUNT: (next(iter(simulator.world.keys)),)},
    )


def make_page(session: Session, pipeline: Pipeline, outcomes: Sequence[RunOutcome], *, own_warehouse: bool) -> None:
    """Write the page and say where it is, or why it is not; nothing of it is worth failing for."""
    story, drawings = _told(session, pipeline)
    about = (
        f"What torn_pipeline fetched, checked and stored of a simulated faction (seed {SEED}). "
        f"Every number of the faction's is what SQL answered on the {pipeline.warehouse.label},"
    )
    page = html_page(
        (story and story.faction) or "torn_pipeline demo",
        about,
        datetime.now(UTC),
        outcomes=outcomes,
        steps=_next_steps(pipeline, own_warehouse=own_warehouse),
        figures=story.figures if story else (),
        drawings=drawings,
    )
    path = pipeline.settings.data_dir / "summary.html"
    beside = path.with_suffix(".html.new")
    try:
        beside.write_text(session.redact(page), encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        session.tell(f"the page {path} could not be written: {error.strerror or error}; check the folder and its permissions")
    else:
        session.say(f"page: {path}")


def _told(session: Session, pipeline: Pipeline) -> tuple[Story | None, tuple[Drawing, ...]]:
    """What happened in the faction, and its charts; less of it when that cannot be had, which is said."""
    story = None
    try:
        story = tell_story(pipeline.warehouse, ACCOUNT)
        from torn_pipeline.ops.summary.charts import draw_charts

        return story, draw_charts(story)
    except (PipelineError, ImportError, ValueError) as error:  # the last is what the converter raises
        session.tell(f"the page has no charts: {error}")
        return story, ()


def _next_steps(pipeline: Pipeline, *, own_warehouse: bool) -> tuple[NextStep, ...]:
    """What a reader of the page may do next, as one would type it here."""
    place = "" if own_warehouse else f"TORN_DATA_DIR={shlex.quote(_from_here(pipeline.settings.data_dir))} "
    ask = f"{place}{_script()} sql"
    late, key = CHECKOUT / "docs" / "questions" / "late-crimes.sql", CHECKOUT / "config" / ".env"
    return (
        NextStep("See it in Dagster's UI: the graph of tables, every run, every check.", (_again(),)),
        NextStep(
            "Ask the tables anything in SQL, or what leaders ask.",
            (
                f'{ask} "{EXAMPLE}"',
                f"{ask} --file {shlex.quote(_from_here(late))}",
            ),
            ((CHECKOUT / "docs" / "questions" / "README.md").as_uri(), "Questions that are ready to ask"),
        ),
        NextStep(
            f"Go on with your own faction: put the line TORN_API_KEY=your-key into {_from_here(key)}, which git ignores, and fetch.",
            (f"{_script()} check", f"{_script()} materialize"),
            ((CHECKOUT / "README.md").as_uri(), "Which key it takes, and what is kept"),
        ),
        NextStep(f"Every answer of the API is kept as it was received, below {pipeline.landing.label}."),
    )


def _serve(session: Session, settings: Settings, simulator: Simulator) -> None:
    """Leave the simulator and Dagster's UI up until Ctrl-C."""
    from torn_pipeline.cli.ui import dagster_ui, until_ctrl_c

    with until_ctrl_c(), dagster_ui(settings) as url:
        session.say(f"UI: {url}, and the simulator: {simulator.url}; both stay up until Ctrl-C")
        threading.Event().wait()


def _again() -> str:
    """The command that runs the demo and stays, as one would type it here."""
    return f"{_script()} demo --keep"


def _script() -> str:
    """The console script, as one would type it here."""
    script = Path(sys.argv[0]).absolute()
    return shlex.quote(_from_here(script)) if script.name == "torn-pipeline" else f"{shlex.quote(sys.executable)} -m torn_pipeline"


def _from_here(path: Path) -> str:
    """The path, relative where that is shorter to type."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
