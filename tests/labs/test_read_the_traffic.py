"""The first lab: what is asked is counted while it is judged, and the logs are read as they were written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from autograder.labs.catalogue import load_lab
from autograder.labs.examiner import examine
from autograder.labs.lab import Variant
from autograder.labs.proofs import Expected
from autograder.labs.variants import faults_of
from autograder.labs.verdict import Outcome
from autograder.labs.verify import expectations, prove

if TYPE_CHECKING:
    from autograder.labs.verdict import Verdict

LAB = load_lab("read-the-traffic")
CASES = tuple(expectations(LAB))
QUICK = ("start", "reference", "addresses", "the-servers-own-word", "next-hop", "names-the-pool", "no-such-variable")


@pytest.mark.parametrize("expected", [case for case in CASES if case.name in QUICK], ids=lambda case: case.name)
def test_on_the_local_engine(expected: Expected) -> None:
    assert prove(LAB, expected, "local").faults == ()


@pytest.mark.docker
def test_on_docker() -> None:
    (reference,) = (case for case in CASES if case.name == "reference")
    assert prove(LAB, reference, "docker").faults == ()


def test_a_variant_has_other_answers_and_the_lab_knows_them() -> None:
    assert faults_of(LAB) == ()
    lab = load_lab("read-the-traffic", Variant("b", "ann"))
    names = [server.name for server in lab.stack.servers]
    assert "app1" not in names
    files = lab.read(lab.reference)
    assert set(json.loads(files["answers.json"])["predicted"]) == set(names)
    (verdict,) = examine(lab, files, checks=["measured"])
    assert verdict.outcome is Outcome.PASSED, verdict.observed


def _measured(answers: bytes) -> Verdict:
    (verdict,) = examine(LAB, {**LAB.read(LAB.reference), "answers.json": answers}, checks=["measured"])
    return verdict


def test_an_answer_that_is_off_is_told_with_its_line_and_reason() -> None:
    right = LAB.read(LAB.reference)["answers.json"]
    verdict = _measured(right.replace(b'"till1": 75.0', b'"till1": 50'))
    assert verdict.outcome is Outcome.FAILED
    assert "measured.till1: you say 50; it was more, counted at the servers: 100 requests" in verdict.observed
    line = right.decode().splitlines().index('    "till1": 75.0,') + 1
    assert verdict.why.startswith(f"answers.json:{line}: ")
    assert [cause.mistake for cause in verdict.causes] == ["equal-is-not-fair"]


def test_answers_that_cannot_be_read_cannot_be_judged() -> None:
    verdict = _measured(b'{"measured": {"app1": NaN}}')
    assert verdict.outcome is Outcome.UNJUDGED
    assert "NaN" in verdict.observed


def test_a_log_that_names_everybody_names_nobody() -> None:
    files = LAB.read(LAB.reference)
    everybody = files["conf/nginx.conf"].replace(b"$upstream_addr", b"app1 app2 app3")
    (verdict,) = examine(LAB, {**files, "conf/nginx.conf": everybody}, checks=["pages-log"])
    assert verdict.outcome is Outcome.FAILED
    assert "more than one" in verdict.why


@pytest.mark.parametrize(
    ("found", "instead", "said"),
    [
        (b"option httplog", b'log-format "%HP %s"', "leaves out what follows the question mark"),
        (b"option httplog", b'log-format "%s"', "does not tell which page was asked for"),
        (b"    log global\n", b"", "Nothing about these requests is in the log of desk"),
    ],
)
def test_why_a_log_has_no_line_of_a_checkout_is_told(found: bytes, instead: bytes, said: str) -> None:
    files = LAB.read(LAB.reference)
    assert found in files["conf/haproxy.cfg"]
    config = files["conf/haproxy.cfg"].replace(found, instead)
    (verdict,) = examine(LAB, {**files, "conf/haproxy.cfg": config}, checks=["tills-log"])
    assert verdict.outcome is Outcome.FAILED
    assert said in verdict.why
