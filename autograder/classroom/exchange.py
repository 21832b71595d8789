"""The folder behind the exchange: nbgrader's own layout, written by one service that knows who hands in what.

What arrives is a stranger's tar file. Plain files with plain names are taken from it, within limits, and nothing else;
the time and the name on a submission are the service's, never the sender's.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import secrets
import shutil
import tarfile
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Final

from autograder.errors import ManyHandsError
from autograder.grading.settings import COURSE

LIMIT_BYTES: Final = 8_000_000
"""Of one submission, packed and unpacked."""
LIMIT_FILES: Final = 200
LIMIT_KEPT: Final = 100
"""Submissions of one lab by one person that wait to be collected."""
SECRET: Final = "submission_secret.txt"
_TIMESTAMP: Final = "timestamp.txt"
_SECRET_FORM: Final = re.compile(r"[0-9a-f]{32,256}")
_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9-]*")
_PERSON: Final = re.compile(r"[^+*?\[\]/\s.][^+*?\[\]/\s]*")
_FEEDBACK: Final = re.compile(r"[0-9a-f]{32,64}")


class Store:
    """The exchange at ``root``."""

    def __init__(self, root: Path | str) -> None:
        self._course = Path(root) / COURSE

    def released(self) -> dict[str, str]:
        """Released labs: slug → digest of what is in it."""
        return {
            path.name: _digest(path) for path in sorted(self._course.glob("outbound/*")) if _SLUG.fullmatch(path.name)
        }

    def lab(self, slug: str) -> bytes | None:
        """A released lab as a tar file; None if there is none of that name."""
        folder = self._course / "outbound" / slug
        return pack(folder) if _SLUG.fullmatch(slug) and folder.is_dir() else None

    def feedback(self, name: str) -> bytes | None:
        """The page of feedback that nbgrader has given this name, which only whoever handed in can work out."""
        page = self._course / "feedback" / f"{name}.html"
        return page.read_bytes() if _FEEDBACK.fullmatch(name) and page.is_file() and not page.is_symlink() else None

    def take(self, person: str, slug: str, packed: bytes) -> str:
        """Keep what ``person`` handed in for a lab; the time that is written on it.

        Raises:
            ManyHandsError: there is no such lab, too much waits already, or it is not what a submission is.
        """
        if not _SLUG.fullmatch(slug) or not (self._course / "outbound" / slug).is_dir():
            raise ManyHandsError("this lab is not released", where=slug, remedy="ask your instructor")
        if not _PERSON.fullmatch(person):
            raise ManyHandsError("nbgrader cannot keep this name apart from others", where=person)
        inbound = self._course / "inbound"
        inbound.mkdir(parents=True, exist_ok=True)
        if len(list(inbound.glob(f"{person}+{slug}+*"))) >= LIMIT_KEPT:
            raise ManyHandsError(
                f"{LIMIT_KEPT} submissions of yours wait already",
                where=slug,
                remedy="ask your instructor to collect them",
            )
        when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC")
        partial = inbound / f".{secrets.token_hex(12)}"
        try:
            unpack(packed, partial)
            _keep_secret(partial / SECRET)
            (partial / _TIMESTAMP).unlink(missing_ok=True)
            (partial / _TIMESTAMP).write_text(when)
            partial.rename(inbound / f"{person}+{slug}+{when}+{secrets.token_urlsafe(9).replace('+', '-')}")
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return when


def pack(folder: Path) -> bytes:
    """The plain files of a folder as a tar file; links and everything else is left out."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                data = path.read_bytes()
                entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
                entry.size, entry.mode = len(data), 0o755 if os.access(path, os.X_OK) else 0o644
                archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def unpack(packed: bytes, dest: Path) -> None:
    """Write the files of a stranger's tar file to ``dest``, which is not there yet.

    Raises:
        ManyHandsError: it is no tar file, is beyond the limits, or holds anything but plain files below ``dest``.
    """
    dest.mkdir(parents=True)
    total = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:") as archive:
            for count, entry in enumerate(archive, 1):
                total += entry.size
                _check(entry, count, total)
                stream = archive.extractfile(entry)
                if stream is None:
                    continue
                path = dest / entry.name
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("xb") as file:
                    shutil.copyfileobj(stream, file)
                path.chmod(0o755 if entry.mode & 0o100 else 0o644)
    except (tarfile.TarError, OSError, ValueError) as error:
        raise ManyHandsError(
            "this is no submission", why=str(error)[:200], remedy="hand in with ./manyhands or JupyterLab"
        ) from error


def _check(entry: tarfile.TarInfo, count: int, total: int) -> None:
    name = PurePosixPath(entry.name)
    if total > LIMIT_BYTES or count > LIMIT_FILES:
        why = f"more than {LIMIT_FILES} files or {LIMIT_BYTES // 1_000_000} MB"
        raise ManyHandsError("this submission is too large", why=why, remedy="remove what the lab does not ask for")
    if not entry.isreg() or name.is_absolute() or ".." in name.parts or not name.parts or not entry.name.isprintable():
        raise ManyHandsError("this is no submission", why=f"{entry.name!r} is not a plain file of the lab's folder")


def _keep_secret(file: Path) -> None:
    """What feedback will be found by: the sender's if it is of nbgrader's form, else one that finds nothing."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if _SECRET_FORM.fullmatch(file.read_text()):
            return
    if file.is_dir():
        shutil.rmtree(file)
    file.write_text(secrets.token_hex(64))


def _digest(folder: Path) -> str:
    return hashlib.sha256(pack(folder)).hexdigest()
