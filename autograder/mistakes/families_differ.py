"""IPv4 and IPv6 clients of one name are sent to different machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.mistake import CLIENTS, PAIRS, STATES, Example, LookAlike, Mistake, finding, whole
from autograder.mistakes.nginx_config import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig, Site


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """A name whose block listens on IPv6 only, while another block has it on IPv4 at the same port."""
    del capacity  # The machines are others, whatever they bear.
    first: dict[tuple[str, str], Site] = {}
    for site in config.sites:
        if not any(host == "[::]" for host, _ in site.doors):
            for name in site.names:
                for host, port in site.doors:
                    if host == "*":
                        first.setdefault((port, name.text.lower()), site)
    for six in config.sites:
        if {host for host, _ in six.doors} != {"[::]"} or any("ipv6only=off" in s.values for s in six.listens):
            continue
        for name in six.names:
            fours = [first[key] for _, port in sorted(six.doors) if (key := (port, name.text.lower())) in first]
            mine, other = config.machines(six), config.machines(fours[0]) if fours else frozenset()
            if mine and other and mine != other:
                message = (
                    f"Only clients with IPv6 come to this block; those of {plain(name.text)} with IPv4 go to another "
                    "block, and to other machines."
                )
                yield finding(MISTAKE.slug, "", (six.listens[0].word, *six.listens[0].args), message, MISTAKE.mend)
                break


_OLD = "server { listen 80; server_name shop.example; location / { proxy_pass http://old; } }"
_SIX = "server { listen [::]:80; server_name shop.example; location / { proxy_pass http://shop; } }"
_BOTH = _SIX.replace("listen", "listen 80; listen")

MISTAKE = Mistake(
    slug="families-differ",
    title="IPv4 and IPv6 go different ways",
    what="Two server blocks have the same name at the same port: one listens on IPv4, the other on `[::]` only. "
    "`listen [::]:80` takes no IPv4.",
    why="Whoever moves a site and tests it with IPv6 sees the new pool; most clients still reach the old one. Or the "
    "other way round, and only some clients complain.",
    clients=CLIENTS,
    states=STATES,
    seen="`curl -4` and `curl -6` are answered by different servers.",
    mend="Write both `listen` lines into the one block that is meant.",
    instead=whole(f"{PAIRS}\n{_BOTH}"),
    versions="nginx since 1.3.4 (`ipv6only` is on by default); measured with 1.31.3",
    sources=("https://nginx.org/en/docs/http/ngx_http_core_module.html#listen", "NX-29"),
    decides="pool",
    directives=("listen",),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "moved",
            whole(f"{PAIRS}\n{_OLD}\n{_SIX}"),
            guilty="listen [::]:80",
            share={"many": {"app1": 0.0, "app2": 0.0, "app3": 0.5, "app4": 0.5}},
        ),
    ),
    look_alikes=(
        LookAlike(
            "both",
            whole(f"{PAIRS}\n{_BOTH}"),
            "one block listens to both",
            share={"many": {"app1": 0.5, "app2": 0.5}},
        ),
        LookAlike(
            "same-pool",
            whole(f"{PAIRS}\n{_OLD.replace('//old', '//shop')}\n{_SIX}"),
            "two blocks, the same machines",
            share={"many": {"app1": 0.5, "app2": 0.5}},
        ),
        LookAlike(
            "dual",
            whole(f"{PAIRS}\n{_SIX.replace('[::]:80', '[::]:80 ipv6only=off')}"),
            "with ipv6only=off it takes both",
        ),
    ),
)
