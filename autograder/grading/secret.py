"""The class's secret, and the traffic seeds that are drawn from it.

A submission's traffic must be the same whenever it is judged again, wherever that is; and nobody may know it who hands
in. So its seed comes from what was handed in and from a secret of the class, which is made once and never leaves the
class folder: a worker gets the seed, which tells nothing about the seed of anybody else.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from autograder.errors import ManyHandsError
from autograder.grading.settings import Places

_FILE: Final = "traffic-secret"
_BYTES: Final = 32


def class_secret(places: Places) -> bytes:
    """The secret of the class, 32 bytes; made now if there is none yet.

    Raises:
        ManyHandsError: the file that holds it cannot be read, or holds something else.
    """
    path = places.course / _FILE
    try:
        try:
            text = path.read_text(encoding="ascii")
        except FileNotFoundError:
            _make(path)
            text = path.read_text(encoding="ascii")
        secret = bytes.fromhex(text)
        if len(secret) != _BYTES:
            raise ValueError(f"it holds {len(secret)} bytes where {_BYTES} belong")
    except (OSError, ValueError) as error:
        raise ManyHandsError(
            "the class's secret cannot be read",
            where=str(path),
            why=str(error),
            remedy="put it back as it was, or remove it: a new one is made, and what was judged stays as it is",
        ) from error
    return secret


def seed_of(secret: bytes, files: Mapping[str, bytes]) -> int:
    """The seed of a submission's traffic: never 0, which is what learners see, and the same when judged again."""
    total = hmac.new(secret, digestmod="sha256")
    for path in sorted(files):
        total.update(f"{len(path)}:{path}{len(files[path])}:".encode() + files[path])
    return 1 + int.from_bytes(total.digest()[:8])


def _make(path: Path) -> None:
    """Make a secret, whole or not at all. Of several who do it at the same time the first wins, for all of them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, fresh = tempfile.mkstemp(prefix=f".{_FILE}.", dir=path.parent)  # nobody else may read it: 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_BYTES) + "\n")
            file.flush()
            os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        Path(fresh).unlink()
