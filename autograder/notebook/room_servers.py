"""How the nodes of an open lab are: looked at again and again, by a thread of its own."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autograder.notebook.frame import BalancerNow, ServerNow
from autograder.stack.balancing import config_digest
from autograder.stack.conduct import WELL
from autograder.stack.model import CLIENTS
from autograder.stack.vitals import vitals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.notebook.room_traffic import Now
    from autograder.stack.engine import NodeState
    from autograder.stack.running import RunningStack

# Named by import, not by word: so it is compiled here, where the outcome can be kept, and not anew at every call.
_VITALS = f"{vitals.__module__}:{vitals.__name__}"
_ANSWERS_S = 0.5
"""How long a server may take to tell how it is."""
_HUNG_AFTER = 3
"""Looks in a row without an answer: one may be lost on a busy machine."""


@dataclass(frozen=True)
class Look:
    """What one look at all nodes showed: processes, and what each server said of itself, if it did."""

    states: Mapping[str, NodeState]
    said: Mapping[str, Mapping[str, Any]]
    balancers: Mapping[str, NodeState]
    silent: Mapping[str, int] = field(default_factory=dict)
    """Server → looks in a row to which it did not answer though its process is there."""


def look(running: RunningStack, before: Look | None) -> Look:
    """Look at every node. Raises :class:`EngineError` if the stack is gone."""
    states = running.servers()
    balancers = {one.name: running.machines.state(one.name) for one in running.stack.balancers}
    asked = {
        server.name: (running.machines.address(server.name), server.port)
        for server in running.stack.servers
        if states[server.name].up and server.speaks == "http" and not running.conduct(server.name).cut_off
    }
    said = running.machines.call(CLIENTS, _VITALS, {"servers": asked, "timeout": _ANSWERS_S}) if asked else {}
    earlier = before.silent if before is not None else {}
    silent = {name: earlier.get(name, 0) + 1 for name in asked if name not in said}
    # One answer may be late on a busy machine: what was said before that is the newest there is.
    known = before.said if before is not None else {}
    still = {name: known[name] for name, times in silent.items() if times < _HUNG_AFTER and name in known}
    return Look(states, {**still, **said}, balancers, silent)


def servers_now(
    running: RunningStack, seen: Look | None, now: Now, seconds: float, *, gone: bool = False
) -> tuple[ServerNow, ...]:
    """Every server, from a look and from the answers that were counted in the last ``seconds``.

    With ``gone`` the whole stack is, and all servers are down.
    """
    fair = running.stack.fair_shares()
    total = sum(now.counts.values())
    found = []
    for server in running.stack.servers:
        name = server.name
        state = seen.states.get(name) if seen is not None else None
        said = seen.said.get(name, {}) if seen is not None and state is not None and state.up else {}
        answers = now.counts.get(name, 0)
        found.append(
            ServerNow(
                name=name,
                condition="down" if gone else _condition(running, name, seen),
                share=answers / total if total else 0.0,
                fair=fair[name],
                rate=answers / seconds,
                busy=said.get("busy", 0) / said.get("workers", 1),
                queue=said.get("waiting", 0),
                memory=said.get("memory_mb", 0.0) / said.get("memory_limit_mb", 1.0),
                capacity=server.capacity,
                starts=state.starts if state is not None else 1,
                exit_code=None if state is None or state.up else state.exit_code,
            )
        )
    return tuple(found)


def _condition(running: RunningStack, name: str, seen: Look | None) -> str:
    if seen is None:
        return "up"
    if not seen.states[name].up:
        return "down"
    conduct = running.conduct(name)
    if conduct.cut_off:
        return "cut-off"
    if seen.silent.get(name, 0) >= _HUNG_AFTER:
        return "hung"
    return "slow" if conduct != WELL else "up"


def balancers_now(running: RunningStack, seen: Look | None) -> tuple[BalancerNow, ...]:
    """Every balancer."""
    found = []
    for one in running.stack.balancers:
        runs = running.balancer(one.name).running
        up = seen.balancers[one.name].up if seen is not None else runs is not None
        found.append(BalancerNow(one.name, one.proxy, up, config_digest(runs)[:4] if runs else ""))
    return tuple(found)


def serving(running: RunningStack, seen: Look | None) -> set[str]:
    """Servers that could answer: their process is there, and their cable."""
    names = {server.name for server in running.stack.servers}
    if seen is None:
        return names
    return {name for name in names if seen.states[name].up and not running.conduct(name).cut_off}


class Health:
    """Which servers ailed, so that a crash and a recovery are told once."""

    def __init__(self) -> None:
        self._down: set[str] = set()
        self._ailing: dict[str, float] = {}
        """Server → since when (:func:`time.monotonic`) nothing is wrong with it; infinity while something is."""

    def crashes(self, running: RunningStack, seen: Look) -> list[tuple[str, int | None]]:
        """Servers that went down since the last look, with their exit codes."""
        gone = {name for name, state in seen.states.items() if not state.up}
        fresh = [(name, seen.states[name].exit_code) for name in seen.states if name in gone - self._down]
        self._down = gone
        for name in seen.states:
            if name in gone or running.conduct(name) != WELL:
                self._ailing[name] = float("inf")
            elif self._ailing.get(name) == float("inf"):
                self._ailing[name] = time.monotonic()
        return fresh

    def healed(self) -> dict[str, float]:
        """Servers that are well again and were not seen to answer yet → since when."""
        return {name: when for name, when in self._ailing.items() if when != float("inf")}

    def recovered(self, name: str) -> None:
        """It answers: its recovery was told."""
        self._ailing.pop(name, None)
