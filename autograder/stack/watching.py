"""Prometheus in a stack: it asks every server for its numbers once a second, and answers questions about them.

The program is the machine's own (Debian's package ``prometheus``); it runs in a sandbox like a balancer's. Servers
tell their numbers at ``/-/metrics`` in Prometheus' text format.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autograder.stack.engine import EngineError
from autograder.stack.model import CLIENTS, PROMETHEUS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.stack.engine import Machines
    from autograder.stack.model import Stack

PROGRAM = "/usr/bin/prometheus"
PROMTOOL = "/usr/bin/promtool"
"""Checks and tests rules; learners' rules are judged by it, beside a balancer."""
PORT = 9090
METRICS_PATH = "/-/metrics"
_CONFIG = "/etc/prometheus"
_DATA = "/var/lib/prometheus"
_READY_S = 15.0
_POLL_S = 0.05
_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Measured:
    """One line of an answer: the labels of a series, and its value now."""

    labels: Mapping[str, str]
    value: float


class Watcher:
    """The Prometheus of one running stack. Raises :class:`EngineError` where it cannot run."""

    def __init__(self, stack: Stack, machines: Machines) -> None:
        self._stack = stack
        self._machines = machines

    def start(self, rules: Mapping[str, bytes] | None = None) -> None:
        """Start it, with files of alerting or recording rules, and wait until it answers.

        Raises :class:`EngineError` with its own words if it refuses a rule file, or if it is not installed.
        """
        given = dict(rules or {})
        files = {**given, "prometheus.yml": self._config(tuple(given)).encode()}
        self._machines.put(PROMETHEUS, _CONFIG, files)
        command = (PROGRAM, f"--config.file={_CONFIG}/prometheus.yml", f"--storage.tsdb.path={_DATA}")
        self._machines.start(
            PROMETHEUS,
            (
                *command,
                f"--web.listen-address={self._machines.address(PROMETHEUS)}:{PORT}",
                "--storage.tsdb.retention.time=1h",
            ),
        )
        deadline = time.monotonic() + _READY_S
        while not self._ask("/-/ready")["ok"]:
            up = self._machines.state(PROMETHEUS).up
            if not up or time.monotonic() > deadline:
                remedy = "install it (sudo apt-get install prometheus), or mend what it complains about"
                raise EngineError("Prometheus does not run", why=self._complaint(), remedy=remedy)
            time.sleep(_POLL_S)

    def _complaint(self) -> str:
        """What it said about what went wrong: the errors among its lines, or the last of them."""
        lines = self._machines.logs(PROMETHEUS).strip().splitlines()
        errors = [line.partition("level=error ")[2] for line in lines if "level=error" in line]
        return "; ".join(errors[:3] or lines[-1:])

    def query(self, expression: str) -> tuple[Measured, ...]:
        """What an expression of Prometheus' query language is now. Raises :class:`EngineError` if it makes no sense."""
        data = self._data(f"/api/v1/query?{urllib.parse.urlencode({'query': expression})}", expression)
        if data["resultType"] == "scalar":
            return (Measured({}, float(data["result"][1])),)
        return tuple(Measured(row["metric"], float(row["value"][1])) for row in data["result"])

    def firing(self) -> tuple[str, ...]:
        """Names of the alerts that fire now, in order."""
        data = self._data("/api/v1/alerts", "the list of alerts")
        return tuple(sorted(row["labels"]["alertname"] for row in data["alerts"] if row["state"] == "firing"))

    def _data(self, path: str, asked: str) -> Any:
        answer = self._ask(path)
        found = json.loads(answer["text"]) if answer["text"].startswith("{") else {}
        if found.get("status") != "success":
            raise EngineError(f"Prometheus cannot tell {asked}", why=found.get("error") or answer["text"][:500])
        return found["data"]

    def _ask(self, path: str) -> dict[str, Any]:
        url = f"http://{self._machines.address(PROMETHEUS)}:{PORT}{path}"
        reply: dict[str, Any] = self._machines.call(CLIENTS, f"{__name__}:ask_on_node", {"url": url})
        return reply

    def _config(self, rules: tuple[str, ...]) -> str:
        """Its config as JSON, which is YAML too."""
        jobs = [
            {
                "job_name": "servers",
                "metrics_path": METRICS_PATH,
                "static_configs": [
                    {"targets": [f"{server.name}:{server.port}"], "labels": {"server": server.name}}
                    for server in self._stack.servers
                    if server.speaks == "http" and not server.certificate
                ],
            }
        ]
        every = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        return json.dumps({"global": every, "rule_files": list(rules), "scrape_configs": jobs}, indent=1)


def ask_on_node(payload: dict[str, str]) -> dict[str, Any]:
    """Runs on the clients node: GET a URL; whether it was answered 200, and the text."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(payload["url"], timeout=_TIMEOUT_S) as answer:
            return {"ok": answer.status == 200, "text": answer.read().decode(errors="replace")}
    except urllib.error.HTTPError as error:
        return {"ok": False, "text": error.read().decode(errors="replace")}
    except OSError as error:
        return {"ok": False, "text": str(error)}
