"""A choice that a later line undoes for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.mistake import CLIENTS, EVEN, STATES, THREE, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_config import plain, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``set`` without a condition after an ``if`` of the same block that sets the same variable to something else."""
    del capacity  # The choice is gone, whatever the machines.
    decides = {name for line in config.passes for name in line.variables}
    for statement in walk(config.statements):
        chosen: dict[str, str] = {}
        for inner in statement.block or () if statement.name in ("server", "location") else ():
            if inner.name == "if":
                chosen |= {s.values[0]: s.values[1] for s in inner.block or () if s.name == "set" and len(s.args) == 2}
            elif inner.name == "set" and len(inner.args) == 2:
                name, given = inner.values
                if name[1:] in decides and "$" not in given and chosen.get(name, given) != given:
                    message = (
                        f"This line gives {plain(name)} its value for every request, whatever the `if` above it chose: "
                        f"nothing is sent to {plain(chosen[name])}."
                    )
                    yield finding(MISTAKE.slug, "", (inner.word, *inner.args), message, MISTAKE.mend)


_OLD = "upstream old { server app3:8080; server app4:8080; }"
_IF = 'if ($http_user_agent ~ "Firefox|Chrome|Safari|Phone") { set $pool shop; }'


def _config(lines: str, one: str = "server app1:8080;\nserver app2:8080;") -> str:
    return nginx(one, f"{lines} proxy_pass http://$pool;", http=_OLD)


MISTAKE = Mistake(
    slug="set-after-if",
    title="A choice that is undone again",
    what="An `if` sets a variable to a pool, and a `set` below it sets it again for everybody: the default was written "
    "after the exception. nginx runs these lines from top to bottom.",
    why="Nobody ever reaches the pool that the `if` chose; all of it goes to the default.",
    clients=CLIENTS,
    states=STATES,
    seen="Log the variable: it never has the value that the `if` gives it.",
    mend="Write the `set` with the default first, or choose with a `map`.",
    instead=nginx(THREE, "proxy_pass http://$pool;", http="map $cookie_beta $pool { default shop; }"),
    versions="all nginx versions; measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_rewrite_module.html#set", "NX-25"),
    decides="pool",
    directives=("if", "set"),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "default-last",
            _config(f"{_IF} set $pool old;"),
            guilty="set $pool old",
            share={"many": {"app1": 0.0, "app2": 0.0, "app3": 0.5, "app4": 0.5}},
        ),
    ),
    look_alikes=(
        LookAlike(
            "default-first",
            _config(f"set $pool old; {_IF}"),
            "the exception comes last",
            share={"many": {"app1": 0.5, "app2": 0.5, "app3": 0.0}},
        ),
        LookAlike("no-default", _config(f'{_IF} if ($http_user_agent = "") {{ set $pool old; }}'), "two exceptions"),
        LookAlike(
            "other-variable",
            nginx(THREE, "if ($arg_x) { set $colour red; } set $colour blue; proxy_pass http://shop;"),
            "no request is sent anywhere by it",
            share={"many": EVEN},
        ),
    ),
)
