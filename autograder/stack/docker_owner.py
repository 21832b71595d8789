"""Who owns what on the Docker daemon, and clearing up after owners that are gone.

Everything a stack makes carries labels that name the process it belongs to. A process that was killed cannot clear
up, so its reaper does it (:mod:`autograder.stack.docker_reaper`); and where that was killed too, whoever opens the next
stack.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    _Found = tuple[str, Mapping[str, str]]

STACK = "manyhands.stack"
_OWNER = "manyhands.owner"
_BOOT = "manyhands.boot"
_PLACE = "manyhands.place"
_AT_ONCE = 8
_IN_PROGRESS = 409
_PATIENCE = 20.0
_POLL = 0.02


def owner_labels(stack: str) -> dict[str, str]:
    """Labels for everything that belongs to the stack with this id, owned by this process."""
    pid = os.getpid()
    return {STACK: stack, _OWNER: f"{pid}:{_started(pid)}", _BOOT: _boot(), _PLACE: _place()}


def owner_is_gone(labels: Mapping[str, str]) -> bool:
    """Whether the owner of something with these labels has ended.

    Of another machine, or another pid namespace, that uses the same daemon nothing is known: then it is not gone.
    """
    if labels.get(_PLACE) != _place():
        return False
    if labels.get(_BOOT) != _boot():
        return True
    pid, _, started = labels.get(_OWNER, "").partition(":")
    return not pid.isdigit() or _started(int(pid)) != started


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Only one process of this machine is in here, whichever clone it is of and whoever runs it; the others wait."""
    descriptor = os.open("/", os.O_RDONLY)  # a folder can be locked too, and no lock file is left
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def remove_strays(api: Any) -> None:
    """Remove the stacks of owners that are gone."""
    if not _strays(api):
        return
    # Docker 20.10 can lose count of a network's endpoints when two remove the same containers, and then keeps the
    # network until the daemon is restarted.
    with one_at_a_time():
        for stack in _strays(api):
            _remove_stray(api, stack)


def _strays(api: Any) -> set[str]:
    listed = [*_containers(api, STACK), *_networks(api, STACK), *_volumes(api, STACK)]
    return {labels[STACK] for _, labels in listed if owner_is_gone(labels)}


def _remove_stray(api: Any, stack: str) -> None:
    import docker.errors

    # One that Docker cannot let go of must not keep others from working; the next to open tries again.
    with contextlib.suppress(docker.errors.APIError):
        remove_stack(api, stack)


def remove_stack(api: Any, stack: str, at_once: bool = True) -> None:
    """Remove all containers, then all networks and volumes of a stack. What is gone already is no error.

    ``at_once`` uses threads, which an interpreter that is shutting down does not have any more.
    """
    label = f"{STACK}={stack}"
    with ThreadPoolExecutor(_AT_ONCE) if at_once else contextlib.nullcontext() as pool:
        every: Callable[..., Iterator[Any]] = pool.map if pool else map
        list(every(lambda one: _remove_container(api, one[0]), _containers(api, label)))
        networks = [(api.remove_network, name) for name, _ in _networks(api, label)]
        volumes = [(api.remove_volume, name) for name, _ in _volumes(api, label)]
        list(every(lambda each: _gone(*each), networks + volumes))


def _remove_container(api: Any, container: str) -> None:
    import docker.errors

    try:
        _gone(lambda one: api.remove_container(one, force=True, v=True), container)
    except docker.errors.APIError as error:
        if error.status_code != _IN_PROGRESS:
            raise
        # Somebody else is removing it; networks and volumes come free only when that is done.
        deadline = time.monotonic() + _PATIENCE
        while _containers(api, None, {"id": container}) and time.monotonic() < deadline:
            time.sleep(_POLL)


def _gone(remove: Callable[[str], Any], name: str) -> None:
    import docker.errors

    with contextlib.suppress(docker.errors.NotFound):
        remove(name)


def _containers(api: Any, label: str | None, more: Mapping[str, str] | None = None) -> list[_Found]:
    filters = {**({"label": label} if label else {}), **(more or {})}
    return [(one["Id"], one["Labels"]) for one in api.containers(all=True, filters=filters)]


def _networks(api: Any, label: str) -> list[_Found]:
    return [(one["Id"], one["Labels"]) for one in api.networks(filters={"label": label})]


def _volumes(api: Any, label: str) -> list[_Found]:
    return [(one["Name"], one["Labels"]) for one in api.volumes(filters={"label": label})["Volumes"] or []]


def _started(pid: int) -> str:
    """When a process started, in clock ticks since boot; empty if there is none (proc(5), field 22 of stat)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(") ")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _boot() -> str:
    return _text("/proc/sys/kernel/random/boot_id")


def _place() -> str:
    return f"{_text('/etc/machine-id') or os.uname().nodename} {Path('/proc/self/ns/pid').readlink()}"


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except OSError:
        return ""
