"""What module 5 says about shares, alerts and error budgets: queries and the alert of the page on a real Prometheus."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.running import open_stack
from autograder.stack.watching import Watcher
from autograder.traffic.clients import population
from autograder.traffic.flow import Flow
from autograder.traffic.send import send
from tests.facts.shop import Shop, lines, nginx, words_of

MODULE = Path(__file__).parents[2] / "course/modules/05-monitoring"
THREE = tuple(Server(f"app{number}", workers=4, page_ms=2.0) for number in range(1, 4))
DAYS = 30


def blocks(page: str, language: str) -> list[str]:
    """The listings of a page in one language, whatever they are indented by."""
    text = (MODULE / page).read_text(encoding="utf-8")
    return [code for _, code in re.findall(rf"^( *)```{language}\n(.*?)^\1```", text, re.DOTALL | re.MULTILINE)]


@pytest.fixture
def watched() -> Iterator[tuple[Shop, Watcher]]:
    """A fair pool of three, and a Prometheus that loaded the page's alert."""
    stack = Stack("watched", (Balancer("lb", "nginx", 80, "nginx.conf"),), THREE, prometheus=True)
    (rules,) = blocks("share.md", "yaml")
    with open_stack(stack) as running:
        assert running.apply({"nginx.conf": nginx(lines(3)).encode()}).ok
        yield Shop(running), running.watch({"balance.yml": rules.encode()})


def until(watcher: Watcher, holds: Callable[[], bool]) -> None:
    """Wait until something holds; a minute of the query's window and more, on a machine that may be busy."""
    deadline = time.monotonic() + 150
    while not holds():
        assert time.monotonic() < deadline, watcher.query("sum by (server) (rate(shop_requests_total[30s]))")
        time.sleep(0.3)  # between two questions


@pytest.mark.slow
def test_the_queries_and_the_alert_of_the_page(watched: tuple[Shop, Watcher]) -> None:
    shop, watcher = watched
    rate, share, peak, by_size = (" ".join(code.split()) for code in blocks("share.md", "promql"))

    def value() -> float:
        found = watcher.query(peak)
        return found[0].value if found else 0.0

    def shares() -> list[float]:
        found = watcher.query(share)
        return [one.value for one in sorted(found, key=lambda one: one.labels["server"])]

    def near(wanted: list[float]) -> bool:
        return [round(one, 1) for one in shares()] == wanted

    with Flow(shop.running, population("many"), rate=60.0, checkouts=0.0):
        until(watcher, lambda: near([0.3, 0.3, 0.3]) and 0.9 < value() < 1.2)
        assert watcher.firing() == ()
        assert {one.labels["server"] for one in watcher.query(rate)} == {"app1", "app2", "app3"}
        per_worker = [one.value for one in watcher.query(by_size)]
        assert max(per_worker) == pytest.approx(min(per_worker), rel=0.2)
        skewed = nginx(lines(3).replace("app1:8080", "app1:8080 weight=8"))
        assert shop.running.apply({"nginx.conf": skewed.encode()}).ok
        until(watcher, lambda: near([0.8, 0.1, 0.1]) and 2.2 < value() < 2.6)
        until(watcher, lambda: watcher.firing() == ("TrafficConcentrated",))
    text = words_of(MODULE / "share.md")
    assert "With `weight=8` on the first, they give 0.8, 0.1 and 0.1" in text
    assert "With `weight=8` it says 2.4" in text


def test_the_arithmetic_of_budgets() -> None:
    text, allowed = words_of(MODULE / "burn.md"), 0.001
    rows = re.findall(r"\| ([\d.]+) % \| 0.1 % \| ([\d,.]+) \| ([\d.]+) (days|hours|minutes) \|", text)
    assert len(rows) == 5
    hours = {"days": 24.0, "hours": 1.0, "minutes": 1 / 60}
    for errors, burn, lasts, unit in rows:
        rate = float(errors) / 100 / allowed
        assert rate == pytest.approx(float(burn.replace(",", "")))
        assert DAYS * 24 / rate == pytest.approx(float(lasts) * hours[unit], rel=0.01)
    # Windows: burn rate, long window in hours, part of the month's budget.
    for burn, window, part in ((14.4, 1, 2), (6, 6, 5), (1, 72, 10)):
        assert 100 * burn * window / (DAYS * 24) == pytest.approx(part)
        assert re.search(rf"\| {burn:g} \| [^|]+ \| [^|]+ \| {part} % \|", text)
    assert 14.4 * allowed * 3600 == pytest.approx(52, abs=0.5)
    assert 14.4 * allowed / 0.02 * 60 == pytest.approx(43, abs=0.5)
    assert 6 * allowed / 0.01 * 6 == pytest.approx(3.6)


def test_percentiles_cannot_be_averaged() -> None:
    busy = [2000] * 97 + [50] * 873
    others = [20] * 10

    def p99(times: list[int]) -> int:
        return sorted(times)[int(0.99 * len(times))]

    assert (p99(busy) + 3 * p99(others)) / 4 == 515
    assert p99(busy + 3 * others) == 2000
    assert "**515 ms**" in words_of(MODULE / "index.md")


def test_nginx_logs_the_name_of_the_pool_where_no_server_could_be_chosen() -> None:
    logged = "log_format shares '$status $upstream_addr';\naccess_log /var/log/nginx/access.log shares;"
    pool = "zone shop 64k;\n" + lines(2, "max_fails=1 fail_timeout=1h")
    with open_stack(Stack("nobody", (Balancer("lb", "nginx", 80, "nginx.conf"),), THREE)) as running:
        assert running.apply({"nginx.conf": nginx(pool, logged).encode()}).ok
        for server in THREE:
            running.kill(server.name)
        crowd = population("many")
        send(running, crowd, crowd.browse(30, seed=1), concurrency=1)
        log = running.machines.fetch("lb", "/var/log/nginx").files["access.log"].decode().splitlines()
    assert log[-1] == "502 shop"
