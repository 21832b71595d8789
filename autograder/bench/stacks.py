"""How fast stacks start, change and are measured, how many fit side by side, and what an idle one costs."""

from __future__ import annotations

import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.errors import ManyHandsError
from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.procfs import family
from autograder.stack.running import open_stack
from autograder.traffic.clients import population
from autograder.traffic.send import send

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.stack.running import RunningStack

STACK = Stack("bench", (Balancer("lb", "nginx"),), tuple(Server(f"app{n}", page_ms=1) for n in (1, 2, 3)))
SIDE_BY_SIDE = 20
SAMPLE = 300
_COLD, _COLD_DOCKER, _TIMES = 15, 5, 20


def config(more: str = "") -> dict[str, bytes]:
    """A config: nginx in front of the three servers; ``more`` makes it another config that does the same."""
    members = "".join(f"server {server.name}:8080; " for server in STACK.servers)
    return {
        "nginx.conf": f"""# {more}
events {{}}
http {{
  upstream shop {{ zone shop 64k; {members}}}
  server {{ listen 80; location / {{ proxy_pass http://shop; }} }}
}}
""".encode()
    }


def measure(docker: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Everything, as plain data: seconds, megabytes, and ratios of things measured in this run."""
    say(f"cold start to first counted answer, {_COLD} times")
    cold = [_cold("local") for _ in range(_COLD)]
    found: dict[str, Any] = {"local": {"cold_s": _median(cold)}}
    with open_stack(STACK) as running:
        _start(running)
        found["local"]["idle_mb"] = round(_idle_mb(), 1)
        say(f"apply a config, {_TIMES} times; a sample of {SAMPLE} requests, {_TIMES} times")
        found["local"]["apply_s"] = _median([_apply(running, n) for n in range(_TIMES)])
        found["local"]["sample_s"] = _median([_sample(running, n) for n in range(_TIMES)])
    if docker:
        say(f"the same stack in Docker, {_COLD_DOCKER} times")
        try:
            _cold("docker")  # the first one may have an image to build
            found["docker"] = {"cold_s": _median([_cold("docker") for _ in range(_COLD_DOCKER)])}
            found["docker_to_local_cold"] = round(found["docker"]["cold_s"] / found["local"]["cold_s"], 2)
        except ManyHandsError as error:
            found["docker"] = {"missing": str(error.what)}
    say(f"{SIDE_BY_SIDE} stacks side by side")
    found["side_by_side"] = side_by_side()
    from autograder.bench.load_generator import measure as against_wrk

    say("the load generator against wrk")
    try:
        found["load_generator"] = against_wrk()
    except ManyHandsError as error:
        found["load_generator"] = {}
        say(str(error))
    return found


def report(found: dict[str, Any]) -> str:
    """The same for people."""
    local = found["local"]
    lines = [
        f"cold start to first counted answer  {local['cold_s']:.2f} s",
        f"apply a config                      {local['apply_s']:.3f} s",
        f"a sample of {SAMPLE} requests            {local['sample_s']:.3f} s",
        f"idle stack                          {local['idle_mb']:.0f} MB",
    ]
    if "docker_to_local_cold" in found:
        lines.append(f"Docker, cold                        {found['docker']['cold_s']:.2f} s")
        lines.append(f"Docker takes                        {found['docker_to_local_cold']:.1f} × as long")
    side = found["side_by_side"]
    lines.append(
        f"{side['stacks']} stacks side by side             {side['wrong_counts']} wrong counts, {side['seconds']:.1f} s"
    )
    for door, kinds in found["load_generator"].items():
        for kind, row in kinds.items():
            lines.append(f"ours / wrk: {door}, {kind}".ljust(52) + f"{row['ratio']:.2f}")
    return "\n".join(lines)


def _start(running: RunningStack) -> None:
    applied = running.apply(config())
    assert applied.ok, applied.faults


def _cold(engine: str) -> float:
    crowd = population("many")
    began = time.perf_counter()
    with open_stack(STACK, engine) as running:
        _start(running)
        counted = send(running, crowd, crowd.browse(1)).counts()
        seconds = time.perf_counter() - began
    assert sum(counted.values()) == 1
    return seconds


def _apply(running: RunningStack, number: int) -> float:
    applied = running.apply(config(f"number {number}"))
    assert applied.ok, applied.faults
    return applied.seconds


def _sample(running: RunningStack, seed: int) -> float:
    crowd = population("many")
    requests = crowd.browse(SAMPLE, seed=seed)
    began = time.perf_counter()
    sample = send(running, crowd, requests)
    seconds = time.perf_counter() - began
    assert sum(sample.counts().values()) == SAMPLE
    return seconds


def _idle_mb() -> float:
    """Memory of all processes of this process's stacks: proportional set size, shared pages counted once."""
    total = 0
    for process in family(os.getpid()):
        if process.pid == os.getpid():
            continue
        text = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
        total += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total / 1024


def side_by_side() -> dict[str, Any]:
    """Many stacks at once, each with a part of the pool of its own; every count is known beforehand."""

    def one(number: int) -> bool:
        with open_stack(STACK) as running:
            only = f"app{1 + number % 3}"
            text = config()["nginx.conf"].decode()
            for server in STACK.servers:
                if server.name != only:
                    text = text.replace(f"server {server.name}:8080; ", "")
            running.apply({"nginx.conf": text.encode()})
            crowd = population("many")
            return send(running, crowd, crowd.browse(SAMPLE, seed=number), timeout=60).counts() == {only: SAMPLE}

    began = time.perf_counter()
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        right = list(pool.map(one, range(SIDE_BY_SIDE)))
    return {
        "stacks": SIDE_BY_SIDE,
        "wrong_counts": right.count(False),
        "seconds": round(time.perf_counter() - began, 2),
    }


def _median(seconds: list[float]) -> float:
    return round(statistics.median(seconds), 4)
