"""What module 10 says of restores that lack something: what the real balancers say of each, and what users get."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.running import open_stack
from autograder.traffic.clients import population
from autograder.traffic.send import send
from tests.facts.shop import Shop, haproxy, haproxy_lines, nginx, words_of

MODULE = Path(__file__).parents[2] / "course/modules/10-recovery"
CERTIFIED = "ssl_certificate shop.pem; ssl_certificate_key shop.key; listen 443 ssl;"


def test_a_pattern_that_finds_nothing_is_no_error_and_nobody_listens() -> None:
    stack = Stack("gone", (Balancer("lb", "nginx", 80, "nginx.conf"),), (Server("app1"),))
    restored = {"nginx.conf": b"events {}\nhttp { include conf.d/*.conf; }\n"}
    crowd = population("many")
    with open_stack(stack) as running:
        assert running.check(restored) == ()
        assert running.apply(restored).ok
        assert send(running, crowd, crowd.browse(5)).failures == {"refused": 5}
    assert "Every connection is refused" in words_of(MODULE / "index.md")


@pytest.mark.parametrize(
    ("proxy", "config", "said"),
    [
        ("nginx", "events {}\nhttp { include conf.d/shop.conf; }\n", 'open() "/etc/nginx/conf.d/shop.conf" failed'),
        ("nginx", nginx("server app1:8080;").replace("listen 80;", CERTIFIED), "cannot load certificate"),
        ("haproxy", haproxy(haproxy_lines(1), "    bind :443 ssl crt shop.pem"), "unable to stat SSL certificate"),
        ("nginx", nginx("server app1:8080;\nserver gone.internal:8080;"), "host not found in upstream"),
    ],
)
def test_what_the_check_finds(proxy: str, config: str, said: str, by_nginx: Shop, by_haproxy: Shop) -> None:
    shop, main = {"nginx": (by_nginx, "nginx.conf"), "haproxy": (by_haproxy, "haproxy.cfg")}[proxy]
    first, *_ = shop.running.check({main: config.encode()})
    assert said in first.message
    assert f"`{said}" in words_of(MODULE / "backup.md")
