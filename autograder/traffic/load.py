"""The load generator: runs on the clients node with nothing but the standard library.

Raw HTTP/1.1 over asyncio protocols, because on two cores a comfortable client would be the bottleneck that is
measured. Each client binds its own source address. A kept-alive connection that turns out to be closed is retried
once on a new one, as browsers do, because a reload may close any idle connection.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from typing import Any, cast

from autograder.stack.engine import JOURNAL
from autograder.stack.shop import NONCE_HEADER, RECEIPT_HEADER

_LINE = "\r\n"
_REFUSED, _RESET, _TIMEOUT, _UNREADABLE, _SERVER_ERROR = "refused", "reset", "timeout", "unreadable", "5xx"


@dataclass(frozen=True)
class _Answer:
    status: int
    receipt: str
    keep: bool


class _Connection(asyncio.Protocol):
    """One connection; one request in flight at a time. ``answer`` is done with the answer, or with an error."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self.open = False
        self.transport: asyncio.Transport | None = None
        self._buffer = b""
        self._head: tuple[int, str, bool, int | None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.open = True
        self.transport = cast("asyncio.Transport", transport)  # uvloop has classes of its own

    def ask(self, data: bytes) -> asyncio.Future[_Answer]:
        self.answer = asyncio.get_running_loop().create_future()
        self._buffer, self._head = b"", None
        assert self.transport is not None
        self.transport.write(data)
        return self.answer

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            self._parse()
        except (ValueError, IndexError) as error:
            self._fail(ValueError(str(error)))

    def _parse(self) -> None:
        if self._head is None:
            head, separator, rest = self._buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            lines = head.decode("latin-1").split("\r\n")
            headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
            length: int | None = int(headers["content-length"]) if "content-length" in headers else None
            if headers.get("transfer-encoding", "").lower() == "chunked":
                length = -1
            keep = headers.get("connection", "").lower() != "close" and length is not None
            self._head = (int(lines[0].split(" ")[1]), headers.get(RECEIPT_HEADER, ""), keep, length)
            self._buffer = rest
        status, receipt, keep, length = self._head
        if length is not None and (len(self._buffer) >= length if length >= 0 else self._buffer.endswith(b"0\r\n\r\n")):
            self._succeed(_Answer(status, receipt, keep))

    def eof_received(self) -> None:
        if self._head is not None and self._head[3] is None:
            self._succeed(_Answer(self._head[0], self._head[1], False))

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        self._fail(exc if isinstance(exc, OSError) else ConnectionResetError())

    def _succeed(self, answer: _Answer) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)

    def _fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)
            self.answer.exception()  # it may be that nobody waits for it

    def close(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class _Run:
    """One run of traffic."""

    def __init__(self, payload: dict[str, Any]) -> None:
        self.payload = payload
        self.clients = payload["clients"]
        self.requests = payload["requests"]
        self.outcomes: list[Any] = [None] * len(self.requests)
        self._kept: dict[int, _Connection] = {}
        self._turns: dict[int, asyncio.Lock] = {}

    async def closed_loop(self) -> None:
        numbers = iter(range(len(self.requests)))

        async def worker() -> None:
            for number in numbers:
                await self.one(number, time.perf_counter())

        await asyncio.gather(*(worker() for _ in range(self.payload["concurrency"])))

    async def open_loop(self) -> None:
        began = time.perf_counter()
        tasks = []
        for number in range(len(self.requests)):
            due = began + number / self.payload["rate"]
            if (ahead := due - time.perf_counter()) > 0:
                await asyncio.sleep(ahead)
            tasks.append(asyncio.create_task(self.one(number, due)))
        await asyncio.gather(*tasks)

    async def one(self, number: int, due: float) -> None:
        client = self.requests[number][0]
        status, failure, receipt = 0, "", ""
        try:
            async with asyncio.timeout(self.payload["timeout"]):
                answer = await self._exchange(number, client)
                status, receipt = answer.status, answer.receipt
                failure = _SERVER_ERROR if status >= 500 else ""
        except TimeoutError:
            failure = _TIMEOUT
        except ConnectionRefusedError:
            failure = _REFUSED
        except ValueError:
            failure = _UNREADABLE
        except OSError:
            failure = _RESET
        self.outcomes[number] = [client, status, failure, round((time.perf_counter() - due) * 1000, 2), receipt]

    async def _exchange(self, number: int, client: int) -> _Answer:
        _, keep_alive, agent, forwarded_for = self.clients[client]
        data = (
            f"GET {self.requests[number][1]} HTTP/1.1\r\nHost: {self.payload['host']}\r\nUser-Agent: {agent}\r\n"
            f"{NONCE_HEADER}: {self.payload['run']}-{number}\r\n"
            f"{f'X-Forwarded-For: {forwarded_for}{_LINE}' if forwarded_for else ''}"
            f"Connection: {'keep-alive' if keep_alive else 'close'}\r\n\r\n"
        ).encode()
        if not keep_alive:
            return await self._on_new_connection(client, data, keep=False)
        async with self._turns.setdefault(client, asyncio.Lock()):
            kept = self._kept.pop(client, None)
            if kept is not None and kept.open:
                try:
                    answer = await kept.ask(data)
                except OSError:
                    return await self._on_new_connection(client, data, keep=True)
                if answer.keep:
                    self._kept[client] = kept
                return answer
            return await self._on_new_connection(client, data, keep=True)

    async def _on_new_connection(self, client: int, data: bytes, *, keep: bool) -> _Answer:
        _, connection = await asyncio.get_running_loop().create_connection(
            _Connection, self.payload["address"], self.payload["port"], local_addr=(self.clients[client][0], 0)
        )
        answer: _Answer | None = None
        try:
            answer = await connection.ask(data)
        finally:
            if keep and answer is not None and answer.keep:
                self._kept[client] = connection
            else:
                connection.close()
        return answer

    def close(self) -> None:
        for connection in self._kept.values():
            connection.close()


async def run(payload: dict[str, Any]) -> dict[str, Any]:
    """Send everything in ``payload`` (see :func:`autograder.traffic.send.send`).

    Returns ``outcomes`` (a row of client, status, failure, latency in ms and receipt for each request, in order),
    ``journal`` (nonce → list of [server, receipt] that servers wrote during the run) and ``seconds``.
    """
    before = _journal_sizes()
    sending = _Run(payload)
    began = time.perf_counter()
    try:
        await (sending.open_loop() if payload["rate"] else sending.closed_loop())
    finally:
        sending.close()
    seconds = time.perf_counter() - began
    return {"outcomes": sending.outcomes, "journal": _journal(payload["run"], before), "seconds": round(seconds, 4)}


def _journal_sizes() -> dict[str, int]:
    return {name: os.stat(f"{JOURNAL}/{name}").st_size for name in os.listdir(JOURNAL)}


def _journal(run: str, before: dict[str, int]) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    for name in os.listdir(JOURNAL):
        with open(f"{JOURNAL}/{name}", "rb") as file:
            file.seek(before.get(name, 0))
            lines = file.read().decode("ascii", "replace").splitlines()
        for nonce, receipt in (line.split(" ") for line in lines if line.startswith(f"{run}-")):
            found.setdefault(nonce, []).append([name, receipt])
    return found
