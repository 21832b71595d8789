"""The arithmetic of a plan: it grows with the class, and says when one machine is not enough."""

from __future__ import annotations

from itertools import pairwise

import pytest

from autograder.classroom.plan import MOST, Cost, Habits, Node, as_text, plan
from autograder.errors import ManyHandsError


def test_more_people_never_need_less() -> None:
    plans = [plan(learners) for learners in (1, 30, 300, 3_000, MOST)]
    for smaller, larger in pairwise(plans):
        assert larger.memory_gb >= smaller.memory_gb
        assert larger.processors >= smaller.processors
        assert larger.disk_gb >= smaller.disk_gb
        assert larger.graders >= smaller.graders
        assert larger.nodes >= smaller.nodes
    assert plans[0].nodes == 0
    assert plans[3].nodes > 1


def test_memory_counts_heads_and_processors_count_events() -> None:
    cost = Cost(
        room_mb=1024, stack_mb=0, services_mb=0, hub_mb_each=0, open_seconds=60, lab_share=0, check_seconds=0,
        judge_seconds=0,
    )  # fmt: skip
    habits = Habits(open_within_minutes=10, headroom=1)
    made = plan(100, cost, habits, Node(processors=16, memory_gb=64))
    assert (made.memory_gb, made.processors, made.nodes) == (100, 10, 2)
    half = plan(100, cost, Habits(open_within_minutes=10, headroom=1, present=0.5), Node(processors=16, memory_gb=64))
    assert (half.rooms, half.memory_gb, half.processors, half.nodes) == (50, 50, 5, 0)


def test_a_lab_that_is_only_open_counts() -> None:
    idle = Cost(open_seconds=0, check_seconds=0, judge_seconds=0, lab_share=0.2)
    habits = Habits(busy=0.5, headroom=1)
    assert plan(100, idle, habits).processors == 10
    assert plan(200, idle, habits).processors == 20


def test_the_text_says_what_it_stands_on() -> None:
    text = as_text(plan(300))
    assert text.startswith("300 learners, 300 rooms open at once")
    assert f"{Cost().room_mb:g} MB at rest" in text


@pytest.mark.parametrize("learners", [0, -1, MOST + 1])
def test_a_class_that_cannot_be(learners: int) -> None:
    with pytest.raises(ManyHandsError, match="classroom for"):
        plan(learners)
