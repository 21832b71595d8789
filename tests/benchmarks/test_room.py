"""Looking at a lab costs less than what is looked at."""

from __future__ import annotations

import sys

import pytest

from autograder.bench import room


@pytest.mark.slow
def test_the_control_room_is_cheaper_than_the_traffic_it_shows() -> None:
    coverage = sys.modules.get("coverage")  # another test may have imported it
    if coverage and coverage.Coverage.current():
        pytest.skip("every line of the kernel is counted, and none of the stack's")
    found = room.measure(lambda _: None, seconds=4.0, checks=1)
    # A quiet machine shows 4 % of a core, traffic included. On a busy one both take more, and not quite in step.
    assert found["kernel_core"] < found["stack_core"], found
    assert found["first_frame"] >= 1
    assert "of a core" in room.report(found)
