"""Likely copies: what must be found, and above all what must not."""

from __future__ import annotations

import random

import pytest

from autograder.grading.classreport.copies import Group, likely_copies, limit_of, worth
from autograder.grading.classreport.entries import Entry
from autograder.grading.classreport.oddities import Oddity, known_of, oddities
from tests.grading.report.classes import FILE, LAB, WRONG, a_class, config, entry

KNOWN = known_of(LAB)


def find(entries: list[Entry]) -> tuple[Group, ...]:
    """The groups among students whose work is wrong unless they have every point."""
    assert all(each.now is not None for each in entries)
    return likely_copies(
        {each.student: oddities(each.files, KNOWN, wrong=not each.now.complete) for each in entries if each.now}
    )


def crowd(size: int = 40) -> list[Entry]:
    """Students who worked alone: their last attempts, with some words of their own."""
    return [entry(work.student, *work.attempts[-1][:2]) for work in a_class(size)]


@pytest.mark.parametrize("seed", range(8))
def test_people_who_worked_alone_are_not_named(seed: int) -> None:
    alone = [entry(work.student, *work.attempts[-1][:2]) for work in a_class(60, seed)]
    assert find(alone) == ()


@pytest.mark.parametrize("size", [2, 5, 40, 200])
def test_the_same_right_answer_is_never_a_copy(size: int) -> None:
    assert find([entry(f"s{number}", "reference") for number in range(size)]) == ()


def test_the_same_simple_right_answer_in_other_lines_than_the_reference_is_no_copy() -> None:
    """Many lines that the lab knows in no version, in two of forty students: there are few ways to be right."""
    plain = config("reference").replace(" max_fails=2 fail_timeout=5s", "").replace("keepalive 32;", "keepalive 64;")
    plain = plain.replace("connections 2048", "connections 4096").replace("connect_timeout 2s", "connect_timeout 3s")
    plain = plain.replace("read_timeout 10s", "read_timeout 15s").replace("tries 3", "tries 4")
    assert find([*crowd(), entry("x1", "reference", plain), entry("x2", "reference", plain)]) == ()
    as_wrong = [entry("x1", "weight-kept", plain), entry("x2", "weight-kept", plain)]
    assert [group.students for group in find([*crowd(), *as_wrong])] == [("x1", "x2")]


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_mend_that_the_lab_expects_is_no_copy(name: str) -> None:
    assert find([*crowd(), *(entry(f"x{number}", name) for number in range(3))]) == ()


def test_an_untouched_start_is_no_copy() -> None:
    assert find([entry(f"x{number}", "weight-kept", config("start")) for number in range(10)]) == ()


def test_one_odd_weight_that_two_chose_is_no_copy() -> None:
    odd = config("weight-kept").replace("weight=20", "weight=7")
    assert find([*crowd(), entry("x1", "weight-kept", odd), entry("x2", "weight-kept", odd)]) == ()


def copied_mend() -> str:
    """A wrong mend that nobody else would write: four odd lines."""
    text = config("weight-kept").replace("weight=20", "weight=13").replace("weight=2;", "weight=17;")
    text = text.replace("proxy_read_timeout 10s;", "proxy_read_timeout 41s;")
    return text.replace("proxy_connect_timeout 2s;", "proxy_connect_timeout 7s;")


def test_a_rare_wrong_mend_of_several_lines_is_named_with_what_is_shared() -> None:
    found = find([*crowd(), entry("x1", "weight-kept", copied_mend()), entry("x2", "weight-kept", copied_mend())])
    assert [group.students for group in found] == [("x1", "x2")]
    assert {shared.kind for shared in found[0].shared} == {"line", "mend"}
    assert any("weight=13" in shared.shown for shared in found[0].shared)
    assert found[0].bits >= found[0].limit


def test_moving_lines_and_spaces_about_hides_nothing() -> None:
    lines = copied_mend().split("\n")
    servers = [place for place, line in enumerate(lines) if line.strip().startswith("server app")]
    lines[servers[0]], lines[servers[1]] = lines[servers[1]], lines[servers[0]]
    moved = "\n".join(f"\t{line.strip()}  " for line in lines)
    found = find([*crowd(), entry("x1", "weight-kept", copied_mend()), entry("x2", "weight-kept", moved)])
    assert [group.students for group in found] == [("x1", "x2")]


SENTENCE = "# I have no idea why app4 needs this but it calms down afterwards"


@pytest.mark.parametrize("size", [2, 5, 40, 400])
def test_the_same_odd_comment_is_named_in_right_answers_too(size: int) -> None:
    text = config("reference").replace("upstream shop {", f"upstream shop {{ {SENTENCE}")
    others = [entry(f"s{number:03}", "reference") for number in range(size - 2)]
    found = find([*others, entry("x1", "reference", text), entry("x2", "reference", text.upper().lower())])
    assert [group.students for group in found] == [("x1", "x2")]
    assert found[0].shared[0].kind == "comment"


def test_a_comment_that_many_have_comes_from_somewhere_else() -> None:
    text = f"{SENTENCE}\n{config('reference')}"
    assert find([entry(f"s{number}", "reference", text if number % 3 else None) for number in range(60)]) == ()
    assert find([entry(f"s{number}", "reference", text) for number in range(5)]) == ()


@pytest.mark.parametrize(
    "comment", ["# fixed", "# removed the hash", "# TODO", "#server app1:8080 weight=20;", "# ---"]
)
def test_what_anybody_would_write_is_no_copy(comment: str) -> None:
    text = f"{config('reference')}\n{comment}\n"
    assert find([*crowd(), entry("x1", "reference", text), entry("x2", "reference", text)]) == ()


def test_the_words_of_the_lab_are_nobodys_own() -> None:
    hint = next(hint for check in LAB.checks for hint in check.hints)
    text = f"# {hint}\n{config('reference')}"
    assert find([*crowd(), entry("x1", "reference", text), entry("x2", "reference", text)]) == ()


def test_a_hash_in_quotes_is_no_comment() -> None:
    text = config("reference").replace('"time":', '"# this is a string and no comment of anybody at all":')
    assert not [each for each in oddities({FILE: text}, KNOWN, wrong=True) if each.kind == "comment"]


def test_groups_are_joined_and_the_order_of_students_changes_nothing() -> None:
    other = "# measured it twice, the third time it went over the cliff again"
    both = f"{SENTENCE}\n{other}\n{config('reference')}"
    entries = [
        *crowd(),
        entry("a", "reference", f"{SENTENCE}\n{config('reference')}"),
        entry("b", "reference", both),
        entry("c", "reference", f"{other}\n{config('reference')}"),
    ]
    found = find(entries)
    assert [group.students for group in found] == [("a", "b", "c")]
    assert [shared.students for shared in found[0].shared] in ([("a", "b"), ("b", "c")], [("b", "c"), ("a", "b")])
    mixed = list(entries)
    random.Random(3).shuffle(mixed)
    assert find(mixed) == found


def test_a_large_group_is_found_without_looking_at_every_pair() -> None:
    work = {f"s{number:04}": (Oddity("comment", str(number), "", 9.0),) for number in range(2_000)}
    ring = {f"x{number:02}": (Oddity("comment", "same", "# same", 40.0),) for number in range(120)}
    found = likely_copies({**work, **ring})
    assert [group.students for group in found] == [tuple(sorted(ring))]


def test_the_rarer_the_more_and_the_larger_the_class_the_higher_the_limit() -> None:
    line = Oddity("line", "x", "x")
    assert worth(line, 2, 1_000) > worth(line, 20, 1_000) > worth(line, 99, 1_000) > worth(line, 101, 1_000) == 0
    limits = [limit_of(students) for students in (0, 1, 2, 10, 100, 3_000)]
    assert limits == sorted(limits)


@pytest.mark.parametrize("text", ["", "\n", "\x00\xff", '"', "'#'", "{" * 500, "#" * 5_000, "a\rb", "\u202e# x"])
def test_odd_bytes_are_no_trouble(text: str) -> None:
    for wrong in (True, False):
        oddities({FILE: text}, KNOWN, wrong=wrong)
