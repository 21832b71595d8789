"""nginx: checked with ``-t``, reloaded with HUP, its loaded config read from the workers' open files.

The marker is a file that every worker holds open: ``error_log /run/manyhands/loaded-<word> emerg;`` in a file that
``-g`` includes. nginx allows several ``error_log`` directives in one context, so the config under test keeps its
own (nginx.org/en/docs/ngx_core_module.html#error_log; holds since 1.5.2).
"""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from autograder.stack.engine import OPT
from autograder.stack.procfs import family, wait_until
from autograder.stack.proxies.proxy import MARKER_FOLDER, ConfigFault, Loaded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.stack.engine import Machines

_PROGRAM = f"{OPT}/nginx/nginx"
_MARKER = "/run/manyhands/loaded-"
_FAULT = re.compile(
    r"\[(emerg|alert|crit|error)\] (?:\d+#\d+: )?(?P<message>.*?)(?: in (?P<file>\S+?):(?P<line>\d+))?$"
)
_DRAINING = "shutting down"


class Nginx:
    """See :class:`autograder.stack.proxies.proxy.Proxy`."""

    name = "nginx"
    folder = "/etc/nginx"

    def command(self, config: str) -> tuple[str, ...]:
        """See :class:`Proxy`."""
        return (*self._base(self.folder, config), "-g", f"daemon off; include {MARKER_FOLDER}/marker.conf;")

    def check_command(self, folder: str, config: str) -> tuple[str, ...]:
        """See :class:`Proxy`."""
        return (*self._base(folder, config), "-g", "daemon off;", "-t")

    def _base(self, folder: str, config: str) -> tuple[str, ...]:
        return (_PROGRAM, "-p", "/var/lib/nginx/", "-c", f"{folder}/{config}", "-e", "stderr")

    def marker(self, word: str) -> Mapping[str, bytes]:
        """See :class:`Proxy`."""
        return {"marker.conf": f"error_log stderr notice;\nerror_log {_MARKER}{word} emerg;\n".encode()}

    def faults(self, output: str, folder: str) -> tuple[ConfigFault, ...]:
        """See :class:`Proxy`."""
        found = []
        for text in output.splitlines():
            if match := _FAULT.search(text):
                file = (match["file"] or "").removeprefix(f"{folder}/")
                found.append(ConfigFault(match["message"], file, int(match["line"] or 0)))
        return tuple(found)

    def reload(self, machines: Machines, node: str) -> str:
        """See :class:`Proxy`."""
        machines.kill(node, "HUP")
        return ""

    def wait_loaded(self, machines: Machines, node: str, word: str, timeout: float) -> Loaded:
        """See :class:`Proxy`."""
        return self._read(machines, node, word, timeout)

    def loaded(self, machines: Machines, node: str) -> Loaded:
        """See :class:`Proxy`."""
        return self._read(machines, node, None, 0)

    def _read(self, machines: Machines, node: str, word: str | None, timeout: float) -> Loaded:
        pid = machines.state(node).pid
        if pid is None:
            return Loaded(up=False, markers=(), draining=0)
        payload = {"pid": pid, "word": word, "timeout": timeout}
        reply = machines.call(node, f"{__name__}:state_on_node", payload)
        return Loaded(up=reply["up"], markers=tuple(reply["markers"]), draining=reply["draining"])


def state_on_node(payload: dict[str, Any]) -> dict[str, Any]:
    """Runs on the node: what the workers of the master ``pid`` have loaded; waits for ``word`` if one is given."""

    def look() -> Loaded:
        processes = family(payload["pid"])
        workers = [p for p in processes if p.title.startswith("nginx: worker process")]
        serving = [p for p in workers if _DRAINING not in p.title]
        markers = {
            file.removesuffix(" (deleted)").rpartition(_MARKER)[2]
            for process in serving
            for file in process.files
            if _MARKER in file
        }
        return Loaded(up=bool(processes), markers=tuple(sorted(markers)), draining=len(workers) - len(serving))

    def reached() -> Loaded | None:
        now = look()
        return now if not now.up or now.markers == (payload["word"],) else None

    waited = wait_until(reached, payload["timeout"]) if payload["word"] else None
    return asdict(waited or look())
