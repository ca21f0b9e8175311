"""Validation: every frame held against its contract, good rows told from bad ones.

Here belongs what decides whether rows may be loaded, and what is kept of those that may not. Not here:
what a row means (``tables``) or how it is written (``warehouse``). ``steps``, ``cli`` and the Dagster
side may import it.
"""

from torn_pipeline.quality.prepared import Prepared
from torn_pipeline.quality.validate import Validator

__all__ = ["Prepared", "Validator"]
