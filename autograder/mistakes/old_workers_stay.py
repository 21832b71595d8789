"""Connections for hours, and nothing that ends the workers of the config before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.change_example import ALL, EVEN, GOOD, layer_4
from autograder.mistakes.episode import Apply, During, Episode
from autograder.mistakes.haproxy_config import milliseconds
from autograder.mistakes.mistake import Example, LookAlike, Mistake, finding
from autograder.mistakes.nginx_config import seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig

LONG_S = 2 * 3600.0
"""Seconds of silence that a connection may have from which on it lives for days."""
_NGINX = ("proxy_timeout", "proxy_read_timeout", "grpc_read_timeout")
_MESSAGE = (
    "Connections may be silent for {:.3g} hours here, and nothing ends old workers: after a reload they go on serving "
    "the connections they have, by the config before."
)


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Timeouts of hours without ``worker_shutdown_timeout``."""
    del capacity  # It is the config that stays, whatever the machines are.
    if config.settings("worker_shutdown_timeout"):
        return
    for statement in config.settings(*_NGINX):
        lasts = seconds(statement.values[0]) if statement.args else None
        if lasts is not None and lasts >= LONG_S:
            words = (statement.word, *statement.args)
            yield finding(MISTAKE.slug, "", words, _MESSAGE.format(lasts / 3600), MISTAKE.mend)


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``timeout tunnel`` of hours and no ``hard-stop-after``; ``timeout server`` is long for databases, too."""
    del capacity  # It is the config that stays, whatever the machines are.
    if any(section.named("hard-stop-after") for section in config.sections.of_kind("global")):
        return
    seen = set()
    for pool in config.pools:
        said = {line.values[0]: line for line in pool.lines("timeout") if len(line.values) > 1}
        line = said.get("tunnel")
        lasts = milliseconds(line.values[1]) if line else None
        if line and pool.used and lasts is not None and lasts >= LONG_S * 1000 and line.words[0] not in seen:
            seen.add(line.words[0])
            yield finding(MISTAKE.slug, pool.name, line.words, _MESSAGE.format(lasts / 3_600_000), MISTAKE.mend)


def _held(proxy: str) -> Episode:
    return Episode(
        name=f"{proxy}-held",
        told="Twelve clients hold connections while a pool of one server is rolled back to three.",
        deeds=(Apply(layer_4(1, proxy)), During((Apply(layer_4(3, proxy)),), connections=12)),
        outcome="old-still-serving",
        share={"many": EVEN},
        kept=ALL,
        proxy=proxy,
    )


def _ended(proxy: str, end: str) -> Episode:
    return Episode(
        name=f"{proxy}-ended",
        told="The same, and old workers have to end within a second: clients connect anew.",
        deeds=(Apply(layer_4(1, proxy, end)), During((Apply(layer_4(3, proxy, end)),), connections=12)),
        outcome="restored",
        share={"many": EVEN},
        kept=EVEN,
        within=0.15,
        proxy=proxy,
    )


_NGINX_END, _HAPROXY_END = "worker_shutdown_timeout 1s;", "hard-stop-after 1s"

MISTAKE = Mistake(
    slug="old-workers-stay",
    title="Old workers that never end",
    what="Connections may live for hours (`proxy_timeout 8h`, `timeout tunnel 8h`), and nothing limits how long old "
    "workers go on after a reload (`worker_shutdown_timeout`, `hard-stop-after`).",
    why="A reload, or a rollback, counts for new connections only. What was connected before stays on its server, by "
    "the config before: after the mend of a pool of one, that server kept all twelve of twelve connections. Each "
    "reload leaves one more set of workers, with all their memory.",
    clients=("kept-alive", "streaming", "many"),
    states=("all-up", "just-reloaded"),
    seen="`ps` shows workers that are `shutting down` (nginx) or older than the last reload (HAProxy, `show proc`).",
    mend="Say how long old workers may take (`worker_shutdown_timeout 30s`, `hard-stop-after 30s`), and let clients "
    "connect anew.",
    instead=_NGINX_END + "\n" + GOOD["nginx"],
    versions="`worker_shutdown_timeout` since nginx 1.11.11, `hard-stop-after` since HAProxy 1.8; measured with 1.31.3 "
    "and 2.8.25",
    sources=(
        "https://nginx.org/en/docs/ngx_core_module.html#worker_shutdown_timeout",
        "https://docs.haproxy.org/2.8/configuration.html#3.1-hard-stop-after",
        "NX-41",
        "RB-04",
    ),
    decides="change",
    directives=("worker_shutdown_timeout", "proxy_timeout", "proxy_read_timeout", "hard-stop-after", "timeout tunnel"),
    readers={"nginx": in_nginx, "haproxy": in_haproxy},
    examples=(
        Example(
            "layer-4",
            layer_4(3, "nginx"),
            guilty="proxy_timeout 8h",
            share={"many": EVEN},
            also=("one-connection-one-server",),
        ),
        Example(
            "haproxy-tunnel", layer_4(3, "haproxy"), guilty="timeout tunnel 8h", share={"many": EVEN}, proxy="haproxy"
        ),
    ),
    look_alikes=(
        LookAlike("limited", layer_4(3, "nginx", _NGINX_END), "old workers end", share={"many": EVEN}),
        LookAlike("web", GOOD["nginx"], "requests end by themselves"),
        LookAlike("minutes", layer_4(3, "nginx").replace("8h", "10m"), "what is silent for ten minutes is ended"),
        LookAlike(
            "haproxy-limited",
            layer_4(3, "haproxy", _HAPROXY_END),
            "old workers end",
            share={"many": EVEN},
            proxy="haproxy",
        ),
    ),
    episodes=(_held("nginx"), _held("haproxy")),
    done_right=(_ended("nginx", _NGINX_END), _ended("haproxy", _HAPROXY_END)),
)
