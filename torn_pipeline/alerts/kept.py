"""Which rules hold: those of ``alerts.yaml``, and while that is wrong those that it had before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from torn_pipeline.config.alerts import AlertsConfig, default_alerts, load_alerts
from torn_pipeline.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torn_pipeline.alerts.store import Store
    from torn_pipeline.settings import Settings

__all__ = ["rules_in_force"]

_AS_BEFORE = "until that is mended, alerts follow the rules that were right last"
_AS_WITHOUT = "until that is mended, all alerts go to alerts.jsonl in the data directory, as no rules are known that were right before"


def rules_in_force(settings: Settings, store: Store, redact: Callable[[str], str]) -> tuple[AlertsConfig, str]:
    """The rules that hold, and what is wrong with ``alerts.yaml``: every problem, one a line, and what follows; empty when nothing is.

    The file is kept in ``store`` while it is right, without the secrets that ``redact`` knows. Where none was kept, everything
    goes to the file ``alerts.jsonl``, as it does without any ``alerts.yaml``.

    Raises:
        ConfigError: the store cannot be used.
    """
    try:
        config = load_alerts(settings)
    except ConfigError as error:
        last = _last(store)
        return last or default_alerts(), redact(f"{error}\n{_AS_BEFORE if last else _AS_WITHOUT}")
    _keep(store, redact(config.model_dump_json(by_alias=True)))
    return config, ""


def _keep(store: Store, rules: str) -> None:
    with store.transaction() as database:
        known = database.execute("SELECT rules FROM kept").fetchone()
        if known is None or known["rules"] != rules:
            database.execute("DELETE FROM kept")
            database.execute("INSERT INTO kept VALUES (?)", (rules,))


def _last(store: Store) -> AlertsConfig | None:
    """The rules that were kept; ``None`` where there are none that can be read."""
    with store.transaction() as database:
        known = database.execute("SELECT rules FROM kept").fetchone()
    try:
        return None if known is None else AlertsConfig.model_validate_json(known["rules"])
    except ValidationError:  # an older release has written them
        return None
