"""Several backup servers, of which HAProxy uses one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import CHECKED, haproxy, servers
from autograder.mistakes.mistake import CLIENTS, Example, LookAlike, Mistake, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """The second and later backups without ``option allbackups``; not those that say sorry on the balancer."""
    del capacity  # Only one of them is used, whatever the machines.
    for pool in config.web_pools:
        backups = [server for server in pool.waiting if not server.local]
        if len({server.key for server in backups}) < 2 or pool.section.option("allbackups"):
            continue
        for server in backups[1:]:
            message = (
                f"HAProxy uses one backup at a time: with this line {pool.label(server)} gets nothing as long as "
                f"{pool.label(backups[0])} answers, even when every other server is dead."
            )
            words = server.backup.words if server.backup else (server.word,)
            yield finding(MISTAKE.slug, pool.name, words, message, MISTAKE.mend)


_BACKUP = f"{CHECKED} backup"

MISTAKE = Mistake(
    slug="one-backup-used",
    title="Only the first backup works",
    what="Several servers are marked `backup`, without `option allbackups`.",
    why="nginx shares the load among all backups; HAProxy gives everything to the first of them. When the first "
    "servers die, one machine takes over the load of all, and the other spares look on until it is dead, too.",
    clients=CLIENTS,
    states=("all-up", "one-down"),
    seen="Stop the first servers and count: one backup has all the requests, the next ones 0.",
    mend="Write `option allbackups`, or remove `backup` from machines that should carry load.",
    instead=haproxy("option allbackups\n" + servers(CHECKED, CHECKED, _BACKUP, _BACKUP)),
    versions="all HAProxy versions; measured with 2.8.25",
    sources=(
        "https://docs.haproxy.org/2.8/configuration.html#5.2-backup",
        "https://docs.haproxy.org/2.8/configuration.html#4.2-option%20allbackups",
        "HA-10",
    ),
    decides="absence",
    directives=("server backup", "option allbackups"),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "takes-over-alone",
            haproxy(servers(CHECKED, _BACKUP, _BACKUP)),
            guilty="backup",
            share={"many": {"app1": 0.0, "app2": 1.0, "app3": 0.0}},
            state="one-down",
            victim="app1",
            proxy="haproxy",
        ),
        Example(
            "all-are-backups",
            haproxy(f"default-server {CHECKED} backup\n{servers('', '', '')}"),
            guilty="backup",
            share={"many": {"app1": 1.0, "app2": 0.0, "app3": 0.0}, "office": {"app1": 1.0}},
            proxy="haproxy",
        ),
    ),
    look_alikes=(
        LookAlike(
            "all-backups",
            haproxy("option allbackups\n" + servers(CHECKED, _BACKUP, _BACKUP)),
            "this option lets them share the load",
            share={"many": {"app2": 0.5, "app3": 0.5}},
            state="one-down",
            victim="app1",
            proxy="haproxy",
        ),
        LookAlike(
            "one-spare",
            haproxy(servers(CHECKED, CHECKED, CHECKED, _BACKUP)),
            "one spare behind three servers",
            share={"many": {"app1": 1 / 3, "app2": 1 / 3, "app3": 1 / 3, "app4": 0.0}},
            proxy="haproxy",
        ),
        LookAlike(
            "sorry-page",
            haproxy(f"{servers(CHECKED, CHECKED, _BACKUP)}\nserver sorry 127.0.0.1:8081 backup"),
            "the last one is a program on the balancer that says sorry",
            proxy="haproxy",
        ),
    ),
)
