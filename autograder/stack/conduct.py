"""How a server behaves while something is wrong with it: its network, its disk, its clock, its program.

All of it is done at the server itself, without a kernel module, and the same on every engine:

* lost packets, and a cable that is pulled, are a socket filter that drops what arrives (classic BPF, socket(7)
  ``SO_ATTACH_FILTER``): the other side sees real retransmissions and real connect timeouts;
* latency and jitter pass before the server looks at what arrived;
* a full disk is a real file system without room: the shop's write fails with ENOSPC, and it answers 500 at once;
* a shop that hangs up does the work, writes it down, and closes the connection where the answer should come.

:func:`behave` and :func:`conduct_of` run on the server's node, beside the shop, which they reach through a socket in
``/tmp``; no balancer can see it. A shop that was restarted knows of nothing.
"""

from __future__ import annotations

import contextlib
import json
import socket
from dataclasses import dataclass
from typing import Any

_PATIENCE = 10.0


@dataclass(frozen=True)
class Conduct:
    """What is wrong with a server; the default is nothing.

    ``latency_ms`` ± ``jitter_ms`` before anything that arrives is looked at; ``loss`` the part (0 to 1) of arriving
    packets that is dropped; ``cut_off``: nothing arrives and nothing leaves, as with the cable pulled; ``failing``:
    every page is answered 500 at once; ``hangs_up``: every page is worked on and never answered; ``slowness``
    multiplies every service time; ``clock_s`` is how far the clock is off; ``disk_full``: the disk has no room left.
    """

    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    cut_off: bool = False
    failing: bool = False
    hangs_up: bool = False
    slowness: float = 1.0
    clock_s: float = 0.0
    disk_full: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.loss <= 1:
            raise ValueError(f"loss is a part from 0 to 1, not {self.loss}")
        if self.latency_ms < 0 or self.jitter_ms < 0 or self.slowness <= 0:
            raise ValueError("latency and jitter are not negative, and slowness is more than 0")


WELL = Conduct()
"""Nothing is wrong."""


def desk_path(server: str) -> str:
    """Where a running shop takes orders, on its node."""
    return f"/tmp/shop-{server}.sock"


def behave(payload: dict[str, Any]) -> dict[str, Any]:
    """Runs on the node: make ``payload["server"]`` behave as the other keys, :class:`Conduct`'s fields, say.

    Returns when it is in force, with the conduct as a dict. Raises :class:`RuntimeError` with the shop's reason if it
    cannot be, and :class:`TimeoutError` if the shop does not answer, as one that is paused.
    """
    return _order(payload["server"], {key: value for key, value in payload.items() if key != "server"})


def conduct_of(payload: dict[str, Any]) -> dict[str, Any]:
    """Runs on the node: how ``payload["server"]`` behaves now, as a dict of :class:`Conduct`'s fields."""
    return _order(payload["server"], None)


def _order(server: str, order: dict[str, Any] | None) -> dict[str, Any]:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as desk:
        desk.settimeout(_PATIENCE)
        desk.connect(desk_path(server))
        desk.sendall(json.dumps(order).encode() + b"\n")
        with desk.makefile("rb") as answers:
            answer = json.loads(answers.readline() or '{"error": "the shop ended"}')
    if "error" in answer:
        raise RuntimeError(f"{server}: {answer['error']}")
    conduct: dict[str, Any] = answer["ok"]
    return conduct
