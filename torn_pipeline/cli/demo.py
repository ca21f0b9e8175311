"""``demo``: the whole road on a bundled Torn simulator."""

from __future__ import annotations

import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from torn_pipeline.cli.materialize import CHECKOUT, run_all, tell_outcomes
from torn_pipeline.cli.options import Command
from torn_pipeline.cli.selection import chosen_runs
from torn_pipeline.errors import UsageError
from torn_pipeline.ops.summary import html_page
from torn_pipeline.settings import Settings
from torn_pipeline.simulator import Simulator, World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.cli.session import Session
    from torn_pipeline.ops.summary import RunOutcome
    from torn_pipeline.steps import Pipeline

__all__ = ["demo"]

SEED = 1
WINDOW = 1.0  # seconds in which the demo's own limit of calls counts: another demo at once need not wait for this one's minute
CONFIG = Path("config") / "pipeline.yaml"


@click.command(cls=Command)
@click.option("--keep", is_flag=True, help="Leave the simulator and the UI up until Ctrl-C.")
@click.pass_obj
def demo(session: Session, *, keep: bool) -> int:
    """Show the whole road, on a bundled Torn simulator.

    Starts the simulator on loopback, materializes every asset of the shipped config into TORN_WAREHOUSE, or else into
    demo/warehouse.duckdb of TORN_DATA_DIR, and shows what came. No key is needed, and nothing but loopback is talked to.
    """
    from torn_pipeline.steps import open_pipeline

    with Simulator(World(seed=SEED), window=WINDOW) as simulator:
        settings = session.use(demo_settings(Settings.from_environment(), simulator))
        pipeline = open_pipeline(settings)
        outcomes = run_all(session, settings, chosen_runs(pipeline, (), None))
        status = tell_outcomes(session, outcomes)
        session.say()
        session.say(f"warehouse: {pipeline.warehouse.label}")
        session.say(f"page: {_write_page(pipeline, simulator, outcomes)}")
        if keep:
            _serve(session, settings, simulator)
        else:
            session.say(f"to open the UI on it: {_again()}")
    return status


def demo_settings(given: Settings, simulator: Simulator) -> Settings:
    """Settings that talk to the simulator alone and write below ``demo`` of the data directory.

    Of the environment's, only the warehouse, the landing, the data directory and the log's are kept.

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
        landing=given.landing,
        log_level=given.log_level,
        log_format=given.log_format,
        dagster_home=folder / "dagster",
        rate_window=WINDOW,
        keys={"default": (next(iter(simulator.world.keys)),)},
    )


def _write_page(pipeline: Pipeline, simulator: Simulator, outcomes: Sequence[RunOutcome]) -> Path:
    facts = {
        "API": f"the bundled simulator at {simulator.url}, seed {SEED}",
        "Warehouse": pipeline.warehouse.label,
        "Landing": pipeline.landing.label,
        "Open the UI": _again(),
    }
    path = pipeline.settings.data_dir / "summary.html"
    beside = path.with_suffix(".html.new")
    beside.write_text(html_page("torn_pipeline demo", outcomes, facts, datetime.now(UTC)), encoding="utf-8")
    beside.replace(path)
    return path


def _serve(session: Session, settings: Settings, simulator: Simulator) -> None:
    """Leave the simulator and Dagster's UI up until Ctrl-C."""
    from torn_pipeline.cli.ui import dagster_ui, until_ctrl_c

    with until_ctrl_c(), dagster_ui(settings) as url:
        session.say(f"UI: {url}, and the simulator: {simulator.url}; both stay up until Ctrl-C")
        threading.Event().wait()


def _again() -> str:
    """The command that runs the demo and stays, as one would type it here."""
    script = Path(sys.argv[0]).absolute()
    here = Path.cwd()
    shown = script.relative_to(here) if script.is_relative_to(here) else script
    return f"{shown} demo --keep" if script.name == "torn-pipeline" else f"{sys.executable} -m torn_pipeline demo --keep"
