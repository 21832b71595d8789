"""``./manyhands lab`` as a person and as a script use it, with a real stack: on a terminal, and in a pipe."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from autograder.launch.processes import descendants

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.launch.processes import Process

ROOT = Path(__file__).parents[2]
LAB = ROOT / "labs" / "spread-the-load"
CONFIG = Path("conf/nginx.conf")
COMMAND = [sys.executable, "-P", "-m", "autograder", "lab"]
PATIENCE = 90.0


class Terminal:
    """The program on a terminal of its own."""

    def __init__(self, *words: str, **environment: str) -> None:
        self.master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (40, 130))
        self.process = subprocess.Popen(
            [*COMMAND, *words],
            cwd=ROOT,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", **environment},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that a closed terminal is a signal
        )
        os.close(slave)
        self.text = ""

    def wait_for(self, pattern: str) -> None:
        """Wait until something is written that was not when this was called."""
        self.text = ""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, self.text):
            assert time.monotonic() < deadline, f"no {pattern!r} in: {self.text[-4000:]}"
            assert self.process.poll() is None, f"it ended: {self.text[-4000:]}"
            self._read(1.0)

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def end(self) -> int:
        """Wait until it has ended; its exit code."""
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < deadline:
            self._read(0.1)
        return self.process.wait(1)

    def close(self) -> None:
        """Close the terminal, as a window is closed."""
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def started(self) -> list[Process]:
        """Every process of the stack."""
        return descendants(self.process.pid)

    def _read(self, seconds: float) -> None:
        ready, _, _ = select.select([self.master], [], [], seconds)
        with contextlib.suppress(OSError):  # the other side has closed
            if ready:
                self.text += re.sub(
                    r"\x1b\[[<=>?0-9;]*[A-Za-z]", "", os.read(self.master, 65536).decode(errors="replace")
                )


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    one = Terminal("spread-the-load", "--folder", str(tmp_path), EDITOR=str(mending_editor(tmp_path)))
    yield one
    if one.process.poll() is None:
        one.process.kill()
        one.process.wait()
    one.close()


def mending_editor(folder: Path) -> Path:
    """An editor that knows the answer."""
    folder.mkdir(exist_ok=True)
    program = folder / "editor"
    program.write_text(f"#!/bin/sh\ncp '{LAB / 'reference' / CONFIG}' \"$1\"\n", encoding="utf-8")
    program.chmod(0o755)
    return program


def gone(processes: list[Process]) -> bool:
    return bool(processes) and all(process.wait(PATIENCE) for process in processes)


def lines(*commands: str, folder: Path, words: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "spread-the-load", "--folder", str(folder), *words],
        cwd=ROOT,
        input="".join(f"{command}\n" for command in commands),
        env={**os.environ, "EDITOR": str(mending_editor(folder))},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_a_person_mends_a_lab_on_the_full_screen_and_leaves_nothing_behind(terminal: Terminal, tmp_path: Path) -> None:
    terminal.wait_for(r"concentrated: 100% on one of four servers[\s\S]*▸1 app1 +█+│█+ +100%")
    stack = terminal.started()
    second = lines(folder=tmp_path)
    assert second.returncode == 2
    assert "this lab is open in a terminal (process " in second.stderr
    terminal.press("e")
    terminal.wait_for(r"saved, not applied")
    terminal.press("a")
    terminal.wait_for(r"app4 +█+·*│?█*·* +(3[5-9]|4\d)%")
    terminal.press("c")
    terminal.wait_for("Which check")
    terminal.press("\x1b[B\r")  # the second one
    terminal.wait_for("✓ spread  passed")
    terminal.press("r")
    terminal.wait_for("app1 +█+│█+ +100%")
    assert (tmp_path / CONFIG).read_bytes() == (LAB / "start" / CONFIG).read_bytes()
    terminal.press("q")
    assert terminal.end() == 0
    assert "goes on where you were" in terminal.text
    assert gone(stack)


@pytest.mark.parametrize(("how", "code"), [("hang-up", 129), ("kill", -9)])
def test_nothing_is_left_when_the_terminal_closes_or_the_program_is_killed(
    terminal: Terminal, how: str, code: int
) -> None:
    terminal.wait_for("concentrated")
    stack = terminal.started()
    if how == "hang-up":
        terminal.close()
    else:
        terminal.process.send_signal(signal.SIGKILL)
    assert terminal.process.wait(PATIENCE) == code
    assert gone(stack)


def test_a_script_gets_a_record_and_an_exit_code(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    first = lines("task", "send office 100", "check spread", "# a remark", "", folder=folder)
    assert first.returncode == 1
    assert re.search(r"^> send office 100\napp1 +100% +fair 20% +too much$", first.stdout, re.MULTILINE)
    assert "█" not in first.stdout
    assert "It is Monday, a week after the outage." in first.stdout
    assert f"Here: {folder / CONFIG}" in first.stdout
    assert "Type task for what there is to do" in first.stderr + first.stdout
    assert "✗ spread: failed (0 of 3)" in first.stdout
    mend = ("edit", "diff", "syntax", "apply", "shares", "check starts", "checks")
    harm = ("kill app1", "predict app1=20 app2=20 app3=20 app4=40", "check all", "rollback", "quit", "check")
    then = lines(*mend, *harm, folder=folder)
    assert then.returncode == 0, then.stdout + then.stderr
    assert re.search(r"^app4 +(3[5-9]|4\d)% +40%", then.stdout, re.MULTILINE)
    assert "▲" not in then.stdout
    assert re.search(r"^\+ .*server app1:8080", then.stdout, re.MULTILINE)
    assert "✓ starts  passed  1 of 1" in then.stdout
    assert "app1 is down; back app1 starts it again" in then.stdout
    assert then.stdout.count("10 of 10 points") == 1
    assert then.stdout.endswith("> quit\n")
    assert (folder / "answers.json").exists()
    assert (folder / CONFIG).read_bytes() == (LAB / "start" / CONFIG).read_bytes()


def test_what_is_not_understood_is_told_kindly_and_the_rest_is_done(tmp_path: Path) -> None:
    commands = ("chek spread", "kill ap1", "apply now", "reset", "submit", "load many", "help", "hint nothing", "diff")
    ran = lines(*commands, folder=tmp_path)
    assert ran.returncode == 2
    for said in (
        *("did you mean check?", "did you mean 'app1'?", "type apply alone", "type: reset yes"),
        *("not the one of your class", "as in: load 100 office", "there is no check called 'nothing'"),
        *("bring a server back", "the same as what runs"),
    ):
        assert said in ran.stdout
    assert "Traceback" not in ran.stdout + ran.stderr


def test_a_person_at_the_prompt_gets_what_was_typed_before_and_completions(tmp_path: Path) -> None:
    prompt = Terminal("spread-the-load", "--plain", "--folder", str(tmp_path), INPUTRC="/dev/null")
    prompt.wait_for("> $")
    stack = prompt.started()
    told = r"check the config as it is saved[\s\S]*> $"  # until it asks again: keys that come before then may get lost
    prompt.press("he\tapp\t\r")
    prompt.wait_for(told)
    prompt.press("\x1b[A\r")
    prompt.wait_for(told)
    prompt.press("\x04")
    assert prompt.end() == 0
    prompt.close()
    assert "help apply" in (tmp_path / ".lab" / "typed").read_text(encoding="utf-8")
    assert gone(stack)


def test_a_dumb_terminal_is_told_what_else_there_is(tmp_path: Path) -> None:
    dumb = Terminal("spread-the-load", "--folder", str(tmp_path), TERM="dumb")
    assert dumb.end() == 2
    assert "./manyhands lab spread-the-load --plain" in dumb.text
    dumb.close()


def test_an_unknown_lab_gets_the_nearest_name(tmp_path: Path) -> None:
    command = [*COMMAND, "spred-the-load"]
    environment = {**os.environ, "MANYHANDS_HOME": str(tmp_path)}
    ran = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert "did you mean spread-the-load?" in ran.stderr
    assert not list(tmp_path.iterdir())
