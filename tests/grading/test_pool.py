from __future__ import annotations

from autograder.grading.judging import Judge, OursError, Task
from autograder.grading.pool import judge_all
from autograder.stack.engine import EngineError
from tests.grading import judges
from tests.grading.course import LAB


def run(texts: list[str], ask: Judge) -> dict[str, object]:
    def load(index: int) -> Task:
        return Task(LAB, {"conf/nginx.conf": texts[index].encode()}, 1)

    return {
        texts[index]: result if isinstance(result, Exception) else sum(verdict["points"] for verdict in result)
        for index, result in judge_all(len(texts), load, 2, ask)
    }


def test_every_job_gets_its_own_answer() -> None:
    assert run(["good 1", "bad", "good 2"], judges.by_word) == {"good 1": 10.0, "bad": 0.0, "good 2": 10.0}


def test_what_raises_is_answered_with_what_it_raised() -> None:
    answers = run(["good", "unlucky"], judges.we_fail)
    assert answers["good"] == 10.0
    assert isinstance(answers["unlucky"], EngineError)


def test_a_process_that_is_killed_costs_nobody_else_their_answer() -> None:
    answers = run(["good 1", "good 2", "unlucky", "good 3", "good 4"], judges.dies)
    assert isinstance(answers.pop("unlucky"), OursError)
    assert answers == {f"good {number}": 10.0 for number in range(1, 5)}
