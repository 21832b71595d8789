"""The five traps of module 7 do what the page says, on the real nginx."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.traffic.clients import population
from autograder.traffic.sample import Sample
from autograder.traffic.send import send
from tests.facts.shop import Shop, lines, nginx, open_shop

MODULE = Path(__file__).parents[2] / "course/modules/07-review"


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with open_shop("nginx") as opened:
        yield opened


def parts(sample: Sample) -> list[int]:
    return [round(100 * sample.shares().get(f"app{number}", 0.0)) for number in range(1, 5)]


def test_everybody_has_the_same_scheme(shop: Shop) -> None:
    assert max(parts(shop.run(nginx(f"zone shop 64k; hash $scheme; {lines(3)}"), requests=300))) == 100


def test_the_canary_gets_ten_parts_of_thirteen(shop: Shop) -> None:
    assert parts(shop.run(nginx(f"{lines(3, 'weight=1')} server app4:8080 weight=10;"), requests=1300)) == [8, 8, 8, 77]
    assert "**The canary gets 77 %,** the three others 8 % each" in (MODULE / "traps.md").read_text(encoding="utf-8")


def test_backup_on_the_wrong_line(shop: Shop) -> None:
    before = f"{lines(2)} server app3:8080 backup; server app4:8080 backup;"
    after = "server app1:8080; " + "".join(f"server app{number}:8080 backup; " for number in (2, 3, 4))
    assert parts(shop.run(nginx(before), requests=200)) == [50, 50, 0, 0]
    assert parts(shop.run(nginx(after), requests=200)) == [100, 0, 0, 0]


def checkouts(shop: Shop, config: str) -> list[int]:
    assert shop.running.apply({"nginx.conf": config.encode()}).ok
    crowd = population("many")
    return parts(send(shop.running, crowd, crowd.check_out(300, seed=1), concurrency=8, timeout=30))


def test_a_page_without_its_arguments_is_one_key(shop: Shop) -> None:
    assert max(checkouts(shop, nginx(f"hash $request_uri; {lines(3)}"))) < 45
    assert max(checkouts(shop, nginx(f"hash $uri; {lines(3)}"))) == 100


def test_a_path_goes_round_the_pool(shop: Shop) -> None:
    beside = "proxy_pass http://shop; } location ~ ^/(basket|checkout) { proxy_pass http://app3:8080;"
    assert checkouts(shop, nginx(lines(), location=beside)) == [0, 0, 100, 0]


def test_a_retry_leaves_the_shares_as_they_are(shop: Shop) -> None:
    helpful = "proxy_pass http://shop; proxy_next_upstream error timeout http_500 non_idempotent;"
    assert parts(shop.run(nginx(lines(), location=helpful), requests=400)) == [25, 25, 25, 25]
