"""Talking to the Docker daemon: finding it, and saying in our own words what went wrong."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.stack.engine import EngineError, NodeDownError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SOCKET = Path("/var/run/docker.sock")
_SECONDS = 60
_CONNECTIONS = 32
_CONFLICT = 409


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
    try:
        where = docker.utils.kwargs_from_env()
        where.setdefault("base_url", _default_address())
        return docker.APIClient(version="auto", timeout=_SECONDS, max_pool_size=_CONNECTIONS, **where)
    except docker.errors.DockerException as error:
        raise _no_daemon(error, where.get("base_url") or "") from error


def _default_address() -> str | None:
    """The system's daemon; a user's own ("rootless") one if only that is there."""
    own = Path(os.environ.get("XDG_RUNTIME_DIR", "/nowhere")) / "docker.sock"
    return f"unix://{own}" if own.is_socket() and not _SOCKET.exists() else None


def _no_daemon(error: Exception, where: str) -> EngineError:
    why = str(error)
    if "Permission denied" in why:
        return EngineError(
            "you may not talk to the Docker daemon",
            where=where,
            why="its socket belongs to root and the group docker",
            remedy="sudo usermod -aG docker $USER and log in again (this gives you the rights of root),"
            " or use --engine local",
        )
    remedy = (
        "check DOCKER_HOST, or use --engine local"
        if os.environ.get("DOCKER_HOST")
        else "start it with: sudo systemctl start docker (install it with: sudo apt install docker.io),"
        " or use --engine local"
    )
    return EngineError("no Docker daemon answers", where=where, why=_innermost(error), remedy=remedy)


def _innermost(error: BaseException) -> str:
    """The cause that started it: the SDK wraps a missing socket in five layers."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return str(error)


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
        raise EngineError(f"Docker could not {doing}", why=why) from error
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise EngineError(
            f"Docker could not {doing}", why=str(error), remedy="check the daemon with: docker info"
        ) from error
