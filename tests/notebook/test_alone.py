"""A lab folder is open once: in a notebook or in a terminal, in this process or another."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.errors import ManyHandsError
from autograder.labs.catalogue import LabError
from autograder.notebook import open_lab
from autograder.notebook.alone import Alone

HOLD = """
import sys
from pathlib import Path
from autograder.notebook.alone import Alone
one = Alone(Path(sys.argv[1]), "a terminal")
print("has it", flush=True)
sys.stdin.read()
"""


def test_who_comes_second_is_told_who_has_it_and_what_to_do(tmp_path: Path) -> None:
    first = Alone(tmp_path, "a notebook")
    with pytest.raises(LabError) as caught:
        Alone(tmp_path, "a terminal")
    said = str(caught.value)
    assert f"this lab is open in a notebook (process {os.getpid()}, since " in said
    assert "lab.close()" in said
    assert "--folder DIR" in said
    first.end()
    first.end()
    Alone(tmp_path, "a terminal").end()


def test_a_process_that_is_killed_lets_go(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"has it\n"
        with pytest.raises(LabError, match=rf"open in a terminal \(process {other.pid}, since ..:..\)"):
            open_lab("spread-the-load", folder=tmp_path)
        assert not (tmp_path / "conf").exists()  # nothing was touched
        other.kill()
        other.wait()
        Alone(tmp_path, "a notebook").end()


def test_a_lab_that_does_not_open_holds_nothing(tmp_path: Path) -> None:
    with pytest.raises(ManyHandsError, match="no engine"):
        open_lab("spread-the-load", folder=tmp_path, engine="nowhere")
    lab = open_lab("spread-the-load", folder=tmp_path)
    lab.close()
    Alone(tmp_path, "a notebook").end()


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b'{"pid": "?"}'])
def test_a_note_that_cannot_be_read_is_no_reason_to_go_on(tmp_path: Path, note: bytes) -> None:
    one = Alone(tmp_path, "a notebook")
    (tmp_path / ".lab/open").write_bytes(note)
    with pytest.raises(LabError, match="this lab is open in another program"):
        Alone(tmp_path, "a terminal")
    one.end()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / ".lab").write_text("a file")
    with pytest.raises(LabError, match="folder cannot be used"):
        Alone(tmp_path, "a notebook")
