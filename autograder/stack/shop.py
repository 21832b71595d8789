"""The small shop that every server runs: finite capacity, a queue, and a real crash when it is overloaded.

It runs on the node with the standard library and uvloop: ``serve(spec)`` never returns. A request takes one of
``workers`` for ``service_ms`` if it is a checkout, else for ``page_ms``; while all are busy it waits. When more than
``queue`` requests wait, the process ends the way the kernel's out-of-memory killer ends it (exit code 137), and
everything it held is lost.

Each answer carries ``X-Served-By`` and a receipt, and is written to the server's journal before it is sent. So a
request counts for a server only if its nonce *and* the receipt that the client got are in that server's journal:
a balancer that mirrors requests or invents answers cannot forge it.

A checkout, and a page that opens a session, first write a line to the ledger on the server's own small disk, a block
at a time. When a block cannot be written because the disk is full, the page is answered 500 at once, and so is the
next that needs the ledger. A page of a session that exists needs no disk.

What arrives, and in which protocol, is the business of :mod:`autograder.stack.reception` and the dialects.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from autograder.stack.conduct import WELL, Conduct
from autograder.stack.journal import forget
from autograder.stack.service import drawing
from autograder.stack.shop_spec import CHECKOUT_MARK, STATUS_PATH, ShopSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.stack.dialects.dialect import Asked

NONCE_HEADER = "x-request-nonce"
RECEIPT_HEADER = "x-receipt"
METRICS_PATH = "/-/metrics"
KILLED = 137

NEW, KNOWN, STALE = range(3)
"""Whether a request came without a session, with a valid one, or with one that this server's clock does not accept."""

_MEMORY_AT_REST = 0.2
"""Part of its memory that a shop takes when nobody waits."""

_FORGET_EVERY = 1 << 16
_LEDGER_BYTES = 64 * 1024
_BLOCK = 4096


class Shop:
    """The state of one running shop: workers, queue, counters, journal, ledger. What dialects see as ``Counting``."""

    def __init__(self, spec: ShopSpec) -> None:
        self.spec = spec
        self.name = spec.name
        self.name_bytes = spec.name.encode()
        self.conduct = WELL
        self.busy = 0
        self.waiting: collections.deque[Asked] = collections.deque()
        self.served = 0
        self.peak = 0
        self.statuses: dict[int, int] = {}
        self.says = spec.says
        greeting = f"{spec.says}\n" if spec.says else ""
        self._page = f"{greeting}Welcome to the shop. You were served by {spec.name}.\n".encode()
        self._draw = drawing(spec.service, spec.name)
        self._owed_ms = 0.0
        self._held: list[Callable[[], None]] = []
        self._date = (0, b"")
        os.makedirs(spec.journal, exist_ok=True)
        # One write() per answer, appended by the kernel: complete up to the last answer whenever the process dies.
        self._journal = os.open(f"{spec.journal}/{spec.name}", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self.disk = f"{spec.disk}/{spec.name}"
        self._ledger = _open_ledger(self.disk)
        self._ledger_size = 0
        self._unwritten = b""
        self._complained = False
        self._room = _BLOCK
        self._receipts = os.urandom(4).hex()

    def arrive(self, asked: Asked) -> None:
        """A whole request is there: serve it now, let it wait, or die of it."""
        session = getattr(asked, "session", NEW)
        if self.conduct.failing or ((asked.checkout or session != KNOWN) and not self._note(asked)):
            self._answer(asked, 500)
        elif self.busy < self.spec.workers:
            self._begin(asked)
        else:
            self.waiting.append(asked)
            self.peak = max(self.peak, len(self.waiting))
            if len(self.waiting) > self.spec.queue:
                self._die()

    def _die(self) -> None:
        held = len(self.waiting)
        sys.stderr.write(
            f"{self.name}: out of memory: {held} requests waiting, room for {self.spec.queue};"
            f" {self.memory_mb():.0f} MB of {self.spec.memory_mb:.0f} MB in use; killed\n"
        )
        sys.stderr.flush()
        os._exit(KILLED)

    def _begin(self, asked: Asked) -> None:
        mean = self.spec.service_ms if asked.checkout else self.spec.page_ms
        takes_ms = self._draw(mean) * self.conduct.slowness
        if takes_ms <= 0:
            self._finish(asked, 0)
            return
        # Timers count whole milliseconds: what one is too short, the next is longer, and the mean is right.
        takes_ms += self._owed_ms
        whole_ms = max(0, round(takes_ms))
        self._owed_ms = takes_ms - whole_ms
        self.busy += 1
        asyncio.get_running_loop().call_later(whole_ms / 1000.0, self._finish, asked, 1)

    def _finish(self, asked: Asked, workers: int) -> None:
        self.busy -= workers
        self._answer(asked, 401 if getattr(asked, "session", NEW) == STALE else 200)
        # A client that gave up still costs its place in the queue, as it does in a real server.
        while workers and self.waiting and self.busy < self.spec.workers:
            self._begin(self.waiting.popleft())

    def _answer(self, asked: Asked, status: int) -> None:
        self.served += 1
        self.statuses[status] = self.statuses.get(status, 0) + 1
        receipt = f"{self._receipts}{self.served:x}{CHECKOUT_MARK if asked.checkout else ''}"
        os.write(self._journal, f"{asked.nonce} {receipt}\n".encode())
        if not self.served % _FORGET_EVERY:
            forget(self._journal)
        if self.conduct.hangs_up:
            self.unless_cut_off(asked.hang_up)
        elif self.conduct.cut_off:
            self._held.append(lambda: asked.answer(receipt, status))
        else:
            asked.answer(receipt, status)

    def _note(self, asked: Asked) -> bool:
        """Write a line to the ledger, in whole blocks as most programs do; false if the disk has no room for it."""
        self._unwritten += b"order %b\n" % asked.nonce.encode() if asked.checkout else b"session\n"
        if len(self._unwritten) < self._room:
            return True
        try:
            if self._ledger_size > _LEDGER_BYTES:
                self.begin_ledger()
            self._ledger_size += os.write(self._ledger, self._unwritten)
        except OSError as error:
            if not self._complained:  # once, as long as it lasts
                sys.stderr.write(f"{self.name}: cannot write the ledger: {error.strerror}\n")
                sys.stderr.flush()
            self._complained, self._room = True, 0
            return False
        finally:
            self._unwritten = b""
        self._complained, self._room = False, _BLOCK
        return True

    def begin_ledger(self) -> None:
        """Begin the ledger anew: it keeps what happened lately. The next line is written at once."""
        with contextlib.suppress(OSError):  # there may be none
            os.ftruncate(self._ledger, 0)
        self._ledger_size = self._room = 0

    def behave(self, conduct: Conduct) -> None:
        """From now on, behave so. What is still to be sent when the cable is put back is sent then, as TCP would."""
        self.conduct = conduct
        if not conduct.cut_off:
            held, self._held = self._held, []
            for send in held:
                send()

    def unless_cut_off(self, send: Callable[..., None], *arguments: Any) -> None:
        """Send something now, or when the cable is back."""
        if self.conduct.cut_off:
            self._held.append(lambda: send(*arguments))
        else:
            send(*arguments)

    def page(self) -> bytes:
        """The body of every page."""
        return self._page

    def now(self) -> float:
        """Seconds since 1970 by this server's own clock, which may be wrong."""
        return time.time() + self.conduct.clock_s

    def date(self) -> bytes:
        """The time by this server's clock as an HTTP date."""
        now = int(self.now())
        if now != self._date[0]:
            self._date = now, time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(now)).encode()
        return self._date[1]

    def memory_mb(self) -> float:
        """Memory in use: some at rest, and all of it when one request more waits than there is room for."""
        used = _MEMORY_AT_REST + (1 - _MEMORY_AT_REST) * len(self.waiting) / (self.spec.queue + 1)
        return self.spec.memory_mb * used

    def status(self) -> dict[str, Any]:
        """Load now: busy workers, waiting requests, memory, the longest queue so far, requests answered so far."""
        return {
            "name": self.name,
            "busy": self.busy,
            "waiting": len(self.waiting),
            "peak_waiting": self.peak,
            "served": self.served,
            "workers": self.spec.workers,
            "queue": self.spec.queue,
            "memory_mb": round(self.memory_mb(), 1),
            "memory_limit_mb": self.spec.memory_mb,
        }

    def about(self, path: str) -> tuple[int, bytes] | None:
        """Status and text of a page about the shop itself; those take no worker and are in no journal."""
        if path == STATUS_PATH:
            return (500 if self.conduct.failing else 200), json.dumps(self.status()).encode()
        if path == METRICS_PATH:
            return 200, self.metrics()
        return None

    def metrics(self) -> bytes:
        """The same for Prometheus (its text format, 0.0.4)."""
        from autograder.stack.metrics import metrics

        return metrics(self.status(), self.statuses)


def _open_ledger(disk: str) -> int:
    """The ledger, anew. A server without a disk keeps none."""
    try:
        os.makedirs(disk, exist_ok=True)
        return os.open(f"{disk}/ledger", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC, 0o644)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


async def serve(spec: ShopSpec, listening: int | None = None) -> None:
    """Listen and answer until killed; ``listening`` is a file descriptor told when connections are accepted."""
    from autograder.stack.reception import Reception
    from autograder.stack.trouble import take_orders

    reception = Reception(Shop(spec))
    await take_orders(reception)
    await reception.open()
    if listening is not None:
        os.write(listening, b"1")
        os.close(listening)
    await asyncio.get_running_loop().create_future()
