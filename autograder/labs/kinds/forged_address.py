"""Who is let in to a page for a few addresses: those who have one, and nobody who only says so?"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from autograder.labs.explain import causes_of
from autograder.labs.kinds import entrance
from autograder.labs.kinds.kind import Answer, Kind, Question
from autograder.labs.kinds.served import PATIENCE
from autograder.traffic.clients import Client, Population, Request
from autograder.traffic.sample import merged
from autograder.traffic.send import send

if TYPE_CHECKING:
    from autograder.traffic.sample import Sample

_STRANGER = "198.19.33.41"
_VISITOR = "203.0.113.50"
_BELOW = "rota"
"""A page below the one that a check names: a rule that closes only that one leaves it open."""
_TIMES = 4
"""Requests of each caller for each page: so many that every server and every worker process has its say."""


@dataclass(frozen=True)
class Caller:
    """Somebody who asks for the page: from which address, with which ``X-Forwarded-For``, and whether to be let in."""

    described: str
    address: str
    forwarded_for: str
    welcome: bool


def callers(allowed: str, proxy: str) -> tuple[Caller, ...]:
    """Everybody who asks. ``proxy`` is the address of the CDN, which appends the address it sees to the header."""
    beside = str(ip_address(int(ip_address(allowed)) ^ 1))
    return (
        Caller("those who have the address, straight", allowed, "", True),
        Caller("those who have it, through the CDN", proxy, allowed, True),
        Caller("visitors through the CDN", proxy, _VISITOR, False),
        Caller("strangers, straight", _STRANGER, "", False),
        Caller("strangers, straight, who wrote that address into X-Forwarded-For", _STRANGER, allowed, False),
        Caller(
            "strangers, through the CDN, who wrote that address into X-Forwarded-For before it",
            proxy,
            f"{allowed}, {_VISITOR}",
            False,
        ),
        Caller(f"neighbours of that address ({beside}), straight", beside, "", False),
        Caller(f"neighbours of that address ({beside}), through the CDN", proxy, beside, False),
    )


def forged_address(question: Question) -> Answer:
    """Does the balancer believe an address only from those who may name one?

    Each of :func:`callers` asks for ``page`` and for one below it, a few times. Let in is who was answered by a server,
    as its journal says; turned away is everybody else, however it was done. Nothing here depends on time or chance, so
    a busy machine can only make somebody wait in vain, and then everybody is asked again with more patience.
    """
    settings = question.check.settings
    everybody = callers(str(settings["allowed"]), str(settings["proxy"]))
    pages = (str(settings["page"]), f"{str(settings['page']).rstrip('/')}/{_BELOW}")
    samples = [_ask(question, everybody, page) for page in pages]
    at = [_served(sample, len(everybody)) for sample in samples]
    served, sample = [sum(counts) for counts in zip(*at, strict=True)], merged(samples)
    wrong = [
        f"{one.described}, were turned away" if one.welcome else f"{one.described}, were let in"
        for one, count in zip(everybody, served, strict=True)
        if count != (_TIMES * len(pages) if one.welcome else 0)
    ]
    if not wrong:
        words = "Who has the address was let in, straight and through the CDN. Nobody else was, whatever they said"
        return Answer(True, f"{words}.", {}, sample.requests)
    words = f"Asked for {' and '.join(pages)}: {'; '.join(wrong)}."
    return Answer(
        False,
        words,
        {},
        sample.requests,
        sample.failed,
        causes_of("one-server", [f for f in entrance.findings(question) if f.mistake in _ABOUT_TRUST]),
        why=_why(*at),
    )


_ABOUT_TRUST = ("trusts-every-address",)


def _why(page: list[int], below: list[int]) -> str:
    """What the pattern of those let in, to the page and to one below it, says about whom the balancer believes."""
    if sum(below[2:]) and not sum(page[2:]):
        return "The rule closes that one page. The pages below it are open to everybody."
    served = [one + other for one, other in zip(page, below, strict=True)]
    straight, through, visitors, strangers, forgers, prefixed, beside, beside_through = (bool(n) for n in served)
    if visitors and prefixed and not strangers and not forgers:
        return "Everybody who comes through the CDN is let in, as if its address were that of those who may come in."
    if visitors or strangers:
        return "No rule keeps strangers from this page any more, or it comes after one that lets everybody in."
    if forgers:
        return "The header is believed from others than the CDN. Anybody can write one; only the CDN's own word counts."
    if prefixed:
        return (
            "Of the list in X-Forwarded-For the wrong entry is believed. The CDN appends what it saw, so only the last "
            "one is its own."
        )
    if beside or beside_through:
        return "The rule lets in more addresses than the one of those who may come in."
    if straight and not through:
        return "Who comes through the CDN has the CDN's address here. Their own is in X-Forwarded-For."
    if through and not straight:
        return "Who comes straight has no X-Forwarded-For, and is known by their own address."
    return "Nobody is let in any more: the rule keeps out those it is for."


def _served(sample: Sample, callers: int) -> list[int]:
    served = [0] * callers
    for fate in sample.fates:
        served[fate.client] += bool(fate.server)
    return served


def _ask(question: Question, everybody: tuple[Caller, ...], page: str) -> Sample:
    sample = _sent(question, everybody, page, 5.0)
    return _sent(question, everybody, page, PATIENCE) if sample.failures.get("timeout") else sample


def _sent(question: Question, everybody: tuple[Caller, ...], page: str, timeout: float) -> Sample:
    clients = tuple(Client(one.address, False, "curl/8.14", one.forwarded_for, cookies=False) for one in everybody)
    crowd = Population("callers", clients, "people of whom some may come in")
    requests = [Request(number, page) for _ in range(_TIMES) for number in range(len(clients))]
    return send(question.running, crowd, requests, concurrency=8, timeout=timeout, door=entrance.door(question))


KIND = Kind(
    forged_address,
    version=2,
    only_sends=True,
    settings={"page": "/staff/", "allowed": "198.19.200.9", "proxy": "198.19.77.5", **entrance.SETTING},
)
