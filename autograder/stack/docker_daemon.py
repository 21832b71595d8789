"""Talking to the Docker daemon: finding it, and saying in our own words what went wrong."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.stack.engine import EngineError, NodeDownError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SOCKET = Path("/var/run/docker.sock")
_SOCKET_SCHEMES = ("unix://", "http+unix://")
_SECONDS = 60
_CONNECTIONS = 32
_CONFLICT = 409
_FREEZE_SECONDS = 20.0


def connect() -> Any:
    """A ``docker.APIClient`` that has talked to the daemon. Raises :class:`EngineError` if there is none."""
    try:
        import docker
        import docker.errors
        import docker.utils
    except ImportError as error:
        raise EngineError(
            "the Docker engine needs the Docker SDK for Python",
            why=str(error),
            remedy="pip install docker, or use --engine local",
        ) from error
    where = ""
    try:
        options = docker.utils.kwargs_from_env()
        where = options.setdefault("base_url", _default_address())
        _knock(where)
        client = docker.APIClient(version="auto", timeout=_SECONDS, max_pool_size=_CONNECTIONS, **options)
        # No proxy stands before a socket file, and requests reads all variables anew for each request: one that another
        # thread changes meanwhile ends the request (KeyError).
        client.trust_env = not where.startswith(_SOCKET_SCHEMES)
        return client
    except PermissionError as error:
        raise EngineError(
            "you may not talk to the Docker daemon",
            where=where,
            why="its socket belongs to root and the group docker",
            remedy="sudo usermod -aG docker $USER and log in again (this gives you the rights of root),"
            " or use --engine local",
        ) from error
    except (docker.errors.DockerException, OSError) as error:
        raise EngineError("no Docker daemon answers", where=where, why=str(error), remedy=_start_it()) from error


def _default_address() -> str:
    """The system's daemon; a user's own ("rootless") one if only that is there."""
    own = Path(os.environ.get("XDG_RUNTIME_DIR", "/nowhere")) / "docker.sock"
    return f"unix://{own if own.is_socket() and not _SOCKET.exists() else _SOCKET}"


def _knock(address: str) -> None:
    """Connect once ourselves: the SDK wraps the reason why it cannot in five layers, and forgets a socket."""
    path = address.removeprefix("http+").removeprefix("unix://")
    if path != address:
        with socket.socket(socket.AF_UNIX) as daemon:
            daemon.settimeout(_SECONDS)
            daemon.connect(path)


def _start_it() -> str:
    if os.environ.get("DOCKER_HOST"):
        return "check DOCKER_HOST, or use --engine local"
    return (
        "start it with: sudo systemctl start docker (install it with: sudo apt install docker.io),"
        " or use --engine local"
    )


@contextlib.contextmanager
def asking(doing: str, node: str = "") -> Iterator[None]:
    """Turn the SDK's exceptions into ours: ``doing`` completes "Docker could not …"."""
    import docker.errors
    import requests

    try:
        yield
    except docker.errors.APIError as error:
        why = str(error.explanation or error)
        if node and error.status_code == _CONFLICT and ("not running" in why or "is restarting" in why):
            raise NodeDownError(f"{node} is not running", remedy=f"start {node} first") from error
        if node and error.status_code == _CONFLICT and "is paused" in why:
            raise EngineError(f"{node} is paused, so nothing runs there", remedy=f"resume {node} first") from error
        raise EngineError(f"Docker could not {doing}", why=why) from error
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise EngineError(
            f"Docker could not {doing}", why=str(error), remedy="check the daemon with: docker info"
        ) from error


def freeze(api: Any, container: str) -> None:
    """Pause a container. On a busy machine its processes may take a while to get to where they can be frozen."""
    import docker.errors

    deadline = time.monotonic() + _FREEZE_SECONDS
    while True:
        try:
            api.pause(container)
        except docker.errors.APIError as error:
            if "unable to freeze" not in str(error.explanation) or time.monotonic() > deadline:
                raise
        else:
            return
