"""A peak proves a config only if the servers were under pressure; else nobody knows, and nobody says so."""

from __future__ import annotations

import dataclasses

import pytest

from autograder.labs.catalogue import load_lab
from autograder.labs.examiner import examine
from autograder.labs.kinds.peak import busy_part
from autograder.labs.verdict import Outcome
from autograder.stack.engine import EngineError
from autograder.traffic.sample import Fate, Sample

LAB = load_lab("spread-the-load")
PEAK = LAB.check("peak")


def test_servers_that_nobody_pressed_prove_nothing() -> None:
    """A machine that stalls lets a few people in at a time, and then the wrongest config survives."""
    few = dataclasses.replace(PEAK, requests=20)
    lab = dataclasses.replace(LAB, checks=(few,))
    with pytest.raises(EngineError, match="too busy for a peak") as caught:
        examine(lab, LAB.read(LAB.folder / "wrong" / "no-weights"))
    assert f"of {PEAK.concurrency} people were with the servers at once" in str(caught.value)


def test_servers_that_were_pressed_prove_it_at_once() -> None:
    lab = dataclasses.replace(LAB, checks=(PEAK,))
    (verdict,) = examine(lab, LAB.read(LAB.reference))
    assert verdict.outcome is Outcome.PASSED


def test_how_busy_servers_were_is_told_from_what_they_did() -> None:
    fates = tuple(Fate(0, "198.19.0.1", 200, "", 1.0, name, True) for name in ("app1", "app1", "app4", "app4"))
    sample = Sample("many", "", fates, 0.08, 0)
    # Two of 80 ms each keep four workers of app1 busy half the time, eight of app4 a quarter; the others had none.
    assert busy_part(sample, LAB.stack.servers) == pytest.approx((0.5 + 0.25) / 2)
    assert busy_part(Sample("many", "", (), 0.0, 0), LAB.stack.servers) == 0.0
