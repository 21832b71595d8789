"""A table of who belongs to whom that is handed on from worker to worker, and never forgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.change_example import ALL, EVEN
from autograder.mistakes.episode import Apply, Episode, Say, Visit
from autograder.mistakes.haproxy_config import milliseconds
from autograder.mistakes.haproxy_example import CHECKED, haproxy, servers
from autograder.mistakes.mistake import Example, LookAlike, Mistake, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity

LONG_MS = 86_400_000.0
"""Milliseconds from which on an entry outlives every incident."""
_STICKS = ("on", "match", "store-request", "store-response")


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Stick tables that servers are chosen by, shared with ``peers``, whose entries last a day or for ever."""
    del capacity  # A table does not know it.
    for pool in config.pools:
        sticks = any(line.values[0] in _STICKS and "table" not in line.values for line in pool.lines("stick"))
        for line in pool.own("stick-table")[-1:] if sticks and pool.used and len(pool.machines) > 1 else ():
            said = dict(zip((word.text for word in line.words[1:]), line.words[2:], strict=False))
            lasts = milliseconds(said["expire"].text) if "expire" in said else None
            if "peers" in said and ("expire" not in said or (lasts or 0.0) >= LONG_MS):
                how_long = "for ever" if lasts is None else f"for {lasts / 86_400_000:.3g} days"
                message = (
                    f"This table holds each client to its server {how_long}, and is handed on at every reload: those "
                    "who came while all traffic met one server stay there after the config is right again."
                )
                yield finding(MISTAKE.slug, pool.name, line.words[:1], message, MISTAKE.mend)


_PEERS = "peers mates\n    peer here 127.0.0.1:10000"


def _pool(number: int, table: str, stick: str = "stick on src") -> str:
    lines = f"stick-table type ip size 100k {table}\n{stick}\n{servers(*[CHECKED] * number)}"
    return "global\n    localpeer here\n" + haproxy(lines, extra=_PEERS)


_SHARED, _SHORT = "peers mates", "expire 30m peers mates"
_KNOWS = Say("show peers", until=r"flags=0x\w*[37bf] resync")
"""A worker hands its table on only after it has looked for one to take over itself: some seconds."""

MISTAKE = Mistake(
    slug="table-outlives-rollback",
    title="A stick table that outlives the rollback",
    what="A stick table chooses the server (`stick on`), is shared with `peers`, and its entries last a day or have no "
    "`expire` at all.",
    why="`peers` hands the table on from the old worker to the new one at each reload, and to other balancers. What it "
    "learned while all traffic met one server is still there after the rollback: new clients are spread, all known "
    "ones stay on that server, and keep their entry fresh by coming.",
    clients=("many", "zipf", "kept-alive"),
    states=("all-up", "just-reloaded"),
    seen="`show table shop` has many entries with one `server_id`; a client with a new address is served by another.",
    mend="Give entries an `expire` of minutes, and clear the table (`clear table shop`) as a step of the rollback.",
    instead=_pool(3, _SHORT),
    versions="HAProxy since 1.5; measured with 2.8.25",
    sources=(
        "https://docs.haproxy.org/2.8/configuration.html#4.2-stick-table",
        "https://docs.haproxy.org/2.8/configuration.html#3.5",
        "HA-12",
        "RB-05",
    ),
    decides="change",
    directives=("stick-table", "stick on", "peers"),
    readers={"haproxy": in_haproxy},
    examples=(
        Example("never", _pool(3, _SHARED), guilty="stick-table", share={"many": EVEN}, proxy="haproxy"),
        Example(
            "two-weeks", _pool(3, "expire 14d peers mates"), guilty="stick-table", share={"many": EVEN}, proxy="haproxy"
        ),
    ),
    look_alikes=(
        LookAlike("half-an-hour", _pool(3, _SHORT), "forgets soon", share={"many": EVEN}, proxy="haproxy"),
        LookAlike("not-handed-on", _pool(3, "expire 8h"), "ends with the worker", proxy="haproxy"),
        LookAlike(
            "counts-only",
            _pool(3, "expire 2d peers mates store http_req_rate(10s)", "http-request track-sc0 src"),
            "it counts requests and chooses no server",
            proxy="haproxy",
        ),
    ),
    episodes=(
        Episode(
            name="handed-on",
            told="For a while the pool has one server, then it is rolled back; the new worker takes the table over.",
            deeds=(
                Apply(_pool(1, _SHARED)),
                Visit(),
                _KNOWS,
                Apply(_pool(3, _SHARED)),
                Say("show table shop", until="used:[1-9]"),
            ),
            outcome="state-outlives",
            share={"many": EVEN},
            returning=ALL,
            proxy="haproxy",
        ),
    ),
    done_right=(
        Episode(
            name="cleared",
            told="The same, and the rollback clears the table.",
            deeds=(
                Apply(_pool(1, _SHARED)),
                Visit(),
                Say("clear table shop"),
                Apply(_pool(3, _SHARED)),
            ),
            outcome="restored",
            share={"many": EVEN},
            returning=EVEN,
            proxy="haproxy",
        ),
    ),
)
