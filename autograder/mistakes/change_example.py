"""Configs before and after a change, for episodes: an even pool, and one where nearly everything meets one server."""

from __future__ import annotations

from autograder.mistakes.haproxy_example import CHECKED, haproxy, servers
from autograder.mistakes.mistake import nginx

EVEN = {"app1": 1 / 3, "app2": 1 / 3, "app3": 1 / 3}
SKEWED = {"app1": 100 / 102}
ALL = {"app1": 1.0}


def members(number: int, first: str = "") -> str:
    """The first ``number`` servers of an nginx pool; ``first`` are words for the first of them."""
    return "\n".join(f"server app{n}:8080{f' {first}' if n == 1 and first else ''};" for n in range(1, number + 1))


NGINX_GOOD = nginx(members(3))
NGINX_BAD = nginx(members(3, "weight=100"))
HAPROXY_GOOD = haproxy(servers(CHECKED, CHECKED, CHECKED))
HAPROXY_BAD = haproxy(servers(f"{CHECKED} weight 100", CHECKED, CHECKED))
GOOD = {"nginx": NGINX_GOOD, "haproxy": HAPROXY_GOOD}
BAD = {"nginx": NGINX_BAD, "haproxy": HAPROXY_BAD}


def layer_4(number: int, proxy: str, end: str = "") -> str:
    """A config that deals out connections to ``number`` servers; ``end`` says how long old workers may go on."""
    if proxy == "haproxy":
        return (f"global\n    {end}\n" if end else "") + haproxy(
            servers(*[CHECKED] * number, option="timeout tunnel 8h"), mode="tcp"
        )
    inner = "".join(f"        {line}\n" for line in members(number).splitlines())
    return (
        (f"{end}\n" if end else "") + f"events {{}}\nstream {{\n    upstream db {{\n{inner}    }}\n"
        "    server {\n        listen 80;\n        proxy_pass db;\n        proxy_timeout 8h;\n    }\n}\n"
    )
