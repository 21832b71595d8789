"""How servers are right now, by their own word: a monitoring's view, asked over the network.

:func:`vitals` runs on the clients node with nothing but the standard library, for all servers in one call. Shops answer
at ``/-/status`` without a worker and without a line in their journal, so that looking changes nothing. It is asked five
times a second, so it does without an event loop, which would cost most of the call.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import time
from typing import Any

from autograder.stack.shop_spec import STATUS_PATH

_ASKED = f"GET {STATUS_PATH} HTTP/1.1\r\nHost: status\r\nConnection: close\r\n\r\n".encode()
_READ = 65536


def vitals(payload: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Ask every server of ``payload["servers"]`` (name → address and port) for its status, all at once.

    Returns name → what :meth:`Shop.status` tells; without those that did not answer within ``payload["timeout"]``
    seconds, as one that hangs, is cut off or is down.
    """
    deadline = time.monotonic() + payload["timeout"]
    poll = select.poll()
    asked: dict[int, _Asked] = {}
    found = {}
    with contextlib.ExitStack() as opened:
        for name, (host, port) in payload["servers"].items():
            one = _Asked(name, host, port)
            opened.callback(one.sock.close)
            asked[one.sock.fileno()] = one
            poll.register(one.sock, select.POLLOUT)
        while asked and (left := deadline - time.monotonic()) > 0:
            for descriptor, _ in poll.poll(left * 1000):
                if (wants := asked[descriptor].go_on()) is not None:
                    poll.modify(descriptor, wants)
                    continue
                poll.unregister(descriptor)
                one = asked.pop(descriptor)
                if (status := one.status()) is not None:
                    found[one.name] = status
    return found


class _Asked:
    """One server that is asked."""

    def __init__(self, name: str, host: str, port: int) -> None:
        self.name = name
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        self.sock.setblocking(False)
        self._said = False
        self._heard = b""
        self.sock.connect_ex((host, port))

    def go_on(self) -> int | None:
        """Ask, or listen; returns what to wait for next, None when there is nothing more to hear."""
        try:
            if not self._said:
                self.sock.send(_ASKED)
                self._said = True
            elif data := self.sock.recv(_READ):
                self._heard += data
            else:
                return None
        except BlockingIOError:
            pass
        except OSError:
            return None
        return select.POLLIN if self._said else select.POLLOUT

    def status(self) -> dict[str, Any] | None:
        """What it said, if that is a status."""
        try:
            told = json.loads(self._heard.partition(b"\r\n\r\n")[2])
        except ValueError:
            return None
        return told if isinstance(told, dict) else None
