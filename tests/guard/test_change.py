"""Two inspections, compared: chance moves nothing, a change does, and whatever a report says can be compared."""

from __future__ import annotations

import json
import math
import random
import re
from dataclasses import replace
from html import escape

import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt

from autograder.guard.change import SIGMAS, Change, compare
from autograder.guard.formats import markdown, sarif, text
from autograder.guard.policy import DEFAULT, Rule, reasons
from autograder.guard.review import Review
from autograder.inspect.report import Cause, Inspection, PoolReport, RunReport
from autograder.judge.spread import Spread
from autograder.mistakes.finding import Finding
from tests.inspect.inspections import INSPECTIONS

NAMES = ("a", "b", "c")


def run(share: tuple[float, ...], failed: int = 0, units: int = 300, verdict: Spread = Spread.EVEN) -> RunReport:
    parts = dict(zip(NAMES, share, strict=False))
    hottest = max(parts, key=parts.__getitem__)
    return RunReport(
        *("many", "all-up", 300, failed, parts, 1.0, 3.0, verdict, dict.fromkeys(parts, 1 / len(parts)), hottest),
        *((), units, "request", 300, 190, "all servers up", 0.1, {"closed": failed} if failed else {}),
    )


def inspection(one: RunReport, *causes: Cause, config: str = "nginx.conf") -> Inspection:
    pool = PoolReport("shop", tuple(one.share), one.verdict, (one,), {})
    return Inspection(config, "nginx", one.verdict, (pool,), causes)


def cause(line: int, *, observed: bool, mistake: str = "weight-skew") -> Cause:
    said = ("This line tells nginx to send most requests to a.", "Give each its weight.")
    return Cause(Finding(mistake, "shop", "nginx.conf", line, "server a weight=100;", (9, 19), *said), observed)


EVEN = inspection(run((1 / 3, 1 / 3, 1 / 3)))
SKEWED = inspection(run((0.98, 0.01, 0.01), verdict=Spread.CONCENTRATED), cause(4, observed=True))


def consequences(change: Change) -> dict[str, str]:
    return {reason.rule.condition: reason.rule.consequence for reason in reasons(change)}


def test_the_same_twice_is_no_change() -> None:
    change = compare("nginx.conf", SKEWED, SKEWED)
    assert (change.moves, change.failures, change.added, change.removed, change.came, change.gone) == ((),) * 6
    assert consequences(change) == {"stays-concentrated": "say"}


def test_a_line_that_moved_down_is_no_other_mistake_and_one_that_shows_now_is() -> None:
    lower = replace(SKEWED, causes=(cause(9, observed=True),))
    assert compare("nginx.conf", SKEWED, lower).came == ()
    read = replace(SKEWED, causes=(cause(4, observed=False),))
    assert [one.observed for one in compare("nginx.conf", read, SKEWED).came] == [True]


def test_a_skew_is_refused_and_said_in_numbers() -> None:
    change = compare("edge/nginx.conf", EVEN, SKEWED)
    assert [(move.server, round(move.after, 2)) for move in change.moves][:1] == [("a", 0.98)]
    said = consequences(change)
    assert said["becomes-concentrated"] == said["mistake-shows"] == "refuse"
    assert said["share-moves"] == "second-approver"
    lines = [reason.said for reason in reasons(change)]
    assert any(line.startswith("edge/nginx.conf:4 ") for line in lines)
    assert any("98 %" in line and "33 %" in line for line in lines)


def test_to_mend_is_not_stopped_because_shares_move() -> None:
    assert consequences(compare("nginx.conf", SKEWED, EVEN))["mends"] == "say"
    assert "refuse" not in consequences(compare("nginx.conf", SKEWED, EVEN)).values()


def test_servers_that_come_and_go_are_named() -> None:
    two = inspection(run((0.5, 0.5)))
    change = compare("nginx.conf", EVEN, two)
    assert (change.added, change.removed) == ((), ("c",))
    assert consequences(change)["server-removed"] == "second-approver"
    assert compare("nginx.conf", two, EVEN).added == ("c",)


def test_failures_count_from_one_in_a_hundred() -> None:
    few, many = inspection(run((1 / 3,) * 3, failed=2)), inspection(run((1 / 3,) * 3, failed=60))
    assert "failures-rise" not in consequences(compare("nginx.conf", EVEN, few))
    assert consequences(compare("nginx.conf", EVEN, many))["failures-rise"] == "refuse"
    assert "failures-rise" not in consequences(compare("nginx.conf", many, EVEN))


def test_a_config_that_comes_goes_or_cannot_be_judged_is_told() -> None:
    assert "config-added" in consequences(compare("nginx.conf", None, EVEN))
    assert "config-removed" in consequences(compare("nginx.conf", EVEN, None))
    lost = Inspection("nginx.conf", "", Spread.UNDECIDED, trouble="cannot read it\n  next  look")
    change = compare("nginx.conf", EVEN, lost)
    assert consequences(change)["not-judged"] == "second-approver"
    review = Review("a", "b", (change,), (), reasons(change), approvals=2)
    assert (review.outcome, review.risk, review.exit_code) == ("not-judged", "unknown", 2)


def test_a_second_approver_is_all_that_some_changes_need() -> None:
    change = compare("nginx.conf", EVEN, inspection(run((0.5, 0.5))))
    for approvals, outcome, code in ((1, "second-approver", 1), (2, "fine", 0)):
        review = Review("a", "b", (change,), (), reasons(change), approvals)
        assert (review.outcome, review.exit_code, review.risk) == (outcome, code, "medium")


def test_chance_alone_moves_no_share() -> None:
    """Two samples of one balancer that deals at random: stated error 7e-6 a comparison, so 3,000 show none."""
    dice = random.Random(20_261_122)
    drawn = [[dice.choices(NAMES, k=300) for _ in range(2)] for _ in range(1000)]
    for pair in drawn:
        old, new = (inspection(run(tuple(one.count(name) / 300 for name in NAMES))) for one in pair)
        assert compare("nginx.conf", old, new).moves == ()


def test_the_smallest_difference_that_always_counts_is_as_documented() -> None:
    needed = SIGMAS * math.sqrt(0.5 * 0.5 * 2 / 300) + 0.02
    for off, moved in ((needed - 0.01, False), (needed + 0.01, True)):
        old, new = inspection(run((0.5 - off / 2, 0.5 + off / 2))), inspection(run((0.5 + off / 2, 0.5 - off / 2)))
        assert bool(compare("nginx.conf", old, new).moves) is moved


@settings(max_examples=150, deadline=None)
@given(INSPECTIONS, INSPECTIONS)
def test_whatever_a_report_says_can_be_compared_and_shown(old: Inspection, new: Inspection) -> None:
    changes = (compare("edge/nginx.conf", old, new), compare("x", None, new), compare("y", old, None))
    said = tuple(reason for change in changes for reason in reasons(change, (*DEFAULT, Rule("mends", "refuse"))))
    review = Review("main", "HEAD", changes, ("same.cfg",), said)
    assert review.exit_code in (0, 1, 2)
    assert all(line.isprintable() for line in text(review))
    assert json.loads(sarif(review))["version"] == "2.1.0"
    assert json.loads(json.dumps(review.to_dict()))["outcome"] == review.outcome
    for line in markdown(review).splitlines():
        assert line.isprintable()
        # nobody's words end a cell, or open markup of their own
        assert not line.startswith("| ") or line.replace("\\|", "").count("|") in (4, 5)


@pytest.mark.parametrize("words", ["<img src=x>", "a|b", "`x`", "](http://x)", "**x**"])
def test_words_of_a_config_are_no_markup(words: str) -> None:
    change = compare(words, EVEN, replace(SKEWED, verdict=Spread.BROKEN, faults=(words,)))
    page = markdown(Review("main", "HEAD", (change,), (), reasons(change)))
    shown = MarkdownIt("commonmark").enable("table").render(page)
    assert not re.search(r"<(img|a|em)\b|<strong>x", shown)
    assert escape(words) in shown
