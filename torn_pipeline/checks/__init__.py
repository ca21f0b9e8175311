"""Asset checks: what validation found, as Dagster shows it.

Here belongs how findings become check results. Not here: what is found (``quality``). ``assets`` may
import it.
"""

from torn_pipeline.checks.completeness import completeness_result
from torn_pipeline.checks.validation import check_results, check_specs, nothing_checked

__all__ = ["check_results", "check_specs", "completeness_result", "nothing_checked"]
