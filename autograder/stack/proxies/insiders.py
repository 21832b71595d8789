"""The networks that a config lets in where it turns others away: a CDN's, the office's."""

from __future__ import annotations

import ipaddress
import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from autograder.stack.proxies.haproxy_syntax import Config
    from autograder.stack.proxies.nginx_scopes import Said

_MOST_NETWORKS = 4
_FROM_EACH = 250
_REFUSALS = ("deny", "reject", "silent-drop", "tarpit")


def of_nginx(said: Iterable[Said]) -> tuple[str, ...]:
    """IPv4 networks of ``allow``, where something is denied."""
    lines = [one for one in said if one.name in ("allow", "deny") and one.values]
    allowed = (one.values[0] for one in lines if one.name == "allow")
    return _networks(allowed) if any(one.name == "deny" for one in lines) else ()


def of_haproxy(config: Config) -> tuple[str, ...]:
    """IPv4 networks that ``src`` is compared with, where something is denied."""
    words = [[word.text for word in line.words] for section in config.sections for line in section.lines]
    if not any(refusal in line for line in words for refusal in _REFUSALS):
        return ()
    return _networks(
        word for line in words if "src" in line for word in itertools.takewhile("}".__ne__, line[line.index("src") :])
    )


def addresses_in(networks: Iterable[str], taken: Collection[str]) -> tuple[str, ...]:
    """Some addresses of each network that nobody has, the networks in turn."""
    each = [_hosts(network, taken) for network in networks]
    found = (address for some in itertools.zip_longest(*each) for address in some if address)
    return tuple(dict.fromkeys(found))


def _hosts(network: str, taken: Collection[str]) -> list[str]:
    parsed = ipaddress.IPv4Network(network)
    hosts = parsed.hosts() if parsed.prefixlen < 32 else iter([parsed.network_address])
    free = (str(address) for address in hosts if str(address) not in taken)
    return list(itertools.islice(free, _FROM_EACH))


def _networks(words: Iterable[str]) -> tuple[str, ...]:
    def usable() -> Iterator[str]:
        for word in words:
            try:
                network = ipaddress.IPv4Network(word, strict=False)
            except ValueError:
                continue
            if network.prefixlen and not (network.is_loopback or network.is_multicast or network.is_unspecified):
                yield str(network)

    return tuple(itertools.islice(dict.fromkeys(usable()), _MOST_NETWORKS))
