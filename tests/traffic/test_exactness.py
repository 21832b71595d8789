"""Counts that always agree: on a busy machine, during a reload, in several processes, in either loop."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from autograder.stack.conduct import Conduct
from autograder.stack.model import Server
from autograder.traffic.clients import Client, Population, population
from autograder.traffic.sample import Sample
from autograder.traffic.send import send
from tests.stack.conftest import config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autograder.stack.running import RunningStack

QUICK = tuple(Server(f"app{n}", page_ms=0.5, workers=32, queue=1000) for n in (1, 2, 3))


def adds_up(sample: Sample, sent: int) -> bool:
    answers = sum(sample.statuses.values()) - sum(1 for fate in sample.fates if fate.status and fate.failure)
    return sample.requests == sent == answers + sample.failed


@contextlib.contextmanager
def busy_machine() -> Iterator[None]:
    """Two processes of ours that do nothing as fast as they can."""
    command = [sys.executable, "-c", "while True: pass"]
    loops = [subprocess.Popen(command) for _ in range(2)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


@pytest.mark.parametrize("clients", ["many", "kept-alive", "zipf"])
def test_counts_are_exact_on_a_busy_machine(opened: Callable[..., RunningStack], clients: str) -> None:
    running = opened("nginx", "local", QUICK)
    assert running.apply(config("nginx")).ok
    crowd = population(clients)
    with busy_machine():
        sample = send(running, crowd, crowd.browse(900), timeout=30)
    assert sample.failures == {}
    assert sample.counts() == {"app1": 300, "app2": 300, "app3": 300}
    assert sample.extra == 0


@pytest.mark.parametrize("clients", ["many", "kept-alive", "office"])
def test_several_processes_count_as_one(opened: Callable[..., RunningStack], clients: str) -> None:
    running = opened("nginx", "local", QUICK)
    assert running.apply(config("nginx")).ok
    crowd = population(clients)
    requests = crowd.browse(2700)
    sample = send(running, crowd, requests, concurrency=30)
    assert sample.failures == {}
    assert sample.counts() == {"app1": 900, "app2": 900, "app3": 900}
    assert [fate.client for fate in sample.fates] == [request.client for request in requests]


def test_a_reload_costs_no_new_connection_a_request(opened: Callable[..., RunningStack], proxy: str) -> None:
    running = opened(proxy, "local", QUICK)
    assert running.apply(config(proxy)).ok
    crowd = population("many")
    samples: list[Sample] = []
    reloaded = threading.Event()

    def traffic() -> None:
        while not reloaded.is_set():
            samples.append(send(running, crowd, crowd.browse(300, seed=len(samples)), concurrency=16))

    sender = threading.Thread(target=traffic)
    sender.start()
    try:
        for number in range(3):
            assert running.apply(config(proxy, more=f"again {number}")).ok
    finally:
        reloaded.set()
        sender.join()
    assert [sample.failures for sample in samples] == [{}] * len(samples)
    assert all(sum(sample.counts().values()) == 300 for sample in samples)


def test_failures_are_told_apart_by_who_gave_them(opened: Callable[..., RunningStack]) -> None:
    running = opened("nginx", "local", QUICK)
    plain = b"events {} http { server { listen 80; location / { proxy_pass http://app1:8080; } "
    plain += b"location /help { return 503; } location /login { return 404; } } }"
    assert running.apply({"nginx.conf": plain}).ok
    running.afflict("app1", Conduct(failing=True))
    crowd = population("many")
    requests = crowd.browse(200, seed=5)
    sample = send(running, crowd, requests)
    help_asked = sum(request.path == "/help" for request in requests)
    login_asked = sum(request.path == "/login" for request in requests)
    others = 200 - help_asked - login_asked
    assert sample.failures == {"5xx-server": others, "5xx-balancer": help_asked}
    assert sample.statuses == {500: others, 503: help_asked, 404: login_asked}
    assert sample.by_whom() == {"server": others, "balancer": help_asked}
    assert sample.counts() == {"app1": others}
    assert adds_up(sample, 200)


def test_a_server_that_hangs_is_a_timeout_and_no_more(opened: Callable[..., RunningStack]) -> None:
    running = opened("nginx", "local", QUICK)
    assert running.apply(config("nginx", "app1")).ok
    running.pause("app1")
    for clients in ("many", "kept-alive"):
        crowd = population(clients)
        sample = send(running, crowd, crowd.browse(40), concurrency=20, timeout=0.3)
        assert sample.failures == {"timeout": 40}
        assert adds_up(sample, 40)
    running.resume("app1")


def test_one_client_with_one_connection_takes_turns_and_may_run_out_of_time(
    opened: Callable[..., RunningStack],
) -> None:
    running = opened("nginx", "local", (Server("app1", workers=8, service_ms=100),))
    assert running.apply(config("nginx", "app1")).ok
    alone = Population("alone", (Client("198.19.5.5", True, "Firefox/145.0"),), "one client")
    sample = send(running, alone, alone.check_out(12), concurrency=12, timeout=0.65)
    # 100 ms each, one after another: the first few within the time limit, none of the rest.
    assert adds_up(sample, 12)
    assert set(sample.failures) == {"timeout"}
    assert 1 <= sample.counts()["app1"] <= 6
    assert sample.counts()["app1"] + sample.failures["timeout"] == 12


def test_an_open_loop_sees_what_a_closed_loop_hides(opened: Callable[..., RunningStack]) -> None:
    # One worker, 20 ms each: 50 a second. Asked for 100 a second it falls behind by 10 ms with each request.
    running = opened("nginx", "local", (Server("app1", workers=1, service_ms=20, queue=200),))
    assert running.apply(config("nginx", "app1")).ok
    crowd = population("many")
    closed = send(running, crowd, crowd.check_out(50), concurrency=1)
    steady = send(running, crowd, crowd.check_out(50), rate=100)
    assert closed.failures == steady.failures == {}
    assert closed.percentile_ms(0.5) < 200
    assert steady.percentile_ms(0.99) > 400
    assert steady.percentile_ms(0.99) > 3 * closed.percentile_ms(0.5)


# Chi-square of 50 counts against their weights, 49 degrees of freedom: a true zipf exceeds 97.5 once in 20,000 times
# (α = 4.6e-5). The seeds are fixed, so this passes always or never; α says how surprising a failure would be.
CHI_SQUARE_LIMIT = 97.5


@pytest.mark.parametrize("seed", range(3))
def test_zipf_clients_come_as_often_as_their_weights_say(seed: int) -> None:
    crowd = population("zipf")
    turns = [request.client for request in crowd.browse(20_000, seed=seed)]
    total = sum(client.weight for client in crowd.clients)
    expected = [20_000 * client.weight / total for client in crowd.clients]
    assert expected == pytest.approx([expected[0] * rank**-1.2 for rank in range(1, 51)])
    counted = [turns.count(client) for client in range(50)]
    chi_square = sum((got - due) ** 2 / due for got, due in zip(counted, expected, strict=True))
    assert chi_square < CHI_SQUARE_LIMIT
    # The same number of clients, evenly: told apart at once.
    even = [random.Random(seed).randrange(50) for _ in range(20_000)]
    wrong = sum((even.count(client) - due) ** 2 / due for client, due in enumerate(expected))
    assert wrong > 10 * CHI_SQUARE_LIMIT


def test_a_shopping_crowd_checks_out_as_often_as_asked() -> None:
    paths = [request.path for request in population("many").shop(5000, seed=1, checkouts=0.1)]
    bought = sum(path.startswith("/checkout") for path in paths)
    assert abs(bought - 500) < 4.5 * (5000 * 0.1 * 0.9) ** 0.5  # 4.5 sigma: 7e-6
    assert population("many").shop(50, seed=2) == population("many").shop(50, seed=2)


def test_streams_are_answered_whole(opened: Callable[..., RunningStack]) -> None:
    running = opened("nginx", "local", QUICK)
    assert running.apply(config("nginx")).ok
    crowd = population("streaming")
    sample = send(running, crowd, crowd.browse(60), concurrency=60)
    assert sample.failures == {}
    assert sum(sample.counts().values()) == 60
    assert sample.percentile_ms(0.5) > 75  # five chunks, 20 ms apart
