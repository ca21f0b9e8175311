"""A check's description in one or two sentences."""

from __future__ import annotations

import pytest

from torn_pipeline.checks.advice import advice
from torn_pipeline.quality.score import Grade

ABOUT = """\
Is it so,
and how?

- **Passed**: yes.
- **Warning**: not in the rows below. Look at them: see [the site](https://example.org),
  and `status`.
- **Error**: **nothing** was loaded.

What is known of this table:

- `one`: a rule

```sql
SELECT 1
```

Then try again.
"""


@pytest.mark.parametrize(
    ("grade", "to_do"),
    [
        (Grade.PASSED, ""),
        (Grade.WARNED, "Not in the rows below. Look at them: see the site, and `status`. Then try again."),
        (Grade.FAILED, "Nothing was loaded. Then try again."),
        (Grade.UNKNOWN, ""),
    ],
)
def test_it_asks_one_thing_and_says_what_to_do_about_this_answer(grade: Grade, to_do: str) -> None:
    assert advice(ABOUT, grade) == ("Is it so, and how?", to_do)


def test_what_is_said_of_one_kind_of_trouble_stands_for_the_other() -> None:
    assert advice("Is it?\n\n- **Passed**: yes.\n- **Warning**: no.\n", Grade.FAILED) == ("Is it?", "No.")
    assert advice("Is it?\n\nAsk Torn.", Grade.WARNED) == ("Is it?", "Ask Torn.")
    assert advice("", Grade.FAILED) == ("", "")
