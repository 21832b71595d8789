"""Files below a folder that somebody hostile writes to: nothing leads out, and nobody gets between check and use."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from autograder.stack.inside import Root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_text("secret")
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    (tmp_path / "root").mkdir()
    with Root(str(tmp_path / "root")) as root:
        yield root


def test_a_folder_holds_exactly_what_it_is_given_and_stays_itself(root: Root, tmp_path: Path) -> None:
    root.hold("/etc/nginx", {"a": b"1", "deep/er/b": b"2"})
    before = (tmp_path / "root/etc/nginx").stat().st_ino
    root.hold("/etc/nginx", {"c": b"3", "deep/d": b"4"})
    assert root.read("/etc/nginx")[0] == {"c": b"3", "deep/d": b"4"}
    assert (tmp_path / "root/etc/nginx").stat().st_ino == before


def test_a_mark_changes_when_the_same_is_written_again(root: Root, tmp_path: Path) -> None:
    root.hold("x", {"a": b"1"})
    files, mark = root.read("x")
    assert root.read("x") == (files, mark)
    (tmp_path / "root/x/b").write_text("2")
    (tmp_path / "root/x/b").replace(tmp_path / "root/x/a")
    (tmp_path / "root/x/a").write_text("1")
    assert root.read("x")[0] == files
    assert root.read("x")[1] != mark


@pytest.mark.parametrize("path", ["link", "link/deeper", "up/up/up/etc", "../x", "a/../../x", "loop/x"])
def test_what_leads_out_is_refused(root: Root, tmp_path: Path, outside: Path, path: str) -> None:
    (tmp_path / "root/a").mkdir()
    (tmp_path / "root/link").symlink_to(outside)
    (tmp_path / "root/up").symlink_to("..")
    (tmp_path / "root/loop").symlink_to("loop")
    with pytest.raises(ValueError, match="leads out"):
        root.open(path)
    with pytest.raises(ValueError, match="leads out"):
        root.hold(f"{path}/in", {"x": b"written"})
    assert [entry.name for entry in outside.iterdir()] == ["secret"]


@pytest.mark.parametrize("name", ["../x", "a/../../x", "..", ".", "", "a/"])
def test_a_name_that_leads_out_is_refused(root: Root, tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="leads out"):
        root.hold("etc", {name: b"written"})
    assert not (tmp_path / "x").exists()


def test_links_that_stay_inside_are_followed_and_others_are_not_read(root: Root, tmp_path: Path, outside: Path) -> None:
    home = tmp_path / "root"
    (home / "run").mkdir()
    (home / "var").mkdir()
    (home / "var/run").symlink_to("../run")
    root.hold("/var/run/shop", {"pid": b"1"})
    assert (home / "run/shop/pid").read_bytes() == b"1"
    root.hold("etc", {"real": b"2"})
    (home / "etc/in").symlink_to("../run/shop/pid")
    (home / "etc/out").symlink_to(outside / "secret")
    (home / "etc/also-out").symlink_to("../../outside/secret")
    os.mkfifo(home / "etc/pipe")
    (home / "etc/new\nline").write_text("x")
    assert root.read("etc")[0] == {"real": b"2", "in": b"1"}


def test_a_link_in_a_folders_place_is_replaced_not_followed(root: Root, tmp_path: Path, outside: Path) -> None:
    (tmp_path / "root/etc").symlink_to(outside)
    root.hold("etc", {"x": b"1"})
    assert [entry.name for entry in outside.iterdir()] == ["secret"]
    assert (tmp_path / "root/etc/x").read_bytes() == b"1"


def test_folders_a_thousand_deep_are_emptied(root: Root, tmp_path: Path) -> None:
    depth = sys.getrecursionlimit() + 100
    start = os.open(tmp_path / "root", os.O_RDONLY)
    here = os.dup(start)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    os.close(start)
    root.hold("d", {"x": b"1"})
    assert root.read("d")[0] == {"x": b"1"}


def test_nobody_gets_between_the_check_and_the_use(root: Root, tmp_path: Path, outside: Path) -> None:
    """A folder on the way turns into a link and back all the time: nothing is ever written or removed out there."""
    way, kept = tmp_path / "root/way", tmp_path / "root/kept"
    way.mkdir()
    swapping = True

    def swap() -> None:
        while swapping:
            way.rename(kept)
            with contextlib.suppress(OSError):
                way.symlink_to(outside)
                way.unlink()
            shutil.rmtree(way, ignore_errors=True)  # it was made anew meanwhile
            with contextlib.suppress(OSError):
                kept.rename(way)
            kept.is_dir() and shutil.rmtree(kept)
            way.mkdir(exist_ok=True)

    thread = threading.Thread(target=swap)
    thread.start()
    done = 0
    try:
        for _ in range(2000):
            try:
                root.hold("way/in", {"x": b"1"})
                done += 1
            except (OSError, ValueError):
                continue
    finally:
        swapping = False
        thread.join()
    assert [(entry.name, entry.read_text()) for entry in outside.iterdir()] == [("secret", "secret")]
    assert done, "it never once worked, so nothing was tried"
