"""How the API is asked: codes, quota, client, paging."""
