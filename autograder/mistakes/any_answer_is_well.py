"""A health check that takes an error for health."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import CHECKED, THREE, haproxy
from autograder.mistakes.haproxy_health import asks_the_program, check_option, checked
from autograder.mistakes.mistake import CLIENTS, Example, LookAlike, Mistake, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity
    from autograder.stack.proxies.haproxy_syntax import Line


_OPTIONS = ("min-recv", "ok-status", "error-status", "tout-status", "on-success", "on-error", "status-code", "comment")
_BODY = "Internal Server Error"


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``http-check expect`` lines, all of which are content with a 500."""
    del capacity  # A broken program serves nobody, on any machine.
    for pool in config.web_pools:
        option = check_option(pool)
        if len(pool.machines) < 2 or option is None or option.values[0] != "httpchk" or not asks_the_program(pool):
            continue
        if not any(checked(server) for server in pool.serving):
            continue
        expects = [line for line in pool.own("http-check") if line.values[0] == "expect"]
        expects = expects or [line for line in pool.lines("http-check") if line.values[0] == "expect"]
        if expects and all(_content(line) for line in expects):
            message = (
                "With this line a server that answers every check with error 500 is held for well, and keeps its part "
                "of the requests."
            )
            yield finding(MISTAKE.slug, pool.name, expects[0].words, message, MISTAKE.mend)


def _content(line: Line) -> bool:
    """Whether an expectation is met by an answer 500, as far as can be told."""
    words = list(line.values[1:])
    while len(words) > 2 and words[0] in _OPTIONS:
        words = words[2:]
    negated = words[:1] == ["!"]
    words = words[negated:]
    if len(words) < 2:
        return False
    kind, wanted = words[0], words[1]
    if kind == "status":
        met = any(_within(part) for part in wanted.split(","))
    elif kind == "rstatus":
        try:
            met = re.search(wanted, "500") is not None
        except re.error:
            return False
    elif kind == "string" and negated:
        met = wanted in _BODY
    else:
        return False  # what the page of an error says is not known
    return met != negated


def _within(part: str) -> bool:
    low, _, high = part.partition("-")
    numbers = [int(n) if n.isascii() and n.isdecimal() and len(n) < 4 else -1 for n in (low, high or low)]
    return 0 <= numbers[0] <= 500 <= numbers[1]


def _expect(what: str) -> str:
    return f"option httpchk GET /\nhttp-check expect {what}\n{THREE}"


MISTAKE = Mistake(
    slug="any-answer-is-well",
    title="A check that is content with errors",
    what="`http-check expect` is so wide that an error counts as a good answer: all statuses to 599, anything but 404.",
    why="The check was meant to see a broken program, and only sees that something answers. A server that fails every "
    "request stays in the pool, green, with its full part of the traffic.",
    clients=CLIENTS,
    states=("one-failing-fast",),
    seen="`show stat` says UP and `L7OK/500` for the server that all the errors come from.",
    mend="Expect what a healthy server says, like `status 200`, and nothing else.",
    instead=haproxy(_expect("status 200")),
    versions="all HAProxy versions; ranges of statuses since 2.4; measured with 2.8.25",
    sources=("https://docs.haproxy.org/2.8/configuration.html#4.2-http-check%20expect", "HA-19"),
    decides="failure",
    directives=("http-check expect", "option httpchk"),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "every-status",
            haproxy(_expect("status 200-599")),
            guilty="http-check expect status 200-599",
            share={"many": {"app2": 1 / 3}},
            state="one-failing-fast",
            failed=1 / 3,
            proxy="haproxy",
        ),
        Example(
            "pattern",
            haproxy(_expect("rstatus ^[2345]")),
            guilty="http-check expect rstatus ^[2345]",
            share={"office": {"app1": 1 / 3}},
            state="one-failing-fast",
            victim="app1",
            failed=1 / 3,
            proxy="haproxy",
        ),
        Example(
            "anything-but",
            haproxy(_expect("! status 404"), defaults=f"default-server {CHECKED}"),
            guilty="http-check expect ! status 404",
            share={"many": {"app3": 1 / 3}},
            state="one-failing-fast",
            victim="app3",
            failed=1 / 3,
            proxy="haproxy",
        ),
    ),
    look_alikes=(
        LookAlike("two-hundreds", haproxy(_expect("status 200-399")), "no error is among these", proxy="haproxy"),
        LookAlike("no-errors", haproxy(_expect("! rstatus ^5")), "everything but errors", proxy="haproxy"),
        LookAlike(
            "two-lines",
            haproxy(_expect("status 200-599\nhttp-check expect string ready")),
            "the page must say that it is ready, too",
            proxy="haproxy",
        ),
        LookAlike("comment", haproxy("# http-check expect status 200-599\n" + THREE), "a comment", proxy="haproxy"),
    ),
)
