"""What is looked at by a button or a key: on real stacks, in a lab and on a shift."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from autograder.labs.kinds.oncall_record import FILE, read_record
from autograder.notebook import open_lab, take_shift
from autograder.notebook.room_looks import MOST_LINES
from autograder.notebook.terminal.commands import Commands
from autograder.notebook.terminal.on_call import OnCall, pane

if TYPE_CHECKING:
    from pathlib import Path

    from autograder.notebook.frame import Frame, LookNow
    from autograder.notebook.room import Room

PATIENCE = 120.0


def looked(room: Room, **words: Any) -> LookNow:
    """Press the button; what is seen then."""
    before, found, there = room.frame().looked, [], threading.Event()

    def hear(frame: Frame) -> None:
        if frame.looked is not before or (frame.trouble and not frame.doing):
            found.append(frame)
            there.set()

    leave = room.hear(hear)
    room.do("look", **words)
    assert there.wait(PATIENCE)
    leave()
    assert not found[0].trouble
    seen = found[0].looked
    assert seen is not None
    assert seen is not before
    return seen


def refused(room: Room, said: str, **words: Any) -> None:
    """Press a button that cannot be obeyed: it is told."""
    told = threading.Event()
    leave = room.hear(lambda frame: told.set() if said in frame.trouble else None)
    room.do("look", **words)
    assert told.wait(PATIENCE)
    leave()


def test_what_a_machine_wrote_shows_and_stays_in_the_log(tmp_path: Path) -> None:
    lab = open_lab("spread-the-load", folder=tmp_path, panel=False)
    try:
        while lab.logs("lb").count("\n") <= MOST_LINES:
            lab.apply()  # the balancer tells of each
        seen = looked(lab.room, what="logs")
        assert seen.title == "what lb wrote"
        first, *rest = seen.text.splitlines()
        assert first.startswith(f"… the last {MOST_LINES} of ")
        assert first.endswith("lines; all: lab.logs('lb') in a cell, logs lb in lines")
        assert "\n".join(rest) in lab.logs("lb")
        assert len(rest) == MOST_LINES
        assert any(line.endswith(f"looked at what lb wrote\n{seen.text}") for line in lab.room.frame().log)
        assert looked(lab.room, what="logs", of="app1").text == "nothing yet"
        typed = Commands(lab, None)
        assert "start worker process" in str(typed.obey("logs"))
        assert typed.obey("logs app1") == "app1 has written nothing yet"
        assert "no node called 'ap1'" in str(typed.obey("logs ap1"))
        refused(lab.room, "thing to look at", what="dance")
        refused(lab.room, "nobody is on call", what="shares")
    finally:
        lab.close()


def test_on_a_shift_every_look_has_a_button_and_is_written_down(tmp_path: Path) -> None:
    lab = open_lab("first-of-march", folder=tmp_path, panel=False)
    try:
        shift = take_shift(lab)
        shift.begin()
        cause = shift.world.cause.name
        assert "requests failed just now" in looked(lab.room, what="shares").text
        assert "failed" in looked(lab.room, what="errors").text
        assert cause in looked(lab.room, what="history").text
        assert "\n+" in looked(lab.room, what="change", of=cause).text
        looked(lab.room, what="logs", of="lb1")
        shift.end()
        assert "The best that could be done" in looked(lab.room, what="debrief").text
        words = OnCall(shift)
        assert "debrief" in words.answer("begin")  # it is over
        for line in ("begin", "pager", "chat", "end", "tell hello", "debrief", "reload lb1", "more"):
            assert "shift." not in words.answer(line)
        assert "type debrief" in pane(shift.now()).plain
    finally:
        lab.close()
    looks = [one.words["at_what"] for one in read_record((tmp_path / FILE).read_bytes()) if one.do == "look"]
    assert looks == ["shares", "errors", "history", f"change {cause}", "logs lb1"]
