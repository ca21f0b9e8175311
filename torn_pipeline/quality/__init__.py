"""Quality: every frame held against its contract, good rows told from bad ones; what is usual; what values are like; scores.

Here belongs what decides whether rows may be loaded (``validate``), what is kept of those that may not (``prepared``), and how good
what was loaded is, as plain arithmetic. Not here: what a row means (``tables``), how it is written (``warehouse``), where the
numbers come from (``steps``). ``steps``, ``cli`` and the Dagster side may import it; ``validate`` and ``prepared`` load Pandera
and Polars, the rest loads nothing.
"""

from torn_pipeline.quality.freshness import Freshness
from torn_pipeline.quality.score import Grade, Graded, Score, platform_score, table_score
from torn_pipeline.quality.volume import Volume

__all__ = ["Freshness", "Grade", "Graded", "Score", "Volume", "platform_score", "table_score"]
