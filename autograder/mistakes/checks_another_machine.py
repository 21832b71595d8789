"""A health check that looks at another machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_config import Said
from autograder.mistakes.haproxy_example import CHECKED, haproxy, servers
from autograder.mistakes.mistake import CLIENTS, Example, LookAlike, Mistake, finding
from autograder.mistakes.nginx_config import plain
from autograder.stack.proxies.haproxy_addresses import where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig, Pool, ServerLine
    from autograder.mistakes.mistake import Capacity


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``check addr`` or ``track`` that names the machine of another server; one that is nobody's may be its own."""
    del capacity  # A dead machine has none.
    hosts = {server.host for pool in config.pools for server in pool.servers}
    by_name = {f"{pool.name}/{server.name}": server for pool in config.pools for server in pool.servers}
    for pool in config.pools:
        if not pool.used or len(pool.machines) < 2:
            continue
        for server in pool.serving:
            addr, track = server.settings.get("addr"), server.settings.get("track")
            if "check" in server.settings and addr and where(addr.value).host in hosts - {server.host}:
                yield _finding(pool, server, addr, where(addr.value).host)
            followed = (
                by_name.get(track.value if "/" in track.value else f"{pool.name}/{track.value}") if track else None
            )
            if track and followed and followed.host != server.host:
                yield _finding(pool, server, track, followed.host)
        for line in pool.own("tcp-check", "http-check"):
            texts = [word.text for word in line.words]
            if texts[1] == "connect" and "addr" in texts[2:-1]:
                at = texts.index("addr", 2)
                host = where(texts[at + 1]).host
                other = next((server for server in pool.serving if server.host != host), None)
                if host in hosts and other and any("check" in server.settings for server in pool.serving):
                    yield _finding(pool, other, Said(line.words[at : at + 2]), host)


def _finding(pool: Pool, server: ServerLine, said: Said, host: str) -> Finding:
    message = (
        f"With these words {pool.label(server)} is held for well as long as {plain(host)} is: when it dies itself, it "
        "keeps its part of the requests."
    )
    return finding(MISTAKE.slug, pool.name, said.words, message, MISTAKE.mend)


def _track(other: str) -> str:
    return servers(CHECKED, f"track {other}", CHECKED, option="")


MISTAKE = Mistake(
    slug="checks-another-machine",
    title="The check looks at another machine",
    what="A server's health is taken from another server's machine: by `check addr`, `track`, or a `connect addr` "
    "rule. Mostly a copied line.",
    why="The server dies and its check stays green, so a third of all requests fail. The other way round is as bad: "
    "when the checked machine dies, the healthy one is taken out with it.",
    clients=CLIENTS,
    states=("one-down",),
    seen="Stop the server itself: `show stat` goes on saying UP for it.",
    mend="Let each server be checked at its own address, or follow a server on its own machine.",
    instead=haproxy(servers(CHECKED, CHECKED, CHECKED)),
    versions="all HAProxy versions (`connect addr` since 2.2); measured with 2.8.25",
    sources=(
        "https://docs.haproxy.org/2.8/configuration.html#5.2-addr",
        "https://docs.haproxy.org/2.8/configuration.html#5.2-track",
        "HA-21",
    ),
    decides="failure",
    directives=("server addr", "server track", "tcp-check connect"),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "copied-address",
            haproxy(servers(CHECKED, f"{CHECKED} addr app1", CHECKED, option="")),
            guilty="addr app1",
            share={"many": {"app1": 1 / 3, "app2": 0.0, "app3": 1 / 3}},
            state="one-down",
            failed=1 / 3,
            proxy="haproxy",
            concurrency=12,
        ),
        Example(
            "follows-its-neighbour",
            haproxy(_track("shop/web1")),
            guilty="track shop/web1",
            share={"many": {"app1": 1 / 3, "app2": 0.0, "app3": 1 / 3}},
            state="one-down",
            failed=1 / 3,
            proxy="haproxy",
            concurrency=12,
        ),
        Example(
            "dies-with-its-neighbour",
            haproxy(servers(CHECKED, "track web1", CHECKED)),
            guilty="track web1",
            share={"many": {"app1": 0.0, "app2": 0.0, "app3": 1.0}},
            state="one-down",
            victim="app1",
            proxy="haproxy",
        ),
        Example(
            "rule",
            haproxy(
                "option tcp-check\ntcp-check connect addr app1 port 8080\n"
                + servers(CHECKED, CHECKED, CHECKED, option="")
            ),
            guilty="addr app1",
            share={"many": {"app2": 1 / 3, "app3": 0.0}},
            state="one-down",
            victim="app3",
            failed=1 / 3,
            proxy="haproxy",
            concurrency=12,
        ),
    ),
    look_alikes=(
        LookAlike(
            "same-machine",
            haproxy(
                "server web1 app1:8080 track probe/one\nserver web2 app2:8080 track probe/two",
                extra=f"backend probe\n    server one app1:8080 {CHECKED}\n    server two app2:8080 {CHECKED}",
            ),
            "each follows the check of its own machine",
            share={"many": {"app1": 0.5, "app2": 0.5}},
            proxy="haproxy",
        ),
        LookAlike(
            "own-address",
            haproxy(servers(f"{CHECKED} addr app1", f"{CHECKED} addr app2", option="")),
            "each names its own machine",
            share={"many": {"app1": 0.5, "app2": 0.5}},
            proxy="haproxy",
        ),
        LookAlike(
            "second-network",
            haproxy(servers(f"{CHECKED} addr 198.18.255.1", f"{CHECKED} addr 198.18.255.2")),
            "addresses that no server has may be the machines' own, on another network",
            proxy="haproxy",
        ),
    ),
)
