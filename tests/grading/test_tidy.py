from __future__ import annotations

import os
from pathlib import Path

import pytest

from autograder.grading.submission import Refused
from autograder.grading.tidy import ENTRIES_LIMIT, copy_plain, tidy

WANTED = ("conf/nginx.conf", "timestamp.txt")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    (folder / "conf").mkdir(parents=True)
    (folder / "conf" / "nginx.conf").write_bytes(b"events {}\n")
    (folder / "lab.ipynb").write_bytes(b"mine")
    (folder / "notes.md").write_bytes(b"notes")
    (tmp_path / "blank.ipynb").write_bytes(b"blank")
    (tmp_path / "secret").write_bytes(b"secret")
    return folder


def put(folder: Path) -> tuple[Refused, ...]:
    root = folder.parent
    return tidy(folder, root / "aside", notebook="lab.ipynb", blank=root / "blank.ipynb", wanted=WANTED)


def tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if not path.is_symlink() and path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_an_honest_submission_stays_as_it_is(folder: Path) -> None:
    before = tree(folder)
    assert put(folder) == ()
    assert tree(folder) == before


def test_links_pipes_and_large_files_are_set_aside_and_noted(folder: Path) -> None:
    (folder / "passwd").symlink_to("/etc/passwd")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe")
    os.link(folder.parent / "secret", folder / "hard")
    with (folder / "huge").open("wb") as file:
        file.truncate(2**40)
    refused = put(folder)
    assert {entry.path for entry in refused} == {"passwd", "loop", "pipe", "hard", "huge"}
    assert set(tree(folder)) == {"conf/nginx.conf", "lab.ipynb", "notes.md", "refused.json"}
    assert len(list((folder.parent / "aside").glob("*/*"))) == 5
    again = tree(folder)
    assert put(folder) == ()
    assert tree(folder) == again


def test_much_else_does_not_crowd_out_what_is_wanted(folder: Path) -> None:
    for number in range(ENTRIES_LIMIT + 20):
        (folder / f"a{number:04}").write_bytes(b"")
    assert len(put(folder)) == 21  # notes.md is one of too many
    assert (folder / "conf" / "nginx.conf").read_bytes() == b"events {}\n"
    assert (folder / "lab.ipynb").read_bytes() == b"mine"


def test_a_deep_folder_goes_as_a_whole(folder: Path) -> None:
    deep = folder.joinpath(*"abcdefghijkl")
    deep.mkdir(parents=True)
    assert [entry.path for entry in put(folder)] == ["a/b/c/d/e/f/g/h"]
    assert not (folder / "a/b/c/d/e/f/g/h").exists()


def test_a_folder_in_the_place_of_a_file_and_the_reverse(folder: Path) -> None:
    (folder / "lab.ipynb").unlink()
    (folder / "lab.ipynb").mkdir()
    (folder / "conf" / "nginx.conf").unlink()
    (folder / "conf").rmdir()
    (folder / "conf").write_bytes(b"file")
    assert {entry.path for entry in put(folder)} == {"lab.ipynb", "conf"}
    assert (folder / "lab.ipynb").read_bytes() == b"blank"


@pytest.mark.parametrize(
    ("others", "text"), [((), b"blank"), (("mine.ipynb",), b"renamed"), (("a.ipynb", "b.ipynb"), b"blank")]
)
def test_a_notebook_that_is_not_there(folder: Path, others: tuple[str, ...], text: bytes) -> None:
    (folder / "lab.ipynb").unlink()
    for name in others:
        (folder / name).write_bytes(b"renamed")
    put(folder)
    assert (folder / "lab.ipynb").read_bytes() == text


@pytest.mark.parametrize("text", ["", "yesterday", "9" * 100, "\x00", "2026-13-45 99:99:99"])
def test_a_time_nbgrader_cannot_read_goes(folder: Path, text: str) -> None:
    (folder / "timestamp.txt").write_text(text)
    put(folder)
    assert not (folder / "timestamp.txt").exists()


def test_a_good_time_stays(folder: Path) -> None:
    (folder / "timestamp.txt").write_text("2026-11-22 10:00:00.000000 UTC")
    put(folder)
    assert (folder / "timestamp.txt").exists()


def test_a_submission_that_is_a_link_becomes_an_empty_one(folder: Path) -> None:
    link = folder.parent / "link"
    link.symlink_to(folder)
    root = folder.parent
    refused = tidy(link, root / "aside", notebook="lab.ipynb", blank=root / "blank.ipynb", wanted=WANTED)
    assert [entry.path for entry in refused] == ["."]
    assert set(tree(link)) == {"lab.ipynb", "refused.json"}
    assert (folder / "conf" / "nginx.conf").exists()


def test_copying_takes_plain_files_only(folder: Path) -> None:
    (folder / "conf" / "more.conf").symlink_to(folder.parent / "secret")
    refused = copy_plain(folder, folder.parent / "out", WANTED)
    assert [entry.path for entry in refused] == ["conf/more.conf"]
    assert set(tree(folder.parent / "out")) == {"conf/nginx.conf", "lab.ipynb", "notes.md", "refused.json"}
