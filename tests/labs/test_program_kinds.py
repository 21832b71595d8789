"""What a kind that runs programs draws, reads and plays once, without a stack where none is needed."""

from __future__ import annotations

import dataclasses
import subprocess
import zlib
from typing import TYPE_CHECKING

import pytest

from autograder.labs.catalogue import LABS
from autograder.labs.kinds.rollback import _refused
from autograder.labs.kinds.rollback_history import Repository, UnreadableError
from autograder.labs.kinds.rollback_world import ENTANGLED, NO_HELP, OUTAGE, World, draw, read_history

if TYPE_CHECKING:
    from pathlib import Path

WRITTEN = (LABS / "roll-it-back" / "history.toml").read_text(encoding="utf-8")
HISTORY = read_history(WRITTEN, ["app1", "app2", "app3", "app4"])
KEYS = (("NAME", "A"), ("EMAIL", "a@b"))
WHO = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in KEYS}


def git(folder: Path, *words: str, given: bytes | None = None) -> str:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", **WHO}
    ran = subprocess.run(["git", *words], cwd=folder, input=given, capture_output=True, check=True, env=environment)
    return ran.stdout.decode()


def made(folder: Path, world: World) -> list[str]:
    """The world's history in a folder, and the names of its commits."""
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main", ".")
    git(folder, "fast-import", "--quiet", given=world.stream())
    git(folder, "reset", "--quiet", "--hard")
    return git(folder, "log", "--format=%H", "--reverse").split()


def kept(folder: Path) -> dict[str, bytes]:
    """The files of the repository itself, as an engine fetches them."""
    git_folder = folder / ".git"
    found = [path for path in git_folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(git_folder)): path.read_bytes() for path in found}


def test_the_first_world_is_the_one_that_the_lab_writes() -> None:
    world = draw(HISTORY, OUTAGE, 0)
    assert tuple(change.name for change in world.changes if change) == HISTORY.written
    folder = LABS / "roll-it-back"
    assert (folder / "start/conf/haproxy.cfg").read_bytes() == world.last["haproxy.cfg"]
    assert (folder / "reference/conf/haproxy.cfg").read_bytes() == world.wanted["haproxy.cfg"]


def test_what_is_drawn_is_the_same_for_the_same_seed_and_differs_between_seeds() -> None:
    assert draw(HISTORY, OUTAGE, 7) == draw(HISTORY, OUTAGE, 7)
    drawn = {tuple(change.name for change in draw(HISTORY, OUTAGE, seed).changes if change) for seed in range(1, 40)}
    assert len(drawn) > 20
    assert {draw(HISTORY, OUTAGE, seed).undone.role for seed in range(1, 40)} == {"bad"}
    assert {bool(draw(HISTORY, NO_HELP, seed).dead) for seed in range(1, 40)} == {True, False}


@pytest.mark.parametrize("scene", [OUTAGE, ENTANGLED, NO_HELP])
def test_git_can_undo_the_named_change_alone_whatever_is_drawn(scene: str, tmp_path: Path) -> None:
    for seed in range(6):
        world, folder = draw(HISTORY, scene, seed), tmp_path / str(seed)
        names = made(folder, world)
        assert len(names) == len(world.versions) > world.named > 0
        git(folder, "revert", "--no-edit", names[world.named])
        assert {name: (folder / name).read_bytes() for name in world.wanted} == world.wanted
        assert world.wanted != world.last
        if scene == OUTAGE:  # a good change came before, and one after
            assert 1 < world.named < len(names) - 1


def test_a_repository_is_read_as_git_reads_it(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    world = draw(HISTORY, OUTAGE, 1)
    names = made(folder, world)
    git(folder, "revert", "--no-edit", names[world.named])
    repository = Repository(kept(folder))
    tip = repository.tip(repository.branch)
    commits = repository.commits(tip)
    assert [*commits] == git(folder, "log", "--format=%H").split()
    assert commits[tip].message == git(folder, "log", "-1", "--format=%B").rstrip("\n") + "\n"
    assert repository.files(commits[tip].tree) == world.wanted


def test_a_repository_that_was_tampered_with_is_not_believed(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    names = made(folder, draw(HISTORY, OUTAGE, 0))
    files = kept(folder)
    place = f"objects/{names[-1][:2]}/{names[-1][2:]}"
    forged = zlib.compress(zlib.decompress(files[place]).replace(b"Room", b"Doom"))
    bomb = zlib.compress(bytes(64 << 20))
    for change, words in (
        ({place: forged}, "not what its name says"),
        ({place: b"nonsense"}, "damaged"),
        ({place: bomb}, "not what its name says"),
        ({"refs/heads/main": b"../../etc/passwd"}, "no branch"),
        ({"refs/heads/main": b"f" * 40}, "not there"),
    ):
        repository = Repository(files | change)
        with pytest.raises(UnreadableError, match=words):
            repository.commits(repository.tip(repository.branch))
    git(folder, "checkout", "--quiet", names[0])
    assert Repository(kept(folder)).branch == ""


def test_a_world_without_its_change_has_every_other_one() -> None:
    world = draw(HISTORY, OUTAGE, 3)
    text = b"".join(world.wanted.values()).decode()
    assert all(put.strip().splitlines()[-1] in text for change in world.others for _, put in change.edits)
    assert dataclasses.replace(world, named=1).undone != world.undone


def test_a_service_that_was_asked_for_nothing_was_not_refused() -> None:
    assert not _refused("service", "", "1")
    assert _refused("service", "reload", "1")
