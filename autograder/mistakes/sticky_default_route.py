"""Stickiness that sends everybody who has no session to one server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.mistake import CLIENTS, STATES, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_choices import choices
from autograder.mistakes.nginx_config import plain, value, variables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """The default of a ``map`` that is the route of a server, where ``sticky route`` goes by that map."""
    del capacity  # Everybody new is too much for any machine.
    known = choices(config)
    for upstream in config.upstreams:
        routes = {value(s.parameters.get("route")): s for s in upstream.serving if s.parameters.get("route")}
        for sticky in upstream.named("sticky"):
            if not upstream.used or sticky.values[:1] != ("route",) or len(upstream.serving) < 2:
                continue
            for name in sorted(variables(" ".join(sticky.values[1:2]))):
                for entry in (entry for choice in known.get(name, ()) for entry in choice.entries):
                    if entry.value.text in routes and (entry.fits_all or not entry.pattern.text):
                        machine = plain(routes[entry.value.text].host)
                        message = f"A request that says nothing about its server is taken for one of {machine}'s."
                        yield finding(MISTAKE.slug, upstream.name, (entry.pattern, entry.value), message, MISTAKE.mend)


_ROUTES = "server app1:8080 route=a;\nserver app2:8080 route=b;\nserver app3:8080 route=c;"


def _sticky(default: str) -> str:
    return nginx(f"sticky route $route;\n{_ROUTES}", http=f"map $cookie_route $route {{ {default} b b; c c; }}")


MISTAKE = Mistake(
    slug="sticky-default-route",
    title="New clients all belong to one server",
    what="`sticky route` goes by a variable, and the `map` that makes it has a server's route as its `default`.",
    why="A new client says nothing about a server, so it should go where there is room. Here it is taken for a client "
    "of one server, given its session there, and comes back to it for ever.",
    clients=CLIENTS,
    states=STATES,
    seen="Ask without cookies, again and again: always the same `$upstream_addr`.",
    mend="Leave the default of the map empty: nginx then chooses a server for whoever has none.",
    instead=nginx("sticky cookie route;\n" + _ROUTES),
    versions="nginx since 1.29.6 (commercial before); measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_upstream_module.html#sticky", "NX-44"),
    decides="pool",
    directives=("map", "sticky route"),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "default",
            _sticky("default a;"),
            guilty="default a",
            share={"many": {"app1": 1.0}, "office": {"app1": 1.0}},
        ),
    ),
    look_alikes=(
        LookAlike(
            "empty",
            _sticky('default ""; a a;'),
            "an empty route lets nginx choose",
            share={"office": {"app1": 1 / 3, "app2": 1 / 3, "app3": 1 / 3}},
        ),
        LookAlike(
            "cookie",
            nginx("sticky cookie route;\n" + _ROUTES),
            "nginx chooses, and the cookie remembers",
            share={"office": {"app1": 1 / 3, "app2": 1 / 3, "app3": 1 / 3}},
        ),
    ),
)
