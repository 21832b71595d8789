"""Removing images of classrooms that nobody needs any more: each change of a recipe or of the code makes new ones.

Only what this clone made, which a label says. Nothing goes that a container uses, that a hub would start a room from,
or that was made a moment ago. Layers without a name go with the image they are below; of the stages that a build
leaves, the last one stays, since the next build begins with it.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any, Final

from autograder.classroom.images import CLONE, LABEL, NAMES, STAGE, this_clone

_ROOM_IMAGE: Final = "LEARNER_IMAGE="
"""How a hub is told what to start rooms from."""
_YOUNG_SECONDS: Final = 600.0
"""An image made so lately may be one that somebody is about to start containers from."""


def prune(
    keep: frozenset[str],
    *,
    names: tuple[str, ...] = NAMES,
    clone: str = "",
    young_seconds: float = _YOUNG_SECONDS,
) -> int:
    """Remove this clone's images of these names but for those to ``keep`` and those in use; how many went.

    Raises:
        docker.errors.DockerException: Docker does not answer.
    """
    import docker
    import docker.errors

    api = docker.from_env().api
    mine = f"{CLONE}={clone or this_clone()}"
    used = _in_use(api)
    before = time.time() - young_seconds
    old = [one for name in names for one in api.images(name, filters={"label": mine})]
    stages = api.images(filters={"label": [mine, STAGE], "dangling": True})
    old += sorted(stages, key=lambda one: int(one["Created"]))[:-1]
    gone = 0
    for image in old:
        tags = set(image["RepoTags"] or ())
        if tags & (keep | used) or image["Id"] in used or image["Created"] >= before:
            continue
        with contextlib.suppress(docker.errors.APIError):  # somebody was quicker, to use it or to remove it
            for one in sorted(tags - {"<none>:<none>"}) or [image["Id"]]:
                api.remove_image(one)
            gone += 1
    return gone


def _in_use(api: Any) -> frozenset[str]:
    """Images, by id or name, of every container, and those that a hub which is there starts rooms from."""
    used = set()
    for container in api.containers(all=True):
        used |= {container["ImageID"], container["Image"]}
        if LABEL in container["Labels"]:
            told = api.inspect_container(container["Id"])["Config"]["Env"] or ()
            used |= {word.removeprefix(_ROOM_IMAGE) for word in told if word.startswith(_ROOM_IMAGE)}
    return frozenset(used)
