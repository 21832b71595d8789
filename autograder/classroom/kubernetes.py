"""A classroom on a cluster: the plan's numbers, put into the files of ``docker/kubernetes``.

The files are templates that can be read as they are; what is between ``$`` and a word's end is filled in here.
"""

from __future__ import annotations

import json
import math
from string import Template
from typing import TYPE_CHECKING, Final

from autograder.durable import write_durably
from autograder.errors import ManyHandsError
from autograder.launch.places import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from autograder.classroom.plan import Cost, Plan
    from autograder.classroom.settings import Settings

FILES: Final = ("values.yaml", "class.yaml", "gateway.yaml")
REGISTRY: Final = "registry.example.org/manyhands"
_ONE_FILE_DOES: Final = 300
"""Learners up to whom the hub's database may be a file; beyond them it is PostgreSQL."""
_PLACEHOLDERS: Final = 0.05
"""The share of rooms that is held free for whoever comes next, so that nobody waits for a machine."""


def render(made: Plan, settings: Settings, cost: Cost, *, registry: str = REGISTRY, tag: str = "1") -> dict[str, str]:
    """Name of a file → its text, for the plan and a classroom's settings.

    ``registry`` is where the cluster gets the images from, ``tag`` theirs. What the settings say of sign-in goes into
    ``values.yaml``, secrets too.

    Raises:
        ManyHandsError: people are to sign in with passwords of our own, for which a cluster has no place.
    """
    if settings.sign_in.kind not in ("oidc", "lti13"):
        raise ManyHandsError(
            f"sign-in of the kind {settings.sign_in.kind} is for one machine",
            why="on a cluster people sign in with accounts they have: OpenID Connect or LTI 1.3",
            remedy="--settings classroom.toml; begin with docker/classroom/examples/oidc.toml",
        )
    told = _numbers(made, settings, cost)
    told |= {
        "registry": registry,
        "tag": tag,
        "address": json.dumps(settings.url),
        "sign_in": json.dumps({"kind": settings.sign_in.kind, "options": dict(settings.sign_in.options)}),
    }
    folder = ROOT / "docker" / "kubernetes"
    return {name: Template((folder / name).read_text(encoding="utf-8")).substitute(told) for name in FILES}


def write(files: dict[str, str], folder: Path) -> None:
    """Put them into a folder, for their owner only: there are secrets in them. Raises :class:`ManyHandsError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write_durably(folder / name, text.encode(), 0o600)
    except OSError as error:
        raise ManyHandsError("the files cannot be written", where=str(folder), why=error.strerror or "") from error


def _numbers(made: Plan, settings: Settings, cost: Cost) -> dict[str, str]:
    """What is counted, in the units that Kubernetes takes."""
    quota = settings.quota
    large = made.learners > _ONE_FILE_DOES
    idle = 60 * quota.idle_minutes
    return {
        "learners": str(made.learners),
        "rooms": str(made.rooms),
        "spawns": str(made.concurrent_spawns),
        "graders": str(made.graders),
        "placeholders": str(math.ceil(made.rooms * _PLACEHOLDERS) if made.nodes else 0),
        "packed": "true" if made.nodes else "false",
        "hub_db": "postgres" if large else "sqlite-pvc",
        "hub_db_url": "postgresql+psycopg2://hub@database/hub" if large else "null",
        "hub_secret": "manyhands-hub" if large else "null",
        "hub_mb": str(math.ceil(256 + made.rooms * cost.hub_mb_each)),
        "proxy_mb": str(math.ceil(128 + made.rooms * cost.hub_mb_each)),
        "cpus": f"{quota.cpus:g}",
        "cpus_each": f"{max(0.01, made.processors / made.rooms):.3f}",
        "memory": quota.memory.upper(),
        "memory_each": str(math.ceil(cost.room_mb)),
        "scratch": _binary(quota.scratch),
        "disk": _binary(quota.disk),
        "class_gb": str(max(1, math.ceil(made.learners * cost.work_mb / 1024))),
        "idle_seconds": str(idle),
        "cull_seconds": str(max(10, idle // 4)),
    }


def _binary(size: str) -> str:
    """``512m`` as Kubernetes writes it."""
    return f"{size[:-1]}{size[-1].upper()}i"
