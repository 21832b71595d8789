"""What the guard does, as metrics for Prometheus: in a file for node_exporter's textfile collector, or over HTTP.

Events and counts are folded into a :class:`Seen` (pure); :func:`text` writes that in Prometheus's text format. What has
happened is taken from the log, so the counters go on where an earlier guard left off.
"""

from __future__ import annotations

import contextlib
import ipaddress
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from autograder.durable import write_durably
from autograder.errors import ManyHandsError
from autograder.guard.counts import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    from autograder.guard.audit import Event
    from autograder.guard.counts import Decision, Intent, Window
    from autograder.guard.settings import Metrics

OUTCOMES: Final = ("kept", "reverted", "refused", "held")
"""How a change can end."""
ALERTS: Final = ("anomaly", "good-is-bad", "alert", "dead-letter")
_EVERY_S: Final = 1.0
"""Counts are written to the file so often, at most; an event is written at once."""
_READABLE: Final = 0o644
"""The file is read by another user, and holds no secret."""


@dataclass(frozen=True)
class Look:
    """The newest counts of one balancer, and when they were taken (seconds since the epoch)."""

    at: float
    window: Window
    intent: Intent
    decision: Kind


@dataclass(frozen=True)
class Seen:
    """All that the metrics say. ``step`` is the one under way, empty between changes; times are epoch seconds."""

    ended: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    alerts: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(ALERTS, 0))
    frozen: bool = False
    held: bool = False
    good_is_bad: bool = False
    step: str = ""
    last_event: float = 0.0
    last_revert: float = 0.0
    looks: Mapping[str, Look] = field(default_factory=dict)


def after(seen: Seen, event: Event) -> Seen:
    """What is known after one more event."""
    at = _epoch(event.at)
    seen = replace(seen, last_event=at or seen.last_event)
    if event.kind in OUTCOMES:
        seen = replace(seen, ended=_one_more(seen.ended, event.kind), step="")
    if event.kind in ALERTS:
        seen = replace(seen, alerts=_one_more(seen.alerts, event.kind))
    if event.kind == "step":
        begun = event.data.get("phase") == "begun"
        return replace(seen, step=event.step if begun else "" if event.step == seen.step else seen.step)
    if event.kind == "reverted":
        return replace(seen, last_revert=at or seen.last_revert)
    if event.kind == "frozen":
        return replace(seen, frozen=True)
    if event.kind == "held":
        return replace(seen, held=True)
    if event.kind == "good-is-bad":
        return replace(seen, good_is_bad=True, step="")
    if event.kind == "acknowledged":
        return replace(seen, frozen=False, held=False, good_is_bad=False)
    return seen


def counted(seen: Seen, balancer: str, look: Look) -> Seen:
    """What is known after one more look at a balancer."""
    return replace(seen, looks={**seen.looks, balancer: look})


def text(seen: Seen) -> str:
    """Everything in Prometheus's text format."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(lambda: seen))
    return generate_latest(registry).decode()


class MetricsHooks:
    """Hears what the guard does and tells it on; made by :func:`hooks_of`."""

    def __init__(
        self,
        textfile: Path | None,
        listen: str = "",
        past: Iterable[Event] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.port = 0
        """Where it listens; 0 if it does not."""
        self._textfile, self._clock = textfile, clock
        self._changing = threading.Lock()
        self._seen = Seen()
        self._written = -_EVERY_S
        for event in past:
            self._seen = after(self._seen, event)
        self._server: Any = None
        if listen:
            self._server, self._thread = _listening(listen, lambda: self._seen)
            self.port = int(self._server.server_port)

    @property
    def seen(self) -> Seen:
        """What the metrics say now."""
        return self._seen

    def event(self, event: Event) -> None:
        """Heed an event. Raises :class:`OSError` if the file cannot be written."""
        with self._changing:
            self._seen = after(self._seen, event)
            self._write()

    def window(self, balancer: str, window: Window, intent: Intent, decision: Decision) -> None:
        """Heed counts. Raises :class:`OSError` if the file cannot be written."""
        with self._changing:
            self._seen = counted(self._seen, balancer, Look(self._clock(), window, intent, decision.kind))
            if time.monotonic() - self._written >= _EVERY_S:
                self._write()

    def _write(self) -> None:
        if self._textfile is not None:
            write_durably(self._textfile, text(self._seen).encode(), _READABLE)
            self._written = time.monotonic()

    def close(self) -> None:
        """Write what is known at last, and listen no more. Safe to call twice."""
        with contextlib.suppress(OSError), self._changing:
            self._write()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None


def hooks_of(metrics: Metrics, past: Iterable[Event] = ()) -> MetricsHooks:
    """Hooks for the metrics of a guard.toml. ``past`` are the events of the log.

    Raises :class:`ManyHandsError` for an address that others could reach, or that is taken.
    """
    return MetricsHooks(metrics.textfile, metrics.listen, past)


def _listening(listen: str, now: Callable[[], Seen]) -> tuple[Any, threading.Thread]:
    from prometheus_client import CollectorRegistry, start_http_server

    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    if not _is_loopback(host) or not port.isdecimal() or int(port) > 65535:
        raise ManyHandsError(
            f"metrics cannot be served at {listen!r}",
            why="they name your servers and anybody who reaches the port can read them",
            remedy="say 127.0.0.1:PORT, and let a proxy of yours with a password stand before it",
        )
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(now))
    try:
        return start_http_server(int(port), host, registry)
    except OSError as error:
        raise ManyHandsError(
            f"metrics cannot be served at {listen}", why=error.strerror or "", remedy="choose another port"
        ) from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Collector:
    """What prometheus_client asks for the metrics of a moment."""

    def __init__(self, now: Callable[[], Seen]) -> None:
        self._now = now

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Every family."""
        seen = self._now()
        yield from _of_changes(seen)
        yield from _of_balancers(seen)
        yield from _of_servers(seen)


def _of_changes(seen: Seen) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
    from prometheus_client.core import CounterMetricFamily

    changes = CounterMetricFamily("guard_changes", "Changes that the guard has ended, by outcome.", labels=["outcome"])
    for outcome, count in seen.ended.items():
        changes.add_metric([outcome], count)
    yield changes
    alerts = CounterMetricFamily("guard_alerts", "What a person should have looked at, by kind.", labels=["kind"])
    for kind, count in seen.alerts.items():
        alerts.add_metric([kind], count)
    yield alerts
    yield _one("guard_frozen", "1 while no change is let in until a person acknowledges.", float(seen.frozen))
    yield _one("guard_held", "1 while the guard is not sure and waits for a person.", float(seen.held))
    said = "1 while the last known good version shows the anomaly, too."
    yield _one("guard_last_good_is_bad", said, float(seen.good_is_bad))
    step = _gauge("guard_step", "1 for the step that is under way; none between changes.", "step")
    if seen.step:
        step.add_metric([seen.step], 1)
    yield step
    said = "When the guard last went back to a version, in seconds since 1970; 0 if it never did."
    yield _one("guard_last_revert_timestamp_seconds", said, seen.last_revert)
    said = "When the guard last wrote to its log, in seconds since 1970; 0 if it never did."
    yield _one("guard_last_event_timestamp_seconds", said, seen.last_event)


def _of_balancers(seen: Seen) -> Iterator[GaugeMetricFamily]:
    at = _gauge("guard_last_look_timestamp_seconds", "When the guard last counted, in seconds since 1970.", "balancer")
    errors = _gauge("guard_error_ratio", "Part of the requests that failed in the newest window.", "balancer")
    requests = _gauge("guard_window_requests", "Requests in the newest window.", "balancer")
    seconds = _gauge("guard_window_seconds", "Length of the newest window.", "balancer")
    decision = _gauge("guard_decision", "1 for what the guard thinks of the newest window.", "balancer", "decision")
    for name, look in seen.looks.items():
        at.add_metric([name], look.at)
        requests.add_metric([name], look.window.requests)
        seconds.add_metric([name], look.window.seconds)
        if look.window.requests:
            errors.add_metric([name], look.window.failed / look.window.requests)
        for kind in Kind:
            decision.add_metric([name, kind.value], float(kind is look.decision))
    yield from (at, errors, requests, seconds, decision)


def _of_servers(seen: Seen) -> Iterator[GaugeMetricFamily]:
    labels = ("balancer", "pool", "server")
    share = _gauge("guard_share", "Part of its pool's requests that a server got in the newest window.", *labels)
    fair = _gauge("guard_fair_share", "Part of its pool's requests that a server should get.", *labels)
    up = _gauge("guard_server_up", "1 if the balancer takes the server for alive.", *labels)
    queued = _gauge("guard_server_queue", "Requests that wait for a server.", *labels)
    for name, look in seen.looks.items():
        totals: dict[str, int] = {}
        for server in look.window.servers:
            totals[server.pool] = totals.get(server.pool, 0) + server.requests
        for server in look.window.servers:
            at = [name, server.pool, server.name]
            if totals[server.pool]:
                share.add_metric(at, server.requests / totals[server.pool])
            up.add_metric(at, float(server.up))
            queued.add_metric(at, server.queued)
        there = {server.name for server in look.window.servers}
        for server_name, part in look.intent.fair.items():
            pool = look.intent.pools.get(server_name, "")
            fair.add_metric([name, pool, server_name], part)
            if server_name not in there and totals.get(pool):
                share.add_metric([name, pool, server_name], 0)
    yield from (share, fair, up, queued)


def _gauge(name: str, said: str, *labels: str) -> GaugeMetricFamily:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(name, said, labels=labels)


def _one(name: str, said: str, value: float) -> GaugeMetricFamily:
    gauge = _gauge(name, said)
    gauge.add_metric([], value)
    return gauge


def _one_more(counts: Mapping[str, int], kind: str) -> Mapping[str, int]:
    return {**counts, kind: counts.get(kind, 0) + 1}


def _epoch(at: str) -> float:
    try:
        return datetime.fromisoformat(at).timestamp()
    except ValueError:
        return 0.0
