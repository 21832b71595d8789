from __future__ import annotations

from pathlib import Path

import pytest

from autograder.grading.judging import Judge, OursError, Task
from autograder.grading.pool import judge_all
from autograder.stack.engine import EngineError
from tests.grading import judges
from tests.grading.course import LAB
from tests.grading.dask_cluster import wait_until


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


def test_one_process_answers_in_the_order_of_the_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when several were judged before anybody asked for an answer."""
    diary = tmp_path / "diary"
    diary.touch()
    monkeypatch.setenv(judges.DIARY, str(diary))

    def load(index: int) -> Task:
        if index == 4:  # the fifth waits for four to be judged
            wait_until(lambda: len(diary.read_bytes().splitlines()) == 4)
        return Task(LAB, {"conf/nginx.conf": f"good {index}".encode()}, 1)

    for _ in range(4):
        diary.write_bytes(b"")
        assert [index for index, _ in judge_all(5, load, 1, judges.by_word)] == [0, 1, 2, 3, 4]
