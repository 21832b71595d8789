"""What a stand-in speaks besides HTTP/1.1: every split of the bytes reads the same, and garbage ends only itself."""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.events
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.stack.dialects import cgi, fastcgi, http2, mysql, smtp, tcp
from autograder.stack.dialects.stream import HELD_LIMIT
from tests.loops import run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograder.stack.dialects.dialect import Asked
    from autograder.stack.dialects.stream import Stream

SPEAKERS = cgi.SPEAKERS | fastcgi.SPEAKERS | http2.SPEAKERS | tcp.SPEAKERS | mysql.SPEAKERS | smtp.SPEAKERS


class Till:
    """A shop that only counts: answers at once, or when told."""

    name = "app1"

    def __init__(self, status: int = 200, at_once: bool = True, says: str = "") -> None:
        self.says = says
        self.status = status
        self.at_once = at_once
        self.seen: list[tuple[str, bool]] = []
        self.waiting: list[Asked] = []

    def arrive(self, asked: Asked) -> None:
        self.seen.append((asked.nonce, asked.checkout))
        self.waiting.append(asked)
        if self.at_once:
            self.serve()

    def serve(self) -> None:
        waiting, self.waiting = self.waiting, []
        for asked in waiting:
            asked.answer(f"r{len(self.seen)}", self.status)

    def page(self) -> bytes:
        return b"Welcome.\n"


class Line(asyncio.Transport):
    """The network's end of a connection, in memory: what was written, and whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.out = b""
        self.closed = False
        self.reading = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.out += bytes(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def is_reading(self) -> bool:
        return self.reading

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


def feed(speaks: str, data: bytes, till: Till, cuts: Sequence[int] = ()) -> Line:
    connection: Stream = SPEAKERS[speaks](till)
    line = Line()
    if speaks in ("mysql", "smtp") or till.says:
        connection._transport = line  # without a loop there is no clock for the greeting
    else:
        connection.connection_made(line)
    ends = sorted({min(cut, len(data)) for cut in cuts} | {len(data)})
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        if not line.closed:
            connection.data_received(data[start:end])
    return line


def fastcgi_request(number: int, nonce: str, path: str = "/", keep: bool = True) -> bytes:
    def record(kind: int, content: bytes) -> bytes:
        return struct.pack(">BBHHBx", 1, kind, number, len(content), 3) + content + b"pad"

    pairs = {"REQUEST_METHOD": "GET", "REQUEST_URI": path, "HTTP_X_REQUEST_NONCE": nonce, "LONG": "x" * 300}
    block = b"".join(
        bytes([len(name)])
        + (bytes([len(value)]) if len(value) < 128 else struct.pack(">I", len(value) | 1 << 31))
        + f"{name}{value}".encode()
        for name, value in pairs.items()
    )
    begin = record(1, struct.pack(">HB5x", 1, int(keep)))
    return begin + record(4, block[:100]) + record(4, block[100:]) + record(4, b"") + record(5, b"b") + record(5, b"")


def uwsgi_request(nonce: str, path: str = "/", body: bytes = b"") -> bytes:
    pairs = {"REQUEST_URI": path, "CONTENT_LENGTH": str(len(body)), "HTTP_X_REQUEST_NONCE": nonce}
    text = b"".join(struct.pack("<H", len(part)) + part.encode() for pair in pairs.items() for part in pair)
    return struct.pack("<BHB", 0, len(text), 0) + text + body


def scgi_request(nonce: str, path: str = "/", body: bytes = b"") -> bytes:
    pairs = {"CONTENT_LENGTH": str(len(body)), "SCGI": "1", "REQUEST_URI": path, "HTTP_X_REQUEST_NONCE": nonce}
    text = b"".join(part.encode() + b"\0" for pair in pairs.items() for part in pair)
    return f"{len(text)}:".encode() + text + b"," + body


def h2_client() -> h2.connection.H2Connection:
    client = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    client.initiate_connection()
    return client


def h2_headers(nonce: str, path: str = "/") -> list[tuple[str, str]]:
    pseudo = [(":method", "GET"), (":scheme", "http"), (":authority", "shop.example"), (":path", path)]
    return [*pseudo, ("x-request-nonce", nonce)]


def h2_request(*nonces: str, path: str = "/") -> bytes:
    client = h2_client()
    for number, nonce in enumerate(nonces):
        client.send_headers(2 * number + 1, h2_headers(nonce, path), end_stream=True)
    return client.data_to_send()


REQUESTS = {
    "tcp": b"nonce-1\nnonce-2\n",
    "mysql": b"nonce-1\nnonce-2\n",
    "smtp": b"nonce-1\nnonce-2\n",
    "fastcgi": fastcgi_request(1, "nonce-1") + fastcgi_request(1, "nonce-2"),
    "uwsgi": uwsgi_request("nonce-1", body=b"a" * 50),
    "scgi": scgi_request("nonce-1", body=b"a" * 50),
    "h2c": h2_request("nonce-1", "nonce-2"),
    "grpc": h2_request("nonce-1", "nonce-2"),
}
anyhow = st.lists(st.integers(0, 600), max_size=40)


def test_every_speaker_is_tried_here() -> None:
    assert REQUESTS.keys() == SPEAKERS.keys()


@pytest.mark.parametrize("speaks", REQUESTS)
@given(cuts=anyhow)
def test_however_the_bytes_are_split_the_requests_are_the_same(speaks: str, cuts: list[int]) -> None:
    till, whole = Till(), Till()
    assert feed(speaks, REQUESTS[speaks], till, cuts).out == feed(speaks, REQUESTS[speaks], whole).out
    nonces = ["nonce-1"] if speaks in cgi.SPEAKERS else ["nonce-1", "nonce-2"]
    assert till.seen == whole.seen == [(nonce, False) for nonce in nonces]


@pytest.mark.parametrize("speaks", REQUESTS)
@given(noise=st.binary(max_size=200), at=st.integers(0, 400), tail=st.binary(max_size=200))
def test_garbage_never_raises(speaks: str, noise: bytes, at: int, tail: bytes) -> None:
    request = REQUESTS[speaks]
    # What does not begin as HTTP/2 is HTTP/1.1's business.
    first = b"PRI" if speaks in ("h2c", "grpc") else b""
    feed(speaks, first + noise, Till())
    at = max(at, len(first))
    feed(speaks, request[:at] + noise + request[at:] + tail, Till())


@pytest.mark.parametrize("speaks", REQUESTS)
def test_who_hangs_up_sends_nothing_more(speaks: str) -> None:
    till = Till(at_once=False)
    line = feed(speaks, REQUESTS[speaks], till)
    before = line.out
    asked = list(till.waiting)
    asked[0].hang_up()
    assert line.closed
    till.serve()  # others that were in work on the same connection
    asked[0].hang_up()
    assert line.out == before


@pytest.mark.parametrize("speaks", REQUESTS)
def test_a_flood_without_an_end_is_not_held(speaks: str) -> None:
    connection = SPEAKERS[speaks](Till())
    line = Line()
    connection._transport = line
    starts = {"h2c": REQUESTS["h2c"][:24], "grpc": REQUESTS["grpc"][:24], "scgi": b"65000:", "uwsgi": b"\0\xff\xff\0"}
    starts["fastcgi"] = REQUESTS["fastcgi"][:19]
    connection.data_received(starts.get(speaks, b""))
    for _ in range(64):
        if not line.closed:
            connection.data_received(b"\1\4\0\1\x0f\xf8\0\0" + b"x" * 4088 if speaks == "fastcgi" else b"x" * 4096)
    held = getattr(connection, "_held", b"")
    assert line.closed or len(held) <= HELD_LIMIT


def test_a_checkout_is_known_in_every_dialect_that_has_paths() -> None:
    for speaks, request in {
        "fastcgi": fastcgi_request(1, "n", "/checkout?x=1"),
        "uwsgi": uwsgi_request("n", "/checkout"),
        "scgi": scgi_request("n", "/checkout"),
        "h2c": h2_request("n", path="/checkout"),
    }.items():
        till = Till()
        feed(speaks, request, till)
        assert till.seen == [("n", True)], speaks


def test_a_check_without_a_nonce_is_counted_as_nobodys() -> None:
    till = Till()
    feed("scgi", scgi_request("not a nonce\n"), till)
    assert till.seen == [("-", False)]


def test_cgi_answers_carry_receipt_server_and_status() -> None:
    for speaks in ("uwsgi", "scgi", "fastcgi"):
        out = feed(speaks, REQUESTS[speaks], Till(500)).out
        assert b"Status: 500 Internal Server Error\r\n" in out
        assert b"X-Receipt: r1\r\n" in out
        assert b"X-Served-By: app1\r\n" in out


def test_fastcgi_requests_may_be_in_work_side_by_side_and_answered_in_any_order() -> None:
    till = Till(at_once=False)
    connection, line = fastcgi.FastCgi(till), Line()
    connection.connection_made(line)
    connection.data_received(fastcgi_request(1, "one") + fastcgi_request(2, "two"))
    first, second = till.waiting
    second.answer("r2", 200)
    first.answer("r1", 200)
    assert line.out.index(b"X-Receipt: r2") < line.out.index(b"X-Receipt: r1")
    assert not line.closed


def test_fastcgi_without_keep_closes_and_unknown_roles_are_refused() -> None:
    assert feed("fastcgi", fastcgi_request(1, "n", keep=False), Till()).closed
    authorizer = struct.pack(">BBHHBx", 1, 1, 1, 8, 0) + struct.pack(">HB5x", 2, 1)
    out = feed("fastcgi", authorizer, Till()).out
    assert (out[1], out[12]) == (3, 3)  # END_REQUEST, UNKNOWN_ROLE


def test_fastcgi_tells_its_limits() -> None:
    asked = b"\x0e\0FCGI_MAX_CONNS\x0f\0FCGI_MPXS_CONNS"
    out = feed("fastcgi", struct.pack(">BBHHBx", 1, 9, 0, len(asked), 0) + asked, Till()).out
    assert fastcgi.pairs(out[8:]) == {b"FCGI_MAX_CONNS": b"4096", b"FCGI_MPXS_CONNS": b"1"}


def h2_events(out: bytes, client: h2.connection.H2Connection) -> list[h2.events.Event]:
    return list(client.receive_data(out))


@pytest.mark.parametrize(("status", "code"), [(200, "0"), (500, "13")])
def test_grpc_says_how_it_went_in_its_trailers(status: int, code: str) -> None:
    client = h2_client()
    client.send_headers(1, h2_headers("n", "/shop.Shop/Buy"), end_stream=True)
    events = h2_events(feed("grpc", client.data_to_send(), Till(status)).out, client)
    fields = {
        name: value
        for event in events
        if isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived)
        for name, value in event.headers or ()
    }
    assert (fields[":status"], fields["x-receipt"], fields["grpc-status"]) == ("200", "r1", code)
    data = [event.data for event in events if isinstance(event, h2.events.DataReceived)]
    assert data == ([bytes(5)] if status == 200 else [])


def test_a_health_check_over_http2_names_no_host() -> None:
    client = h2_client()
    client.config.validate_outbound_headers = False
    client.send_headers(1, [(":method", "OPTIONS"), (":scheme", "http"), (":path", "/")], end_stream=True)
    till = Till()
    events = h2_events(feed("h2c", client.data_to_send(), till).out, client)
    assert till.seen == [("-", False)]
    assert any(isinstance(event, h2.events.ResponseReceived) for event in events)


def test_http2_waits_for_room_in_the_window() -> None:
    client = h2_client()
    client.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 4})
    client.send_headers(1, h2_headers("n"), end_stream=True)
    connection, line = http2.Http2(Till()), Line()
    connection.connection_made(line)
    connection.data_received(client.data_to_send())
    events = h2_events(line.out, client)
    assert [event.data for event in events if isinstance(event, h2.events.DataReceived)] == [b"Welc"]
    line.out = b""
    client.increment_flow_control_window(100, 1)
    connection.data_received(client.data_to_send())
    events = h2_events(line.out, client)
    assert [event.data for event in events if isinstance(event, h2.events.DataReceived)] == [b"ome.\n"]
    assert any(isinstance(event, h2.events.StreamEnded) for event in events)


def test_a_stream_that_was_given_up_is_not_answered() -> None:
    till = Till(at_once=False)
    client = h2_client()
    client.send_headers(1, h2_headers("n"), end_stream=True)
    connection, line = http2.Http2(till), Line()
    connection.connection_made(line)
    connection.data_received(client.data_to_send())
    client.reset_stream(1)
    connection.data_received(client.data_to_send())
    line.out = b""
    till.serve()
    assert line.out == b""
    connection.connection_lost(None)


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"PING\r\n", b"+PONG"),
        (b"*1\r\n$4\r\nPING\r\n", b"+PONG"),
        (b"\0\0\0\x17\0\3\0\0user\0haproxy\0\0", b"R\0\0\0\x08"),
        (b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00", b"\x30\x0c\x02\x01\x01\x61"),
        (b"\x16\x03\x00\x00\x7a\x01", b"\x15\x03"),
        (b"QUIT\r\n", b"+OK"),
        (b"\x05\x01\0", b""),
        (b"", b""),
    ],
)
def test_what_balancers_send_to_look_is_answered_and_not_counted(sent: bytes, answer: bytes) -> None:
    till = Till()
    out = feed("tcp", sent, till).out
    assert out.startswith(answer) if answer else out == b""
    assert till.seen == []


def test_many_requests_at_once_do_not_pile_up() -> None:
    till = Till()
    out = feed("tcp", b"".join(b"n-%d\n" % number for number in range(5000)), till).out
    assert out.count(b"\n") == len(till.seen) == 5000


def test_a_client_faster_than_the_shop_is_made_to_wait() -> None:
    till = Till(at_once=False)
    connection, line = tcp.Tcp(till), Line()
    connection.connection_made(line)
    connection.data_received(b"n-1\n" * (HELD_LIMIT // 2))
    assert not line.reading
    while till.waiting:
        till.serve()
    assert line.reading
    assert len(till.seen) == HELD_LIMIT // 2


@pytest.mark.parametrize(
    ("speaks", "says", "greeting"),
    [("smtp", "", b"220 "), ("mysql", "", b"5.7."), ("tcp", "* OK ready", b"* OK ready\r\n")],
)
def test_servers_that_greet_do_so_only_after_silence(speaks: str, says: str, greeting: bytes) -> None:
    async def talk() -> tuple[bytes, bytes]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SPEAKERS[speaks](Till(says=says)), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        silent, silent_writer = await asyncio.open_connection("127.0.0.1", port)
        greeted = await silent.read(100)
        talker, talker_writer = await asyncio.open_connection("127.0.0.1", port)
        talker_writer.write(b"n-1\n")
        answered = await talker.readline()
        silent_writer.close()
        talker_writer.close()
        server.close()
        return greeted, answered

    greeted, answered = run(asyncio.wait_for(talk(), 10))
    assert greeting in greeted
    assert answered == b"r1\n"


def test_what_a_check_looks_for_is_said_to_a_check_and_not_to_traffic() -> None:
    assert feed("tcp", b"STATUS\r\n", Till(says="all well")).out == b"all well\r\n"
    assert feed("tcp", b"n-1\n", Till(says="all well")).out == b"r1\n"


def test_a_mail_server_answers_lines() -> None:
    line = feed("smtp", b"HELO localhost\r\nQUIT\r\n", Till())
    assert (line.out, line.closed) == (b"250 app1\r\n221 bye\r\n", True)


def test_who_logs_in_to_mysql_is_greeted_and_let_in() -> None:
    login = b"\x21\0\0\1" + b"\0" * 32 + b"haproxy\0" + b"\1\0\0\0\1"
    line = feed("mysql", login, Till())
    assert b"5.7." in line.out
    assert line.out.endswith(b"\x07\0\0\2\0\0\0\2\0\0\0")
    assert line.closed
