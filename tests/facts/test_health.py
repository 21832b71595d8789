"""What module 3 says about dead, slow and erring servers, and about leaving, seen on the real balancers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.stack.conduct import Conduct
from autograder.traffic.clients import population
from autograder.traffic.sample import Sample
from autograder.traffic.send import send
from tests.facts.shop import ASK, MAIN, Shop, haproxy, haproxy_lines, lines, nginx, open_shop, words_of

MODULE = Path(__file__).parents[2] / "course/modules/03-health"
CHECKED = "check inter 200ms fall 2 rise 2"


@pytest.fixture
def by_nginx() -> Iterator[Shop]:
    with open_shop("nginx") as shop:
        yield shop


@pytest.fixture
def by_haproxy() -> Iterator[Shop]:
    with open_shop("haproxy") as shop:
        yield shop


def page(name: str) -> str:
    return words_of(MODULE / name)


def apply(shop: Shop, config: str) -> None:
    applied = shop.running.apply({MAIN[shop.running.stack.balancer.proxy]: config.encode()})
    assert applied.ok, applied.faults


def come(shop: Shop, requests: int, concurrency: int = 4, timeout: float = 20.0) -> Sample:
    crowd = population("many")
    return send(shop.running, crowd, crowd.browse(requests, seed=1), concurrency=concurrency, timeout=timeout)


def command(shop: Shop, words: str) -> None:
    ran = shop.running.machines.run("lb", ["python3", "-c", ASK, words])
    assert ran.exit_code == 0, ran.err
    assert not ran.out.strip(), ran.out


def wait_for_status(shop: Shop, server: str, status: str) -> None:
    deadline = time.monotonic() + 120
    while next(one.status for one in shop.running.runtime().servers if one.name == server) != status:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_nginx_asks_another_server_when_one_is_dead(by_nginx: Shop) -> None:
    apply(by_nginx, nginx(lines()))
    by_nginx.running.kill("app2")
    sample = come(by_nginx, 200)
    assert sample.failed == 0
    assert "app2" not in sample.counts()


def test_without_a_second_try_one_client_pays(by_nginx: Shop) -> None:
    apply(by_nginx, nginx(lines(), location="proxy_next_upstream off; proxy_pass http://shop;"))
    by_nginx.running.kill("app2")
    # The failure itself marks the server, for ten seconds; on a slow day a second client may pay, too.
    assert 1 <= come(by_nginx, 200, concurrency=1).failed <= 3


def test_a_pool_of_one_ignores_failures_and_comes_back_at_once(by_nginx: Shop) -> None:
    apply(by_nginx, nginx("server app1:8080 max_fails=1 fail_timeout=60;"))
    by_nginx.running.kill("app1")
    assert come(by_nginx, 5).statuses == {502: 5}
    by_nginx.running.bring_back()
    assert come(by_nginx, 20).failed == 0


def test_when_all_are_marked_nobody_is_asked_although_they_are_back(by_nginx: Shop) -> None:
    apply(by_nginx, nginx("server app1:8080 fail_timeout=60;\nserver app2:8080 fail_timeout=60;"))
    by_nginx.running.kill("app1")
    by_nginx.running.kill("app2")
    assert come(by_nginx, 6, concurrency=1).statuses == {502: 6}
    by_nginx.running.bring_back()
    assert come(by_nginx, 20, concurrency=1).statuses == {502: 20}
    apply(by_nginx, nginx("server app1:8080 fail_timeout=60;\nserver app2:8080 fail_timeout=60;") + "# again\n")
    assert come(by_nginx, 20, concurrency=1).failed == 0


def test_an_error_page_is_no_failure_unless_you_say_so(by_nginx: Shop) -> None:
    apply(by_nginx, nginx(lines()))
    by_nginx.running.afflict("app2", Conduct(failing=True))
    assert come(by_nginx, 200).statuses == {200: 150, 500: 50}
    listed = "proxy_next_upstream error timeout http_500; proxy_pass http://shop;"
    apply(by_nginx, nginx(lines(), location=listed))
    assert come(by_nginx, 200).failed == 0


def test_httpchk_without_check_checks_nothing(by_haproxy: Shop) -> None:
    apply(by_haproxy, haproxy(f"    balance roundrobin\n    option httpchk\n{haproxy_lines(2)}"))
    by_haproxy.running.kill("app2")
    sample = come(by_haproxy, 8, concurrency=4)
    assert sample.statuses == {200: 4, 503: 4}
    assert sample.percentile_ms(0.99) > 2900  # three more tries, a second apart
    assert "Every second request fails" in page("checks.md")


def test_a_check_takes_a_dead_server_out(by_haproxy: Shop) -> None:
    apply(by_haproxy, haproxy(f"    balance roundrobin\n    option httpchk\n{haproxy_lines(4, CHECKED)}"))
    by_haproxy.running.kill("app2")
    wait_for_status(by_haproxy, "app2", "DOWN")
    sample = come(by_haproxy, 100)
    assert sample.failed == 0
    assert "app2" not in sample.counts()


@pytest.mark.parametrize("proxy", ["nginx", "haproxy"])
def test_fast_errors_attract_traffic(proxy: str) -> None:
    config = {
        "nginx": nginx(f"zone shop 64k;\nleast_conn;\n{lines()}"),
        "haproxy": haproxy(f"    balance leastconn\n{haproxy_lines()}"),
    }[proxy]
    with open_shop(proxy) as shop:
        apply(shop, config)
        shop.running.afflict("app2", Conduct(failing=True))
        for healthy in ("app1", "app3", "app4"):  # work that takes long beside an error, however busy this machine is
            shop.running.afflict(healthy, Conduct(slowness=20))
        assert come(shop, 600, concurrency=16).shares()["app2"] > 0.28  # a quarter would be even


def test_watching_real_answers_takes_the_erring_server_out(by_haproxy: Shop) -> None:
    watching = f"{CHECKED} observe layer7 error-limit 5 on-error mark-down"
    apply(by_haproxy, haproxy(f"    balance leastconn\n    option httpchk GET /\n{haproxy_lines(4, watching)}"))
    by_haproxy.running.afflict("app2", Conduct(failing=True))
    wait_for_status(by_haproxy, "app2", "DOWN")
    sample = come(by_haproxy, 200, concurrency=16)
    assert sample.failed == 0
    assert "app2" not in sample.counts()


def test_turns_do_not_see_that_a_server_is_slow_and_open_requests_do(by_nginx: Shop) -> None:
    apply(by_nginx, nginx(lines()))
    by_nginx.running.afflict("app2", Conduct(slowness=20))
    assert come(by_nginx, 400, concurrency=16).shares()["app2"] == pytest.approx(0.25, abs=0.01)
    for method in ("least_conn;", "random two least_conn;"):
        apply(by_nginx, nginx(f"zone shop 64k;\n{method}\n{lines()}"))
        assert come(by_nginx, 600, concurrency=16).shares().get("app2", 0.0) < 0.15


@pytest.mark.parametrize(("words", "status"), [("state drain", "DRAIN"), ("state maint", "MAINT")])
def test_what_is_said_at_run_time_is_gone_after_a_reload(by_haproxy: Shop, words: str, status: str) -> None:
    config = haproxy(f"    balance roundrobin\n    option httpchk GET /\n{haproxy_lines(4, CHECKED)}")
    apply(by_haproxy, config)
    command(by_haproxy, f"set server shop/app2 {words}")
    wait_for_status(by_haproxy, "app2", status)
    assert "app2" not in come(by_haproxy, 100).counts()
    apply(by_haproxy, config + "# reloaded\n")
    assert come(by_haproxy, 100).shares()["app2"] == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(("signal", "lost"), [("QUIT", 0), ("TERM", 8)])
def test_term_drops_what_is_in_work_and_quit_finishes_it(by_nginx: Shop, signal: str, lost: int) -> None:
    apply(by_nginx, nginx(lines()))
    for number in range(1, 5):
        by_nginx.running.afflict(f"app{number}", Conduct(slowness=2000))
    found: list[Sample] = []
    sending = threading.Thread(target=lambda: found.append(come(by_nginx, 8, concurrency=8, timeout=60)))
    sending.start()
    deadline = time.monotonic() + 120
    while sum(by_nginx.running.runtime().connections.values()) < 8:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    by_nginx.running.machines.kill("lb", signal)
    sending.join()
    assert found[0].failed == lost


@pytest.mark.parametrize("proxy", ["nginx", "haproxy"])
def test_a_reload_loses_no_request(proxy: str) -> None:
    config = {"nginx": nginx(lines()), "haproxy": haproxy(f"    balance roundrobin\n{haproxy_lines()}")}[proxy]
    with open_shop(proxy) as shop:
        apply(shop, config)
        found: list[Sample] = []
        sending = threading.Thread(target=lambda: found.append(come(shop, 2000, concurrency=8)))
        sending.start()
        reloads = 0
        while sending.is_alive():
            apply(shop, f"{config}# {reloads}\n")
            reloads += 1
        assert reloads > 1
        assert found[0].failed == 0


def test_the_pages_say_what_is_proved_here() -> None:
    assert "150 answers were fine, 50 were errors" in page("index.md")
    assert "Of eight requests, four were answered and four got 503" in page("checks.md")
    assert "**TERM: all eight.** With QUIT instead: none." in page("leaving.md")
