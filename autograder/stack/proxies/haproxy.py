"""HAProxy in master-worker mode: checked with ``-c``, reloaded through the master CLI, its config asked of the worker.

The marker is an environment variable set in a file of ours that is loaded before the config under test, and read
back with ``show env`` on the Runtime API (docs.haproxy.org, management guide 9.3).
"""

from __future__ import annotations

import re
import socket
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from autograder.stack.engine import OPT
from autograder.stack.procfs import family, wait_until
from autograder.stack.proxies.proxy import MARKER_FOLDER, ConfigFault, Loaded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.stack.engine import Machines

_PROGRAM = f"{OPT}/haproxy/haproxy"
_MASTER = "/run/manyhands/master.sock"
_RUNTIME = "/run/manyhands/runtime.sock"
_VARIABLE = "MANYHANDS_CONFIG"
_FAULT = re.compile(r"\[(?:ALERT|WARNING)\].*?(?:parsing \[(?P<file>[^\]:]+):(?P<line>\d+)\]\s*:\s*)(?P<message>.*)")
_ALERT = re.compile(r"\[ALERT\]\s*(?:\(\d+\))?\s*:\s*(?:config : )?(?P<message>.*)")
_SUMMARY = re.compile(r"Error\(s\) found in configuration file|Fatal errors found in configuration")


class HAProxy:
    """See :class:`autograder.stack.proxies.proxy.Proxy`."""

    name = "haproxy"
    folder = "/etc/haproxy"

    def command(self, config: str) -> tuple[str, ...]:
        """See :class:`Proxy`."""
        files = ("-f", f"{MARKER_FOLDER}/marker.cfg", "-f", f"{self.folder}/{config}")
        return (_PROGRAM, "-W", "-db", "-S", _MASTER, *files)

    def check_command(self, folder: str, config: str) -> tuple[str, ...]:
        """See :class:`Proxy`."""
        return (_PROGRAM, "-c", "-f", f"{folder}/{config}")

    def marker(self, word: str) -> Mapping[str, bytes]:
        """See :class:`Proxy`."""
        text = f"global\n    setenv {_VARIABLE} {word}\n    stats socket {_RUNTIME} mode 600 level admin\n"
        return {"marker.cfg": text.encode()}

    def faults(self, output: str, folder: str) -> tuple[ConfigFault, ...]:
        """See :class:`Proxy`."""
        found = []
        for text in output.splitlines():
            if "[ALERT]" not in text or _SUMMARY.search(text):
                continue
            if match := _FAULT.search(text):
                file = match["file"].removeprefix(f"{folder}/")
                found.append(ConfigFault(match["message"].strip(), file, int(match["line"])))
            elif match := _ALERT.search(text):
                found.append(ConfigFault(match["message"].strip(), "", 0))
        return tuple(found)

    def reload(self, machines: Machines, node: str) -> str:
        """See :class:`Proxy`."""
        reply: str = machines.call(node, f"{__name__}:ask_on_node", self._payload(machines, node, ask="reload"))
        return "" if "Success=1" in reply else reply.strip() or "the master process did not answer"

    def wait_loaded(self, machines: Machines, node: str, word: str, timeout: float) -> Loaded:
        """See :class:`Proxy`."""
        return self._read(machines, node, word, timeout)

    def loaded(self, machines: Machines, node: str) -> Loaded:
        """See :class:`Proxy`."""
        return self._read(machines, node, None, 0)

    def _read(self, machines: Machines, node: str, word: str | None, timeout: float) -> Loaded:
        if not machines.state(node).up:
            return Loaded(up=False, markers=(), draining=0)
        payload = self._payload(machines, node, word=word, timeout=timeout)
        reply = machines.call(node, f"{__name__}:state_on_node", payload)
        return Loaded(up=reply["up"], markers=tuple(reply["markers"]), draining=reply["draining"])

    def _payload(self, machines: Machines, node: str, **more: Any) -> dict[str, Any]:
        return {"pid": machines.state(node).pid, **more}


def ask_on_node(payload: dict[str, Any]) -> str:
    """Runs on the node: one command to the master CLI of the process ``pid``; its answer, empty if nobody is there."""
    return _ask(payload["pid"], _MASTER, payload["ask"])


def state_on_node(payload: dict[str, Any]) -> dict[str, Any]:
    """Runs on the node: the marker of the worker that answers, once only it accepts connections if one is asked for."""
    pid = payload["pid"]

    def look() -> Loaded:
        processes = family(pid)
        answer = _ask(pid, _RUNTIME, f"show env {_VARIABLE}")
        markers = tuple(
            line.partition("=")[2].strip() for line in answer.splitlines() if line.startswith(f"{_VARIABLE}=")
        )
        workers = [p for p in processes if p.parent == pid]
        accepting = [p for p in workers if p.accepting]
        # While an old worker still accepts, more than one config serves: say so with a marker that is no config's.
        mixed = ("(old workers)",) if len(accepting) > 1 else ()
        return Loaded(up=bool(processes), markers=markers + mixed, draining=len(workers) - len(accepting))

    def reached() -> Loaded | None:
        now = look()
        return now if not now.up or now.markers == (payload["word"],) else None

    waited = wait_until(reached, payload["timeout"]) if payload["word"] else None
    return asdict(waited or look())


def _ask(pid: int, path: str, command: str) -> str:
    answer = b""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(5)
            connection.connect(f"/proc/{pid}/root{path}")
            connection.sendall(command.encode() + b"\n")
            while data := connection.recv(65536):
                answer += data
    except OSError:
        pass  # nobody listens there (yet): an empty answer says so
    return answer.decode(errors="replace")
