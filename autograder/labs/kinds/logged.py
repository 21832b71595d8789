"""Does the balancer's log tell which server answered each request?

Traffic with a path of its own for every request is sent; for each, the line of the log that has the path must say the
server that wrote the request into its journal (by name, or by address), and no other.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from autograder.labs.kinds.kind import Answer, Kind, Question
from autograder.labs.kinds.served import failures_in_words, listed, unserved
from autograder.traffic.clients import Request, population
from autograder.traffic.send import send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.traffic.sample import Sample

_PATIENCE_S = 10.0
_SETTLED_S = 2.0
_LOOK_AGAIN_S = 0.05
_ENOUGH = 0.9
"""Part of the requests that must have a line. HAProxy would rather lose one than wait while another of its threads
writes to the same descriptor (``fd_write_frag_line`` in its ``fd.c``)."""
_PATH = re.compile(r"(?:/item/|order=)7\d{9}(?!\d)")


def logged(question: Question) -> Answer:
    """Does each request's line in the log name the server that answered it?"""
    settings = question.check.settings
    balancer = settings["balancer"] or question.running.stack.balancer.name
    crowd = population(question.populations[0])
    count = question.check.requests
    plan = crowd.check_out(count, seed=question.seed) if settings["checkout"] else crowd.browse(count, question.seed)
    path = "/checkout?order=" if settings["checkout"] else "/item/"
    # Long numbers: no path is the beginning of another, and none is anything else that a log says.
    requests = [Request(one.client, f"{path}{7_000_000_000 + number}") for number, one in enumerate(plan)]
    sample = send(question.running, crowd, requests, concurrency=2, timeout=20.0)
    if unserved(sample):
        return Answer(False, failures_in_words(sample), sample.shares(), sample.requests, unserved(sample))
    lines = _lines(question, balancer, [request.path for request in requests])
    return _judged(question, balancer, sample, requests, lines)


def _lines(question: Question, balancer: str, paths: list[str]) -> Mapping[str, str]:
    """Path → the line that has it. Waits until all are there, or enough and no more come, or for long in vain."""
    began = time.monotonic()
    found: dict[str, str] = {}
    while len(found) < len(paths):
        before = len(found)
        for line in question.running.machines.logs(balancer).splitlines():
            place = _PATH.search(line)
            if place is not None:
                path = place.group() if place.group().startswith("/") else f"/checkout?{place.group()}"
                found[path] = line
        waited = time.monotonic() - began
        settled = len(found) == before and waited > _SETTLED_S
        if waited > _PATIENCE_S or (settled and (not found or len(found) >= _ENOUGH * len(paths))):
            break
        time.sleep(_LOOK_AGAIN_S)
    return found


def _judged(
    question: Question, balancer: str, sample: Sample, requests: list[Request], lines: Mapping[str, str]
) -> Answer:
    total, shares = sample.requests, sample.shares()
    seen = f"{total} requests from {sample.described}"
    if not lines:
        words = f"{seen}: the log of {balancer} has no line with the path of any of them."
        return Answer(False, words, shares, total, why=_without_paths(question, balancer, total))
    marks = {server.name: _marks(question, server.name) for server in question.running.stack.servers}
    named = other = silent = 0
    for request, fate in zip(requests, sample.fates, strict=True):
        line = lines.get(request.path)
        if line is None:
            silent += 1
            continue
        said = {name for name, mark in marks.items() if mark.search(line)}
        named += said == {fate.server}
        other += bool(said - {fate.server})
    words = f"{seen}: {named} of them have a line in the log of {balancer} that names the server that answered."
    if named == total - silent and named >= _ENOUGH * total:
        return Answer(True, words, shares, total)
    if silent > (1 - _ENOUGH) * total:
        why = f"{silent} requests have no line at all in the log of {balancer}."
    elif other:
        why = f"{other} lines name a server that did not answer, or more than one."
    else:
        servers = listed(sorted(shares))
        why = f"These requests were answered by {servers}; the lines say none of these names, nor an address of theirs."
    return Answer(False, words, shares, total, why=why)


def _without_paths(question: Question, balancer: str, requests: int) -> str:
    """What the log has instead of the paths that were asked for."""
    log = question.running.machines.logs(balancer)
    if question.check.settings["checkout"] and "/checkout" in log:
        return (
            f"The log of {balancer} leaves out what follows the question mark, so no checkout can be told from another."
        )
    if len(log.splitlines()) < requests:
        return f"Nothing about these requests is in the log of {balancer}. Does it still write one, to where it did?"
    return f"The log of {balancer} does not tell which page was asked for."


def _marks(question: Question, server: str) -> re.Pattern[str]:
    """How a line may name a server: its name, or its address."""
    address = question.running.machines.address(server)
    return re.compile(rf"(?<![\w.-])(?:{re.escape(server)}|{re.escape(address)})(?![\w.-]*\w)")


KIND = Kind(logged, settings={"balancer": "", "checkout": False})
