"""How fast the load generator is beside wrk: the same door, the same number in flight, turn by turn.

It is a measurement, not a test: ``measure()`` asserts nothing.
"""

from __future__ import annotations

import re
import shutil
import statistics
import time
from typing import Any

from autograder.errors import ManyHandsError
from autograder.stack.model import CLIENTS, Balancer, Door, Server, Stack
from autograder.stack.running import RunningStack, open_stack
from autograder.traffic.clients import Client, Population
from autograder.traffic.send import Cookies, send

IN_FLIGHT = 32
DOORS = {"nginx answers itself": 80, "three counting servers": 81}

_CONFIG = b"""worker_rlimit_nofile 8192;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000;
  upstream shop { zone shop 64k; server app1:8080; server app2:8080; server app3:8080; keepalive 32; }
  server { listen 80 backlog=4096; location / { return 200 "Welcome to the shop. You were served by nobody.\\n"; } }
  server { listen 81 backlog=4096; location / {
    proxy_pass http://shop; proxy_http_version 1.1; proxy_set_header Connection "";
  } }
}
"""


def measure(rounds: int = 3, seconds: float = 2.0) -> dict[str, Any]:
    """Requests a second of wrk and of ours, and their ratio: medians over ``rounds`` of ``seconds`` each, alternating.

    Returns a row for each door and each kind of connection, ``{"three counting servers": {"kept-alive": {"wrk": …,
    "ours": …, "ratio": …}, "new": …}}``. Raises :class:`ManyHandsError` if there is no wrk.
    """
    program = shutil.which("wrk")
    if program is None:
        raise ManyHandsError("there is no wrk to compare with", remedy="install the package wrk")
    servers = tuple(Server(f"app{n}", workers=32, page_ms=0.01, queue=1000) for n in (1, 2, 3))
    found: dict[str, Any] = {}
    with open_stack(Stack("beside-wrk", (Balancer("lb", "nginx"),), servers)) as running:
        if not (applied := running.apply({"nginx.conf": _CONFIG})).ok:
            raise ManyHandsError(f"the config was refused: {applied.faults}")
        for name, port in DOORS.items():
            door = Door(running.machines.address("lb"), port)
            found[name] = {
                kind: _beside(running, program, door, keep_alive=kind == "kept-alive", rounds=rounds, seconds=seconds)
                for kind in ("kept-alive", "new")
            }
    return found


def _beside(
    running: RunningStack, program: str, door: Door, *, keep_alive: bool, rounds: int, seconds: float
) -> dict[str, float]:
    crowd = Population(
        "benchmark",
        tuple(Client(f"198.19.{n}.10", keep_alive, "Firefox/145.0") for n in range(1, IN_FLIGHT + 1)),
        f"{IN_FLIGHT} clients",
        stream="/",  # wrk asks for one page
    )
    session = f"{int(time.time())}.benchmark"
    theirs, ours = [], []
    count = 4000
    for turn in range(rounds + 1):
        theirs.append(_wrk(running, program, door, seconds, session, keep_alive=keep_alive))
        # Both bring a session from the first request on: nobody is given one, and the same bytes go over the wire.
        cookies = Cookies()
        cookies.jars = {client: [["shop_session", "/", session, None]] for client in range(IN_FLIGHT)}
        requests = crowd.browse(count, seed=turn)
        sample = send(running, crowd, requests, concurrency=IN_FLIGHT, door=door, cookies=cookies)
        wrong = sample.failed - sample.failures.get("forged", 0)  # a page of nginx's own is forged, and welcome here
        if wrong:
            raise ManyHandsError(f"{wrong} of {count} requests failed: {sample.failures}")
        ours.append(count / sample.seconds)
        count = max(1000, int(ours[-1] * seconds))
    # The first turn only tells how many requests take that long.
    one, other = statistics.median(theirs[1:]), statistics.median(ours[1:])
    return {"wrk": round(one), "ours": round(other), "ratio": round(other / one, 3)}


def _wrk(running: RunningStack, program: str, door: Door, seconds: float, session: str, *, keep_alive: bool) -> float:
    argv = [program, "-t2", f"-c{IN_FLIGHT}", f"-d{max(1, round(seconds))}", f"http://{door.address}:{door.port}/"]
    argv += ["-H", f"Host: {door.host}", "-H", "User-Agent: Firefox/145.0", "-H", "X-Request-Nonce: aaaaaaaaaaaa-10000"]
    argv += ["-H", f"Cookie: shop_session={session}", "-H", f"Connection: {'keep-alive' if keep_alive else 'close'}"]
    ran = running.machines.run(CLIENTS, argv, timeout=seconds + 10)
    match = re.search(r"Requests/sec:\s*([\d.]+)", ran.out)
    if ran.exit_code or match is None:
        raise ManyHandsError("wrk did not work", why=(ran.err or ran.out).strip())
    return float(match[1])
