"""Where tables live: one protocol, one module a warehouse.

Here belongs how rows are written and read without losing any. Not here: what a row means (``tables``)
or whether it is good (``quality``). ``ops``, ``steps``, ``cli`` and the Dagster side may import it.
"""
