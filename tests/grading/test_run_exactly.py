"""What a grading run says while it runs and at its end, to the letter: found by changing the code at random.

What such changes still survive changes nothing that can be seen: whether lines of one length are held to be of one
length, and what a run of one submission is divided by, of which nothing is drawn once one is through.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest

from autograder.grading.progress import Line, Step, in_words, quiet
from autograder.grading.record import Key, Record, new_record
from autograder.grading.regrade import Change
from autograder.grading.report import Report, Row, State
from autograder.labs.verdict import Outcome, Verdict


def judged(**outcomes: Outcome) -> Record:
    points = {Outcome.PASSED: 2.0, Outcome.FAILED: 0.5}
    verdicts = [Verdict(check, told, points.get(told, 0.0), 2.0, "seen") for check, told in outcomes.items()]
    return new_record(Key("a-lab", "x", "a" * 64, "b" * 64, "local"), verdicts, 1.0, ["v"] * len(verdicts))


GOOD = Row("a-lab", "ann", State.GRADED, judged(peak=Outcome.PASSED, spread=Outcome.PASSED))
SHORT = Row("a-lab", "b\x1bob", State.GRADED, judged(peak=Outcome.FAILED), fresh=True)
OURS = Row("b-lab", "cyd", State.UNGRADED, why="the engine\x1b died", fresh=True)
HELD = Row("b-lab", "dora", State.HELD, judged(starts=Outcome.PASSED))


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        *((GOOD, "passed"), (SHORT, "not yet"), (OURS, "ungraded (our fault)"), (HELD, "would change")),
        (replace(GOOD, record=None), "ungraded (our fault)"),
        (replace(GOOD, state=State.UNGRADED), "ungraded (our fault)"),
        (replace(GOOD, record=judged(a=Outcome.PASSED, b=Outcome.FAILED)), "not yet"),
        (replace(GOOD, record=judged(a=Outcome.PASSED, b=Outcome.UNJUDGED)), "could not be judged"),
        (replace(GOOD, record=judged(a=Outcome.FAILED, b=Outcome.UNJUDGED)), "could not be judged"),
    ],
)
def test_an_outcome_is_one_of_these(row: Row, outcome: str) -> None:
    assert row.outcome == outcome


def test_a_row_as_data() -> None:
    checks: list[dict[str, Any]] = [
        {"check": "peak", "version": "v", "outcome": "failed", "points": 0.5, "max_points": 2.0}
    ]
    assert SHORT.to_dict() == {
        **{"lab": "a-lab", "student": "b\x1bob", "state": "graded", "outcome": "not yet", "points": 0.5},
        **{"max_points": 2.0, "why": "", "judged_now": True, "verdicts": checks},
    }
    assert OURS.to_dict() == {
        **{"lab": "b-lab", "student": "cyd", "state": "ungraded", "outcome": "ungraded (our fault)", "points": None},
        **{"max_points": None, "why": "the engine\x1b died", "judged_now": True, "verdicts": []},
    }


def test_a_run_as_data_and_as_an_exit_code() -> None:
    change = Change("b-lab", "dora", "starts", 1.0, 2.0)
    assert Report((GOOD, HELD), ("noted",), 1.23456, (change,)).to_dict() == {
        "rows": [GOOD.to_dict(), HELD.to_dict()],
        "notes": ["noted"],
        "held": [{"lab": "b-lab", "student": "dora", "check": "starts", "before": 1.0, "after": 2.0}],
        "seconds": 1.235,
        "exit_code": 1,
    }
    assert [Report(rows).exit_code for rows in ((), (GOOD, SHORT), (GOOD, OURS), (HELD,))] == [0, 0, 1, 1]
    assert Report((GOOD,)).to_dict()["seconds"] == 0.0


def test_a_run_of_nothing_says_so_after_its_notes() -> None:
    assert Report((), ("noted", "twice")).table() == "noted\ntwice\nNothing to grade: no submission was collected."


def test_one_submission_is_one() -> None:
    assert Report((GOOD,), seconds=1.25).table().split("\n") == [
        "a-lab  peak  spread  total",
        "ann       2       2    4/4  passed",
        "",
        "1 submission: 1 passed; 0 judged now, in 1.2 s",
    ]


def test_a_run_for_a_terminal_is_this_to_the_letter() -> None:
    change = Change("b-lab", "dora", "starts", 1.0, 2.0)
    many = (replace(GOOD, student="eve"), OURS, GOOD, SHORT, HELD, replace(GOOD, student="flo", record=None))
    assert Report(many, ("noted",), 61.04, (change,)).table().split("\n") == [
        "noted",
        "a-lab  peak  spread  total",
        "eve       2       2    4/4  passed",
        "ann       2       2    4/4  passed",
        "b�ob    0.5       –  0.5/2  not yet",
        "flo       –       –      –  ungraded (our fault)",
        "",
        "b-lab  starts  total",
        "cyd         –      –  ungraded (our fault)",
        "dora        2    2/2  would change",
        "",
        "6 submissions: 1 not yet, 2 passed, 2 ungraded (our fault), 1 would change; 2 judged now, in 61.0 s",
        "",
        "b-lab cyd: no grade was written",
        "the engine� died",
        "",
        "b-lab: grades that would change",
        "  dora  starts  1 → 2",
        "  1 student: 1 verdicts go up, 0 go down",
        "",
        "These grades were not written; to write them, run the same command again with --yes.",
    ]


# --- while it runs --------------------------------------------------------------------------------------------------


class Clock:
    """Gives the times that it was told, one after the other."""

    def __init__(self, *times: float) -> None:
        self.times = list(times)

    def __call__(self) -> float:
        return self.times.pop(0)


class Terminal(io.StringIO):
    """Knows what was written before somebody wanted it shown."""

    shown = ""

    def flush(self) -> None:
        self.shown = self.getvalue()


def test_what_is_drawn_is_this_to_the_letter() -> None:
    out, clock = Terminal(), Clock(100.0, 140.0, 180.0)
    line = Line(out, clock)
    steps = [Step(0, 12, 0, 8), Step(7, 12, 4, 8, "an\x1bna" + "x" * 40), Step(7, 12, 4, 8, "bob")]
    for step in [*steps, Step(12, 12, 8, 8, "last")]:
        line(step)
    assert out.shown.split("\r\x1b[K") == [
        "",
        "░" * 20 + " 0/12  time left: not known yet",
        "█" * 11 + "░" * 9 + " 7/12  about 40 s left  an�na" + "x" * 25,
        "█" * 11 + "░" * 9 + " 7/12  about 40 s left  bob",
        "",
    ]
    assert clock.times == []


def test_where_nothing_is_said_it_draws_on_the_error_output(capsys: pytest.CaptureFixture[str]) -> None:
    Line()(Step(0, 0, 0, 0))
    assert capsys.readouterr() == ("", "\r\x1b[K")
    quiet(Step(1, 2, 1, 2))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("times", "judged", "left"),
    [
        *(((0.0, 8.0), 4, 12.0), ((0.0, 8.0), 3, None), ((8.0, 8.0), 5, None), ((8.0, 7.0), 5, None)),
        *(((0.0, 8.0), 10, 0.0), ((0.0, 8.0), 11, 0.0), ((0.0, 0.5), 9, 0.5 / 9)),
    ],
)
def test_the_time_left_is_that_of_the_last_ones(times: tuple[float, float], judged: int, left: float | None) -> None:
    line = Line(io.StringIO(), Clock(*times))
    line(Step(1, 99, 0, 10))
    line(Step(2, 99, judged, 10))
    assert line.seconds_left(Step(2, 99, judged, 10)) == (None if left is None else pytest.approx(left))


def test_what_was_judged_before_it_was_watched_does_not_count() -> None:
    line = Line(io.StringIO(), Clock(0.0, 8.0, 9.0))
    for judged in (3, 6, 7):
        assert line.seconds_left(Step(0, 99, 3, 3)) == 0.0
        line(Step(judged, 99, judged, 10))
        assert line.seconds_left(Step(judged, 99, judged, 10)) == (None if judged < 7 else pytest.approx(3 * 9 / 4))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *(
            (0.0, "a few seconds"),
            (9.9, "a few seconds"),
            (10, "about 10 s"),
            (26, "about 30 s"),
            (54.9, "about 50 s"),
            (55, "about 1 min"),
        ),
        *((89, "about 1 min"), (3560, "about 59 min"), (3580, "about 1 h 0 min"), (3600 + 1199, "about 1 h 20 min")),
        *((3600 + 3500, "about 1 h 50 min"), (7200, "about 2 h 0 min")),
    ],
)
def test_time_is_told_no_finer_than_this(seconds: float, words: str) -> None:
    assert in_words(seconds) == f"{words} left"
