"""The lab on addresses proves itself, and its two kinds of checks judge what they are told."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from autograder.labs.catalogue import LabError, load_lab
from autograder.labs.examiner import examine
from autograder.labs.kinds.forged_address import _why, callers
from autograder.labs.kinds.sticky import moved, people
from autograder.labs.proofs import Expected
from autograder.labs.verdict import Outcome
from autograder.labs.verify import expectations
from autograder.traffic.sample import Fate
from tests.labs.folders import faults

if TYPE_CHECKING:
    from pathlib import Path

LAB = load_lab("one-address")
CASES = tuple(expectations(LAB))


@pytest.mark.parametrize("expected", CASES, ids=lambda case: case.name)
def test_each_folder_gets_what_it_must(expected: Expected) -> None:
    assert faults(LAB, expected) == []


@pytest.mark.docker
def test_on_docker_as_well() -> None:
    right = examine(LAB, LAB.read(LAB.reference), engine="docker", checks=["stays", "staff"])
    wrong = examine(LAB, LAB.read(LAB.folder / "wrong/first-of-the-list"), engine="docker", checks=["staff"])
    assert [one.outcome for one in (*right, *wrong)] == [Outcome.PASSED, Outcome.PASSED, Outcome.FAILED]


def test_a_forger_is_told_from_other_strangers() -> None:
    (verdict,) = examine(LAB, LAB.read(LAB.folder / "wrong/first-of-the-list"), checks=["staff"])
    assert "who wrote that address into X-Forwarded-For before it, were let in" in verdict.observed
    assert "strangers, straight" not in verdict.observed
    assert "only the last one is its own" in verdict.why


def _fate(client: int, server: str) -> Fate:
    return Fate(client, "198.19.1.1", 200, "", 1.0, server)


def test_clients_who_move_are_counted_once() -> None:
    first = [_fate(0, "app1"), _fate(1, "app2"), _fate(2, "app1")]
    later = [_fate(0, "app1"), _fate(1, "app1"), _fate(1, "app3"), _fate(2, "app1")]
    assert moved(first, later[:2]) == 1  # to the home of another, too
    assert moved(first, later) == 1
    assert moved(first, first) == 0


def test_people_behind_one_address_each_have_a_browser() -> None:
    office = people("office", 7)
    assert len(office.clients) == 7
    assert len({one.address for one in office.clients}) == 1
    assert all(one.cookies for one in office.clients)
    assert not any(one.cookies for one in people("office", 7, cookies=False).clients)
    assert len({one.address for one in people("many", 9).clients}) == 9


def test_only_the_last_word_of_the_header_is_the_proxys() -> None:
    asked = callers("198.19.200.9", "198.19.77.5")
    assert [one.welcome for one in asked] == [True, True, False, False, False, False, False, False]
    assert asked[5].forwarded_for.startswith("198.19.200.9, ")
    assert asked[5].address == "198.19.77.5"


def test_those_beside_the_address_ask_as_well() -> None:
    straight, through = callers("198.19.200.9", "198.19.77.5")[6:]
    assert (straight.address, straight.forwarded_for) == ("198.19.200.8", "")
    assert (through.address, through.forwarded_for) == ("198.19.77.5", "198.19.200.8")


@pytest.mark.parametrize(
    ("let_in", "said"),
    [
        ([4, 0, 0, 0, 0, 0, 0, 0], "Their own is in X-Forwarded-For"),
        ([4, 4, 4, 4, 4, 4, 4, 4], "No rule keeps strangers"),
        ([4, 4, 4, 0, 0, 4, 0, 4], "Everybody who comes through the CDN"),
        ([4, 4, 0, 0, 4, 0, 0, 0], "believed from others than the CDN"),
        ([4, 4, 0, 0, 0, 4, 0, 0], "only the last one"),
        ([4, 4, 0, 0, 0, 0, 4, 4], "more addresses than the one"),
        ([0, 4, 0, 0, 0, 0, 0, 0], "known by their own address"),
        ([0, 0, 0, 0, 0, 0, 0, 0], "Nobody is let in"),
    ],
)
def test_who_was_let_in_says_whom_the_balancer_believes(let_in: list[int], said: str) -> None:
    assert said in _why(let_in, let_in)


def test_a_rule_for_one_page_is_told_from_a_rule_that_is_gone() -> None:
    closed, opened = [4, 4, 0, 0, 0, 0, 0, 0], [4] * 8
    assert _why(closed, opened) == "The rule closes that one page. The pages below it are open to everybody."
    assert "No rule keeps strangers" in _why(opened, closed)


def test_phones_are_asked_without_cookies() -> None:
    (verdict,) = examine(LAB, LAB.read(LAB.folder / "wrong/phones-cookie"), checks=["phones"])
    assert verdict.outcome is Outcome.FAILED
    assert verdict.observed.startswith("240 people who keep no cookies, 2 visits each.")


def test_a_door_that_the_stack_does_not_have_is_told_with_its_line(tmp_path: Path) -> None:
    shutil.copytree(LAB.folder, tmp_path / LAB.slug)
    path = tmp_path / LAB.slug / "lab.toml"
    text = path.read_text(encoding="utf-8").replace('through = "phones" }', 'through = "phone" }', 1)
    path.write_text(text, encoding="utf-8")
    line = next(number for number, said in enumerate(text.splitlines(), 1) if '"phone"' in said)
    with pytest.raises(
        LabError, match=rf"lab\.toml:{line}: .*no balancer called 'phone'\s+next  did you mean 'phones'"
    ):
        load_lab(LAB.slug, folder=tmp_path)


def test_a_mistake_is_looked_for_behind_the_door_that_was_asked() -> None:
    files = LAB.read(LAB.folder / "wrong/phones-forgotten")
    cdn, phones = examine(LAB, files, checks=["cdn", "phones"])
    assert (cdn.outcome, phones.outcome) == (Outcome.PASSED, Outcome.FAILED)
    assert [(one.mistake, one.file) for one in phones.causes] == [("address-hash", "conf/nginx.conf")]
    (cdn,) = examine(LAB, LAB.read(LAB.start), checks=["cdn"])
    assert {one.file for one in cdn.causes} == {"conf/haproxy.cfg"}
