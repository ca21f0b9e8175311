"""Scores: whole points that add up, and say why they were lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from torn_pipeline.quality.score import WEIGHTS, Grade, Graded, Score, platform_score, table_score

grades = st.sampled_from(Grade).map(lambda grade: Graded(grade, "a reason"))
tables = st.dictionaries(st.sampled_from(sorted(WEIGHTS)), grades, min_size=1).map(lambda found: table_score("a table", found))


def scored(**found: Grade) -> Score:
    score = table_score("crimes", {name: Graded(grade, "a reason") for name, grade in found.items()})
    assert score is not None
    return score


def test_a_table_with_every_check_gives_each_its_weight() -> None:
    found = scored(**dict.fromkeys(WEIGHTS, Grade.PASSED))
    assert found.points == 100
    assert {line.what: line.points for line in found.lines} == WEIGHTS


def test_a_check_that_a_table_does_not_have_leaves_its_points_to_the_others() -> None:
    assert {line.what: line.points for line in scored(contract=Grade.PASSED, rules=Grade.PASSED).lines} == {"contract": 71, "rules": 29}


def test_a_check_without_weight_does_not_count() -> None:
    found = table_score("crimes", dict.fromkeys(WEIGHTS, Graded(Grade.FAILED)), {"contract": 2, "rules": 1, "volume": 0})
    assert found is not None
    assert [(line.what, line.points) for line in found.lines] == [("contract", 67), ("rules", 33)]


def test_every_lost_point_has_a_reason() -> None:
    found = scored(contract=Grade.FAILED, freshness=Grade.WARNED, rules=Grade.PASSED, volume=Grade.UNKNOWN)
    lost = [(line.what, line.lost, line.why) for line in found.lines]
    assert lost == [
        ("contract", 42, "failed: a reason"),
        ("freshness", 17, "warned: a reason"),
        ("rules", 0, ""),
        ("volume", 8, "never made: a reason"),
    ]
    assert found.points == 100 - 42 - 17 - 8


def test_the_platform_is_the_mean_of_its_tables_the_worst_first() -> None:
    good, bad = scored(contract=Grade.PASSED), table_score("members", {"contract": Graded(Grade.FAILED)})
    assert bad is not None
    found = platform_score([good, good, bad, good])
    assert found is not None
    assert (found.points, found.lines[0].what, found.lines[0].lost) == (75, "members", 25)
    assert found.lines[0].why == "its own score is 0"


def test_where_nothing_counts_there_is_no_score() -> None:
    assert table_score("crimes", {}) is None
    assert table_score("crimes", {"contract": Graded(Grade.FAILED)}, {"contract": 0}) is None
    assert platform_score([]) is None


@given(tables)
def test_points_add_up(found: Score) -> None:
    assert sum(line.points for line in found.lines) == 100
    assert all(0 <= line.got <= line.points for line in found.lines)
    assert all(line.why for line in found.lines if line.lost)


@given(st.lists(tables, min_size=1, max_size=60))
def test_the_platforms_points_add_up(scores: list[Score]) -> None:
    found = platform_score(scores)
    assert found is not None
    assert abs(found.points - sum(score.points for score in scores) / len(scores)) <= 0.5
    assert sum(line.points for line in found.lines) == 100
    assert all(0 <= line.got <= line.points for line in found.lines)
    assert all(line.why for line in found.lines if line.lost)
