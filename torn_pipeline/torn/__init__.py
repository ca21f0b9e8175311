"""The Torn API: client, paging, quota, error codes.

Here belongs how the API is asked, politely. Not here: any business logic or any knowledge of what an
answer means beyond "this is the endpoint's body". ``steps`` and ``cli`` may import it.
"""
