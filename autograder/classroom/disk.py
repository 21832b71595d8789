"""How much of the disk a classroom takes: each person's files, as Docker counts them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from autograder.classroom.host import Host

_PATIENCE_SECONDS: Final = 120.0
_BETWEEN_LOOKS: Final = 1.0


def volume_bytes(prefix: str) -> dict[str, int]:
    """Bytes in every volume whose name begins so.

    Raises:
        docker.errors.DockerException: Docker does not answer.
    """
    import docker
    import docker.errors

    client = docker.from_env(timeout=int(_PATIENCE_SECONDS)).api
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            found: list[dict[str, Any]] = client.df()["Volumes"] or []
            break
        except docker.errors.APIError as error:
            # an older Docker counts for one asker at a time, and the hub asks as well
            if "already running" not in str(error.explanation) or time.monotonic() > deadline:
                raise
            time.sleep(_BETWEEN_LOOKS)
    return {one["Name"]: one["UsageData"]["Size"] for one in found if one["Name"].startswith(prefix)}


def files_of_people(host: Host) -> dict[str, int]:
    """Name, as it is in the volume's → bytes of that person's files. Raises as :func:`volume_bytes`."""
    prefix = f"{host.name}-work-"
    return {name.removeprefix(prefix): size for name, size in sorted(volume_bytes(prefix).items())}
