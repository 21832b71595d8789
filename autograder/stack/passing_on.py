"""What a program asks of the balancer beside it, passed on to the real one.

Every reload goes through here, so the marker that workers carry can name what they read.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from autograder.stack.engine import EngineError, NodeDownError

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.stack.balancing import RunningBalancer
    from autograder.stack.engine import Machines

_STOPS_S = 5.0
_POLL_S = 0.02


class PassingOn:
    """For the programs of one balancer."""

    def __init__(self, balancer: RunningBalancer, machines: Machines) -> None:
        self._balancer = balancer
        self._node = balancer.balancer.name
        self._machines = machines
        self._proxy = balancer.proxy

    def do(self, kind: str, word: str) -> str:
        """Do it; returns what the program is told. Raises :class:`EngineError` when the engine itself fails."""
        try:
            return {"signal": self._signal, "service": self._service}.get(kind, self._socket(kind))(word)
        except NodeDownError:
            return "" if kind != "service" else "1 it is not running\n"

    def _signal(self, name: str) -> str:
        def ask() -> bool:
            self._machines.kill(self._node, name)
            return True

        self._maybe_reload(name in self._proxy.reload_signals, ask)
        return ""

    def _socket(self, kind: str) -> Callable[[str], str]:
        def ask(word: str) -> str:
            told: list[str] = []

            def pass_on() -> bool:
                told.append(self._proxy.say(self._machines, self._node, kind, word))
                return "Success=0" not in told[0]

            self._maybe_reload(kind == "master" and "reload" in word, pass_on)
            return told[0] if told else ""

        return ask

    def _maybe_reload(self, reload: bool, ask: Callable[[], bool]) -> None:
        if reload and self._machines.state(self._node).up:
            self._balancer.reload_in_place(ask)
        else:
            ask()

    def _service(self, word: str) -> str:
        """``reload nginx`` and the like, as ``systemctl`` takes them: an exit code, and words if there are any."""
        what, _, unit = word.partition(" ")
        if unit.removesuffix(".service") != self._proxy.name:
            return f"5 there is no service {unit!r} here; there is {self._proxy.name}\n"
        up = self._machines.state(self._node).up
        if what in ("is-active", "status"):
            return "0 active\n" if up else "3 inactive\n"
        if what == "reload":
            return self._reload() if up else f"1 {self._proxy.name} is not running\n"
        if what in ("stop", "restart"):
            self._stop()
        if what in ("start", "restart"):
            return self._start()
        return "0 \n" if what == "stop" else f"1 {what!r} is not offered: start, stop, restart, reload, is-active\n"

    def _reload(self) -> str:
        said: list[str] = []

        def ask() -> bool:
            said.append(self._proxy.reload(self._machines, self._node))
            return not said[0]

        self._balancer.reload_in_place(ask)
        return f"1 {said[0]}\n" if said and said[0] else "0 \n"

    def _start(self) -> str:
        if self._machines.state(self._node).up:
            return "0 \n"
        try:
            loaded = self._balancer.start_in_place()
        except EngineError as error:
            return f"1 {error.what}\n"
        return "0 \n" if loaded else f"1 {self._proxy.name} did not start: {self._machines.logs(self._node)[-1000:]}\n"

    def _stop(self) -> None:
        self._machines.kill(self._node, "TERM")
        deadline = time.monotonic() + _STOPS_S
        while self._machines.state(self._node).up and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        self._machines.kill(self._node)
