from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from autograder.grading.submission import FILE_LIMIT, Submission, read_submission

FILES = ("conf/nginx.conf", "answers.json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in" / "conf").mkdir(parents=True)
    (tmp_path / "in" / "conf" / "nginx.conf").write_bytes(b"events {}\n")
    (tmp_path / "secret").write_bytes(b"the instructor's")
    return tmp_path / "in"


def take(folder: Path) -> Submission:
    return read_submission(folder, student="alice", lab="a-lab", files=FILES, notebook="a-lab.ipynb")


def test_takes_the_files_the_lab_names_and_no_other(folder: Path) -> None:
    (folder / "answers.json").write_bytes(b"{}")
    (folder / "gradebook.db").write_bytes(b"mine")
    assert dict(take(folder).files) == {"conf/nginx.conf": b"events {}\n", "answers.json": b"{}"}


def test_a_missing_file_is_not_a_refused_one(folder: Path) -> None:
    assert take(folder).refused == ()


def test_the_digest_is_of_the_files_the_lab_names(folder: Path) -> None:
    before = take(folder).digest
    (folder / "notes.md").write_bytes(b"not graded")
    assert take(folder).digest == before
    (folder / "conf" / "nginx.conf").write_bytes(b"events { }\n")
    assert take(folder).digest != before


def test_the_notebook_has_a_digest_of_its_own(folder: Path) -> None:
    before = take(folder)
    (folder / "a-lab.ipynb").write_bytes(b"{}")
    after = take(folder)
    assert (before.notebook_digest, before.digest) == ("", after.digest)
    assert after.notebook_digest


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("link", "symbolic link"),
        ("linked folder", "symbolic link"),
        ("pipe", "pipe"),
        ("socket", "socket"),
        ("hard link", "hard link"),
        ("folder", "folder"),
        ("large", f"limit is {FILE_LIMIT:,}"),
        ("sparse", f"limit is {FILE_LIMIT:,}"),
    ],
)
def test_refuses_what_is_no_plain_file_with_the_reason(folder: Path, what: str, reason: str) -> None:
    conf = folder / "conf" / "nginx.conf"
    conf.unlink()
    secret = folder.parent / "secret"
    if what == "link":
        conf.symlink_to(secret)
    elif what == "linked folder":
        (folder.parent / "elsewhere").mkdir()
        (folder.parent / "elsewhere" / "nginx.conf").write_bytes(b"elsewhere")
        (folder / "conf").rmdir()
        (folder / "conf").symlink_to(folder.parent / "elsewhere")
    elif what == "pipe":
        os.mkfifo(conf)
    elif what == "socket":
        here = os.open(conf.parent, os.O_RDONLY)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"/proc/self/fd/{here}/nginx.conf")
        os.close(here)
    elif what == "hard link":
        os.link(secret, conf)
    elif what == "folder":
        conf.mkdir()
    elif what == "large":
        conf.write_bytes(b"#" * (FILE_LIMIT + 1))
    else:
        with conf.open("wb") as file:
            file.truncate(2**40)
    submission = take(folder)
    assert dict(submission.files) == {}
    assert [entry.path for entry in submission.refused] == ["conf/nginx.conf"]
    assert reason in submission.refused[0].reason


def test_a_file_at_the_limit_is_taken(folder: Path) -> None:
    (folder / "conf" / "nginx.conf").write_bytes(b"#" * FILE_LIMIT)
    assert len(take(folder).files["conf/nginx.conf"]) == FILE_LIMIT


def test_what_collecting_noted_is_told_for_the_file_that_is_gone(folder: Path) -> None:
    (folder / "conf" / "nginx.conf").unlink()
    (folder / "refused.json").write_text('[{"path": "conf", "reason": "it is a symbolic link"}]')
    assert [(entry.path, entry.reason) for entry in take(folder).refused] == [("conf", "it is a symbolic link")]


def test_a_forged_note_changes_nothing_for_a_file_that_is_there(folder: Path) -> None:
    (folder / "refused.json").write_text('[{"path": "conf/nginx.conf", "reason": "full marks"}]')
    assert take(folder).refused == ()
    (folder / "refused.json").write_text('{"path": 1')
    assert take(folder).refused == ()


def test_a_folder_that_is_a_link_is_not_opened(folder: Path) -> None:
    link = folder.parent / "link"
    link.symlink_to(folder)
    with pytest.raises(OSError, match=r"link"):
        take(link)
