"""A shift on call is judged by what its record does when it is played again; a record alone is only text.

Every folder of the lab is proved by ``./manyhands verify first-of-march``; here is one of each kind, and what is judged
without a stack.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from autograder.labs.catalogue import load_lab
from autograder.labs.examiner import examine
from autograder.labs.kinds import oncall_stage
from autograder.labs.kinds.oncall import QUESTIONS, answered
from autograder.labs.kinds.oncall_play import Moment, Shift, best_run
from autograder.labs.kinds.oncall_record import LARGEST, MOST, MOST_CHANGES, Action, UnreadableError, read_record
from autograder.labs.kinds.oncall_stage import AtDoor, Seen
from autograder.labs.kinds.oncall_world import Repository, ShiftError, World, read_world
from autograder.labs.lab import Variant
from autograder.labs.verify import expectations
from tests.labs.folders import faults

if TYPE_CHECKING:
    from autograder.labs.lab import Lab

LAB = load_lab("first-of-march")
CASES = {case.name: case for case in expectations(LAB)}
GOODS = "room slow-clients compress patience"
KEY = LAB.checks[0].settings["world"]
BAD = ("one-pool", "checkout", "night")


def world_of(lab: Lab = LAB) -> World:
    return read_world(lab, lab.checks[0].settings["world"])


def record(name: str) -> tuple[Action, ...]:
    return read_record(LAB.read(CASES[name].folder)["shift.jsonl"])


def seen(failing: float, **counts: int) -> Seen:
    """Half of the users come by each balancer, and the same becomes of them."""
    door = AtDoor(100, round(100 * failing), counts)
    up = {name for name, count in counts.items() if count}
    return Seen({"lb1": door, "lb2": door}, tuple(name for name in ("app1", "app2", "app3", "app4") if name not in up))


DEAD = seen(1.0)
WELL = seen(0.0, app1=25, app2=25, app3=25, app4=25)


def on_paper(actions: tuple[Action, ...], *moments: Moment) -> Shift:
    """A shift as it would have been: what its record says, and what users are said to have met."""
    world = world_of()
    repository = Repository(world.history)
    for action in actions:
        if action.do == "revert":
            repository = repository.reverted(action.words["commit"], action.words["why"], action.at_s)
    return Shift(world, actions, (Moment(0.0, None, DEAD), *moments), repository, (repository.config,) * 2)


def best_on_paper() -> Shift:
    actions = best_run(world_of())
    healed = {1: DEAD, 2: replace(WELL, down=("app1",)), 3: WELL}
    changes = [action for action in actions if action.do in ("reload", "restart")]
    return on_paper(actions, *(Moment(one.at_s, one, healed[n]) for n, one in enumerate(changes, 1)))


def told_with(*texts: str) -> str:
    """What is said of the best run with other messages; the last one is the all-clear."""
    best = best_on_paper()
    words = iter(texts)
    actions = [
        replace(one, words={"text": next(words)}) if one.do in ("tell", "all-clear") else one for one in best.actions
    ]
    said = answered(replace(best, actions=tuple(actions)), "told", b"")
    return "kept" if said.kept else f"{said.mistake}: {said.observed}"


def test_every_question_is_a_check_about_the_same_world() -> None:
    assert [check.settings["ask"] for check in LAB.checks] == list(QUESTIONS)
    assert {check.settings["world"] for check in LAB.checks} == {KEY}
    assert LAB.points == 10


@pytest.mark.parametrize("bad", BAD)
def test_in_every_world_the_cause_can_be_undone_alone_and_nothing_else_is_lost(bad: str) -> None:
    world = read_world(LAB, f"{bad} / {GOODS} / 10:05")
    repository = Repository(world.history)
    undone = repository.reverted(world.cause.name, "because", 60.0)
    assert undone.config == world.wanted != world.last
    assert undone.commits[: len(world.history)] == world.history
    assert all(put not in world.wanted for _, put in world.cause.edits)
    for good in world.history[1:]:
        assert repository.reverted(good.name, "because", 60.0).config != world.last
    assert repository.gone_back(world.history[2].name, "because", 60.0).config == world.history[2].after
    assert repository.reset(world.history[2].name).commits == world.history[:3]
    with pytest.raises(ShiftError, match="there is no commit"):
        repository.named("")
    with pytest.raises(ShiftError, match="cannot be taken back by itself"):
        undone.reverted(world.cause.name, "twice", 90.0)


def test_variants_have_other_causes_pagers_and_machines() -> None:
    labs = [load_lab("first-of-march", Variant("a", f"student-{number}")) for number in range(12)]
    worlds = [world_of(lab) for lab in labs]
    assert {world.key.partition(" / ")[0] for world in worlds} == set(BAD)
    assert len({world.began_s for world in worlds}) > 2
    assert len({world.alone for world in worlds}) > 4
    for lab, world in zip(labs, worlds, strict=True):
        assert {*world.servers, world.spare} == {server.name for server in lab.stack.servers}
        actions = read_record(lab.read(lab.reference)["shift.jsonl"])
        assert actions[0].words["world"] == world.key
        assert any(one.words.get("commit") == world.cause.name for one in actions)


def test_every_time_of_day_in_a_variants_files_is_its_own() -> None:
    plain = world_of()
    for number in range(8):
        lab = load_lab("first-of-march", Variant("a", f"student-{number}"))
        world = world_of(lab)
        for case in CASES.values():
            written, mine = (one.read(case.folder) for one in (LAB, lab))
            for name in ("shift.jsonl", "debrief.md"):
                times = [re.findall(r"(?<!\d)1[01][:.]\d\d(?!\d)", files[name].decode()) for files in (written, mine)]
                for one, other in zip(*times, strict=True):
                    after_s = 3600 * int(one[:2]) + 60 * int(one[3:]) - plain.began_s
                    assert other.replace(".", ":") == world.clock(after_s), (number, case.name, one)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("[1]", "says nothing"),
        ('{"at": 1, "do": ["look"]}', "says nothing"),
        ('{"at": 1, "do": "win"}', "says nothing"),
        ('{"do": "escalate"}', "no time"),
        ('{"at": true, "do": "escalate"}', "no time"),
        ('{"at": NaN, "do": "escalate"}', "not within"),
        ('{"at": -1, "do": "escalate"}', "not within"),
        ('{"at": 1e400, "do": "escalate"}', "not within"),
        (f'{{"at": {"9" * 400}, "do": "escalate"}}', "not within"),
        ('{"at": 1, "do": "restart"}', "no text 'server'"),
        ('{"at": 1, "do": "restart", "server": 5}', "no text 'server'"),
        ('{"at": 1, "do": "tell", "text": "\\ud800"}', "no text 'text'"),
        (json.dumps({"at": 1, "do": "tell", "text": "x" * 5000}), "too long"),
        ("[" * 100_000, "no JSON"),
        ('{"at": 5, "do": "escalate"}\n{"at": 4, "do": "escalate"}', "earlier"),
        ('{"at": 5, "do": "escalate"}\n' * (MOST + 1), "more than"),
        ('{"at": 5, "do": "restart", "server": "app1"}\n' * (MOST_CHANGES + 1), "change a machine"),
        ("x" * (LARGEST + 1), "larger"),
    ],
)
def test_a_record_that_is_none_is_told_why(line: str, why: str) -> None:
    with pytest.raises(UnreadableError, match=why):
        read_record(line.encode())


def test_a_record_is_read_as_it_was_written() -> None:
    actions = record("by-hand")
    text = "\n".join(action.line() for action in actions)
    assert read_record(text.encode()) == read_record(text.encode("utf-8-sig")) == actions


def test_on_paper_the_best_run_is_the_best() -> None:
    best = best_on_paper()
    assert best.served_s == 240
    assert best.lost == 600 * (5 + 4)
    debrief = b"Paged: 10:05\nServed again: 10:09\nRequests lost: 5,400\nCause: 5d1f0a3\nNext time: "
    debrief += b"an alert on the share of each machine, in the first minute"
    for ask in QUESTIONS:
        said = answered(best, ask, debrief)
        assert said.kept, (ask, said)


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (["On it, since 10:00. More at 10:16.", "Over. It was 5d1f0a3."], "kept"),
        (["All pages fail, 100 %.", "Over: 25 % each. It was “Try the new  pool”."], "kept"),
        (["We are on it; it runs into the sand.", "Over. 5d1f0a3"], "kept"),
        (["Hello.", "Over."], ": 2 messages, and none names the change"),
        (["Only 60 % fail.", "Over. 5d1f0a3"], "untrue-number: The message of 10:06 says 60 %"),
        (["Since 09:12.", "Over. 5d1f0a3"], "untrue-time: The message of 10:06 says 09:12"),
        (["Eli broke it.", "Over. 5d1f0a3"], "blames-a-person: The message of 10:06"),
        (["Somebody was careless.", "Over. 5d1f0a3"], "blames-a-person"),
    ],
)
def test_messages_are_compared_with_what_was_measured(texts: list[str], wanted: str) -> None:
    assert told_with(*texts).startswith(wanted)


def test_an_all_clear_while_half_of_the_pages_fail_is_no_news_but_an_error() -> None:
    best = best_on_paper()
    early = [replace(one, at_s=200.0) if one.do == "all-clear" else one for one in best.actions]
    shift = replace(best, actions=tuple(sorted(early, key=lambda one: one.at_s)))
    assert answered(shift, "verify", b"").mistake == "all-clear-too-early"
    assert answered(shift, "told", b"").mistake == "all-clear-too-early"


@pytest.mark.parametrize(
    "lines",
    [
        "- **Paged**: 10:05 UTC\n- **Served again**: from 10:09 on\n- **Requests lost**: about 5 400, of 72 000\n",
        "| Paged | 10.05 |\n| Served again | 10.09 |\n| Requests lost | 5.400 |\n",
        "Paged at 10:05.\nServed again at 10:09, by both balancers.\nRequests lost: 5400\n",
        "## Paged\n\n10:05\n\n## Served again\n\n10:09\n\n## Lost requests\n\n~5.4k\n\n",
        'paged: "10:05"\r\nserved_again: "10:09"\r\nrequests_lost: 5400\r\n',
        "Paged: 10:05\nServed again: 10:09\nRequests lost: 9 min x 600/min = 5,400\n",
        "Paged: 10:05\nServed again: 10:09\n**Requests lost:** 5'400 (= 9 × 600)\n",
    ],
)
def test_a_debrief_may_be_written_in_other_words(lines: str) -> None:
    text = f"{lines}Cause: 5d1f0a3\nNext time: an alert on the share of each machine, in the first minute\n"
    said = answered(best_on_paper(), "debrief", text.encode())
    assert said.kept, said.observed


_NUMBERS = "Paged: 10:05\nServed again: 10:09\nRequests lost: 5,400\nCause: 5d1f0a3\n"


@pytest.mark.parametrize(
    ("ending", "wanted"),
    [
        ("## Next time\n\n> An alert on the share of each machine,\n> in the first minute\n", "kept"),
        ("# Next time\n### What\nAn alert on the share of each machine, at once\n", "kept"),
        (
            "Next time: be careful.\n\n## What else happened\nSo much that it fills many lines here.\n",
            "is followed by 2 words",
        ),
        ("Next time: more\nCause: the change 5d1f0a3, which sent all to one machine\n", "is followed by 1 word."),
        ("Next time: .\n", "is followed by no words"),
        ("To do: an alert on the share of each machine, in the first minute\n", "does not say: next time."),
    ],
)
def test_what_is_done_next_time_may_stand_below(ending: str, wanted: str) -> None:
    said = answered(best_on_paper(), "debrief", f"{_NUMBERS}{ending}".encode())
    assert wanted in ("kept" if said.kept else said.observed)


def test_a_message_of_no_letters_is_none() -> None:
    best = best_on_paper()
    mute = tuple(replace(one, words={"text": " . "}) if "text" in one.words else one for one in best.actions)
    assert answered(replace(best, actions=mute), "told", b"").mistake == "nobody-told"


@pytest.mark.parametrize(
    "text", [b"", b"\xff\xfe", b"Paged: 99:99\nServed again: 0:00\nRequests lost: 9,9", b"#" * 1_000_000]
)
def test_a_debrief_may_be_anything(text: bytes) -> None:
    assert not answered(best_on_paper(), "debrief", text).kept


@pytest.mark.parametrize("name", ["start", "restarts", "one-balancer"])
def test_a_wrong_shift_is_told_what_was_wrong(name: str) -> None:
    assert faults(LAB, CASES[name]) == []


@pytest.mark.parametrize("number", [0, 1])
def test_the_reference_earns_every_point_in_other_worlds_too(number: int) -> None:
    lab = load_lab("first-of-march", Variant("a", f"student-{number}")) if number else LAB
    reference = next(case for case in expectations(lab) if case.kind == "reference")
    assert faults(lab, reference) == []


def test_somebody_elses_record_earns_nothing() -> None:
    other = LAB.read(LAB.reference)["shift.jsonl"].replace(b"10:05", b"10:08")
    verdicts = examine(LAB, LAB.read(LAB.reference) | {"shift.jsonl": other})
    assert {verdict.points for verdict in verdicts} == {0}
    assert "another shift" in verdicts[0].observed


def test_a_config_that_lets_users_wait_for_nothing_does_not_take_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oncall_stage, "_PATIENCE_S", 0.2)
    config = world_of().wanted.replace("bind :80\n", "bind :80\n    timeout tarpit 60s\n    http-request tarpit\n")
    actions = [Action(0, "begin", {"world": KEY}), Action(60, "commit", {"config": config, "why": "hush"})]
    actions += [Action(120 + number, "reload", {"balancer": "lb1"}) for number in range(9)]
    lines = "\n".join(action.line() for action in actions)
    (verdict,) = examine(LAB, LAB.read(LAB.reference) | {"shift.jsonl": lines.encode()}, checks=["mitigate"])
    assert (verdict.outcome, verdict.points) == ("failed", 0)
    assert "users wait for nothing" in verdict.observed


@pytest.mark.docker
def test_on_docker_it_is_the_same() -> None:
    verdicts = examine(LAB, LAB.read(LAB.reference), engine="docker")
    assert {str(verdict.outcome) for verdict in verdicts} == {"passed"}, verdicts
