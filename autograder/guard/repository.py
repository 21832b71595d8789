"""The versions of a config in git: read, and taken back by a commit that says why. History is never rewritten.

Nothing here needs a checkout, and a checkout that somebody works in is moved along only where that harms nothing.
"""

from __future__ import annotations

import io
import os
import posixpath
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError
from autograder.inspect.config import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.guard.settings import Git

_PATIENCE_S = 60.0
_BACK = 200
"""So many commits are looked at for the version that runs."""
_WHO = {
    f"GIT_{who}_{what}": said
    for who in ("AUTHOR", "COMMITTER")
    for what, said in (("NAME", "manyhands guard"), ("EMAIL", "guard@localhost"))
}


class RepositoryError(ManyHandsError):
    """Git cannot do what is asked."""


@dataclass(frozen=True)
class Reverted:
    """The commit that takes a change back. ``moved`` tells that the branch is there now; else ``why`` it is not."""

    commit: str
    moved: bool
    why: str = ""


class Repository:
    """The repository that ``guard.toml`` names."""

    def __init__(self, settings: Git) -> None:
        self._settings = settings
        self._folder = posixpath.dirname(settings.config)
        self.main = posixpath.basename(settings.config)
        self.path = settings.repo

    def commit(self, revision: str) -> str:
        """Its full name. Raises :class:`RepositoryError` if there is no such commit."""
        found = self._try("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if not found.strip():
            self._git("rev-parse", "--git-dir")  # is it a repository at all?
            raise RepositoryError(
                f"{printable(revision)} is no commit",
                where=str(self.path),
                remedy=f"git -C {self.path} log --oneline {self._settings.branch} shows them",
            )
        return found.strip()

    def tip(self) -> str:
        """The newest commit of the branch, fetched first if there is a remote."""
        if self._settings.remote:
            self._git("fetch", "--quiet", self._settings.remote, self._settings.branch)
            there = self.commit("FETCH_HEAD")
            here = self._try("rev-parse", "--verify", "--quiet", f"refs/heads/{self._settings.branch}").strip()
            if not here or self._is_ancestor(here, there):
                self._move(there, here)
        return self.commit(f"refs/heads/{self._settings.branch}")

    def subject(self, commit: str) -> str:
        """First line of its message."""
        return printable(self._git("log", "-1", "--format=%s", commit).strip())

    def files(self, commit: str) -> Mapping[str, bytes]:
        """The files of the config's folder, by paths relative to it. Raises :class:`RepositoryError` without a config.

        Names that begin with a dot stay out; a link is no file that a balancer should be given.
        """
        tree = f"{commit}:{self._folder}" if self._folder else f"{commit}:"
        try:
            packed = self._run("archive", "--format=tar", tree)
        except RepositoryError:
            packed = b""
        files: dict[str, bytes] = {}
        if packed:
            with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
                for entry in archive:
                    content = archive.extractfile(entry) if entry.isreg() else None
                    if content is not None and not any(part.startswith(".") for part in entry.name.split("/")):
                        files[entry.name] = content.read()
        if self.main not in files:
            raise RepositoryError(
                f"there is no {self._settings.config} in {commit[:10]}",
                where=str(self.path),
                remedy="check config = in [git] of guard.toml",
            )
        return files

    def history(self, newest: str) -> tuple[str, ...]:
        """Commits that may be what runs, newest first: ``newest``, and those before it that touched the folder."""
        told = self._git("log", f"-{_BACK}", "--format=%H", newest, "--", self._folder or ".")
        return tuple(dict.fromkeys((newest, *told.split())))

    def revert(self, change: str, good: str, why: str) -> Reverted:
        """Commit, on top of the branch, what takes back all that came to the config from ``good`` to ``change``.

        What came to the branch after ``change`` stays where it does not touch the same lines. If that cannot be, the
        folder is set to what it was in ``good``, which is what runs.
        """
        branch = f"refs/heads/{self._settings.branch}"
        tip = self._git("rev-parse", "--verify", branch).strip()
        if self._is_reverted(tip, change):
            return Reverted(tip, moved=True)
        commit = self._commit_on(tip, change, good, why)
        why_not = self._move(commit, tip)
        if not why_not and self._settings.remote:
            why_not = self._push(commit)
        return Reverted(commit, not why_not, why_not)

    def _commit_on(self, tip: str, change: str, good: str, why: str) -> str:
        with tempfile.TemporaryDirectory(prefix="many-hands-") as folder:
            place = Path(folder) / "tree"
            self._git("worktree", "add", "--quiet", "--detach", "--force", str(place), tip)
            try:
                whole = Repository(_at(self._settings, place))
                if not whole._undo(change, good):
                    whole._put_back(good)
                message = f'Revert "{self.subject(change)}"\n\n{why}\n\nThis reverts commit {change}.\n'
                whole._git("commit", "--quiet", "--no-verify", "--allow-empty", "--message", message)
                return whole._git("rev-parse", "HEAD").strip()
            finally:
                self._try("worktree", "remove", "--force", str(place))

    def _undo(self, change: str, good: str) -> bool:
        """Take the change back in this checkout; whether the config's folder needs nothing more."""
        where = self._folder or "."
        # Only what touched the config: what others did elsewhere meanwhile is not this change.
        commits = self._git("rev-list", "--no-merges", f"{good}..{change}", "--", where).split()
        if not commits or not self._is_ancestor(good, change):
            return False
        alone = self._try("diff", "--quiet", change, "HEAD", "--", where, fails="no") != "no"
        try:
            self._git("revert", "--no-commit", *commits)
        except RepositoryError:
            self._try("revert", "--abort")
            self._git("reset", "--quiet", "--hard")
            return False
        return not alone or self._try("diff", "--quiet", "--cached", good, "--", where, fails="no") != "no"

    def _put_back(self, good: str) -> None:
        where = self._folder or "."
        self._git("rm", "-r", "--quiet", "--force", "--ignore-unmatch", "--", where)
        self._git("checkout", "--quiet", good, "--", where)

    def _is_reverted(self, tip: str, change: str) -> bool:
        """Whether a guard that was killed had come so far already."""
        said = self._git("log", "-20", "--format=%B%x00", tip).split("\0")
        return any(f"This reverts commit {change}." in message for message in said)

    def _move(self, commit: str, old: str) -> str:
        """Move the branch, and a checkout of it; why not, if a checkout is in the way."""
        branch = f"refs/heads/{self._settings.branch}"
        out = self._try("symbolic-ref", "--quiet", "HEAD").strip() == branch
        if out and old and self._git("rev-parse", "--is-bare-repository").strip() == "false":
            try:
                self._git("read-tree", "-m", "-u", old, commit)
            except RepositoryError as error:
                return f"there are changes in the checkout that nobody committed ({error.why}): git merge {commit[:10]}"
        self._git("update-ref", "-m", "guard", branch, commit, old or "0" * 40)
        return ""

    def _push(self, commit: str) -> str:
        try:
            self._git("push", "--quiet", self._settings.remote, f"{commit}:refs/heads/{self._settings.branch}")
        except RepositoryError as error:
            return f"the revert is not in {self._settings.remote} yet ({error.why}): push it"
        return ""

    def _is_ancestor(self, old: str, new: str) -> bool:
        return self._try("merge-base", "--is-ancestor", old, new, fails="no") != "no"

    def _try(self, *words: str, fails: str = "") -> str:
        try:
            return self._git(*words)
        except RepositoryError:
            return fails

    def _git(self, *words: str) -> str:
        return self._run(*words).decode(errors="replace")

    def _run(self, *words: str) -> bytes:
        # Automatic housekeeping would go on after us, and hooks of the checkout are for people.
        options = ("-c", "gc.auto=0", "-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false")
        try:
            done = subprocess.run(
                ["git", "-C", str(self.path), *options, *words],
                env={**os.environ, **_WHO, "GIT_TERMINAL_PROMPT": "0"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PATIENCE_S,
                check=False,
            )
        except FileNotFoundError:
            raise RepositoryError("git is not installed", remedy="sudo apt install git") from None
        except subprocess.TimeoutExpired:
            raise RepositoryError(f"git {words[0]} took more than {_PATIENCE_S:.0f} s", where=str(self.path)) from None
        if done.returncode:
            why = done.stderr.decode(errors="replace").strip().splitlines()
            raise RepositoryError(
                f"git {words[0]} failed", where=str(self.path), why=printable(why[-1]) if why else "it says nothing"
            )
        return done.stdout


def _at(settings: Git, place: Path) -> Git:
    from dataclasses import replace

    return replace(settings, repo=place)
