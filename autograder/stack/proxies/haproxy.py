"""HAProxy in master-worker mode: checked with ``-c``, reloaded through the master CLI, its config asked of the worker.

The marker is an environment variable set in a file of ours that is loaded before the config under test, and read
back with ``show env`` on the Runtime API (docs.haproxy.org, management guide 9.3). That file also lets HAProxy start
where a machine allows fewer descriptors than production does (``no strict-limits``). What the config says of
``daemon``, ``chroot``, accounts, sockets of its own and master-worker mode stands.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from autograder.stack.engine import OPT
from autograder.stack.proxies.haproxy_processes import MASTER, RUNTIME, VARIABLE
from autograder.stack.proxies.proxy import MARKER_FOLDER, ConfigFault, Loaded, RunTime, ServerNow, Worker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.stack.engine import Machines

_ON_NODE = "autograder.stack.proxies.haproxy_processes"
_PROGRAM = f"{OPT}/haproxy/haproxy"
_ALERT = re.compile(r"\[ALERT\]\s*(?:\(\d+\))?\s*:\s*(?:config\s*: )?(?P<message>.*)")
_PLACE = re.compile(r"(?:parsing )?\[(?P<file>[^\]:\s]+):(?P<line>\d+)\]\s*:?\s*")
_LIST = re.compile(r"('[^']*'), (?:'[^']*', ){5,}('[^']*')")
"""A list of every word that would have been right helps nobody; HAProxy has lists of seventy."""
_SUMMARY = re.compile(
    r"Error\(s\) found in configuration file|Fatal errors found in configuration"
    r"|Some (?:protocols|configuration options|listeners) failed|Failed to load worker|exit-on-failure"
)


class HAProxy:
    """See :class:`autograder.stack.proxies.proxy.Proxy`."""

    name = "haproxy"
    folder = "/etc/haproxy"
    reload_signals: tuple[str, ...] = ("HUP", "USR2")

    def command(self, config: str) -> tuple[str, ...]:
        """See :class:`Proxy`."""
        # -db: in the foreground, whatever the config says of `daemon`. -C: where relative paths start from.
        files = ("-f", f"{MARKER_FOLDER}/marker.cfg", "-f", f"{self.folder}/{config}")
        return (_PROGRAM, "-W", "-db", "-S", MASTER, "-C", self.folder, *files)

    def check_command(self, folder: str, config: str) -> tuple[str, ...]:
        """See :class:`Proxy`."""
        return (_PROGRAM, "-c", "-C", folder, "-f", f"{folder}/{config}")

    def marker(self, word: str) -> Mapping[str, bytes]:
        """See :class:`Proxy`."""
        lines = (f"setenv {VARIABLE} {word}", f"stats socket {RUNTIME} mode 600 level admin", "no strict-limits")
        return {"marker.cfg": "\n".join(("global", *(f"    {line}" for line in lines), "")).encode()}

    def faults(self, output: str, folder: str) -> tuple[ConfigFault, ...]:
        """See :class:`Proxy`."""
        found = []
        for text in output.splitlines():
            match = _ALERT.search(text)
            if match is None or _SUMMARY.search(text):
                continue
            message = _LIST.sub(r"\1, …, \2", match["message"].strip())
            if place := _PLACE.search(message):
                told = (message[: place.start()] + message[place.end() :]).strip()
                found.append(ConfigFault(told, place["file"].removeprefix(f"{folder}/"), int(place["line"])))
            else:
                found.append(ConfigFault(message, "", 0))
        return tuple(dict.fromkeys(found))

    def reload(self, machines: Machines, node: str) -> str:
        """See :class:`Proxy`."""
        reply = self._call(machines, node, "master_says", ask="reload")
        return "" if "Success=1" in reply else reply.strip() or "the master process did not answer"

    def say(self, machines: Machines, node: str, socket: str, text: str) -> str:
        """See :class:`Proxy`."""
        return str(self._call(machines, node, "master_says" if socket == "master" else "worker_says", ask=text))

    def wait_loaded(self, machines: Machines, node: str, word: str, timeout: float) -> Loaded:
        """See :class:`Proxy`."""
        return self._read(machines, node, word, timeout)

    def loaded(self, machines: Machines, node: str) -> Loaded:
        """See :class:`Proxy`."""
        return self._read(machines, node, None, 0)

    def runtime(self, machines: Machines, node: str) -> RunTime:
        """See :class:`Proxy`. Status, weight and sessions of servers are the Runtime API's."""
        told = self._call(machines, node, "runtime")
        return RunTime(
            told["version"],
            tuple(Worker(**worker) for worker in told["workers"]),
            tuple(told["listening"]),
            told["connections"],
            tuple(ServerNow(**server) for server in told["servers"]),
        )

    def ask(self, machines: Machines, node: str, command: str) -> str:
        """One command of the Runtime API (``set server shop/app1 state drain``), and its answer without blank ends.

        Empty if it was done and there is nothing to say. Raises :class:`~autograder.stack.engine.NodeDownError` if
        HAProxy is not up, and :class:`ValueError` for anything but one line.
        """
        if not command.strip() or "\n" in command:
            raise ValueError("a command is one line")
        said: str = self._call(machines, node, "worker_says", ask=command)
        return said.strip()

    def _read(self, machines: Machines, node: str, word: str | None, timeout: float) -> Loaded:
        if not machines.state(node).up:
            return Loaded(up=False, markers=(), draining=0)
        reply = self._call(machines, node, "state", word=word, timeout=timeout)
        return Loaded(**{**reply, "markers": tuple(reply["markers"])})

    def _call(self, machines: Machines, node: str, function: str, **more: Any) -> Any:
        payload = {"pid": machines.state(node).pid, **more}
        return machines.call(node, f"{_ON_NODE}:{function}", payload)
