"""Stickiness to something that is the same for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import EVEN, THREE, haproxy
from autograder.mistakes.haproxy_keys import constant, many_sites, sample_of, written
from autograder.mistakes.mistake import ANY_ONE, CLIENTS, STATES, Example, LookAlike, Mistake, finding
from autograder.mistakes.nginx_config import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Stick rules, without a condition, whose sample has one value for nearly every request."""
    del capacity  # One key is one server, whatever the machine.
    for pool in config.pools:
        if not pool.used or len(pool.machines) < 2:
            continue
        for line in pool.own("stick"):
            if line.values[0] not in ("on", "match", "store-request") or len(line.values) < 2 or "if" in line.values:
                continue
            if constant(written(sample_of(line.values[1]), pool), many_sites(config)):
                message = (
                    f"{plain(line.values[1])} is the same for nearly every request, so this line keeps everybody on "
                    "the server that the first request happened to get."
                )
                yield finding(MISTAKE.slug, pool.name, line.words[:3], message, MISTAKE.mend)


def _table(kind: str) -> str:
    return f"stick-table type {kind} size 100k expire 30m\n"


MISTAKE = Mistake(
    slug="constant-stick-key",
    title="Everybody sticks to one server",
    what="A stick rule goes by something that all requests share: the address they come to (`dst`), the host name, a "
    "fixed text. Often `dst` was written for `src`.",
    why="The first request decides for all: its server is written into the table, and everybody follows. When that "
    "server dies, the whole crowd moves to the next, and stays there after the first is back.",
    clients=CLIENTS,
    states=STATES,
    seen="`show table` on the Runtime API has one entry, used all the time.",
    mend="Stick to something each client has for itself, like a cookie or its address.",
    instead=haproxy(f"{_table('ip')}stick on src\n{THREE}"),
    versions="all HAProxy versions; measured with 2.8.25",
    sources=("https://docs.haproxy.org/2.8/configuration.html#4.2-stick%20on", "HA-12"),
    decides="pool",
    directives=("stick on",),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "destination",
            haproxy(f"{_table('ip')}stick on dst\n{THREE}"),
            guilty="stick on dst",
            share={"many": {ANY_ONE: 1.0}, "office": {ANY_ONE: 1.0}, "kept-alive": {ANY_ONE: 1.0}},
            proxy="haproxy",
            acquainted=True,  # the entry is made by the first answer, not by the first request
        ),
        Example(
            "host",
            haproxy(f"{_table('string')}stick on req.hdr(host),lower\n{THREE}"),
            guilty="stick on req.hdr(host),lower",
            share={"many": {ANY_ONE: 1.0}},
            proxy="haproxy",
            acquainted=True,
        ),
        Example(
            "written-here",
            haproxy(
                f"{_table('string')}stick on var(txn.who)\n{THREE}",
                "http-request set-var(txn.who) str(customer)\ndefault_backend shop",
            ),
            guilty="stick on var(txn.who)",
            share={"many": {ANY_ONE: 1.0}},
            proxy="haproxy",
            acquainted=True,
        ),
        Example(
            "after-the-outage",
            haproxy(f"{_table('ip')}stick on dst\n{THREE}"),
            guilty="stick on dst",
            share={"many": {"app1": 0.0}},
            state="recovering",
            victim="app1",
            proxy="haproxy",
            within=0.02,
        ),
    ),
    look_alikes=(
        LookAlike(
            "source",
            haproxy(f"{_table('ip')}stick on src\n{THREE}"),
            "each address is a key of its own",
            share={"many": EVEN},
            proxy="haproxy",
        ),
        LookAlike(
            "some-only",
            haproxy(f"{_table('string')}stick on req.hdr(host) if {{ path_beg /export }}\n{THREE}"),
            "only exports go by it",
            share={"many": EVEN},
            proxy="haproxy",
        ),
        LookAlike(
            "many-sites",
            haproxy(
                f"{_table('string')}stick on req.hdr(host)\n{THREE}",
                "acl tenant hdr_end(host) .shop.example\nuse_backend shop if tenant\ndefault_backend shop",
            ),
            "each of many sites has a host name of its own",
            proxy="haproxy",
        ),
    ),
)
