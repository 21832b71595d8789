"""A postmortem is judged by its facts; what a stranger writes is read in plain steps, however long or odd it is."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any, cast

import pytest

from autograder.grading.batch import grade
from autograder.grading.classroom import prepare_class
from autograder.grading.settings import Places
from autograder.labs.catalogue import load_lab
from autograder.labs.kinds.kind import Question
from autograder.labs.kinds.postmortem import KIND, QUESTIONS
from autograder.labs.kinds.postmortem_text import LARGEST, UnreadableError, actions, day_in, numbers, read_lines
from autograder.labs.lab import Variant
from autograder.labs.proofs import Expected
from autograder.labs.variants import faults_of
from autograder.labs.verify import expectations, prove
from tests.grading import judges

if TYPE_CHECKING:
    from pathlib import Path

    from autograder.labs.kinds.kind import Answer
    from autograder.labs.lab import Lab

LAB = load_lab("write-it-down")
BY_HAND = "for-a-stranger"
CASES = tuple(expectations(LAB))
OF_THE_TEXT = [check for check in LAB.checks if check.kind == "postmortem"]
GOOD = LAB.read(LAB.reference)["postmortem.md"]


def answered(text: bytes, lab: Lab = LAB) -> dict[str, Answer]:
    """What each check of the text says; no stack is needed for that."""
    nothing = cast("Any", None)
    files = {"postmortem.md": text}
    return {
        one.name: KIND.answer(Question(one, nothing, (), (), "", 0, nothing, lab, files))
        for one in lab.checks
        if one.kind == "postmortem"
    }


def test_every_question_is_a_check() -> None:
    assert sorted(check.settings["ask"] for check in OF_THE_TEXT) == sorted(QUESTIONS)
    assert LAB.points == 10


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_text_gets_what_it_must_get(case: Expected) -> None:
    got = answered(LAB.read(case.folder)["postmortem.md"])
    outcomes = {name: "passed" if one.passed else "failed" for name, one in got.items()}
    assert outcomes == {name: case.outcomes[name] for name in outcomes}, got
    named = {cause.mistake for one in got.values() for cause in one.causes}
    assert named >= set(case.diagnosis) - {"constant-hash-key"}  # that one is read in the config


def test_a_wrong_answer_is_told_with_its_line() -> None:
    text = GOOD.replace(b"| first harm | 09:58", b"| first harm | 10:58")
    (cause,) = answered(text)["moments"].causes
    assert (cause.mistake, cause.file) == ("another-clock", "postmortem.md")
    assert text.decode().splitlines()[cause.line - 1].startswith("| first harm | 10:58")


def test_on_a_stack_the_reference_earns_every_point_and_one_that_is_not_mended_does_not() -> None:
    for case in CASES:
        if case.name in ("reference", "not-mended"):
            assert prove(LAB, case).faults == ()


def test_the_evidence_adds_up_to_what_is_asked_for() -> None:
    rows = (LAB.start / "evidence/balancer-by-minute.txt").read_text(encoding="utf-8").splitlines()[2:]
    failed = {row.split()[0]: int(row.split()[2]) for row in rows}
    lost = next(check.settings["lost"] for check in OF_THE_TEXT if check.name == "counts")
    assert sum(failed.values()) == int(lost)
    moments = next(check.settings["moments"] for check in OF_THE_TEXT if check.name == "moments")
    assert next(minute for minute, count in failed.items() if count) == moments["first harm"]
    assert max(minute for minute, count in failed.items() if count) < moments["users served"] in failed
    deploys = (LAB.start / "evidence/deploys.txt").read_text(encoding="utf-8")
    assert f"2023-03-01 {moments['change']}:08  lb  reload  ok  version 42" in deploys


def test_a_variant_has_other_evidence_and_another_truth() -> None:
    assert faults_of(LAB) == ()
    versions = [load_lab("write-it-down", Variant("a", f"student-{number}")) for number in range(8)]
    assert len({version.checks[2].settings["lost"] for version in versions}) > 2
    for version in versions:
        assert all(one.passed for one in answered(version.read(version.reference)["postmortem.md"], version).values())
        rows = (
            version.rewriting.file((LAB.start / "evidence/balancer-by-minute.txt").read_bytes()).decode().splitlines()
        )
        assert sum(int(row.split()[2]) for row in rows[2:]) == int(version.checks[2].settings["lost"])


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\x00\x01\x02" * 1000,
        b"## Five moments\n" + b"change " * 9000,
        b"## Actions\n" + b"|" * 60_000,
        b"## Actions\n| action | who | until |\n" + b"| a | " + b"( " * 30_000,
        b"## What users felt\n" + b"1,000 " * 10_000,
        b"## What users felt\n" + b"9" * 60_000,
        b"## What users felt\n" + b"1,111" * 12_000,
        "## Five moments\nchange ٠٩:٥٢ first harm 09:58".encode(),
        b"## Actions\n- x (y, 99999999-99-99)\n- x (y, 2023-02-31)\n- x (y, 31 foo)\n",
        b"#" * 60_000,
    ],
)
def test_whatever_is_handed_in_is_answered(text: bytes) -> None:
    assert not any(one.passed for one in answered(text).values())


@pytest.mark.parametrize("text", [b"\xff\xfe\x00", b"a" * (LARGEST + 1)])
def test_what_cannot_be_read_cannot_be_judged(text: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_lines(text)
    assert all("postmortem.md cannot be read" in one.unjudged for one in answered(text).values())


def test_what_was_said_may_be_quoted_and_what_is_written_may_not_blame() -> None:
    assert answered(GOOD + b"\n> Tom: you should have known\n")["blameless"].passed
    for line in (b"You should have known.", b"It was Human  error".replace(b"  ", b" "), b"Tom restarted it."):
        assert not answered(GOOD + b"\n" + line + b"\n")["blameless"].passed


@pytest.mark.parametrize(
    ("words", "day"),
    [
        ("14 March", "2023-03-14"),
        ("March 14th, 2024", "2024-03-14"),
        ("2023-3-9", "2023-03-09"),
        ("9th Apr. 2023", "2023-04-09"),
        ("31.03.2023", "2023-03-31"),
        ("9/4/2023", "2023-04-09"),
        ("03/31/2023", "2023-03-31"),
        ("2023/04/14", "2023-04-14"),
        ("soon", ""),
        ("31 February", ""),
    ],
)
def test_days_are_read_as_people_write_them(words: str, day: str) -> None:
    assert str(day_in(words, 2023) or "") == day


def test_numbers_are_read_as_people_write_them() -> None:
    assert numbers("31 240, 31,240, 31.240 and 31'240; not 3f2c1aa, 09:58, 2023-03-01") == [31240] * 4


@pytest.mark.parametrize("who", ["the team", "everybody", "", "TBD", "—", "all"])
def test_an_action_for_everybody_is_one_for_nobody(who: str) -> None:
    text = re.sub(rb"\| Mira \|", f"| {who} |".encode(), GOOD)
    assert [cause.mistake for cause in answered(text)["actions"].causes] == ["action-without-owner"]


def test_points_of_a_list_are_actions_too() -> None:
    (one,) = actions(read_lines(b"## Actions\n\n1. Notice: alert on shares (Okan, 14 March)\n"), 2023)
    assert (one.what, one.who, str(one.day)) == ("Notice: alert on shares", "Okan", "2023-03-14")


FREELY: tuple[tuple[str, str, str], ...] = (
    ("- **prevent**: refuse shares over 1.5. Mira, 15 March 2023.", "Mira", "2023-03-15"),
    ("2. (notice) Okan: an alert on 40 % of all requests, done by March 21, 2023", "Okan", "2023-03-21"),
    ("To shorten it, Tom draws a line for each change\non the dashboard, until 3.4.2023.", "Tom", "2023-04-03"),
    ("- Count shares\n  - kind: prevent\n  - **Who:** Ana Ruiz\n  - until: 2023-03-14", "Ana Ruiz", "2023-03-14"),
    (
        "* What of 1 March helps: a runbook. **the engineer on call**, by 2023-03-14",
        "the engineer on call",
        "2023-03-14",
    ),
    ("- Notice: alert on shares, 14 March", "", "2023-03-14"),
    ("- Prevent, 14 March", "", "2023-03-14"),
    ("- Somebody should look (soon)", "soon", ""),
)


@pytest.mark.parametrize(("text", "who", "day"), FREELY)
def test_an_action_may_be_told_as_people_tell_it(text: str, who: str, day: str) -> None:
    (one,) = actions(read_lines(f"## Actions\n\n{text}\n".encode()), 2023, ["Mira", "Okan", "Tom"])
    assert (one.who.strip(), str(one.day or "")) == (who, day)


@pytest.mark.parametrize(
    "text",
    [
        "At 09:52 the change began to run. At 09:58 came the first harm.\nAt 10:09 somebody knew. "
        "At 11:24 was the cause known, and at 11:36\nusers were served.",
        "- 09:52 the new config runs (change)\n- 09:58 first harm\n- 10:09 somebody knew\n- 11:24 cause known\n"
        "- 11:36 users served",
        "09:52 change, 09:58 first harm, 10:09 somebody knew, 11:24 cause known, 11:36 users served",
        "The change ran from 09:52. First harm: 09:58. Somebody knew at 10:09. The cause was known at\n11:24. "
        "Users were served at 11:36.",
        "### Change\n\nthe change: 09:52\n\n### Then\n\nfirst harm 09:58 · somebody knew 10:09 · cause known 11:24\n\n"
        "users served 11:36",
    ],
)
def test_moments_may_be_told_in_sentences(text: str) -> None:
    said = answered(f"## Five moments\n\n{text}\n".encode())["moments"]
    assert said.passed, said.observed


def test_a_smaller_heading_belongs_to_the_one_above_it() -> None:
    assert answered(GOOD.replace(b"## Actions\n", b"## Actions\n\n### The first three\n"))["actions"].passed
    assert answered(GOOD + b"\n## Actions\n\n### Of Mira\n\nMira counts shares.\n")["blameless"].passed
    assert not answered(GOOD + b"\n## Actions\n\n## Why\n\nMira counts shares.\n")["blameless"].passed


def test_that_nobody_is_to_blame_may_be_said() -> None:
    for line in (b"Nobody was careless here.", b"It was not her fault.", b"An alert should have noticed it."):
        assert answered(GOOD + b"\n" + line + b"\n")["blameless"].passed
    blames = (b"She was not only careless.", b"The author did not think.", b"The engineer should have noticed it.")
    for line in (*blames, b"It should have been obvious."):
        assert not answered(GOOD + b"\n" + line + b"\n")["blameless"].passed


def test_who_tells_too_little_is_told_how_much_is_enough() -> None:
    text = b"## Why it made sense at the time\n\nThe check was green.\n"
    assert "there are 4 words; 25 are the least" in answered(text)["blameless"].observed


def test_what_only_a_person_can_judge_waits_for_one_and_an_empty_cell_does_not(tmp_path: Path) -> None:
    import nbformat
    from nbgrader.api import Gradebook

    prepare_class(tmp_path, [LAB.slug], seed="none")
    places = Places(tmp_path)
    for student in ("ann", "ben"):
        folder = places.submitted(student, LAB.slug)
        shutil.copytree(places.outbound(LAB.slug), folder)
        notebook = nbformat.read(folder / f"{LAB.slug}.ipynb", as_version=4)
        (cell,) = [one for one in notebook.cells if one.metadata.get("nbgrader", {}).get("grade_id") == BY_HAND]
        assert (cell.cell_type, cell.metadata.nbgrader.points) == ("markdown", 5)
        if student == "ann":
            cell.source = "For 98 minutes nearly every second order failed."
            nbformat.write(notebook, folder / f"{LAB.slug}.ipynb")
    assert grade(places.home, [LAB.slug], ask=judges.by_word).exit_code == 0
    with Gradebook(f"sqlite:///{places.course}/gradebook.db") as book:
        waits = {who: book.find_grade(BY_HAND, LAB.slug, LAB.slug, who).needs_manual_grade for who in ("ann", "ben")}
        assert waits == {"ann": True, "ben": False}
        assert book.find_grade(BY_HAND, LAB.slug, LAB.slug, "ben").auto_score == 0
