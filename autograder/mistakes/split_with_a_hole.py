"""A split whose parts do not add up to everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.mistake import CLIENTS, STATES, THREE, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_choices import routing
from autograder.mistakes.nginx_config import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``split_clients`` without a ``*`` line that requests are sent by, and nothing that catches the empty value."""
    del capacity  # No machine is asked at all.
    guarded = {arg.text.strip("(") for s in config.settings("if") for arg in s.args}
    for choice in (choice for all_of_it, _ in routing(config) for choice in all_of_it):
        parts = [entry.percent for entry in choice.entries]
        if choice.kind != "split_clients" or None in parts or f"${choice.variable}" in guarded or not choice.source:
            continue
        left = 100 - sum(part for part in parts if part is not None)
        if left > 0.01:
            message = (
                f"The parts of this split add up to {100 - left:g} %: for the other {left:g} % of its keys "
                f"${plain(choice.variable)} is empty, and those requests are answered with an error."
            )
            yield finding(MISTAKE.slug, "", (choice.statement.word, choice.source), message, MISTAKE.mend)


_NEW = "upstream new { server app3:8080; server app4:8080; }"
_OLD = "server app1:8080;\nserver app2:8080;"


def _split(parts: str, server: str = "") -> str:
    http = f'{_NEW}\n    split_clients "$request_id" $pool {{ {parts} }}'
    return nginx(_OLD, "proxy_pass http://$pool;", http=http, server=server)


MISTAKE = Mistake(
    slug="split-with-a-hole",
    title="A split that forgets some clients",
    what="The percentages of a `split_clients` add up to less than 100, and no `*` line takes the rest.",
    why="For the rest the variable is empty, so nginx has nowhere to send them: a fixed part of all requests fails, at "
    "every time of the day, and every server is well.",
    clients=CLIENTS,
    states=STATES,
    seen="The error log says `no host in upstream`; the failing part is always the same.",
    mend="Write `*` for the last part, so that it takes whatever the others leave.",
    instead=nginx(THREE),
    versions="nginx since 0.8.37 (`split_clients`); measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_split_clients_module.html",),
    decides="pool",
    directives=("split_clients",),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "ninety",
            _split("50% shop; 30% new;"),
            guilty='split_clients "$request_id"',
            share={"many": {"app1": 0.25, "app2": 0.25, "app3": 0.15, "app4": 0.15}},
            failed=0.2,
            within=0.06,
        ),
    ),
    look_alikes=(
        LookAlike(
            "rest",
            _split("50% shop; * new;"),
            "the star takes the rest",
            share={"many": {"app1": 0.25, "app3": 0.25}},
        ),
        LookAlike("hundred", _split("50% shop; 50% new;"), "nothing is left over"),
        LookAlike(
            "caught",
            _split("50% shop; 30% new;", 'if ($pool = "") { return 404; }'),
            "somebody thought of the rest",
        ),
    ),
)
