"""Asset checks: what validation found and what the warehouse says of a load, as Dagster shows it.

Here belongs which checks a table has, what they say of themselves, and how findings become results. Not here: what is found
(``quality``, ``steps``). ``assets`` may import it.
"""

from torn_pipeline.checks.advice import advice
from torn_pipeline.checks.last import Made, check_grades, counting, fresh_grade, grade_of, last_made
from torn_pipeline.checks.loaded import loaded_results
from torn_pipeline.checks.specs import FRESHNESS, check_specs, table_checks
from torn_pipeline.checks.telling import SHOWN, nothing_checked, records
from torn_pipeline.checks.validation import validation_results
from torn_pipeline.checks.wanted import ALL_ACCOUNTS

__all__ = [
    "ALL_ACCOUNTS",
    "FRESHNESS",
    "SHOWN",
    "Made",
    "advice",
    "check_grades",
    "check_specs",
    "counting",
    "fresh_grade",
    "grade_of",
    "last_made",
    "loaded_results",
    "nothing_checked",
    "records",
    "table_checks",
    "validation_results",
]
