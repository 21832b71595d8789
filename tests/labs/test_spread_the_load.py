"""The lab proves itself on both engines: start, reference, other right answers, and every wrong mend told apart."""

from __future__ import annotations

import pytest

from autograder.labs.catalogue import load_lab
from autograder.labs.examiner import examine
from autograder.labs.proofs import Expected
from autograder.labs.verdict import Outcome, Verdict
from autograder.labs.verify import expectations, prove

LAB = load_lab("spread-the-load")
CASES = tuple(expectations(LAB))
QUICK_ON_DOCKER = ("start", "reference", "address-hash")


@pytest.mark.parametrize("expected", CASES, ids=lambda case: case.name)
def test_on_the_local_engine(expected: Expected) -> None:
    assert prove(LAB, expected, "local").faults == ()


@pytest.mark.docker
@pytest.mark.parametrize(
    "expected", [case for case in CASES if case.name in QUICK_ON_DOCKER], ids=lambda case: case.name
)
def test_on_docker(expected: Expected) -> None:
    assert prove(LAB, expected, "docker").faults == ()


def test_verdicts_survive_json() -> None:
    for verdict in examine(LAB, LAB.read(LAB.start), checks=["starts", "office"]):
        assert Verdict.from_dict(verdict.to_dict()) == verdict


def test_a_verdict_says_what_was_observed_why_and_what_next() -> None:
    (verdict,) = examine(LAB, LAB.read(LAB.start), checks=["spread"])
    assert verdict.outcome is Outcome.FAILED
    assert "100% of the requests; its fair share is" in verdict.observed
    lines = LAB.read(LAB.start)["conf/nginx.conf"].decode().splitlines()
    guilty = next(number for number, line in enumerate(lines, 1) if "hash $host;" in line)
    assert verdict.why.startswith(f"conf/nginx.conf:{guilty}: ")
    assert verdict.next == LAB.check("spread").hints[0]
    assert max(verdict.share.values()) == 1.0


def test_hints_grow_with_attempts_and_end_at_the_last() -> None:
    hints = LAB.check("starts").hints
    broken = {"conf/nginx.conf": b"nonsense"}
    for tried, expected in ((0, hints[0]), (1, hints[1]), (99, hints[-1])):
        (verdict,) = examine(LAB, broken, checks=["starts"], attempts={"starts": tried})
        assert verdict.next == expected


def test_a_config_that_does_not_load_is_told_where_to_begin() -> None:
    broken = LAB.read(LAB.wrong[0].parent / "missing-semicolon")
    starts, spread = examine(LAB, broken, checks=["starts", "spread"])
    assert spread.outcome is Outcome.UNJUDGED
    assert starts.why.startswith("conf/nginx.conf:")
    assert starts.why in spread.next


def test_a_file_beside_the_config_is_said_not_to_come_along() -> None:
    config = LAB.read(LAB.reference)["conf/nginx.conf"].replace(b"http {", b"http {\n    include more.conf;")
    (starts,) = examine(LAB, {"conf/nginx.conf": config}, checks=["starts"])
    assert starts.outcome is Outcome.FAILED
    assert "What is handed in is conf/nginx.conf, and nothing beside it" in starts.observed
    assert "more.conf" in starts.why


def test_a_missing_file_cannot_be_judged() -> None:
    verdicts = examine(LAB, {})
    assert {verdict.outcome for verdict in verdicts} == {Outcome.UNJUDGED}
    assert all(verdict.points == 0 for verdict in verdicts)
    assert "conf/nginx.conf" in verdicts[0].observed


@pytest.mark.parametrize("content", [b"", b"\x00" * 1000, b"\xff\xfe", b"events {}", b"{" * 5000, "émoji 🦆;".encode()])
def test_any_bytes_get_a_verdict(content: bytes) -> None:
    verdicts = examine(LAB, {"conf/nginx.conf": content}, checks=["starts", "office"])
    assert all(verdict.points == 0 for verdict in verdicts if verdict.check == "office")
    assert all(verdict.outcome is not Outcome.OURS for verdict in verdicts)


def test_hidden_clients_are_not_described_to_the_learner() -> None:
    # Fair for new connections; a connection that is kept goes where it went first.
    config = LAB.read(LAB.reference)["conf/nginx.conf"].decode()
    pinned = config.replace("zone shop 64k;", "zone shop 64k;\n        hash $connection;")
    (verdict,) = examine(LAB, {"conf/nginx.conf": pinned.encode()}, checks=["spread"])
    assert "keep their connections" not in verdict.observed + verdict.why + verdict.next
