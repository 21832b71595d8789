"""Two server blocks for one name: the second is never asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.mistake import CLIENTS, PAIRS, STATES, Example, LookAlike, Mistake, finding, whole
from autograder.mistakes.nginx_config import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """A name that an earlier block has at the same door, where the two blocks send to different machines."""
    del capacity  # Never asked is never asked.
    first: dict[tuple[tuple[str, str], str], frozenset[str]] = {}
    for site in config.sites:
        lines = config.lines(site)
        reached = config.machines(site)
        for word in site.names or (site.word,):
            name = word.text.lower() if site.names else ""
            taken = [first.setdefault((door, name), reached) for door in sorted(site.doors)]
            if reached and all(taken) and reached not in taken and not any(line.variables for line in lines):
                whose = f"{plain(name)} at this door" if name else "this door"
                message = f"An earlier server block has {whose}, so no request reaches this one, nor what it sends to."
                yield finding(MISTAKE.slug, "", (word,), message, MISTAKE.mend)


_OLD = "server { listen 80; server_name shop.example; location / { proxy_pass http://old; } }"
_NEW = "server { listen 80; server_name shop.example www.shop.example; location / { proxy_pass http://shop; } }"

MISTAKE = Mistake(
    slug="name-listed-twice",
    title="Two blocks for one name",
    what="Two `server` blocks list the same name at the same address and port, often because an old file is still in "
    "the folder that is included. nginx keeps the first and ignores the second.",
    why="The block that somebody edits is not the one that runs. `nginx -t` only warns, the reload succeeds, and the "
    "traffic goes where it always went.",
    clients=CLIENTS,
    states=STATES,
    seen="`nginx -t` warns `conflicting server name`; the new servers have no requests.",
    mend="Delete or rename one of the two blocks.",
    instead=whole(f"{PAIRS}\n{_NEW}"),
    versions="all nginx versions; measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/server_names.html", "NX-29"),
    decides="pool",
    directives=("server_name",),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "old-file",
            whole(f"{PAIRS}\n{_OLD}\n{_NEW}"),
            guilty="shop.example",
            share={"many": {"app1": 0.0, "app2": 0.0, "app3": 0.5, "app4": 0.5}},
        ),
        Example(
            "no-names",
            whole(
                f"{PAIRS}\nserver {{ location / {{ proxy_pass http://old; }} }}\n"
                "server { listen *:80; location / { proxy_pass http://shop; } }"
            ),
            guilty="server",
            share={"office": {"app1": 0.0, "app3": 0.5}},
        ),
    ),
    look_alikes=(
        LookAlike(
            "redirect",
            whole(f"{PAIRS}\nserver {{ listen 81; server_name shop.example; return 301 https://$host; }}\n{_NEW}"),
            "another port, another door",
            share={"many": {"app1": 0.5, "app2": 0.5}},
        ),
        LookAlike(
            "two-sites",
            whole(f"{PAIRS}\n{_OLD.replace('shop.example', 'old.example')}\n{_NEW}"),
            "two names, two sites",
            share={"many": {"app1": 0.5, "app2": 0.5}},
        ),
        LookAlike(
            "same-pool",
            whole(f"{PAIRS}\n{_NEW}\n{_NEW}"),
            "both send to the same machines: untidy, and no request goes astray",
            share={"many": {"app1": 0.5, "app2": 0.5}},
        ),
    ),
)
