"""Renews the snapshot of the graph: ``python -m torn_pipeline_tests.dagster.renew_graph``. Read what changed before you commit it."""

from __future__ import annotations

from torn_pipeline_tests.dagster.graph import SNAPSHOT, as_text, describe, shipped_definitions

__all__ = ["renew"]


def renew() -> None:
    """Write the graph as it is now over the snapshot."""
    SNAPSHOT.write_text(as_text(describe(shipped_definitions())), encoding="utf-8")


if __name__ == "__main__":
    renew()
