"""What ``docs/from-tcdatalogger.md`` says of recorded crimes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from torn_pipeline_tests.helpers import tables_from_bodies

if TYPE_CHECKING:
    from collections.abc import Iterable

PAGE = Path(__file__).parents[2] / "docs" / "from-tcdatalogger.md"


def test_how_many_times_a_sum_over_slots_and_reward_items_counts_a_crime(recorded_dir: Path) -> None:
    body: dict[str, Any] = orjson.loads((recorded_dir / "faction_crimes.json").read_bytes())
    money = whole(row["rewards_money"] for row in tables_from_bodies("/faction/crimes", [orjson.dumps(body)])["faction_crimes"])
    rewarded = [crime for crime in body["crimes"] if crime["rewards"]]
    multiplied = sum(crime["rewards"]["money"] * len(crime["slots"]) * max(len(crime["rewards"]["items"]), 1) for crime in rewarded)
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert f"Of {len(body['crimes'])} recorded crimes of a real faction, which earned {money:,}" in text
    assert f"such a sum makes {multiplied:,}: {multiplied / money:.1f} times as much" in text


def whole(values: Iterable[object]) -> int:
    """The sum of those that are there."""
    return sum(value for value in values if isinstance(value, int))
