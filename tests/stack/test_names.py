"""The stand-in name server, asked over real sockets by another implementation's idea of a question."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from typing import TYPE_CHECKING

import pytest
from dnslib import EDNS0, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from autograder.stack.names import Names, answer
from tests.loops import run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

NAMES = (
    ("app.internal", "198.18.128.1"),
    ("App.Internal.", "198.18.128.2"),
    ("six.internal", "fd00::1"),
    ("both.internal", "198.18.128.3"),
    ("both.internal", "fd00::3"),
    ("_http._tcp.app.service.consul", "198.18.128.4"),
    ("_http._tcp.app.service.consul", "198.18.128.5:8080"),
    ("_http._tcp.app.service.consul", "[fd00::5]:8081"),
    *(("crowd.internal", f"198.18.129.{number}") for number in range(200)),
)


def ask(names: Names, name: str, kind: str, limit: int = 4096, edns: int = 0) -> DNSRecord:
    question = DNSRecord.question(name, kind)
    if edns:
        question.add_ar(EDNS0(udp_len=edns))
    reply = names.reply(question.pack(), limit)
    assert reply is not None
    parsed = DNSRecord.parse(reply)
    assert parsed.header.id == question.header.id
    assert parsed.q == question.q
    return parsed


def answers(names: Names, name: str, kind: str) -> list[str]:
    return [str(record.rdata) for record in ask(names, name, kind, 65535).rr]


def rcode(record: DNSRecord) -> int:
    return int(record.header.rcode)


def test_several_addresses_are_all_answered_each_first_in_turn() -> None:
    names = Names.of(NAMES)
    seen = [answers(names, "app.internal", "A") for _ in range(4)]
    one, two = ["198.18.128.1", "198.18.128.2"], ["198.18.128.2", "198.18.128.1"]
    assert seen == [one, two, one, two]


def test_a_name_is_known_in_any_case_and_answered_as_it_was_asked() -> None:
    reply = ask(Names.of(NAMES), "APP.internal", "A")
    assert str(reply.rr[0].rname) == "APP.internal."


def test_the_other_family_is_no_data_and_an_unknown_name_does_not_exist() -> None:
    names = Names.of(NAMES)
    assert answers(names, "six.internal", "AAAA") == ["fd00::1"]
    for name, kind in (("six.internal", "A"), ("app.internal", "AAAA"), ("app.internal", "MX")):
        none = ask(names, name, kind)
        assert (none.rr, rcode(none)) == ([], 0)
    assert rcode(ask(names, "nobody.internal", "A")) == 3
    assert answers(names, "both.internal", "A") == ["198.18.128.3"]
    assert answers(names, "both.internal", "AAAA") == ["fd00::3"]


def test_a_service_has_targets_that_have_addresses() -> None:
    names = Names.of(NAMES)
    reply = ask(names, "_http._tcp.app.service.consul", "SRV")
    ports = {str(record.rdata.target): record.rdata.port for record in reply.rr}
    found = {}
    for target, port in ports.items():
        kind = "AAAA" if target.startswith("fd00") else "A"
        found[answers(names, target, kind)[0]] = port
    assert found == {"198.18.128.4": 80, "198.18.128.5": 8080, "fd00::5": 8081}
    assert {str(record.rname): str(record.rdata) for record in reply.ar} == {
        target: answers(names, target, "AAAA" if target.startswith("fd00") else "A")[0] for target in ports
    }
    assert rcode(ask(names, "nonsense.target.stand-in", "A")) == 3


def test_too_much_for_a_datagram_is_said_and_given_over_tcp() -> None:
    names = Names.of(NAMES)
    for edns, limit, expected in ((0, 4096, True), (1232, 4096, True), (4096, 4096, False), (0, 65535, False)):
        reply = ask(names, "crowd.internal", "A", limit, edns)
        assert (bool(reply.header.tc), len(reply.rr)) == (expected, 0 if expected else 200)
        assert bool(reply.ar) == (bool(edns) and not expected)


@given(st.binary(max_size=300))
def test_garbage_is_not_answered_and_stops_nothing(noise: bytes) -> None:
    names = Names.of(NAMES)
    question = DNSRecord.question("app.internal").pack()
    for message in (noise, question[:12] + noise, question + noise, noise[:2] + question[2:]):
        names.reply(message, 4096)
    assert answers(names, "app.internal", "A")


def test_an_answer_is_not_answered() -> None:
    assert Names.of(NAMES).reply(DNSRecord.question("app.internal").reply().pack(), 4096) is None


async def served(talk: Callable[[str], Awaitable[None]]) -> None:
    """Run the name server on a free port of 127.0.0.1 and [::1] while ``talk`` is told where."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    reading, listening = os.pipe()
    where = [f"127.0.0.1:{port}", f"[::1]:{port}"]
    serving = asyncio.create_task(answer({"resolvers": where, "names": list(NAMES), "listening": listening}))
    try:
        assert await asyncio.wait_for(asyncio.to_thread(os.read, reading, 1), 10) == b"1"
        await asyncio.wait_for(talk(f"127.0.0.1:{port}"), 10)
        await asyncio.wait_for(talk(f"[::1]:{port}"), 10)
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        os.close(reading)


def test_it_serves_udp_and_tcp_after_any_garbage() -> None:
    async def talk(where: str) -> None:
        address, _, port = where.rpartition(":")
        host = address.strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        question = DNSRecord.question("app.internal").pack()
        loop = asyncio.get_running_loop()
        with socket.socket(family, socket.SOCK_DGRAM) as gram:
            gram.setblocking(False)
            gram.connect((host, int(port)))
            for noise in (b"", b"\0", b"\xff" * 600, question[:-3]):
                await loop.sock_sendall(gram, noise)
            await loop.sock_sendall(gram, question)
            assert len(DNSRecord.parse(await loop.sock_recv(gram, 4096)).rr) == 2
        for noise in (b"\0\5hello", b"\xff\xff", b"\0\0"):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(noise)
            writer.write_eof()
            assert await reader.read() == b""
            writer.close()
        reader, writer = await asyncio.open_connection(host, int(port))
        framed = struct.pack(">H", len(question)) + question
        for piece in (framed + framed[:3], framed[3:]):
            writer.write(piece)
            await writer.drain()
        for _ in range(2):
            (length,) = struct.unpack(">H", await reader.readexactly(2))
            assert len(DNSRecord.parse(await reader.readexactly(length)).rr) == 2
        writer.close()

    run(served(talk))


def test_an_address_that_is_not_ours_is_refused() -> None:
    with pytest.raises(OSError, match="assign"):
        run(answer({"resolvers": ["192.0.2.1:53"], "names": []}))
