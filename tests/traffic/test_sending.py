"""What the generator does with connections that break, and when it says a request began. Against sockets of our own."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from autograder.traffic import load
from autograder.traffic.job import Job
from autograder.traffic.sending import Sending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Receipt: r1\r\n\r\nok"


@contextlib.contextmanager
def server(answer: Callable[[int, int], bytes | None]) -> Iterator[int]:
    """A port where ``answer(connection, request)`` (both from 0) says what is sent; nothing more after None."""
    listening = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        for connection in range(100):
            try:
                accepted, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(accepted, connection), daemon=True).start()

    def serve(accepted: socket.socket, connection: int) -> None:
        with accepted:
            for request in range(100):
                text = b""
                while not text.endswith(b"\r\n\r\n"):
                    if not (data := accepted.recv(4096)):
                        return
                    text += data
                said = answer(connection, request)
                if said:
                    accepted.sendall(said)
                if said != OK:
                    return

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def payload(port: int, requests: int, **more: Any) -> dict[str, Any]:
    door = {"address": "127.0.0.1", "port": port, "host": "shop.example", "tls": False, "protocol": "http/1.1"}
    return {
        "door": {**door, "proxy_protocol": False},
        "run": "abc",
        "clients": [["127.0.0.5", True, "Firefox/145.0", "", True, "shop.example"]],
        "jars": {},
        "requests": [[0, "/"]] * requests,
        "concurrency": 1,
        "rate": None,
        "start": None,
        "timeout": 5.0,
        **more,
    }


def failures(port: int, requests: int, **more: Any) -> list[str]:
    job = Job(payload(port, requests, **more))
    sending = Sending(job, range(requests))
    sending.closed_loop(1)
    sending.close()
    assert all(sending.outcomes)
    return [outcome[2] for outcome in sending.outcomes if outcome]


def test_a_kept_connection_that_turns_out_closed_is_tried_once_more() -> None:
    # The first connection answers one request and is closed by the next, as by a reload at just that moment.
    with server(lambda connection, request: None if (connection, request) == (0, 1) else OK) as port:
        assert failures(port, 4) == [""] * 4


def test_once_more_is_not_twice_more() -> None:
    # Each connection dies of its first request but the very first: the second try is on a new one, and counts.
    with server(lambda connection, request: OK if (connection, request) == (0, 0) else None) as port:
        assert failures(port, 2) == ["", "reset"]


def test_a_new_connection_that_breaks_is_a_failure() -> None:
    with server(lambda connection, _request: OK if connection else None) as port:
        assert failures(port, 3) == ["reset", "", ""]


def test_an_answer_that_breaks_off_is_a_failure_also_on_a_kept_connection() -> None:
    with server(lambda _connection, request: OK if request == 0 else OK[:-1]) as port:
        assert failures(port, 2) == ["", "reset"]


def test_an_answer_that_is_none_is_unreadable() -> None:
    with server(lambda _connection, _request: b"220 mail.example ESMTP\r\n") as port:
        assert failures(port, 2) == ["unreadable"] * 2


def test_latency_counts_from_when_a_request_should_have_been_sent() -> None:
    with server(lambda _connection, _request: OK) as port:
        job = Job(payload(port, 3))
        sending = Sending(job, range(3))
        # The generator itself is half a second late: that is part of the latency, not forgotten.
        late = time.monotonic() - 0.5
        sending.open_loop([late, late + 0.1, late + 0.2])
        sending.close()
    latencies = [outcome[3] / 1e6 for outcome in sending.outcomes if outcome]
    assert len(latencies) == 3
    assert all(least <= latency for least, latency in zip((0.5, 0.4, 0.3), latencies, strict=True))


def test_an_open_loop_keeps_its_times() -> None:
    arrived: list[float] = []

    def answer(_connection: int, _request: int) -> bytes:
        arrived.append(time.monotonic())
        return OK

    with server(answer) as port:
        job = Job(payload(port, 20))
        sending = Sending(job, range(20))
        began = time.monotonic() + 0.05
        due = [began + number * 0.0137 for number in range(20)]
        sending.open_loop(due)
        sending.close()
    assert len(arrived) == 20
    assert all(came >= intended for came, intended in zip(arrived, due, strict=True))  # never early


def test_our_own_fault_is_not_the_balancers() -> None:
    job = Job(payload(9, 1, clients=[["203.0.113.7", False, "Firefox/145.0", "", True, "shop.example"]]))
    with pytest.raises(RuntimeError, match=r"cannot send from 203\.0\.113\.7"):
        Sending(job, range(1)).closed_loop(1)


def test_a_sender_in_another_process_that_fails_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(load, "JOURNAL", str(tmp_path))
    monkeypatch.setattr(load, "_WORTH_A_PROCESS", 1)
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0, 1})
    clients = [[address, False, "x", "", True, "shop.example"] for address in ("127.0.0.5", "203.0.113.7")]
    job = {**payload(9, 2, clients=clients, concurrency=2), "requests": [[0, "/"], [1, "/"]]}
    with pytest.raises(RuntimeError, match=r"203\.0\.113\.7"):
        load.run(job)


def test_only_what_servers_write_during_a_run_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(load, "JOURNAL", str(tmp_path))
    (tmp_path / "app1").write_text("abc-0 old\n")

    def answer(_connection: int, _request: int) -> bytes:
        with (tmp_path / "app1").open("a") as journal:
            journal.write("abc-1 r1\nanother-1 r2\n- r3\n")
        return OK

    with server(answer) as port:
        reply = load.run(payload(port, 1))
    assert reply["journal"] == {"abc-1": [["app1", "r1"]]}
    assert reply["outcomes"][0][:3] == (0, 200, "")
