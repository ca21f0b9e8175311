"""The Torn API: client, paging, quota, error codes.

Here belongs how the API is asked, politely. Not here: any business logic or any knowledge of what an
answer means beyond "this is the endpoint's body". ``steps`` and ``cli`` may import it.
"""

from torn_pipeline.torn.client import Answer, TornClient
from torn_pipeline.torn.paging import Listing, ListPage, fetch_list
from torn_pipeline.torn.quota import Quota, Rank
from torn_pipeline.torn.spans import Span, day_span, days_of, merged, without
from torn_pipeline.torn.windows import WindowReading

__all__ = [
    "Answer",
    "ListPage",
    "Listing",
    "Quota",
    "Rank",
    "Span",
    "TornClient",
    "WindowReading",
    "day_span",
    "days_of",
    "fetch_list",
    "merged",
    "without",
]
