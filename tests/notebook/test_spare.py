"""The stack that is started ahead for a check: as fresh as any, used once, and not kept for ever."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from autograder.labs.catalogue import load_lab
from autograder.labs.examiner import examine
from autograder.labs.verdict import Outcome
from autograder.notebook.spare import Spare
from autograder.stack.engine import EngineError
from autograder.stack.procfs import wait_until
from autograder.stack.running import RunningStack, open_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

LAB = load_lab("spread-the-load")


@pytest.fixture
def spare() -> Iterator[Spare]:
    before = set(threading.enumerate())
    one = Spare(LAB.stack, "local")
    yield one
    one.close()
    assert set(threading.enumerate()) <= before


def test_a_check_on_a_stack_that_waited_is_as_on_a_new_one(spare: Spare) -> None:
    spare.prepare()
    given = []

    def take(stack: object, engine: str) -> RunningStack:
        running = spare.take(LAB.stack, engine)
        given.append((running, {name: state.starts for name, state in running.servers().items()}, running.running))
        assert stack is LAB.stack
        return running

    wrong = LAB.read(LAB.start)
    (verdict,) = examine(LAB, wrong, checks=["spread"], hidden=False, opened=take)
    (new,) = examine(LAB, wrong, checks=["spread"], hidden=False)
    assert (verdict.outcome, verdict.why, verdict.share) == (new.outcome, new.why, new.share)
    assert verdict.outcome is Outcome.FAILED
    ((running, starts, config),) = given
    assert config is None
    assert set(starts.values()) == {1}
    with pytest.raises(EngineError):  # the check closed it: nobody gets it again
        running.servers()


def test_each_stack_is_given_once_and_another_is_started_where_there_is_none(spare: Spare) -> None:
    spare.prepare()
    spare.prepare()
    with spare.take(LAB.stack, "local") as first, spare.take(LAB.stack, "local") as second:
        assert first is not second
        first.kill("app1")
        assert second.servers()["app1"].up


def test_the_next_is_started_while_the_first_is_used_but_only_for_those_who_had_one_prepared(spare: Spare) -> None:
    with spare.take(LAB.stack, "local"):
        assert spare._ahead is None
    spare.prepare()
    with spare.take(LAB.stack, "local") as first:
        assert wait_until(lambda: spare.ready, 60)
        assert first.servers()["app1"].up


def test_one_that_is_not_as_it_was_is_not_given(spare: Spare) -> None:
    spare.prepare()
    assert spare._ahead is not None
    spare._ahead.stack.result().kill("app1")
    with spare.take(LAB.stack, "local") as running:
        assert all(state.up for state in running.servers().values())


def test_of_another_stack_there_is_none(spare: Spare) -> None:
    other = load_lab("one-address").stack
    spare.prepare()
    with spare.take(other, "local") as running:
        assert running.stack is other


def test_one_that_nobody_wants_is_taken_down() -> None:
    spare = Spare(LAB.stack, "local", kept_s=0.0)
    spare.prepare()
    ahead = spare._ahead
    if ahead is not None:  # else it is gone already
        ahead.thread.join()
        with pytest.raises(EngineError):
            ahead.stack.result().servers()
    assert not spare.ready
    spare.close()
    spare.prepare()
    assert not spare.ready


def test_where_none_can_be_started_it_is_told_when_one_is_taken() -> None:
    spare = Spare(LAB.stack, "nowhere")
    spare.prepare()
    with pytest.raises(EngineError, match="no engine called 'nowhere'"):
        spare.take(LAB.stack, "nowhere")
    spare.prepare()
    spare.close()
    with open_stack(LAB.stack) as running:
        assert running.servers()
