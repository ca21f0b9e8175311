"""Contracts and what follows from them: naming, tables, schemas, the normaliser.

Here belongs what an endpoint's body means. Not here: where bytes come from or rows go to. Everything
from ``landing`` upwards may import it; ``contract``, ``table``, ``naming`` and ``contracts`` load neither
Polars nor Pandera.
"""
