"""One shop, spoken to over real sockets: what it answers, how long it takes, what it remembers and what it tells."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import statistics
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from autograder.stack.conduct import Conduct, behave, conduct_of, desk_path
from autograder.stack.journal import KEPT_BYTES, forget
from autograder.stack.model import SERVICE_TIMES
from autograder.stack.procfs import wait_until
from autograder.stack.service import drawing
from autograder.stack.shop import KILLED
from autograder.stack.shop_spec import ShopSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROXY_ONE = b"PROXY TCP4 198.18.0.7 198.18.0.2 5000 80\r\n"
PROXY_TWO = b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12)
_SERVE = """
import gc, json, sys
gc.set_threshold(700, 1, 1)  # whatever nobody holds goes soon
from autograder.stack import loop
from autograder.stack.shop import serve
from autograder.stack.shop_spec import ShopSpec
loop.run(serve(ShopSpec(**json.loads(sys.argv[1])), int(sys.argv[2])))
"""
Started = "Callable[..., OneShop]"


class OneShop:
    """A shop that runs in a process of its own."""

    def __init__(self, spec: ShopSpec) -> None:
        self.spec = spec
        ready, told = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, json.dumps(asdict(spec)), str(told)],
            pass_fds=(told,),
            stderr=subprocess.PIPE,
        )
        os.close(told)
        with os.fdopen(ready, "rb") as listening:
            assert listening.read(1) == b"1"

    def connect(self) -> socket.socket:
        """A connection to it."""
        if self.spec.host.startswith("unix:"):
            one = socket.socket(socket.AF_UNIX)
            one.connect(self.spec.host.removeprefix("unix:"))
        else:
            one = socket.create_connection((self.spec.host, self.spec.port))
        one.settimeout(20)
        return one

    def ask(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer to one request on a connection of its own."""
        with self.connect() as one:
            one.sendall(request)
            return read_answer(one)

    def get(self, path: str, *headers: str) -> tuple[int, dict[str, str], bytes]:
        """The same for a GET."""
        return self.ask("\r\n".join([f"GET {path} HTTP/1.1", "Host: shop", *headers, "", ""]).encode())

    def status(self) -> dict[str, Any]:
        """What it says of itself."""
        told: dict[str, Any] = json.loads(self.get("/-/status")[2])
        return told

    def journal(self) -> list[list[str]]:
        """Nonces and receipts of what it answered."""
        return [line.split() for line in Path(self.spec.journal, self.spec.name).read_text().splitlines()]

    def stop(self) -> None:
        """End it."""
        self.process.kill()
        self.process.communicate()
        Path(desk_path(self.spec.name)).unlink(missing_ok=True)


def read_answer(one: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """The next answer on a connection; a body without a length goes on until the connection is closed."""
    with one.makefile("rb") as file:
        status = int(file.readline().split()[1])
        headers = {}
        while line := file.readline().strip():
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        if headers.get("transfer-encoding") == "chunked":
            pieces = []
            while size := int(file.readline(), 16):
                pieces.append(file.read(size + 2)[:-2])
            file.readline()
            return status, headers, b"".join(pieces)
        length = headers.get("content-length")
        return status, headers, file.read(int(length)) if length is not None else file.read()


def free_port(host: str = "127.0.0.1") -> int:
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as one:
        port: int = one.getsockname()[1]
        return port


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., OneShop]]:
    shops: list[OneShop] = []

    def start(**told: Any) -> OneShop:
        host = told.get("host", "127.0.0.1")
        numbers = {"workers": 4, "service_ms": 5.0, "page_ms": 0.0, "queue": 32}
        places = {"host": host, "port": 0 if host.startswith("unix:") else free_port(host)}
        folders = {"journal": str(tmp_path / "journal"), "disk": str(tmp_path / "disk")}
        spec: dict[str, Any] = {"name": f"shop-{os.getpid()}", **numbers, **places, **folders, **told}
        shops.append(OneShop(ShopSpec(**spec)))
        return shops[-1]

    yield start
    for shop in shops:
        shop.stop()


def set_session(headers: dict[str, str]) -> str:
    return headers["set-cookie"].partition(";")[0]


def test_an_answer_says_who_gave_it_and_when_and_is_in_the_journal(started: Started) -> None:
    shop = started()
    status, headers, body = shop.get("/", "X-Request-Nonce: run-1")
    assert status == 200
    assert headers["x-served-by"] == shop.spec.name
    assert shop.spec.name.encode() in body
    assert shop.journal() == [["run-1", headers["x-receipt"]]]
    now = time.time()
    assert abs(ssl.cert_time_to_seconds(_as_certificate_time(headers["date"])) - now) < 5


def _as_certificate_time(date: str) -> str:
    _, day, month, year, clock, zone = date.split()
    return f"{month} {day} {clock} {year} {zone}"


def test_a_session_is_opened_once_and_kept_by_who_brings_it(started: Started) -> None:
    shop = started()
    _, headers, _ = shop.get("/")
    assert "Max-Age=3600" in headers["set-cookie"]
    assert abs(int(set_session(headers).partition("=")[2].partition(".")[0]) - time.time()) < 5
    status, again, _ = shop.get("/", f"Cookie: theme=dark; {set_session(headers)}")
    assert (status, again.get("set-cookie")) == (200, None)
    _, other, _ = shop.get("/", "Cookie: theme=dark")
    assert "shop_session=" in other["set-cookie"]


@pytest.mark.parametrize("issued_ago", [3700, -90])
def test_a_session_that_cannot_be_is_refused_with_a_new_one(started: Started, issued_ago: int) -> None:
    shop = started()
    cookie = f"Cookie: shop_session={int(time.time()) - issued_ago}.abc"
    status, headers, _ = shop.get("/", cookie, "X-Request-Nonce: late-1")
    assert status == 401
    assert shop.journal() == [["late-1", headers["x-receipt"]]]
    assert shop.get("/", f"Cookie: {set_session(headers)}")[0] == 200


def test_a_stream_comes_in_pieces_and_holds_no_worker(started: Started) -> None:
    shop = started(workers=1)
    with shop.connect() as slow:
        began = time.monotonic()
        slow.sendall(b"GET /stream/1 HTTP/1.1\r\nHost: s\r\nX-Request-Nonce: s-1\r\n\r\n")
        assert slow.recv(1, socket.MSG_PEEK)
        assert shop.get("/")[0] == 200
        status, headers, body = read_answer(slow)
    assert time.monotonic() - began >= 0.075  # five pieces, four pauses of 20 ms; timers may ring 1 ms early
    assert (status, body.count(b"\n")) == (200, 5)
    assert shop.journal()[0] == ["s-1", headers["x-receipt"]]


def test_a_stream_for_http_1_0_ends_with_the_connection(started: Started) -> None:
    status, headers, body = started().ask(b"GET /stream HTTP/1.0\r\n\r\n")
    assert (status, body.count(b"\n"), headers["connection"]) == (200, 5, "close")
    assert "transfer-encoding" not in headers


def test_requests_that_wait_take_memory_and_are_told(started: Started) -> None:
    shop = started(workers=2, queue=9, service_ms=60_000.0, memory_mb=1000.0)
    assert shop.status()["memory_mb"] == 200
    with contextlib.ExitStack() as stack:
        for _ in range(7):
            stack.enter_context(shop.connect()).sendall(b"GET /checkout HTTP/1.1\r\nHost: s\r\n\r\n")
        assert wait_until(lambda: shop.status()["waiting"] == 5, 10)
        status = shop.status()
        assert (status["busy"], status["peak_waiting"], status["memory_mb"]) == (2, 5, 600)
        metrics = shop.get("/-/metrics")[2].decode()
        labels = f'{{server="{shop.spec.name}"}}'
        assert f"shop_busy_workers{labels} 2\n" in metrics
        assert f"shop_waiting_requests{labels} 5\n" in metrics
        assert f"shop_memory_bytes{labels} 600000000\n" in metrics


def test_metrics_count_answers_by_status(started: Started) -> None:
    shop = started()
    for _ in range(3):
        shop.get("/")
    shop.get("/", "Cookie: shop_session=5.x")
    metrics = shop.get("/-/metrics")[2].decode()
    assert f'shop_requests_total{{server="{shop.spec.name}",status="200"}} 3\n' in metrics
    assert f'shop_requests_total{{server="{shop.spec.name}",status="401"}} 1\n' in metrics
    kinds = [line.split()[3] for line in metrics.splitlines() if line.startswith("# TYPE")]
    assert kinds == ["counter", *["gauge"] * 5]


def test_it_dies_when_one_more_waits_than_there_is_room_for(started: Started) -> None:
    shop = started(workers=1, queue=2, service_ms=60_000.0)
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(shop.connect()).sendall(b"GET /checkout HTTP/1.1\r\nHost: s\r\n\r\n")
        assert shop.process.wait(20) == KILLED
    assert shop.process.stderr is not None
    said = shop.process.stderr.read().decode()
    assert "out of memory: 3 requests waiting" in said
    assert "512 MB of 512 MB" in said


def test_bodies_are_dropped_and_what_follows_is_read(started: Started) -> None:
    shop = started()
    plain = b"POST /a HTTP/1.1\r\nHost: s\r\nContent-Length: 11\r\nX-Request-Nonce: n-1\r\n\r\nGET / HTTP/1"
    chunked = (
        b"POST /b HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\nX-Request-Nonce: n-2\r\n\r\n"
        b"5;x=y\r\nhello\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nTrailer: t\r\n\r\n"
    )
    last = b"GET /c HTTP/1.1\r\nHost: s\r\nX-Request-Nonce: n-3\r\n\r\n"
    with shop.connect() as one:
        one.sendall(plain[:-1] + chunked + last)
        assert [read_some_answer(one)[0] for _ in range(3)] == [200, 200, 200]
    assert [nonce for nonce, _ in shop.journal()] == ["n-1", "n-2", "n-3"]


def read_some_answer(one: socket.socket) -> tuple[int, bytes]:
    """One answer with a length, byte by byte, so that what follows stays on the connection."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = one.recv(1)
        assert piece, head
        head += piece
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    body = b""
    while len(body) < length:
        body += one.recv(length - len(body))
    return int(head.split()[1]), body


def test_a_head_without_body_and_other_methods_are_answered(started: Started) -> None:
    shop = started()
    with shop.connect() as one:
        one.sendall(b"HEAD / HTTP/1.1\r\nHost: s\r\n\r\nOPTIONS / HTTP/1.0\r\n\r\n")
        answers = b""
        while piece := one.recv(65536):
            answers += piece
    assert answers.count(b"HTTP/1.1 200 OK") == 2
    assert answers.count(b"Welcome to the shop") == 1


def test_thousands_of_requests_at_once_on_one_connection_are_answered(started: Started) -> None:
    shop = started()
    requests = 5000
    with shop.connect() as one:
        one.sendall(b"GET / HTTP/1.1\r\nHost: s\r\n\r\n" * (requests - 1))
        one.sendall(b"GET / HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n")
        answers = b""
        while piece := one.recv(1 << 20):
            answers += piece
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == requests


def test_nonsense_is_refused_and_the_shop_goes_on(started: Started) -> None:
    shop = started()
    for nonsense in (b"\0\1\2 x\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n"):
        assert shop.ask(nonsense)[0] == 400
    assert shop.get("/")[0] == 200


@pytest.mark.parametrize("host", ["::1", "unix"])
def test_it_listens_where_it_is_told(started: Started, host: str, tmp_path: Path) -> None:
    shop = started(host=f"unix:{tmp_path}/deep/er/app.sock" if host == "unix" else host)
    assert shop.get("/")[0] == 200


@pytest.mark.parametrize("preface", [PROXY_ONE, PROXY_TWO, b""])
@pytest.mark.parametrize("tls", [False, True])
def test_a_proxy_header_is_dropped_before_anything_else(started: Started, preface: bytes, tls: bool) -> None:
    authority = trustme.CA()
    leaf = authority.issue_cert("shop.example")
    chain = leaf.cert_chain_pems[0].bytes() + leaf.private_key_pem.bytes()
    shop = started(certificate=chain.decode() if tls else "")
    with contextlib.ExitStack() as stack:
        one = stack.enter_context(shop.connect())
        one.sendall(preface)
        if tls:
            context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
            context.set_alpn_protocols(["h2", "http/1.1"])
            one = stack.enter_context(context.wrap_socket(one, server_hostname="shop.example"))
            assert one.selected_alpn_protocol() == "http/1.1"
        one.sendall(b"POST / HTTP/1.1\r\nHost: s\r\nContent-Length: 0\r\n\r\n")
        assert read_answer(one)[0] == 200


def test_who_does_not_want_tls_does_not_stop_it(started: Started) -> None:
    leaf = trustme.CA().issue_cert("shop.example")
    shop = started(certificate=(leaf.cert_chain_pems[0].bytes() + leaf.private_key_pem.bytes()).decode())
    with shop.connect() as one:
        one.sendall(b"GET / HTTP/1.1\r\nHost: s\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert not one.recv(100).startswith(b"HTTP")
    context = ssl._create_unverified_context()
    with context.wrap_socket(shop.connect()) as one:
        one.sendall(b"GET / HTTP/1.1\r\nHost: s\r\n\r\n")
        assert read_answer(one)[0] == 200


@pytest.mark.parametrize("kind", SERVICE_TIMES)
def test_service_times_have_the_mean_that_was_asked_for(kind: str) -> None:
    # The seed is fixed, so this never wavers; another seed would fail it once in 15,000 times (4 standard errors).
    count, mean = 40_000, 80.0
    draw = drawing(kind, "a seed")
    times = [draw(mean) for _ in range(count)]
    assert abs(statistics.fmean(times) - mean) <= 4 * mean / count**0.5
    spread = statistics.pstdev(times)
    assert spread == 0 if kind == "constant" else abs(spread - mean) < 0.06 * mean
    again = drawing(kind, "a seed")
    assert [again(mean) for _ in range(100)] == times[:100]


def test_pages_of_fractions_of_a_millisecond_take_their_time_on_average(started: Started) -> None:
    shop = started(workers=1, page_ms=2.4)
    pages = 200
    with shop.connect() as one:
        began = time.monotonic()
        for _ in range(pages):
            one.sendall(b"GET / HTTP/1.1\r\nHost: s\r\n\r\n")
            read_some_answer(one)
        took_ms = (time.monotonic() - began) * 1000
    # Rounded down it would be 2 ms a page. No upper limit: the machine may be busy.
    assert took_ms / pages >= 2.3


def test_an_old_journal_gives_its_room_back_and_keeps_its_places(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    line = b"run-1 receipt\n"
    file.write_bytes(line * (2 * KEPT_BYTES // len(line)))
    before = file.stat()
    with file.open("ab") as journal:
        forget(journal.fileno())
    after = file.stat()
    assert after.st_size == before.st_size
    assert after.st_blocks < before.st_blocks * 0.6
    with file.open("rb") as journal:
        journal.seek(before.st_size - KEPT_BYTES // len(line) * len(line))
        assert set(journal.readlines()) == {line}


def test_it_takes_orders_however_long_it_runs(started: Started) -> None:
    shop = started(name=f"long-{os.getpid()}")
    assert Conduct(**behave({"server": shop.spec.name, "slowness": 2.0})) == Conduct(slowness=2.0)
    for _ in range(10):  # each leaves some garbage
        with contextlib.ExitStack() as stack:
            for one in [stack.enter_context(shop.connect()) for _ in range(40)]:
                one.sendall(b"GET / HTTP/1.1\r\nHost: s\r\n\r\n")
                read_some_answer(one)
    assert Conduct(**conduct_of({"server": shop.spec.name})) == Conduct(slowness=2.0)
