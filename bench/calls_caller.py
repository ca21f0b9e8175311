"""One of several processes that call as fast as their budget allows, until they are ended or refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from torn_pipeline.torn import Quota, TornClient
from torn_pipeline.torn.ledger import ledger_at

__all__: list[str] = []

MINUTE = 60.0

if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    budget = Quota(ledger_at(Path(given["path"])), given["limit"], MINUTE, hold=30.0)
    with TornClient(
        given["url"], keys=[given["key"]], account=given["account"], quota=budget, timeout=30.0, max_retries=0, retry_delay=1.0
    ) as client:
        while True:
            client.get("/faction/basic")
