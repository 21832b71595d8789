"""Files into a container and out of it."""

from __future__ import annotations

import base64
import io
import json
import posixpath
import tarfile
from typing import TYPE_CHECKING, Any

from autograder.stack.docker_exec import execute
from autograder.stack.docker_plan import python_on_node
from autograder.stack.engine import EngineError, Fetched

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECONDS = 30.0
_WORDS_KEPT = 64 * 1024
_FILES_KEPT = 64 * 1024 * 1024

# A link or a file in the folder's place goes too; nothing else is left in it.
_UNPACK = """
set -e
if [ -L "$1" ] || [ -f "$1" ]; then rm -f -- "$1"; fi
mkdir -p -- "$1"
find "$1" -mindepth 1 -delete
exec tar --extract --no-same-owner --directory "$1" --file -
"""


def put_files(api: Any, container: str, folder: str, files: Mapping[str, bytes]) -> None:
    """Make a folder in a running container hold exactly these files. Raises :class:`EngineError` if it cannot."""
    command = ["sh", "-c", _UNPACK, "put", folder]
    packed = _pack(folder, files)
    code, _, err = execute(api, container, command, stdin=packed, timeout=_SECONDS, limit=_WORDS_KEPT)
    if code:
        raise EngineError(f"the files could not be put into {folder}", why=err.decode(errors="replace").strip())


def fetch_files(api: Any, container: str, folder: str) -> Fetched:
    """See :meth:`autograder.stack.engine.Machines.fetch`."""
    code, out, err = execute(api, container, python_on_node("inside", folder), timeout=_SECONDS, limit=_FILES_KEPT)
    try:
        reply = json.loads(out)
    except ValueError:
        reply = {"error": err.decode(errors="replace").strip() or f"it ended with code {code}"}
    if "error" in reply:
        raise EngineError(f"the files in {folder} could not be read", why=reply["error"])
    told = reply["ok"]
    return Fetched({name: base64.b64decode(text) for name, text in told["files"].items()}, told["mark"])


def _pack(folder: str, files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            inside = posixpath.normpath(f"{folder}/{name}")
            if not inside.startswith(f"{posixpath.normpath(folder)}/"):
                raise EngineError(f"the file name {name!r} leads out of {folder}", remedy="use a name inside it")
            entry = tarfile.TarInfo(posixpath.relpath(inside, folder))
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
