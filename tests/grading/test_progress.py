from __future__ import annotations

import io

import pytest

from autograder.grading.progress import Line, Step, in_words


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_time_left_is_that_of_what_must_be_judged() -> None:
    """A hundred that were judged before go by at once, and say nothing about the forty that were not."""
    clock, out = Clock(), io.StringIO()
    line = Line(out, clock)
    for done in range(1, 101):
        line(Step(done, 140, 0, 40, "s"))
    assert line.seconds_left(Step(100, 140, 0, 40)) is None
    assert "not known yet" in out.getvalue()
    for judged in range(1, 11):
        clock.now += 3.0
        line(Step(100 + judged, 140, judged, 40, "s"))
    assert line.seconds_left(Step(110, 140, 10, 40)) == pytest.approx(90.0)
    assert out.getvalue().endswith("110/140  about 2 min left  s")


def test_it_follows_a_machine_that_gets_slower() -> None:
    clock = Clock()
    line = Line(io.StringIO(), clock)
    for judged in range(1, 301):
        clock.now += 1.0 if judged < 200 else 5.0
        line(Step(judged, 1000, judged, 1000))
    assert line.seconds_left(Step(300, 1000, 300, 1000)) == pytest.approx(700 * 5.0)


def test_nothing_stays_on_the_terminal() -> None:
    out = io.StringIO()
    line = Line(out, Clock())
    line(Step(1, 2, 1, 2, "evil\x1b[2Jname"))
    assert "\x1b[2J" not in out.getvalue()
    line(Step(2, 2, 2, 2, "bob"))
    assert out.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "time left: not known yet"),
        (3, "a few seconds left"),
        (34, "about 30 s left"),
        (58, "about 1 min left"),
        (400, "about 7 min left"),
        (2 * 3600 + 34 * 60, "about 2 h 30 min left"),
    ],
)
def test_no_finer_than_is_known(seconds: float | None, words: str) -> None:
    assert in_words(seconds) == words
