"""The lab on overload proves itself, and a wave of people is judged by what became of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.labs.catalogue import load_lab
from autograder.labs.examiner import examine
from autograder.labs.kinds.amplified import work_in
from autograder.labs.kinds.surge import in_words, wave_of, why
from autograder.labs.verdict import Outcome
from autograder.labs.verify import expectations
from autograder.traffic.sample import Fate, Sample

if TYPE_CHECKING:
    from tests.labs.folders import Found

LAB = load_lab("too-much")
FOLDERS = [case.name for case in expectations(LAB)]
LONG = ("start", "waits-for-ever", "limit-at-the-door", "only-app1", "retries-off-only", "room-for-all")
"""People wait in vain here, and the check waits with them; it costs no more than the others."""


@pytest.mark.xdist_group("too-much")
@pytest.mark.parametrize(
    "folder", [pytest.param(name, marks=pytest.mark.slow if name in LONG else ()) for name in FOLDERS]
)
def test_each_folder_gets_what_it_must(found: Found, folder: str) -> None:
    assert found[folder].result() == []


@pytest.mark.docker
@pytest.mark.slow
def test_on_docker_as_well() -> None:
    right = examine(LAB, LAB.read(LAB.reference), engine="docker", checks=["surge", "storm"])
    wrong = examine(LAB, LAB.read(LAB.start), engine="docker", checks=["surge", "storm"])
    assert [one.outcome for one in (*right, *wrong)] == [Outcome.PASSED] * 2 + [Outcome.FAILED] * 2


SERVED = Fate(0, "198.19.1.1", 200, "", 10.0, "app1", checkout=True)
ANOTHER_PAGE = Fate(0, "198.19.1.1", 200, "", 10.0, "app1")
TOLD = Fate(0, "198.19.1.1", 503, "5xx-balancer", 10.0, "")
TOLD_KINDLY = Fate(0, "198.19.1.1", 429, "", 10.0, "")
IN_VAIN = Fate(0, "198.19.1.1", 0, "timeout", 8000.0, "")
CUT_OFF = Fate(0, "198.19.1.1", 0, "reset", 10.0, "")
SERVERS_OWN = Fate(0, "198.19.1.1", 500, "5xx-server", 10.0, "app1", checkout=True)
KINDS = (SERVED, ANOTHER_PAGE, TOLD, TOLD_KINDLY, IN_VAIN, CUT_OFF, SERVERS_OWN)


def _sample(*fates: Fate, extra: int = 0) -> Sample:
    return Sample("many", "people", fates, 1.0, extra)


@given(st.lists(st.sampled_from(KINDS)))
def test_everybody_has_one_fate(fates: list[Fate]) -> None:
    wave = wave_of(_sample(*fates), ())
    assert wave.served + wave.told + wave.in_vain + wave.cut_off == wave.people == len(fates)
    assert wave.served == fates.count(SERVED)
    assert wave.in_vain == fates.count(IN_VAIN)


def test_a_wave_is_held_if_enough_are_served_and_the_others_told() -> None:
    held = [SERVED] * 18 + [TOLD] * 60 + [TOLD_KINDLY] * 60
    assert wave_of(_sample(*held), ()).good(18)
    assert not wave_of(_sample(*held), ("app1",)).good(18)
    for bad in (IN_VAIN, CUT_OFF, SERVERS_OWN):
        assert not wave_of(_sample(*held, bad), ()).good(18)
    assert not wave_of(_sample(*held[1:]), ()).good(18)


def test_nobody_is_sent_away_while_workers_have_nothing_to_do() -> None:
    idle = wave_of(_sample(*[SERVED] * 60, TOLD), (), idle=3)
    assert not idle.good(18)
    assert "3 of the servers' workers never had anything to do." in in_words(idle, 18)
    assert "less at once than it can work on" in why(idle, 18)
    assert wave_of(_sample(*[SERVED] * 60), (), idle=3).good(18)  # all were served, so nobody missed them


def test_a_crash_is_never_tried_again_and_a_stall_is() -> None:
    late = wave_of(_sample(*[SERVED] * 20, IN_VAIN), ())
    assert late.worth_another(18)
    assert "longer than their patience" in why(late, 18)
    crashed = wave_of(_sample(*[SERVED] * 20, CUT_OFF), ("app1", "app2"))
    assert not crashed.worth_another(18)
    assert "app1 and app2 ran out of memory" in in_words(crashed, 18)


def test_work_is_what_servers_did_whoever_got_the_answer() -> None:
    assert work_in(_sample(SERVERS_OWN, SERVERS_OWN, TOLD, extra=6)) == 8


def test_the_start_is_told_how_its_machines_died_and_what_a_request_became() -> None:
    surge, storm = examine(LAB, LAB.read(LAB.start), checks=["surge", "storm"])
    assert "ran out of memory and died" in surge.observed
    assert "For 48 requests of clients the servers were asked 192 times" in storm.observed
