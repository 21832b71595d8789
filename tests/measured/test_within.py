"""What runs in a sandbox is measured there: also what is killed, and the sandbox of a program inside it."""

from __future__ import annotations

import inspect
import os
import subprocess
from functools import partial
from typing import TYPE_CHECKING

import pytest
from coverage import CoverageData, tracer

from autograder.stack import keeper, shop
from autograder.stack.procfs import wait_until
from autograder.stack.programs import Program
from autograder.stack.warden import desk
from autograder.stack.warden import main as warden
from autograder.traffic import load
from autograder.traffic.clients import population
from autograder.traffic.send import send
from tests.measured import marks, within
from tests.stack.conftest import config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import FunctionType

    from autograder.stack.running import RunningStack


@pytest.fixture
def marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of our own for the marks, for every sandbox that the test starts."""
    path = tmp_path / "sandboxes"
    marks.begin(path)
    monkeypatch.setattr(subprocess.Popen, "__init__", subprocess.Popen.__init__)  # as it was, when the test is over
    shown = within.shown_from(str(tracer.__file__))
    within.follow_sandboxes(partial(os.open, path, os.O_RDWR | os.O_CLOEXEC), shown)
    return path


def ran(path: Path, file: str, function: FunctionType) -> bool:
    """Whether a step into the function is marked. Lines of its decorators and its head are not steps within it."""
    lines, first = inspect.getsourcelines(function)
    inside = range(first + 1, first + len(lines))
    return any(step[0] in inside or step[1] in inside for step in marks.read(path).get(file, ()))


def test_a_keeper_its_servers_and_its_calls_are_measured_also_when_they_are_killed(
    marked: Path, opened: Callable[..., RunningStack]
) -> None:
    running = opened("nginx", "local")
    assert running.apply(config("nginx")).ok
    crowd = population("office")
    assert send(running, crowd, crowd.browse(20)).failed == 0
    running.kill("app1")
    assert wait_until(lambda: ran(marked, "stack/shop.py", shop.Shop._answer), 20)
    assert ran(marked, "traffic/load.py", load.run)
    running.close()
    assert ran(marked, "stack/keeper.py", keeper.Keeper.kill)
    assert not ran(marked, "stack/keeper.py", keeper.Keeper.pause), "nobody has paused anything"


def test_the_sandbox_of_a_program_is_measured_from_inside_the_other(
    marked: Path, opened: Callable[..., RunningStack]
) -> None:
    running = opened("haproxy", "local")
    assert running.apply(config("haproxy")).ok
    assert running.run_program(Program(("true",))).ok
    assert ran(marked, "stack/warden/main.py", warden.Warden.finish)
    assert ran(marked, "stack/warden/main.py", warden.Warden._become), "it became the program after that"
    assert not ran(marked, "stack/warden/desk.py", desk.Visitor.answer), "it has asked for nothing"


def test_a_step_is_found_where_its_mark_is() -> None:
    for step in ((1, 2), (-1, 1), (400, -399), (511, 511), (-511, -511)):
        assert within.step_at(within.place(*step)) == step
        assert 0 <= within.place(*step) < within.FILE
    packed = 7 | 12 << 28 | 1 << 57  # as coverage.py's tracer says: from line 7 out of what begins in line 12
    assert within.unpack(packed) == (7, -12)


def test_marks_become_steps_of_coverage(tmp_path: Path) -> None:
    package = tmp_path / "package"
    (package / "inner").mkdir(parents=True)
    (package / "first.py").write_text("a = 1\n")
    (package / "inner/second.py").write_text("a = 1\nb = 2\n")
    path = tmp_path / "marks"
    marks.begin(path, package)
    assert marks.read(path) == {}
    with path.open("r+b") as file:
        file.seek(within.HEAD + within.FILE + within.place(1, 2))
        file.write(b"\1")
    marks.end(path, package, tmp_path / "data")
    (written,) = tmp_path.glob("data.sandboxes*")
    told = CoverageData(str(written))
    told.read()
    assert told.measured_files() == {str(package / "inner/second.py")}
    assert told.arcs(str(package / "inner/second.py")) == [(1, 2)]
    assert not path.exists()


def test_a_file_that_is_too_long_for_its_marks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text("a = 1\n" * within.LINES)
    with pytest.raises(ValueError, match=r"long\.py has 512 lines or more"):
        marks.begin(tmp_path / "marks", tmp_path)
