"""HTTP/1 and the PROXY header, byte by byte: however requests are cut into packets, and whatever else comes."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.stack.dialects.http1 import HTTP1
from autograder.stack.dialects.preface import UNDECIDED, header_length
from autograder.stack.shop import Shop
from autograder.stack.shop_spec import ShopSpec
from tests.loops import run

if TYPE_CHECKING:
    from pathlib import Path

PROXY_ONE = b"PROXY TCP4 198.18.0.7 198.18.0.2 5000 80\r\n"
PROXY_TWO = b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12)
_REQUESTS = (
    PROXY_ONE,
    b"GET / HTTP/1.1\r\nHost: s\r\nX-Request-Nonce: p-1\r\n\r\n",
    b"POST /x HTTP/1.1\r\nX-Request-Nonce: p-2\r\nContent-Length: 5\r\n\r\nGET /",
    b"PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX-Request-Nonce: p-3\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"GET /checkout HTTP/1.1\r\nX-Request-Nonce: p-4\r\nCookie: a=b\r\n\r\n",
)


class _Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        """Nothing to close."""

    def pause_reading(self) -> None:
        """Nothing is read."""

    def resume_reading(self) -> None:
        """Nothing is read."""


def _talk(folder: Path, pieces: list[bytes]) -> tuple[bytes, list[str]]:
    spec = ShopSpec("s", "", 0, 4, 0.0, 0.0, 9, journal=str(folder / "journal"), disk=str(folder / "disk"))
    (folder / "journal" / "s").unlink(missing_ok=True)

    async def go() -> bytes:
        connection, wire = HTTP1(Shop(spec)), _Wire()
        connection.connection_made(wire)
        for piece in pieces:
            connection.data_received(piece)
        for _ in range(len(pieces) + 9):
            await asyncio.sleep(0)
        connection.connection_lost(None)
        return wire.written

    written = run(go())
    return written, [line.split()[0] for line in (folder / "journal" / "s").read_text().splitlines()]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 340), max_size=12))
def test_it_does_not_matter_how_requests_are_cut_into_packets(tmp_path: Path, cuts: list[int]) -> None:
    whole = b"".join(_REQUESTS[1:])
    edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    pieces = [whole[a:b] for a, b in itertools.pairwise(edges) if a < b]
    written, nonces = _talk(tmp_path, pieces)
    assert nonces == ["p-1", "p-2", "p-3", "p-4"]
    assert written.count(b"HTTP/1.1 200 OK\r\n") == 4


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.one_of(st.binary(max_size=60), st.sampled_from(_REQUESTS), st.just(b"\r\n\r\n")), max_size=8))
def test_garbage_never_raises(tmp_path: Path, pieces: list[bytes]) -> None:
    _talk(tmp_path, [piece for piece in pieces if piece])


@given(cut=st.integers(1, 41), rest=st.binary(max_size=20))
def test_a_proxy_header_is_known_by_its_length(cut: int, rest: bytes) -> None:
    for header in (PROXY_ONE, PROXY_TWO):
        assert header_length(header + rest) == len(header)
        if cut < len(header):
            assert header_length(header[:cut]) in (UNDECIDED, len(header))
    assert header_length(b"GET / HTTP/1.1\r\n") == header_length(b"PRI * HTTP/2.0\r\n") == header_length(b"POST /") == 0
    assert header_length(b"PROXY " + b"x" * 200) == 0
