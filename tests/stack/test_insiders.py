"""Networks that a config lets in, and addresses in them that clients can have."""

from __future__ import annotations

import pytest

from autograder.stack.proxies.insiders import addresses_in
from autograder.stack.twin.twin import read_needs

HAPROXY = """frontend web
    bind :80
    acl edge src 203.0.113.0/24 198.51.100.7
    http-request deny unless edge or { src 192.0.2.0/28 } { path /10.0.0.0/8 }
    default_backend shop
backend shop
    server a 10.0.0.1:80
"""
NGINX = "http {{ server {{ allow 203.0.113.0/24; allow 2001:db8::/32; allow unix:; {} }} }}"


@pytest.mark.parametrize(
    ("proxy", "text", "networks"),
    [
        ("haproxy", HAPROXY, ("203.0.113.0/24", "198.51.100.7/32", "192.0.2.0/28")),
        ("haproxy", HAPROXY.replace("deny", "set-header X y"), ()),
        ("nginx", NGINX.format("deny all;"), ("203.0.113.0/24",)),
        ("nginx", NGINX.format(""), ()),
    ],
)
def test_networks_are_let_in_where_others_are_not(proxy: str, text: str, networks: tuple[str, ...]) -> None:
    assert read_needs({"main": text.encode()}, "main", proxy).insiders == networks


def test_addresses_are_of_each_network_in_turn_and_nobody_elses() -> None:
    found = addresses_in(("203.0.113.0/29", "198.51.100.7/32"), {"203.0.113.1"})
    assert found[:3] == ("203.0.113.2", "198.51.100.7", "203.0.113.3")
    assert len(found) == 6


def test_a_wide_network_gives_a_few_hundred() -> None:
    assert len(addresses_in(("10.0.0.0/8",), ())) == 250
