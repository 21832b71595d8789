"""Servers that only wait: ``backup`` on machines that should carry load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.capacity import declared
from autograder.mistakes.haproxy_example import CHECKED, haproxy, servers
from autograder.mistakes.mistake import CLIENTS, Example, LookAlike, Mistake, finding, nginx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Backups beside a single first server, or backups that are declared to be serving."""
    for upstream in config.upstreams:
        first = [s for s in upstream.serving if s.backup is None]
        for server in upstream.servers if upstream.used else ():
            if server.backup is None or server.down or not first:
                continue
            # A primary and its standby are how databases are run.
            if upstream.stream and not declared(server, capacity):
                continue
            if len({s.key for s in first}) == 1 or declared(server, capacity):
                rest = f"{upstream.label(first[0])} answers" if len(first) == 1 else "any of the others answers"
                message = f"While {rest}, this line keeps {upstream.label(server)} without a single request."
                yield finding(MISTAKE.slug, upstream.name, (server.backup,), message, MISTAKE.mend)


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """A backup beside a single first server, or one that is declared to be serving; never one that says sorry.

    Several of them beside one first server are another mistake (``one-backup-used``).
    """
    for pool in config.web_pools:
        first = [server for server in pool.serving if server.backup is None]
        backups = [server for server in pool.waiting if not server.local]
        for server in backups if first else ():
            alone = len(pool.machines) == 1 and len(backups) == 1
            if server.backup and (alone or declared(server, capacity)):
                rest = f"{pool.label(first[0])} answers" if len(first) == 1 else "any of the others answers"
                message = f"While {rest}, this line keeps {pool.label(server)} without a single request."
                yield finding(MISTAKE.slug, pool.name, server.backup.words, message, MISTAKE.mend)


MISTAKE = Mistake(
    slug="backup-left",
    title="Machines that only wait",
    what="Servers are marked `backup`, so that one machine, or too few, carries everything.",
    why="A backup gets nothing until every first server has failed. With one first server, that one takes all the "
    "load; it fails of it, and the backups meet the whole load at once, cold.",
    clients=CLIENTS,
    states=("all-up",),
    seen="All requests reach one address; when that dies, the others suddenly share them.",
    mend="Remove `backup` from machines that should carry load; keep it for a spare behind two or more first servers.",
    instead=nginx("server app1:8080;\nserver app2:8080;\nserver app3:8080;"),
    versions="all nginx versions; measured with 1.31.3; HAProxy 2.8.25",
    sources=(
        "https://nginx.org/en/docs/http/ngx_http_upstream_module.html#server",
        "NX-14",
        "https://docs.haproxy.org/2.8/configuration.html#5.2-backup",
        "HA-10",
    ),
    decides="absence",
    directives=("server backup",),
    readers={"nginx": in_nginx, "haproxy": in_haproxy},
    examples=(
        Example(
            "all-but-one",
            nginx("server app1:8080;\nserver app2:8080 backup;\nserver app3:8080 backup;"),
            guilty="backup",
            share={"many": {"app1": 1.0, "app2": 0.0, "app3": 0.0}, "kept-alive": {"app1": 1.0}},
        ),
        Example(
            "should-serve",
            nginx("server app1:8080;\nserver app2:8080;\nserver app3:8080 backup;"),
            guilty="backup",
            share={"many": {"app1": 0.5, "app2": 0.5, "app3": 0.0}},
            capacity={"app1": 1, "app2": 1, "app3": 1},
        ),
        Example(
            "haproxy-half",
            haproxy(servers(CHECKED, f"{CHECKED} backup")),
            guilty="backup",
            share={"many": {"app1": 1.0, "app2": 0.0}, "kept-alive": {"app1": 1.0}},
            proxy="haproxy",
        ),
        Example(
            "haproxy-should-serve",
            haproxy(servers(CHECKED, CHECKED, f"{CHECKED} backup")),
            guilty="backup",
            share={"many": {"app1": 0.5, "app2": 0.5, "app3": 0.0}},
            proxy="haproxy",
            capacity={"app1": 1, "app2": 1, "app3": 1},
        ),
    ),
    look_alikes=(
        LookAlike(
            "spare",
            nginx("server app1:8080;\nserver app2:8080;\nserver app3:8080;\nserver app4:8080 backup;"),
            "three servers carry the load and one is spare",
            share={"many": {"app1": 1 / 3, "app2": 1 / 3, "app3": 1 / 3, "app4": 0.0}},
        ),
        LookAlike(
            "declared-spare",
            nginx("server app1:8080;\nserver app2:8080;\nserver app3:8080 backup;"),
            "app3 is not among the servers that are declared to serve",
            capacity={"app1": 1, "app2": 1},
        ),
        LookAlike(
            "comment", nginx("server app1:8080; # backup is app2\nserver app2:8080;"), "a comment is no parameter"
        ),
        LookAlike(
            "haproxy-spare",
            haproxy(servers(CHECKED, CHECKED, CHECKED, f"{CHECKED} backup")),
            "three servers carry the load and one is spare",
            share={"many": {"app1": 1 / 3, "app2": 1 / 3, "app3": 1 / 3, "app4": 0.0}},
            proxy="haproxy",
        ),
        LookAlike(
            "haproxy-sorry",
            haproxy(f"server web1 app1:8080 {CHECKED}\nserver sorry 127.0.0.1:8081 backup"),
            "a program on the balancer that says sorry",
            proxy="haproxy",
        ),
        LookAlike(
            "haproxy-one-writer",
            haproxy(servers(CHECKED, f"{CHECKED} backup"), mode="tcp"),
            "a database where one machine writes",
            proxy="haproxy",
        ),
    ),
)
