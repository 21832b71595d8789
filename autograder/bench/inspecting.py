"""How long `inspect` takes: a whole process for one config, a hundred in one call, and reading only."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.errors import ManyHandsError
from autograder.launch.places import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ONE, MANY, READ = 7, 100, 1000
LIMITS = {"one_s": 1.2, "many_s": 25.0, "read_s": 5.0}
"""What they may take on two processors that have nothing else to do."""
_POOL = "server 10.20.1.11:8080{}; server 10.20.1.12:8080; server 10.20.2.13:8080;"
_CONFIG = """# {number}
events {{}}
http {{
    upstream shop {{ {pool} }}
    server {{ listen 80; location / {{ proxy_pass http://shop; }} }}
}}
"""


def measure(say: Callable[[str], None], one: int = ONE, many: int = MANY, read: int = READ) -> dict[str, Any]:
    """Seconds of wall time: ``one_s`` (median of ``one`` runs), ``many_s`` for ``many`` configs, ``read_s``."""
    with tempfile.TemporaryDirectory(prefix="manyhands-bench-") as scratch:
        folder = Path(scratch)
        say(f"one config of three servers, {one} times")
        names = write(folder, max(many, read))
        alone = [seconds([names[0]]) for _ in range(one)]
        say(f"{many} configs in one call")
        together = seconds(names[:many])
        say(f"{read} configs, read only")
        only_read = seconds([*names[:read], "--static-only"])
    return {
        "processors": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
        "one_s": round(statistics.median(alone), 2),
        "many": many,
        "many_s": round(together, 1),
        "many_to_one": round(together / many / statistics.median(alone), 2),
        "read": read,
        "read_s": round(only_read, 2),
        "limits": LIMITS,
    }


def report(found: dict[str, Any]) -> str:
    """The same for people."""
    return "\n".join(
        [
            f"one config, whole process      {found['one_s']:.2f} s   (may take {LIMITS['one_s']:g})",
            f"{found['many']} configs in one call      {found['many_s']:.1f} s   (may take {LIMITS['many_s']:g})",
            f"  each, of one alone           {found['many_to_one']:.2f}",
            f"{found['read']} configs, read only       {found['read_s']:.2f} s   (may take {LIMITS['read_s']:g})",
            f"{found['processors']} processors, load {found['load']:g} at the end",
        ]
    )


def write(folder: Path, count: int) -> list[str]:
    """So many configs, each in a folder of its own and no two the same; their names."""
    names = []
    for number in range(count):
        path = folder / f"{number:04}" / "nginx.conf"
        path.parent.mkdir()
        pool = _POOL.format(f" weight={number}" if number % 10 == 9 else "")
        path.write_text(_CONFIG.format(number=number, pool=pool), encoding="utf-8")
        names.append(str(path))
    return names


def seconds(words: Sequence[str]) -> float:
    """Wall time of a whole `inspect`, start-up included. Raises :class:`ManyHandsError` if it judged nothing."""
    began = time.perf_counter()
    command = [sys.executable, "-P", "-m", "autograder", "inspect", *words]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    if ran.returncode not in (0, 1):
        raise ManyHandsError("inspect did not work", why=(ran.stderr or ran.stdout).strip()[-300:])
    return took
