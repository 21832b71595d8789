"""A block with an address of its own takes what a block for all addresses was meant for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.mistake import CLIENTS, EVEN, STATES, Example, LookAlike, Mistake, finding, whole
from autograder.mistakes.nginx_config import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``listen address:port`` that reaches fewer machines of a pool than the blocks with ``listen port`` beside it."""
    del capacity  # Fewer is fewer.
    seen = set()
    for narrow in config.sites:
        for statement in narrow.listens:
            if not statement.args or not _own_address(statement.values[0]):
                continue
            door = next(iter(door for door in narrow.doors if statement.values[0].lower().startswith(door[0])), None)
            if door is None or door in seen:
                continue
            seen.add(door)
            at_door = config.at_door[door]
            listed = {name.text.lower() for site in at_door for name in site.names}
            mine = frozenset().union(*(config.machines(site) for site in at_door))
            for wide in config.at_door.get(("*", door[1]), ()):
                if not mine < config.machines(wide) or door in wide.doors:
                    continue
                names = [n.text for n in wide.names if n.text.lower() not in listed]
                if names:
                    message = (
                        f"Requests to this address reach only the blocks that name it: those for {plain(names[0])} "
                        "come here too, and not to the block that lists it."
                    )
                    yield finding(MISTAKE.slug, "", (statement.word, statement.args[0]), message, MISTAKE.mend)
                    break


def _own_address(listen: str) -> bool:
    return listen[:1].isdigit() and listen.count(".") == 3 and not listen.startswith(("127.", "0.0.0.0"))


_POOLS = (
    "upstream shop { server app1:8080; server app2:8080; server app3:8080; }\n"
    "upstream old { server app1:8080; server app2:8080; }"
)
_OLD = "server { listen 198.18.0.2:80; server_name old.example; location / { proxy_pass http://old; } }"
_NEW = "server { listen 80; server_name shop.example; location / { proxy_pass http://shop; } }"

MISTAKE = Mistake(
    slug="listen-shadowed",
    title="The more exact door wins",
    what="One block says `listen 198.18.0.2:80`, another `listen 80`. nginx looks at addresses before names: "
    "what comes to that address is only ever compared with the names of blocks that have it.",
    why="The new block for all addresses lists the name and never sees a request for it at that address. An old block "
    "with fewer servers answers them, and the new servers stay idle.",
    clients=CLIENTS,
    states=STATES,
    seen="Ask at each address of the machine with the same Host header and compare `$upstream_addr`.",
    mend="Write the same address and port into all blocks that clients of one address should reach.",
    instead=whole(f"{_POOLS}\n{_OLD.replace('198.18.0.2:80', '80')}\n{_NEW}"),
    versions="all nginx versions; measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/request_processing.html", "NX-29"),
    decides="pool",
    directives=("listen",),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "old-address",
            whole(f"{_POOLS}\n{_OLD}\n{_NEW}"),
            guilty="listen 198.18.0.2:80",
            share={"many": {"app1": 0.5, "app2": 0.5, "app3": 0.0}},
        ),
    ),
    look_alikes=(
        LookAlike(
            "same-door",
            whole(f"{_POOLS}\n{_OLD}\n{_NEW.replace('listen 80', 'listen 198.18.0.2:80')}"),
            "both have the address, so the name decides",
        ),
        LookAlike(
            "loopback",
            whole(f"{_POOLS}\n{_OLD.replace('198.18.0.2:80', '127.0.0.1:80')}\n{_NEW}"),
            "only this machine talks to 127.0.0.1",
            share={"many": EVEN},
        ),
        LookAlike(
            "other-port",
            whole(f"{_POOLS}\n{_OLD.replace('198.18.0.2:80', '198.18.0.2:8080')}\n{_NEW}"),
            "another port is another door",
            share={"many": EVEN},
        ),
    ),
)
