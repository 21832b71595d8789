"""nginx: checked with ``-t``, reloaded with HUP, its loaded config read from the workers' open files.

The marker is a file that every worker holds open: ``error_log /run/manyhands/loaded-<word> emerg;`` in a file that
``-g`` includes. nginx allows several ``error_log`` directives in one context, so the config under test keeps its
own (nginx.org/en/docs/ngx_core_module.html#error_log; holds since 1.5.2).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from autograder.stack.engine import OPT
from autograder.stack.proxies.nginx_processes import MARKER
from autograder.stack.proxies.proxy import MARKER_FOLDER, ConfigFault, Loaded, RunTime, Worker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.stack.engine import Machines

_ON_NODE = "autograder.stack.proxies.nginx_processes"
_PROGRAM = f"{OPT}/nginx/nginx"
_FAULT = re.compile(
    r"\[(emerg|alert|crit|error)\] (?:\d+#\d+: )?(?P<message>.*?)(?: in (?P<file>\S+?):(?P<line>\d+))?$"
)


class Nginx:
    """See :class:`autograder.stack.proxies.proxy.Proxy`."""

    name = "nginx"
    folder = "/etc/nginx"
    reload_signals: tuple[str, ...] = ("HUP", "USR2")

    def command(self, config: str) -> tuple[str, ...]:
        """See :class:`Proxy`."""
        # With an empty NGINX in its environment nginx takes itself for a new binary that inherited no sockets: it
        # stays in the foreground whatever the config says of `daemon` (src/core/nginx.c, ngx_add_inherited_sockets).
        return (
            *("/usr/bin/env", "NGINX=", *self._base(self.folder, config)),
            *("-g", f"include {MARKER_FOLDER}/marker.conf;"),
        )

    def check_command(self, folder: str, config: str) -> tuple[str, ...]:
        """See :class:`Proxy`."""
        return (*self._base(folder, config), "-t")

    def _base(self, folder: str, config: str) -> tuple[str, ...]:
        return (_PROGRAM, "-p", "/var/lib/nginx/", "-c", f"{folder}/{config}", "-e", "stderr")

    def marker(self, word: str) -> Mapping[str, bytes]:
        """See :class:`Proxy`."""
        return {"marker.conf": f"error_log stderr notice;\nerror_log {MARKER}{word} emerg;\n".encode()}

    def faults(self, output: str, folder: str) -> tuple[ConfigFault, ...]:
        """See :class:`Proxy`."""
        found = []
        for text in output.splitlines():
            if match := _FAULT.search(text):
                file = (match["file"] or "").removeprefix(f"{folder}/")
                found.append(ConfigFault(match["message"], file, int(match["line"] or 0)))
        return tuple(dict.fromkeys(found))  # it tries five times to bind

    def reload(self, machines: Machines, node: str) -> str:
        """See :class:`Proxy`."""
        machines.kill(node, "HUP")
        return ""

    def say(self, machines: Machines, node: str, socket: str, text: str) -> str:  # noqa: ARG002 - it has none
        """See :class:`Proxy`. nginx has no such sockets."""
        return ""

    def wait_loaded(self, machines: Machines, node: str, word: str, timeout: float) -> Loaded:
        """See :class:`Proxy`."""
        return self._read(machines, node, word, timeout)

    def loaded(self, machines: Machines, node: str) -> Loaded:
        """See :class:`Proxy`."""
        return self._read(machines, node, None, 0)

    def runtime(self, machines: Machines, node: str) -> RunTime:
        """See :class:`Proxy`. Open-source nginx does not tell what it thinks of its servers."""
        version = machines.run(node, (_PROGRAM, "-v")).err.rpartition("/")[2].strip()
        told = machines.call(node, f"{_ON_NODE}:runtime", {"pid": machines.state(node).pid})
        return RunTime(
            version,
            tuple(Worker(**worker) for worker in told["workers"]),
            tuple(told["listening"]),
            told["connections"],
        )

    def _read(self, machines: Machines, node: str, word: str | None, timeout: float) -> Loaded:
        pid = machines.state(node).pid
        if pid is None:
            return Loaded(up=False, markers=(), draining=0)
        payload = {"pid": pid, "word": word, "timeout": timeout}
        reply = machines.call(node, f"{_ON_NODE}:state", payload)
        return Loaded(**{**reply, "markers": tuple(reply["markers"])})
