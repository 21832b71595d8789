"""The states in which a pool is judged: what has just happened to a stack when traffic is counted."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError, suggestion
from autograder.stack.conduct import Conduct
from autograder.stack.engine import NodeDownError
from autograder.stack.procfs import wait_until
from autograder.traffic.clients import population
from autograder.traffic.send import send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autograder.stack.model import Door
    from autograder.stack.proxies.proxy import ServerNow
    from autograder.stack.running import RunningStack

_SLOWNESS = 10.0
_NOTICED = 60
"""Requests sent while a server is down, so that the balancer has seen it."""
_PATIENCE_S = 8.0
"""HAProxy's own settings take six seconds to see that a server is down, and four that it is back."""
_FIRST_CHECK_S = 3.0
"""With them, every server is checked for the first time within two seconds."""
_TAKEN_OUT = ("MAINT", "DRAIN", "no check")
_UNCHECKED = ("INI", "UNK")
"""What HAProxy says of a check that has not ended yet."""
_SOON_S = 0.3
"""Three times a check's interval where checks are quick: sixty requests may be over before the first of them."""
_MANY_CHECKS = 20
_SLICE = 200
_BEYOND = 3.0
"""Checkouts in work at once in an overload, as a multiple of what all servers together can work on at once."""


@dataclass(frozen=True)
class State:
    """A state that a stack is in. ``victim`` is the server it happened to, empty if to none or all of them.

    ``serving`` are the servers that should be getting traffic.
    """

    name: str
    described: str
    victim: str
    serving: tuple[str, ...]


_DESCRIBED = {
    "all-up": "all servers up",
    "one-down": "{} down",
    "one-slow": f"{{}} takes {_SLOWNESS:.0f} times as long",
    "one-failing-fast": "{} answers 500 at once",
    "just-reloaded": "just reloaded",
    "fresh-start": "just started",
    "overloaded": f"{_BEYOND:.0f} times the checkouts that all servers together can work on at once",
    "recovering": "{} just came back",
}
STATES = tuple(_DESCRIBED)


def state_named(name: str) -> str:
    """``name`` if it is a state. Raises :class:`ManyHandsError` with the nearest one if it is not."""
    if name in _DESCRIBED:
        return name
    raise ManyHandsError(f"there is no state called {name!r}", remedy=suggestion(name, STATES))


@contextlib.contextmanager
def in_state(running: RunningStack, name: str, victim: str = "", door: Door | None = None) -> Iterator[State]:
    """Bring a stack, whose balancer runs, into a state; all is well again afterwards.

    ``victim`` is the server it happens to (the first if none is named). Traffic that a state needs goes to ``door``.
    """
    servers = tuple(server.name for server in running.stack.servers)
    hit = (victim or servers[0]) if "{}" in _DESCRIBED[state_named(name)] else ""
    down = (hit,) if name == "one-down" else ()
    state = State(name, _DESCRIBED[name].format(hit), hit, tuple(one for one in servers if one not in down))
    running.bring_back()
    try:
        with _BACKGROUND.get(name, _nothing)(running, door):
            if name in _HAPPENS:
                _HAPPENS[name](running, hit, door)
            yield state
    finally:
        running.bring_back()


def _down(running: RunningStack, victim: str, door: Door | None) -> None:
    # Before its first check passes, a single failed one takes a server out, whatever the config says of `fall`.
    _until_seen(running, victim, lambda server: server.check not in _UNCHECKED, _FIRST_CHECK_S)
    running.kill(victim)
    _send_some(running, door)
    _until_seen(running, victim, _gone, _SOON_S)


def _recovering(running: RunningStack, victim: str, door: Door | None) -> None:
    _down(running, victim, door)
    _until_seen(running, victim, _gone, _PATIENCE_S)
    running.start(victim)
    _until_seen(running, victim, _back, _PATIENCE_S)


def _gone(server: ServerNow) -> bool:
    return not server.status.startswith("UP")


def _back(server: ServerNow) -> bool:
    """Whether it is up, or has many more checks to pass (``DOWN 2/6000``): then it is not back, and that is seen."""
    passed, _, needed = server.status.removeprefix("DOWN ").partition("/")
    return server.status.startswith("UP") or (passed.isdecimal() and int(needed) > _MANY_CHECKS)


def _until_seen(running: RunningStack, victim: str, seen: Callable[[ServerNow], bool], patience: float) -> None:
    """Wait until the balancer's own checks have shown it something about the victim in every pool it is in.

    Gives up after ``patience`` seconds: checks may be minutes apart. There is nothing to wait for where the balancer
    tells nothing of its servers (nginx learns from requests), for servers that nothing checks, and for those that
    somebody took out.
    """
    address = running.machines.address(victim)

    def shown() -> bool:
        try:
            servers = running.runtime().servers
        except NodeDownError:
            return True
        mine = [one for one in servers if one.address.rpartition(":")[0].strip("[]") == address]
        return all(seen(one) for one in mine if one.check and not one.status.startswith(_TAKEN_OUT))

    wait_until(shown, patience)


def _slow(running: RunningStack, victim: str, _door: Door | None) -> None:
    running.afflict(victim, Conduct(slowness=_SLOWNESS))


def _failing(running: RunningStack, victim: str, _door: Door | None) -> None:
    running.afflict(victim, Conduct(failing=True))


def _reloaded(running: RunningStack, _victim: str, _door: Door | None) -> None:
    running.apply(running.running or {})


def _started(running: RunningStack, _victim: str, _door: Door | None) -> None:
    running.balancer().restart()


def _send_some(running: RunningStack, door: Door | None) -> None:
    crowd = population("many")
    send(running, crowd, crowd.browse(_NOTICED), door=door)


@contextlib.contextmanager
def _nothing(_running: RunningStack, _door: Door | None) -> Iterator[None]:
    yield


@contextlib.contextmanager
def _overload(running: RunningStack, door: Door | None) -> Iterator[None]:
    """More people at the checkout than the servers can work on, for as long as the block lasts."""
    crowd = population("many")
    people = max(1, int(_BEYOND * sum(server.workers for server in running.stack.servers)))
    over, begun = threading.Event(), threading.Event()

    def press() -> None:
        seed = 0
        try:
            while not over.is_set():
                send(running, crowd, crowd.check_out(min(_SLICE, 4 * people), seed=seed), concurrency=people, door=door)
                seed += 1
                begun.set()
        finally:
            begun.set()

    with ThreadPoolExecutor(1, "overload") as pool:
        pressing = pool.submit(press)
        try:
            begun.wait()
            yield
        finally:
            over.set()
        pressing.result()


_HAPPENS: dict[str, Callable[[RunningStack, str, Door | None], None]] = {
    "one-down": _down,
    "one-slow": _slow,
    "one-failing-fast": _failing,
    "just-reloaded": _reloaded,
    "fresh-start": _started,
    "recovering": _recovering,
}
_BACKGROUND = {"overloaded": _overload}
