"""The control room on a real stack: what its frames tell is what happened, and nothing is left when it is closed."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from autograder.labs.catalogue import load_lab
from autograder.notebook import LabSession, open_lab, room_stream
from autograder.notebook.room_traffic import Tally
from autograder.stack.model import CLIENTS
from autograder.stack.vitals import vitals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from autograder.notebook.frame import Frame
    from autograder.notebook.room import Room

LAB = load_lab("spread-the-load")
MENDED = LAB.read(LAB.reference)["conf/nginx.conf"]
ONE_SERVER = b"events {}\nhttp {\n  server {\n    listen 80;\n    location / { proxy_pass http://app1:8080; }\n  }\n}\n"
PATIENCE = 120.0
"""Seconds; a busy machine is slow, not broken."""


@contextmanager
def lab_open(folder: Path, config: bytes = MENDED, engine: str = "local") -> Iterator[LabSession]:
    (folder / "conf").mkdir(parents=True, exist_ok=True)
    (folder / "conf/nginx.conf").write_bytes(config)
    session = open_lab("spread-the-load", folder=folder, engine=engine)
    try:
        yield session
    finally:
        session.close()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabSession]:
    with lab_open(tmp_path) as session:
        yield session


def until(room: Room, true: Callable[[Frame], bool]) -> Frame:
    """The first frame of which something is true."""
    found: list[Frame] = []
    there = threading.Event()

    def look(frame: Frame) -> None:
        if not found and true(frame):
            found.append(frame)
            there.set()

    leave = room.hear(look)
    there.wait(PATIENCE)
    leave()
    assert found, room.frame()
    return found[0]


def marks(frame: Frame) -> list[str]:
    return [mark.kind for mark in frame.marks]


def server(frame: Frame, name: str) -> str:
    return next(one.condition for one in frame.servers if one.name == name)


def test_every_request_is_counted_and_the_shares_are_those_of_the_servers_own_count(lab: LabSession) -> None:
    room = lab.room
    until(room, lambda frame: sum(second.answered for second in frame.seconds) >= 80)
    room.do("set_load", rate=0)
    quiet = lambda frame: frame.seconds[-1].sent == 0 and frame.throughput == 0  # noqa: E731
    until(room, lambda frame: quiet(frame) and [thread.name for thread in threading.enumerate()].count("flow") == 1)
    last = until(room, quiet)  # nobody waits for an answer any more
    counted = dict.fromkeys((one.name for one in last.servers), 0.0)
    for second in last.seconds:
        assert second.sent == second.answered + second.failed
        for name, share in second.shares.items():
            counted[name] += share * second.answered
    asked = {one.name: (lab.running.machines.address(one.name), one.port) for one in LAB.stack.servers}
    told = lab.running.machines.call(CLIENTS, f"{vitals.__module__}:vitals", {"servers": asked, "timeout": 60.0})
    lost = sum(second.failed for second in last.seconds)  # on a busy machine clients may give up on an answer
    for name, count in counted.items():
        assert 0 <= told[name]["served"] - round(count) <= 2 * lost
    assert 0.35 < counted["app4"] / sum(counted.values()) < 0.45
    assert [second.at for second in last.seconds] == list(range(last.seconds[0].at, last.seconds[-1].at + 1))
    assert last.verdict == "nobody sends"


def test_a_killed_server_shows_as_down_and_its_return_as_a_recovery(tmp_path: Path) -> None:
    with lab_open(tmp_path, ONE_SERVER) as lab:
        room = lab.room
        assert until(room, lambda frame: frame.verdict.startswith("concentrated: 100%")).alarm
        room.do("kill", server="app1")
        frame = until(room, lambda frame: server(frame, "app1") == "down" and frame.failing == 1)
        assert frame.alarm
        assert next(one.exit_code for one in frame.servers if one.name == "app1") == 137
        room.do("bring_back", server="app1")
        frame = until(room, lambda frame: "recovery" in marks(frame))
        assert [kind for kind in marks(frame) if kind != "apply"] == ["fault", "heal", "recovery"]
        assert server(frame, "app1") == "up"
        # One that nobody here killed has crashed.
        lab.running.kill("app1")
        frame = until(room, lambda frame: "crash" in marks(frame))
        assert any("app1 crashed (exit code 137)" in line for line in frame.log)


def test_what_is_done_to_a_server_shows_and_heals(lab: LabSession) -> None:
    room = lab.room
    room.set_load(10)  # little enough for the one that is left
    room.do("slow", server="app2")
    room.do("cut_off", server="app3")
    until(room, lambda frame: (server(frame, "app2"), server(frame, "app3")) == ("slow", "cut-off"))
    lab.running.pause("app4")  # its process is there, and says nothing
    until(room, lambda frame: server(frame, "app4") == "hung")
    room.do("bring_back", server="all")
    until(room, lambda frame: {one.condition for one in frame.servers} == {"up"})


def test_a_refused_config_shows_its_complaint_until_it_is_mended(lab: LabSession) -> None:
    room, path = lab.room, lab.folder / "conf/nginx.conf"
    path.write_bytes(MENDED.replace(b"events {", b"events {\n  nonsense;"))
    until(room, lambda frame: frame.config[0].state == "changed")
    room.do("apply")
    frame = until(room, lambda frame: frame.config[0].state == "refused")
    assert frame.config[0].complaint.startswith("conf/nginx.conf:")
    assert "nonsense" in frame.config[0].complaint
    assert marks(frame)[-1] == "refused"
    added = [line for line in frame.config[0].lines if line.sign == "+"]
    assert ["".join(text for text, _ in line.words) for line in added if line.words[-2:]][-1].strip() == "nonsense;"
    path.unlink()  # as some editors do for a moment
    until(room, lambda frame: frame.config == () and frame.throughput > 0)
    path.write_bytes(MENDED + b"# another\n")
    assert until(room, lambda frame: frame.config[0].state == "changed").config[0].complaint == ""
    room.do("apply")
    until(room, lambda frame: frame.config[0].state == "running")
    room.do("roll_back")
    frame = until(room, lambda frame: frame.config[0].state == "rolled-back")
    assert path.read_bytes() == MENDED
    assert marks(frame)[-1] == "rollback"
    assert frame.config[0].compared_with == "the last known good"


def test_commands_are_carried_out_in_order_and_slips_are_told(lab: LabSession) -> None:
    room = lab.room
    room.do("slow", server="app1")
    room.do("predict", shares={"app1": 0.2, "app2": 0.2, "app3": 0.2, "app4": 0.4})
    room.do("bring_back", server="app1")
    room.do("kil", server="app1")
    frame = until(room, lambda frame: "did you mean 'kill'?" in frame.trouble)
    done = [line.split(" ", 1)[1].partition(":")[0] for line in frame.log]
    assert done[1:4] == ["slow app1", "predict", "bring back app1"]
    assert frame.predicted == {"app1": 0.2, "app2": 0.2, "app3": 0.2, "app4": 0.4}
    room.do("kill", machine="app1")
    until(room, lambda frame: "machine" in frame.trouble)
    room.do("set_clients", name="office")
    frame = until(room, lambda frame: frame.clients == "office")
    assert frame.trouble == ""


def test_several_hear_every_frame_and_a_bad_one_hurts_nobody(lab: LabSession) -> None:
    room = lab.room
    first: list[int] = []
    second: list[int] = []

    def bad(_: Frame) -> None:
        raise RuntimeError("a page that went away")

    room.hear(bad)
    leave = room.hear(lambda frame: first.append(frame.number))
    room.hear(lambda frame: second.append(frame.number))
    until(room, lambda _: len(second) >= 5)
    leave()
    heard = len(first)
    until(room, lambda _: len(second) >= heard + 5)
    assert len(first) == heard
    assert first == list(range(first[0], first[0] + heard))
    assert second == list(range(second[0], second[0] + len(second)))


def test_traffic_rests_while_nobody_looks_and_goes_on_for_whoever_does(
    lab: LabSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room_stream, "REST_AFTER_S", 1.0)
    room = lab.room
    until(room, lambda frame: frame.throughput > 0)
    rested = threading.Event()

    def look_away(frame: Frame) -> bool:
        if frame.verdict == "nobody sends" and frame.throughput == 0 and frame.seconds[-1].sent == 0:
            rested.set()
        return False

    leave = room.hear(look_away)
    assert rested.wait(PATIENCE)
    leave()
    frame = until(room, lambda frame: frame.throughput > 0)
    assert frame.rate > 0
    said = [line.split(" ", 1)[1] for line in frame.log]
    assert said[-2:] == ["nobody looks: the traffic rests until somebody does", "somebody looks: the traffic goes on"]


def test_traffic_does_not_rest_on_call() -> None:
    stream = room_stream.Stream(LAB.stack, Tally(0.0))
    stream._attended = time.monotonic() - room_stream.REST_AFTER_S - 1
    assert stream.rest_or_go_on(on_call=True) == ""
    assert stream.sending
    assert stream.rest_or_go_on(on_call=False)
    assert not stream.sending
    stream.attend()
    assert stream.rest_or_go_on(on_call=False)
    assert stream.sending


def test_a_check_shows_while_it_runs_and_hints_grow_with_attempts_and_on_request(tmp_path: Path) -> None:
    with lab_open(tmp_path, LAB.read(LAB.start)["conf/nginx.conf"]) as lab:
        room = lab.room
        spread = lambda frame: frame.checks[1]  # noqa: E731
        room.do("check", name="spread")
        until(room, lambda frame: spread(frame).outcome == "running")
        frame = until(room, lambda frame: spread(frame).outcome == "failed")
        assert spread(frame).why.startswith("conf/nginx.conf:")
        assert (spread(frame).hint_number, spread(frame).next) == (1, LAB.check("spread").hints[0])
        room.do("hint", name="spread")
        frame = until(room, lambda frame: spread(frame).hint_number == 2)
        assert spread(frame).next == LAB.check("spread").hints[1]
        assert repr(lab.hint("spread")).startswith("hint 3 of 3")
        assert repr(lab.hint("spread")).startswith("hint 3 of 3")
        (tmp_path / "conf/nginx.conf").write_bytes(MENDED)
        assert spread(until(room, lambda frame: spread(frame).stale)).outcome == "failed"
    # Another day, another kernel.
    with lab_open(tmp_path) as lab:
        frame = lab.room.frame()
        assert (spread(frame).outcome, spread(frame).hint_number, spread(frame).stale) == ("failed", 3, True)
        lab.check("spread")
        frame = until(lab.room, lambda frame: spread(frame).outcome == "passed")
        assert (spread(frame).points, spread(frame).hint_number) == (3, 0)


def test_a_cell_that_sends_counts_alone_and_shows_in_the_frames(tmp_path: Path) -> None:
    with lab_open(tmp_path, LAB.read(LAB.start)["conf/nginx.conf"]) as lab:
        room = lab.room
        until(room, lambda frame: frame.throughput > 0)
        # 32 at once are all that the one server holds that gets them: with the room's own it would crash.
        for _ in range(3):
            assert lab.send(requests=100).sample.failed == 0
        frame = until(room, lambda frame: sum(second.sent for second in frame.seconds) >= 300)
        assert {one.condition for one in frame.servers} == {"up"}
        assert "crash" not in marks(frame)
        until(room, lambda frame: frame.at > lab.room.frame().at - 1 and frame.throughput > 0)


def test_a_stack_that_died_is_told_and_started_anew(lab: LabSession) -> None:
    room = lab.room
    until(room, lambda frame: frame.phase == "running")
    os.killpg(lab.running.machines._process.pid, signal.SIGKILL)  # type: ignore[attr-defined]
    frame = until(room, lambda frame: frame.phase == "broken")
    assert "Press Reset" in frame.trouble
    assert {one.condition for one in frame.servers} == {"down"}
    room.do("reset")
    until(room, lambda frame: frame.phase == "running" and frame.throughput > 0)
    assert (lab.folder / "conf/nginx.conf.mine").read_bytes() == MENDED


def test_a_stack_that_slept_goes_on_where_it_was(lab: LabSession) -> None:
    room, keeper = lab.room, lab.running.machines._process.pid  # type: ignore[attr-defined]
    until(room, lambda frame: frame.throughput > 0)
    os.killpg(keeper, signal.SIGSTOP)
    try:
        until(room, lambda frame: frame.throughput == 0 and "no answer" in frame.verdict)
    finally:
        os.killpg(keeper, signal.SIGCONT)
    frame = until(room, lambda frame: frame.phase == "running" and frame.throughput > 0)
    assert (frame.trouble, {one.condition for one in frame.servers}) == ("", {"up"})


@pytest.mark.docker
def test_in_containers_a_change_shows_and_is_undone(tmp_path: Path) -> None:
    with lab_open(tmp_path, engine="docker") as lab:
        assert lab.send(requests=100).sample.shares()["app4"] == 0.4
        room = lab.room
        until(room, lambda frame: 0.3 < frame.observed.get("app4", 0) < 0.5)
        (tmp_path / "conf/nginx.conf").write_bytes(MENDED.replace(b"server app1:8080 ", b"server app1:8080 weight=99 "))
        lab.apply()
        assert until(room, lambda frame: frame.verdict.startswith("concentrated")).observed["app1"] > 0.8
        lab.roll_back()
        assert (tmp_path / "conf/nginx.conf").read_bytes() == MENDED
        until(room, lambda frame: 0.3 < frame.observed.get("app4", 0) < 0.5)
        assert [kind for kind in marks(room.frame()) if kind != "load"] == ["apply", "rollback"]


def test_that_it_is_closed_is_told_before_anything_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A server that shuts a kernel down gives it five seconds; on a busy machine the last answer may take longer.
    happened: list[str] = []
    with lab_open(tmp_path) as lab:
        room = lab.room
        until(room, lambda frame: frame.throughput > 0)
        stop = room._stream.stop
        monkeypatch.setattr(room._stream, "stop", lambda: (happened.append("stop"), stop()))
        room.hear(lambda frame: happened.append(frame.phase))
    assert happened.index("closed") < happened.index("stop")


def test_nothing_is_left_after_closing(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with lab_open(tmp_path) as lab:
        room = lab.room
        until(room, lambda frame: frame.throughput > 0)
        keeper = os.pidfd_open(lab.running.machines._process.pid)  # type: ignore[attr-defined]
    assert room.frame().phase == "closed"
    assert set(threading.enumerate()) - before == set()
    with pytest.raises(ProcessLookupError):
        signal.pidfd_send_signal(keeper, 0)
    os.close(keeper)
    frames: list[Frame] = []
    room.hear(frames.append)
    room.do("apply")
    room.close()
    assert frames == []


def test_a_cell_and_a_button_wait_for_each_other(lab: LabSession) -> None:
    room = lab.room
    with lab.lock:
        room.do("kill", server="app1")
        until(room, lambda frame: frame.phase == "busy")
        assert lab.running.servers()["app1"].up
        lab.bring_back("app1")
    until(room, lambda frame: server(frame, "app1") == "down")
