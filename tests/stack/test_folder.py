"""Reading a config folder: its own plain files, and nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from autograder.stack import folder as module
from autograder.stack.folder import FolderError, read_folder

if TYPE_CHECKING:
    from pathlib import Path


def test_every_file_is_read_by_its_relative_name(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "nginx.conf").write_bytes(b"one\xff")
    (tmp_path / "conf.d" / "shop.conf").write_bytes(b"two")
    (tmp_path / "alias.conf").symlink_to("conf.d/shop.conf")
    assert read_folder(tmp_path) == {"nginx.conf": b"one\xff", "conf.d/shop.conf": b"two", "alias.conf": b"two"}


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("no", encoding="utf-8")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "nginx.conf").symlink_to("../secret")
    with pytest.raises(FolderError, match="leads out"):
        read_folder(inside)


def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "nginx.conf")
    with pytest.raises(FolderError, match="not a plain file"):
        read_folder(tmp_path)


def test_a_dangling_link_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.conf").symlink_to("b.conf")
    with pytest.raises(FolderError, match=r"a\.conf"):
        read_folder(tmp_path)


def test_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 10)
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "b").write_bytes(b"12345")
    assert len(read_folder(tmp_path)) == 2
    (tmp_path / "c").write_bytes(b"1")
    with pytest.raises(FolderError, match="more than"):
        read_folder(tmp_path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="nowhere"):
        read_folder(tmp_path / "nowhere")
