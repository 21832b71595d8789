"""The load generator: runs on the clients node with nothing but the standard library (and h2 for doors that speak it).

:func:`run` sends everything and returns what the clients saw, together with what the servers wrote down meanwhile.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import time
from typing import TYPE_CHECKING, Any

from autograder.stack.engine import JOURNAL
from autograder.traffic.job import Job
from autograder.traffic.sending import Sending

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORTH_A_PROCESS = 1000
"""Requests that repay a process of their own: it takes some milliseconds to make one and to hear from it."""


def run(payload: dict[str, Any]) -> dict[str, Any]:
    """Send everything in ``payload`` (see :func:`autograder.traffic.send.send`).

    Returns ``outcomes`` (a row of client, status, failure, latency in µs and receipt for each request, in order),
    ``journal`` (nonce → list of [server, receipt] that servers wrote during the run), ``jars`` (client → rows of
    cookies) and ``seconds``. Raises ``RuntimeError`` if the node itself cannot send.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    collects = gc.isenabled()
    gc.disable()  # a pause of ours would be latency of theirs, and nothing here makes cycles that matter
    try:
        before = _journal_sizes()
        job = Job(payload)
        return {**_send(job, payload), "journal": _journal(job.run, before)}
    finally:
        if collects:
            gc.enable()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _send(job: Job, payload: dict[str, Any]) -> dict[str, Any]:
    """Send from this process, or from several for a long closed loop."""
    everything = range(len(job.requests))
    began = time.monotonic()
    if payload["rate"]:
        # Who begins late does not send at once what was due meanwhile: that would be a crowd that nobody asked for.
        began = max(payload["start"] or began, began)
        due = [began + number / payload["rate"] for number in everything]
        reply = _part(job, everything, 0, due)
    else:
        parts = _parts(job, payload["concurrency"])
        several = len(parts) > 1
        reply = (_forked if several else _alone)(job, parts, payload["concurrency"])
    reply["seconds"] = round(reply.pop("ended") - began, 4)
    return reply


def _part(job: Job, numbers: Sequence[int], concurrency: int, due: Sequence[float] | None = None) -> dict[str, Any]:
    sending = Sending(job, numbers)
    try:
        if due is None:
            sending.closed_loop(concurrency)
        else:
            sending.open_loop(due)
        ended = time.monotonic()
    finally:
        sending.close()
    clients = {job.requests[number][0] for number in numbers}
    jars = {str(client): rows for client in clients if client in job.jars and (rows := job.jars[client].rows())}
    return {"outcomes": [sending.outcomes[number] for number in numbers], "jars": jars, "ended": ended}


def _alone(job: Job, parts: list[list[int]], concurrency: int) -> dict[str, Any]:
    return _part(job, parts[0], concurrency)


def _parts(job: Job, concurrency: int) -> list[list[int]]:
    """Which process sends which requests. A client is always in one place: it has one connection and one jar."""
    processes = min(len(os.sched_getaffinity(0)), 4, concurrency, max(1, len(job.requests) // _WORTH_A_PROCESS))
    parts: list[list[int]] = [[] for _ in range(processes)]
    for number, (client, _) in enumerate(job.requests):
        place = client if job.keep[client] or client in job.jars else number
        parts[place % processes].append(number)
    return [part for part in parts if part]


def _forked(job: Job, parts: list[list[int]], concurrency: int) -> dict[str, Any]:
    """Every part in a process of its own; this one has the first."""
    shares = [concurrency // len(parts) + (number < concurrency % len(parts)) for number in range(len(parts))]
    children = []
    for part, share in list(zip(parts, shares, strict=True))[1:]:
        answer = os.memfd_create("part")
        if (child := os.fork()) == 0:
            _child(job, part, share, answer)
        children.append((child, answer))
    replies = []
    try:
        replies.append(_part(job, parts[0], shares[0]))
    finally:
        for child, answer in children:
            os.waitpid(child, 0)
            with os.fdopen(answer, "rb") as file:
                file.seek(0)
                replies.append(json.loads(file.read() or b'{"error": "a sender ended without a word"}'))
    outcomes: list[Any] = [None] * len(job.requests)
    jars: dict[str, Any] = {}
    for part, reply in zip(parts, replies, strict=True):
        if "error" in reply:
            raise RuntimeError(reply["error"])
        for number, outcome in zip(part, reply["outcomes"], strict=True):
            outcomes[number] = outcome
        jars |= reply["jars"]
    return {"outcomes": outcomes, "jars": jars, "ended": max(reply["ended"] for reply in replies)}


def _child(job: Job, part: list[int], concurrency: int, answer: int) -> None:
    """Send a part, write the reply, and never return."""
    try:
        reply = _part(job, part, concurrency)
    except BaseException as error:
        reply = {"error": f"{type(error).__name__}: {error}"}
    try:
        with os.fdopen(answer, "wb") as file:
            file.write(json.dumps(reply).encode())
    finally:
        os._exit(0)


def _journal_sizes() -> dict[str, int]:
    return {name: os.stat(f"{JOURNAL}/{name}").st_size for name in os.listdir(JOURNAL)}


def _journal(run: str, before: dict[str, int]) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    for name in os.listdir(JOURNAL):
        with open(f"{JOURNAL}/{name}", "rb") as file:
            file.seek(before.get(name, 0))
            lines = file.read().decode("ascii", "replace").splitlines()
        for nonce, receipt in (line.split(" ")[:2] for line in lines if line.startswith(f"{run}-")):
            found.setdefault(nonce, []).append([name, receipt])
    return found
