"""The landing: the write-once store of raw responses, and what each fetch was.

Here belongs how bytes are kept and found again. Not here: how they are asked for (``torn``), what they
mean (``tables``). Everything from ``torn`` upwards may import it.
"""

from torn_pipeline.landing.fetch import Fetch, Page
from torn_pipeline.landing.store import Landing, landing_from_url, new_fetch_id

__all__ = ["Fetch", "Landing", "Page", "landing_from_url", "new_fetch_id"]
