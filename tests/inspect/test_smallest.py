"""Delta debugging: whatever the parts do, what is left does it too, and none of it can be spared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from autograder.inspect.smallest import smallest

if TYPE_CHECKING:
    from collections.abc import Sequence


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1), max_size=6))))
def test_a_set_that_is_needed_as_a_whole_is_found(case: tuple[int, set[int]]) -> None:
    number, needed = case
    found = smallest(range(number), lambda part: needed <= set(part))
    assert set(found) == needed if needed else len(found) <= 1


@given(st.integers(1, 20), st.lists(st.sets(st.integers(0, 19), min_size=1, max_size=4), min_size=1, max_size=5))
def test_no_part_of_the_answer_can_be_spared(number: int, ways: list[set[int]]) -> None:
    parts = range(max(number, 20))

    def does(part: Sequence[int]) -> bool:
        return any(way <= set(part) for way in ways)

    found = smallest(parts, does)
    assert does(found)
    assert not any(does([one for one in found if one != left]) for left in found if len(found) > 1)


@given(st.sets(st.integers(0, 29), min_size=1, max_size=4))
def test_nothing_is_asked_twice_and_little_at_all(needed: set[int]) -> None:
    asked: list[tuple[int, ...]] = []

    def does(part: Sequence[int]) -> bool:
        asked.append(tuple(part))
        return needed <= set(part)

    smallest(range(30), does)
    assert len(asked) == len(set(asked)) <= 30 * 8


def test_who_runs_out_of_patience_gets_what_was_found_until_then() -> None:
    patience = iter([True] * 3)
    found = smallest(range(64), lambda part: {5, 50} <= set(part) and next(patience, False))
    assert {5, 50} <= set(found)
    assert len(found) < 64


def test_one_part_is_the_answer_without_a_question() -> None:
    def never(_part: Sequence[str]) -> bool:
        raise AssertionError

    assert smallest("a", never) == ("a",)
