"""What keeps a running pipeline observable: logging.

Here belongs what an operator reads. Not here: anything a step needs to do its work. ``steps``, ``cli``
and the Dagster side may import it.
"""
