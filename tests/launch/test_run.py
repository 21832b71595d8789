"""``./manyhands run`` as a person uses it: keys, a terminal, a config that is saved while it runs."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
LAB = ROOT / "labs" / "spread-the-load"
COMMAND = [sys.executable, "-P", "-m", "autograder", "run"]
PATIENCE = 60.0


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    shutil.copytree(LAB / "start" / "conf", tmp_path / "conf")
    shutil.copy(LAB / "stack.toml", tmp_path)
    return tmp_path


class Terminal:
    """The program on a terminal of its own."""

    def __init__(self, *words: str) -> None:
        self.master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (40, 130))
        environment = {**os.environ, "TERM": "xterm"}
        environment.pop("COLUMNS", None)  # the terminal's own size counts
        self.process = subprocess.Popen(
            [*COMMAND, *words],
            cwd=ROOT,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C is a signal
        )
        os.close(slave)
        self.text = ""

    def wait_for(self, pattern: str) -> None:
        """Wait until the screen shows something that it did not show when this was called."""
        self.text = ""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, self.text):
            screen = "\n".join(line.rstrip() for line in self.text.splitlines()[-60:] if line.strip())
            assert time.monotonic() < deadline, f"no {pattern!r} in: {screen}"
            self._read(1.0)

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def end(self) -> int:
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < deadline:
            self._read(0.1)
        return self.process.wait(1)

    def _read(self, seconds: float) -> None:
        ready, _, _ = select.select([self.master], [], [], seconds)
        with contextlib.suppress(OSError):  # the other side has closed
            if ready:
                self.text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", os.read(self.master, 65536).decode(errors="replace"))


@pytest.fixture
def terminal(scene: Path) -> Iterator[Terminal]:
    one = Terminal(str(scene), "--rate", "60")
    yield one
    if one.process.poll() is None:
        one.process.kill()
        one.process.wait()
    os.close(one.master)


def test_a_person_breaks_a_stack_mends_the_config_and_stops(terminal: Terminal, scene: Path) -> None:
    terminal.wait_for(r"▸1\s+app1\s+█+\s+100%\s+20%")
    terminal.press("2k")
    terminal.wait_for(r"▸2\s+app2.*\bdown")
    terminal.press("b")
    terminal.wait_for("all servers are up and well")
    terminal.press("1s")
    terminal.wait_for("10× slower")  # and may well die of it: it gets everything
    config = scene / "conf" / "nginx.conf"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("http {", "htpp {", 1), encoding="utf-8")
    terminal.wait_for(r'refused: nginx\.conf:\d+: unknown directive "htpp"')
    shutil.copy(LAB / "reference" / "conf" / "nginx.conf", config)
    terminal.wait_for("the saved config is loaded")
    terminal.press("b")
    terminal.wait_for(r"app4\s+█+.*4\d%\s+40%")
    terminal.press("u")
    terminal.wait_for("rolled back")
    terminal.wait_for(r"app1\s+█+\s+100%\s+20%")
    terminal.press("q")
    assert terminal.end() == 0


def test_ctrl_c_ends_it_without_a_traceback(terminal: Terminal) -> None:
    terminal.wait_for("req/s")
    terminal.press("\x03")
    assert terminal.end() in (0, 130)
    assert "Traceback" not in terminal.text


def test_in_a_pipe_it_tells_the_sum_as_json() -> None:
    ran = run("spread-the-load", "--config", str(LAB / "reference"), "--rate", "50", "--seconds", "2", "--json")
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["requests"] >= 100
    assert found["failed"] == 0
    assert [round(server["share"], 1) for server in found["servers"]] == [0.2, 0.2, 0.2, 0.4]
    assert "app4 40%" in ran.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere/stack.toml",), "there is no stack at nowhere/stack.toml"),
        (("spred-the-load",), "spread-the-load"),
        (("spread-the-load", "--clients", "ofice", "--seconds", "1"), "office"),
        (("spread-the-load", "--json"), "--seconds"),
        (("spread-the-load", "--rate", "-3"), "not negative"),
        (("spread-the-load", "--config", "/nowhere", "--seconds", "1"), "/nowhere"),
        (("spread-the-load", "--nginx", "/nowhere/nginx", "--seconds", "1"), "/nowhere/nginx"),
    ],
)
def test_a_mistake_is_answered_in_a_line_or_two(words: tuple[str, ...], said: str) -> None:
    ran = run(*words)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_config_that_does_not_load_is_told_with_its_line(scene: Path) -> None:
    (scene / "conf" / "nginx.conf").write_text("events {}\nhttp { sevrer {} }\n", encoding="utf-8")
    ran = run(str(scene), "--seconds", "1")
    assert ran.returncode == 2
    assert "nginx.conf:2" in ran.stderr
