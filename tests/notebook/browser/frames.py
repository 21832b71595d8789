"""Frames as a lab's room makes them, made by hand: the same every time, and at any moment of a story."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from autograder.notebook.frame import (
    BalancerNow,
    CheckNow,
    ConfigNow,
    Frame,
    Line,
    Mark,
    MessageNow,
    Second,
    ServerNow,
    ShiftNow,
)

NAMES = ("app1", "app2", "app3", "app4")
POPULATIONS = (
    ("many", "1000 clients in 250 networks"),
    ("office", "600 people behind one address"),
    ("subnet", "120 clients in one /24"),
    ("few", "5 clients"),
    ("behind-cdn", "1000 people behind 4 addresses of a CDN"),
    ("kept-alive", "200 clients that keep their connections"),
)
CONFIG = (
    (" ", 11, "upstream shop {"),
    ("-", 12, "    server app1:8080;"),
    ("+", 12, "    server app1:8080 weight=50;        # load test"),
    (" ", 13, "    server app2:8080;"),
    (" ", 14, "    server app3:8080;"),
    (" ", 15, "    server app4:8080 weight=2;         # twice the cores"),
    (" ", 16, "}"),
)
APPLIED_AT = 46


def words(text: str) -> tuple[tuple[str, str], ...]:
    """A line of a config in coloured words, as nearly as a test needs it."""
    code, mark, comment = text.partition("#")
    start = code[: len(code) - len(code.lstrip())]
    name, gap, rest = code.lstrip().partition(" ")
    body, end, after = rest.partition(";")
    pieces = [(start, "text"), (name, "name"), (gap, "text"), (body, "value"), (end, "punctuation"), (after, "text")]
    return tuple(piece for piece in [*pieces, (mark + comment, "comment")] if piece[0])


def second(at: int) -> Second:
    """One second of a story: fair shares until a config is applied, then nearly all on one server, which slows down."""
    bad = at >= APPLIED_AT
    wave = math.sin(at / 3) * 0.012
    small = 0.2 if not bad else 0.02
    shares = {"app1": 0.2 + wave if not bad else 0.943, "app2": small - wave / 2, "app3": small - wave / 3}
    shares["app4"] = 1 - sum(shares.values())
    failed = 0 if at < 60 else 3 + at % 7
    slow = 24.0 if not bad else min(900.0, 24.0 + (at - APPLIED_AT) * 45)
    return Second(at, 200, 200 - failed, failed, 9 + wave * 60 if not bad else slow / 3, slow + at % 5, shares)


def server(name: str, **others: Any) -> ServerNow:
    """A server in good health."""
    calm = ServerNow(name, "up", 0.02, 0.2, 4.0, 0.04, 0, 0.21, 20.0, 1)
    return replace(calm, **others)


def checks() -> tuple[CheckNow, ...]:
    """A check of each outcome."""
    titles = {
        "starts": "nginx accepts the config and runs it",
        "spread": "many clients: every server gets its fair share",
        "office": "everybody behind one office address: still spread",
        "one-down": "one server dies: no client sees an error",
        "peak": "125 people check out at once: nothing crashes",
    }
    most = {"starts": 1.0, "spread": 3.0, "office": 2.0, "one-down": 2.0, "peak": 2.0}
    rows = {name: CheckNow(name, title, 0.0, most[name], "untried", hints=3) for name, title in titles.items()}
    rows["starts"] = replace(rows["starts"], outcome="passed", points=1.0, observed="nginx runs config a41f")
    rows["spread"] = replace(
        rows["spread"],
        outcome="failed",
        observed="94% of 300 requests reached app1; its fair share is 20%",
        why="conf/nginx.conf:12 gives app1 50 of every 54 requests",
        next="Compare the server lines with one another, and with the size of each machine.",
        page="http://127.0.0.1:8000/modules/01-anatomy/",
        hint_number=2,
    )
    rows["office"] = replace(rows["office"], outcome="passed", points=2.0, stale=True, observed="spread over four")
    return tuple(rows.values())


def piled_up(number: int = 1, **others: Any) -> Frame:
    """Two minutes in: most traffic on one server. ``number`` counts frames on from there, five a second."""
    at = 110 + number / 5
    newest = second(int(at))
    crowded = {"share": 0.943, "rate": 188.0, "busy": 1.0, "queue": 110 + number % 10, "memory": 0.62}
    frame = Frame(
        number=number,
        at=at,
        phase="running",
        doing="",
        trouble="",
        title="Spread the load",
        clients="many",
        populations=POPULATIONS,
        rate=200,
        most=400,
        verdict="concentrated: 94% on one of four servers",
        alarm=True,
        throughput=196.2,
        failing=0.018,
        p50_ms=newest.p50_ms,
        p99_ms=newest.p99_ms + number % 3,
        balancers=(BalancerNow("lb", "nginx", True, "a41f"),),
        servers=(
            server("app1", **crowded),
            server("app2", share=0.02),
            server("app3", share=0.02, condition="slow", busy=0.4),
            server("app4", share=0.017, fair=0.4, capacity=40.0),
        ),
        seconds=tuple(second(each) for each in range(max(0, int(at) - 119), int(at) + 1)),
        marks=(
            Mark(12.4, "check", "spread: passed"),
            Mark(APPLIED_AT + 0.2, "apply", "applied a41f"),
            Mark(84.1, "fault", "slowed app3"),
        ),
        config=(
            ConfigNow(
                "conf/nginx.conf",
                "running",
                tuple(Line(sign, at, words(text)) for sign, at, text in CONFIG),
                "the last known good",
            ),
        ),
        checks=checks(),
        predicted={"app1": 0.2, "app2": 0.2, "app3": 0.2, "app4": 0.4},
        observed={"app1": 0.943, "app2": 0.02, "app3": 0.02, "app4": 0.017},
        log=("20:14:02 apply: nginx runs config a41f", "20:14:40 slow app3: done"),
    )
    return replace(frame, **others)


def crashed(number: int = 2, **others: Any) -> Frame:
    """A moment later: the crowded server has fallen over."""
    before = piled_up(number)
    down = server("app1", condition="down", share=0.0, rate=0.0, busy=0.0, memory=0.0, exit_code=137)
    rest = (server("app2", share=0.33), server("app3", share=0.33), server("app4", share=0.34, fair=0.4))
    frame = replace(
        before,
        servers=(down, *rest),
        verdict="spread over three servers, one is down",
        marks=(*before.marks, Mark(before.at, "crash", "app1 crashed")),
        log=(*before.log, "20:14:51 app1 crashed (exit code 137)"),
    )
    return replace(frame, **others)


def on_call(number: int = 1, **others: Any) -> Frame:
    """The same while its learner is on call: twelve minutes into the story, and Support has asked."""
    said = (
        MessageNow("10:05", "pager", "The shop: 94% of the requests fail."),
        MessageNow("10:09", "Support", "What do we tell them?"),
        MessageNow("10:11", "you", "Everything goes to app1. Next word at 10:20.", mine=True),
    )
    commits = (("5d1f0a3", "09:58  Eli: One machine is enough"), ("f00d1e5", "3 days ago 10:05  Ana: First version"))
    shift = ShiftNow(phase="on", clock="10:12", ends="12:05", messages=said, commits=commits, spare="app5")
    return piled_up(number, **{"shift": shift, **others})
