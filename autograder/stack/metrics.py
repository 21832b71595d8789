"""What a shop tells Prometheus (text format 0.0.4). Runs on a node with nothing but the standard library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_GAUGES = (
    ("shop_workers", "workers", 1, "Requests that can be worked on at a time."),
    ("shop_busy_workers", "busy", 1, "Requests in work."),
    ("shop_waiting_requests", "waiting", 1, "Requests that wait for a worker."),
    ("shop_memory_bytes", "memory_mb", 1e6, "Memory in use; it grows with the requests that wait."),
    ("shop_memory_limit_bytes", "memory_limit_mb", 1e6, "Memory at which the server is killed."),
)


def metrics(status: Mapping[str, Any], statuses: Mapping[int, int]) -> bytes:
    """The shop's status (see ``Shop.status``) and its answers by HTTP status, as Prometheus reads them."""
    server = status["name"].replace("\\", "\\\\").replace('"', '\\"')
    lines = ["# HELP shop_requests_total Requests answered.", "# TYPE shop_requests_total counter"]
    for code, count in sorted({200: 0, **statuses}.items()):
        lines.append(f'shop_requests_total{{server="{server}",status="{code}"}} {count}')
    for name, key, unit, meaning in _GAUGES:
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} gauge"]
        lines.append(f'{name}{{server="{server}"}} {status[key] * unit:.0f}')
    return ("\n".join(lines) + "\n").encode()
