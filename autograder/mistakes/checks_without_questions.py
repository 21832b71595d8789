"""Rules for a health check that are not in force: the check is another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import THREE, haproxy
from autograder.mistakes.haproxy_health import asks_the_program, check_option, checked, watches_answers
from autograder.mistakes.mistake import CLIENTS, Example, LookAlike, Mistake, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Pools that ask for a check of their pages, of which an open port is all that is left."""
    del capacity  # A broken program serves nobody, on any machine.
    for pool in config.web_pools:
        blind = all(checked(server) and not watches_answers(server) for server in pool.serving)
        if len(pool.machines) < 2 or asks_the_program(pool) or not blind:
            continue
        option = check_option(pool)
        asked = [line for line in pool.lines("option") if line.values[0] == "httpchk"]
        rules = pool.own("http-check")
        if option is not None and asked:
            words = option.words
            message = (
                "This line takes the place of the `option httpchk` before it: servers are held for well as long as "
                "their port is open, whatever they answer."
            )
        elif rules and option is None:
            words = rules[0].words
            message = (
                "This line does nothing: no `option httpchk` is in force, so servers are held for well as long as "
                "their port is open, whatever they answer."
            )
        else:
            continue
        yield finding(MISTAKE.slug, pool.name, words, message, MISTAKE.mend)


MISTAKE = Mistake(
    slug="checks-without-questions",
    title="A check that forgot its question",
    what="The config describes a check of a page (`http-check expect`, `option httpchk`), but another one is in force: "
    "`option httpchk` is missing, or a later `option` has taken its place.",
    why="What is left is a connection that opens. A server whose program answers nothing but errors passes it, and "
    "keeps its part of the traffic. The config reads as if that could not happen.",
    clients=CLIENTS,
    states=("one-failing-fast",),
    seen="`show stat` says `L4OK` where you expect `L7OK`.",
    mend="Write `option httpchk`, and only that one, in the pool or in the defaults it inherits.",
    instead=haproxy("option httpchk GET /\nhttp-check expect status 200\n" + THREE),
    versions="all HAProxy versions; measured with 2.8.25",
    sources=(
        "https://docs.haproxy.org/2.8/configuration.html#4.2-http-check%20expect",
        "https://docs.haproxy.org/2.8/configuration.html#4.2-option%20httpchk",
        "HA-19",
    ),
    decides="failure",
    directives=("http-check expect", "option httpchk", "option tcp-check"),
    readers={"haproxy": in_haproxy},
    examples=(
        Example(
            "no-option",
            haproxy("http-check expect status 200\n" + THREE),
            guilty="http-check expect status 200",
            share={"many": {"app2": 1 / 3}, "office": {"app2": 1 / 3}},
            state="one-failing-fast",
            failed=1 / 3,
            proxy="haproxy",
        ),
        Example(
            "replaced",
            haproxy("option httpchk GET /\noption tcp-check\n" + THREE),
            guilty="option tcp-check",
            share={"many": {"app1": 1 / 3}},
            state="one-failing-fast",
            victim="app1",
            failed=1 / 3,
            proxy="haproxy",
        ),
        Example(
            "replaced-below",
            haproxy("option tcp-check\n" + THREE, defaults="option httpchk GET /"),
            guilty="option tcp-check",
            share={"many": {"app3": 1 / 3}},
            state="one-failing-fast",
            victim="app3",
            failed=1 / 3,
            proxy="haproxy",
        ),
    ),
    look_alikes=(
        LookAlike(
            "inherited",
            haproxy("http-check expect status 200\n" + THREE, defaults="option httpchk GET /"),
            "the defaults have the option",
            proxy="haproxy",
        ),
        LookAlike(
            "asks-over-tcp",
            haproxy("option httpchk GET /\noption tcp-check\ntcp-check expect string ready\n" + THREE),
            "the later check has a question of its own",
            proxy="haproxy",
        ),
        LookAlike("ports-meant", haproxy(THREE), "nothing here asks for more than an open port", proxy="haproxy"),
    ),
)
