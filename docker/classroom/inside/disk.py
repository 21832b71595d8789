"""How much of the disk people's files take, what is large among them, and how somebody with too many deletes some.

Docker's volumes know no limit. So no file may be larger than all of its owner's may be (the kernel sees to that),
Docker is asked every half a minute what each volume holds, and a room whose files are over the limit is closed. It
opens again when enough is deleted: its owner is shown the largest files, and says which may go.
"""

from __future__ import annotations

import html
import json
import threading
import time
from typing import Any, Final

import docker.errors

WORK: Final = "/home/jovyan/work"
_FRESH_SECONDS: Final = 20.0
_PATIENCE_SECONDS: Final = 120
_SHOWN: Final = 20
_LARGEST = f"""
import heapq, json, os
found = []
for folder, _, names in os.walk({WORK!r}):
    for name in names:
        path = os.path.join(folder, name)
        told = os.lstat(path)
        found.append((told.st_size, os.path.relpath(path, {WORK!r}), told.st_mtime_ns))
print(json.dumps(heapq.nlargest({_SHOWN}, found)))
"""
# Only what is still as it was shown: the hub remembers an old choice, and a path may have a new file since.
_DELETE = f"""
import json, os, sys
for size, path, changed in json.loads(sys.argv[1]):
    file = os.path.join({WORK!r}, path)
    try:
        told = os.lstat(file)
        if (told.st_size, told.st_mtime_ns) == (size, changed):
            os.remove(file)
    except OSError as error:
        print(error, file=sys.stderr)
left = {{}}
for folder, _, names in os.walk({WORK!r}):
    for name in names:
        told = os.lstat(os.path.join(folder, name))
        left[told.st_ino] = told.st_size
print(sum(left.values()))
"""


class Sizes:
    """What every volume holds, as Docker counts it: asked once for all rooms."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = float("-inf")
        self._bytes: dict[str, int] = {}

    def of(self, client: Any, volume: str) -> int:
        """Bytes in a volume, a moment ago; 0 for one that is not there yet."""
        with self._lock:
            if time.monotonic() - self._asked > _FRESH_SECONDS:
                try:
                    told = client.df()["Volumes"] or ()
                    self._bytes = {one["Name"]: one["UsageData"]["Size"] for one in told}
                    self._asked = time.monotonic()
                except docker.errors.APIError as error:
                    # an older Docker answers one at a time; what was known before is good enough until then
                    if "already running" not in str(error.explanation):
                        raise
            return self._bytes.get(volume, 0)

    def know(self, volume: str, held: int) -> None:
        """Somebody counted a volume's bytes just now: Docker, if it is busy, may not say so for a while."""
        with self._lock:
            self._bytes[volume] = held


def largest(client: Any, image: str, volume: str, label: dict[str, str]) -> list[tuple[int, str, int]]:
    """The largest files of a volume: bytes, path, time of the last change (ns)."""
    return [
        (size, path, changed) for size, path, changed in json.loads(_beside(client, image, volume, label, _LARGEST))
    ]


def delete(client: Any, image: str, volume: str, label: dict[str, str], chosen: list[Any]) -> int:
    """Delete those of the chosen files that are still what they were when they were shown; the bytes that are left."""
    return int(_beside(client, image, volume, label, _DELETE, json.dumps(chosen)))


def form(held: int, limit: int, files: list[tuple[int, str, int]]) -> str:
    """What somebody with too many files reads, and chooses from."""
    rows = "".join(
        f'<p><label><input type="checkbox" name="delete" value="{html.escape(json.dumps([size, path, changed]))}"> '
        f"{html.escape(path)}, {_mega(size)}</label></p>"
        for size, path, changed in files
    )
    return (
        f"<h2>Your files take too much room</h2><p>They are {_mega(held)}, and may be {_mega(limit)}. The disk is "
        "everybody's, so your room stays closed until there is less. Nothing is deleted unless you say so.</p>"
        f"<p>Choose what may go, and start. These are the largest:</p>{rows}"
        "<p>If it is many small files, ask your instructor.</p>"
    )


def too_many(held: int, limit: int) -> str:
    """For whoever's room was not started."""
    return f"Your files are {_mega(held)}, and may be {_mega(limit)}. Choose more that may be deleted."


def _mega(size: int) -> str:
    return f"{size / 2**20:,.0f} MB"


def _beside(client: Any, image: str, volume: str, label: dict[str, str], program: str, *words: str) -> str:
    """Run a program that sees the volume and nothing else, with its owner's rights; what it prints."""
    rights = client.create_host_config(
        binds={volume: {"bind": WORK, "mode": "rw"}},
        network_mode="none",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        read_only=True,
        mem_limit="256m",
        pids_limit=64,
    )
    command = ["python", "-I", "-c", program, *words]
    made = client.create_container(image, command, user="1000:1000", labels=label, host_config=rights)
    try:
        client.start(made)
        if client.wait(made, timeout=_PATIENCE_SECONDS)["StatusCode"]:
            raise RuntimeError(client.logs(made).decode(errors="replace")[-500:])
        said: bytes = client.logs(made, stdout=True, stderr=False)
        return said.decode()
    finally:
        client.remove_container(made, force=True)
