"""What keeps a running pipeline observable and in bounds: the log, signs of life, room on disks, what is kept how long.

Here belongs what an operator reads or would have to clean up. Not here: anything a step needs to do its work. ``steps``, ``cli``
and the Dagster side may import it.
"""
