"""Taking roots out of the quarantine that BigQuery keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import stamina

from torn_pipeline.errors import WarehouseBusy
from torn_pipeline.warehouse.bigquery_service import Aborted, job_name
from torn_pipeline.warehouse.bigquery_settle import Script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torn_pipeline.warehouse.bigquery_service import Service

__all__ = ["purge"]

_TRIES = 10  # of a transaction that BigQuery gave up for another one


def purge(service: Service, ids: Sequence[str]) -> int:
    """Take roots out of the quarantine, in one transaction; how many were there.

    Raises:
        WarehouseBusy: when loads write the quarantine all the time, or BigQuery is in trouble.
    """
    script, call = Script(), uuid4().hex
    counter = script.counter()
    gone = f"DELETE FROM {service.place.meta_table('quarantine')} WHERE quarantine_id IN UNNEST({script.values.texts(list(ids))})"  # noqa: S608 - a fixed name
    script.run(gone, f"SET {counter} = @@row_count")
    try:
        for attempt in stamina.retry_context(on=Aborted, attempts=_TRIES, timeout=None, wait_initial=0.1, wait_max=10.0, wait_jitter=0.3):
            with attempt:
                answer = service.run(script.text(), script.values, job_name(call), call)
    except Aborted as error:
        message = f"others write the quarantine of {service.place.project}.{service.place.dataset} all the time: try again later"
        raise WarehouseBusy(message) from error
    return script.counted(answer)[counter]
