"""The pipeline as a Dagster resource, and its errors as Dagster failures."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

import dagster as dg
from pydantic import Field

from torn_pipeline.correlation import bound
from torn_pipeline.errors import PipelineError, Transient
from torn_pipeline.ops.process import end_first
from torn_pipeline.resources.tags import rank_of
from torn_pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from torn_pipeline.steps import Pipeline

__all__ = ["PipelineResource", "pipeline_resource", "told_to_dagster"]


class PipelineResource(dg.ConfigurableResource):  # type: ignore[type-arg]  # it is what ops are given, and has no other value
    """The pipeline of the environment. ``overrides`` are ``PATH=VALUE`` of the config file, for one run.

    It holds no key: those are read from the environment when a run needs them, so that no run config,
    tag or page of the UI ever has one.
    """

    overrides: list[str] = Field(default_factory=list)

    def settings(self) -> Settings:
        """What the environment says."""
        return Settings.from_environment()

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator[Self]:
        """The resource itself; every record that is written as long as the run has it carries the run's id.

        A run that came through the queue has a process of its own, which is the first to go where memory runs out.
        """
        if context.run and context.run.remote_job_origin:
            end_first()
        with bound(run_id=context.run.run_id if context.run else ""):
            yield self

    def open(self, tags: Mapping[str, str] | None = None) -> Pipeline:
        """The pipeline itself, for a run with these tags: they tell a person's click from a schedule and both from a backfill.

        Raises:
            ConfigError: when the environment or the config is wrong.
        """
        from torn_pipeline.steps import Rank, open_pipeline

        return open_pipeline(self.settings(), self.overrides, rank=Rank[rank_of(tags or {})])


def pipeline_resource(settings: Settings | None, overrides: Sequence[str] = ()) -> PipelineResource:
    """The resource for given settings, or for the environment's where there are none."""
    if settings is None:
        return PipelineResource(overrides=list(overrides))

    bound = settings

    class Bound(PipelineResource):
        """Settings hold keys, which must not become Dagster config: they stay in this class."""

        def settings(self) -> Settings:
            """The settings given."""
            return bound

    return Bound(overrides=list(overrides))


@contextmanager
def told_to_dagster() -> Iterator[None]:
    """Turn the pipeline's errors into Dagster failures: one sentence, and no retry where none can help.

    Raises:
        Failure: in place of any :class:`PipelineError`.
    """
    try:
        yield
    except PipelineError as error:
        raise dg.Failure(
            description=str(error),
            metadata={"error": type(error).__name__},
            allow_retries=isinstance(error, Transient),
        ) from error
