"""What to go back to: the configs that ran, after a rollback, after a restart of the kernel, after a slip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autograder.errors import ManyHandsError
from autograder.labs.catalogue import load_lab
from autograder.notebook import LabSession, open_lab
from autograder.notebook.ran import Ran, read_ran, write_ran

if TYPE_CHECKING:
    from pathlib import Path

LAB = load_lab("spread-the-load")
GIVEN = LAB.read(LAB.start)["conf/nginx.conf"]
MENDED = LAB.read(LAB.reference)["conf/nginx.conf"]
A, B, C = ({"nginx.conf": letter} for letter in (b"a", b"b", b"c"))


def opened(folder: Path) -> LabSession:
    """The lab, in a folder of its own, without a panel."""
    return open_lab(LAB.slug, folder=folder)


def test_what_was_rolled_back_to_is_the_last_known_good() -> None:
    ran = Ran().applied(A).applied(B).applied(C)
    assert (ran.good, ran.before(C)) == (B, B)
    back = ran.rolled_back(B)
    assert (back.good, back.before(B)) == (B, A)
    assert back.applied(B) == back  # applied once more, as when a kernel starts
    again = back.applied(C)
    assert (again.good, again.before(C)) == (B, B)
    assert back.rolled_back(A).good == A
    assert back.rolled_back(A).before(A) is None


def test_where_nothing_runs_the_newest_is_gone_back_to() -> None:
    assert Ran().before(None) is None
    assert Ran().applied(A).applied(B).before(None) == B


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"configs": 3, "back": false}', '{"configs": [[]], "back": 1}', "{" * 100_000, '{"configs": []}'],
)
def test_what_cannot_be_read_is_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / ".lab").mkdir()
    (tmp_path / ".lab/ran.json").write_text(content)
    assert read_ran(tmp_path, frozenset(A)) == Ran()


def test_it_is_kept_byte_for_byte_and_of_this_lab_s_files_only(tmp_path: Path) -> None:
    odd = {"nginx.conf": b"# caf\xe9 \xc3\xa9 \x00\r\n"}
    write_ran(tmp_path, Ran((A, odd), back=True))
    assert read_ran(tmp_path, frozenset(A)) == Ran((A, odd), back=True)
    assert read_ran(tmp_path, frozenset({"haproxy.cfg"})) == Ran()
    assert [path.name for path in (tmp_path / ".lab").iterdir()] == ["ran.json"]
    many = Ran()
    for number in range(50):
        many = many.applied({"nginx.conf": b"%d" % number})
    assert len(many.configs) == 20


def test_after_a_restart_of_the_kernel_the_same_can_be_rolled_back_to(tmp_path: Path) -> None:
    mine = tmp_path / "conf/nginx.conf"
    lab = opened(tmp_path)
    try:
        with pytest.raises(ManyHandsError, match="no earlier config"):
            lab.roll_back()
        mine.write_bytes(MENDED)
        lab.apply()
    finally:
        lab.close()
    # What is saved is refused: nothing runs until somebody rolls back.
    mine.write_bytes(b"nonsense;\n")
    lab = opened(tmp_path)
    try:
        assert lab.running.running is None
        assert lab.roll_back().applied.ok
        assert mine.read_bytes() == lab.running.running["nginx.conf"] == MENDED  # type: ignore[index]
        assert mine.with_name("nginx.conf.mine").read_bytes() == b"nonsense;\n"
        assert repr(lab.diff()) == "the same as the last known good"
        mine.write_bytes(MENDED + b"# more\n")
        assert "+# more" in repr(lab.diff())
    finally:
        lab.close()
    mine.write_bytes(MENDED)
    lab = opened(tmp_path)
    try:
        assert repr(lab.diff()) == "the same as the last known good"
        lab.roll_back()
        assert mine.read_bytes() == GIVEN
        assert {line.sign for one in lab.room.frame().config for line in one.lines} == {" "}
        assert [one.compared_with for one in lab.room.frame().config] == ["the last known good"]
    finally:
        lab.close()
