"""What can be seen of an open lab at one moment: plain data, the same for the panel in a notebook and for a terminal.

A :class:`Frame` is made five times a second by :mod:`autograder.notebook.room` and shown by whoever asks. Everything in
it was counted or read from a running process; nothing is worked out from the config.
"""

from __future__ import annotations

from dataclasses import dataclass

EVERY_S = 0.2
"""Seconds between two frames."""
KEPT_S = 120
"""How many seconds of the past a frame tells of."""


@dataclass(frozen=True)
class ServerNow:
    """One server. ``share`` (0 to 1) is its part of the answers of the last two seconds, ``fair`` its fair part.

    ``condition`` is ``up``, ``down`` (the process ended: ``exit_code``), ``hung``, or what was done to it: ``slow``,
    ``cut-off``. ``busy`` and ``memory`` are parts (0 to 1, ``busy`` of its workers); ``queue`` counts those who wait.
    ``starts`` is how often its process was started, ``rate`` its answers a second.
    """

    name: str
    condition: str
    share: float
    fair: float
    rate: float
    busy: float
    queue: int
    memory: float
    capacity: float
    starts: int
    exit_code: int | None = None


@dataclass(frozen=True)
class BalancerNow:
    """One balancer: ``proxy`` is nginx or haproxy, ``digest`` names the config that runs (first 4 hex digits)."""

    name: str
    proxy: str
    up: bool
    digest: str


@dataclass(frozen=True)
class Second:
    """What became of the requests sent in one second. ``at`` counts seconds since the lab was opened.

    ``p50_ms`` and ``p99_ms`` are 0 in a second without an answer. ``shares`` (server → 0 to 1) are of the answers.
    """

    at: int
    sent: int
    answered: int
    failed: int
    p50_ms: float
    p99_ms: float
    shares: dict[str, float]


@dataclass(frozen=True)
class Mark:
    """Something that was done or happened.

    ``kind`` is ``apply``, ``refused``, ``rollback``, ``fault``, ``heal``,
    ``crash``, ``recovery``, ``check``, ``prediction`` or ``load``; ``text`` says it in a few words.
    """

    at: float
    kind: str
    text: str


@dataclass(frozen=True)
class CheckNow:
    """A check and what became of it last.

    ``outcome`` is ``untried``, ``running``, ``passed``, ``failed`` or ``unjudged``; ``stale`` says that the files have
    changed since. ``observed``, ``why`` and ``next`` are the verdict's words, ``page`` the address of the course's
    page, ``hint_number`` of ``hints`` the hint in ``next`` (0: none).
    """

    name: str
    title: str
    points: float
    max_points: float
    outcome: str
    stale: bool = False
    observed: str = ""
    why: str = ""
    next: str = ""
    page: str = ""
    hint_number: int = 0
    hints: int = 0


@dataclass(frozen=True)
class Line:
    """A line of the config as it is in the file, against the last known good: ``sign`` is ``" "``, ``"+"`` or ``"-"``.

    ``number`` is that in the file it is from. ``words`` are pairs of text and kind (``name``, ``value``, ``comment``,
    ``punctuation``, ``string``, ``text``) for colours.
    """

    sign: str
    number: int
    words: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ConfigNow:
    """A config file of the lab.

    ``state`` is ``running``, ``changed`` (saved, not applied), ``refused`` or ``rolled-back``. ``complaint`` is the
    balancer's, if it refused it (file:line, words). ``compared_with`` names what ``lines`` is compared with.
    """

    path: str
    state: str
    lines: tuple[Line, ...]
    compared_with: str
    complaint: str = ""


@dataclass(frozen=True)
class MessageNow:
    """What somebody wrote: ``at`` by the story's clock (``10:05``). ``mine`` is what the learner said."""

    at: str
    who: str
    text: str
    mine: bool = False


@dataclass(frozen=True)
class ShiftNow:
    """A shift on call: ``phase`` is ``before``, ``on`` or ``over``, ``clock`` the story's time, ``ends`` its end.

    ``messages`` has the newest last. ``commits`` are pairs of name and words, the newest first; ``spare`` names a
    machine that is switched off and could be added (empty: none).
    """

    phase: str
    clock: str
    ends: str
    messages: tuple[MessageNow, ...] = ()
    commits: tuple[tuple[str, str], ...] = ()
    spare: str = ""


@dataclass(frozen=True)
class LookNow:
    """What was looked at last: ``title`` says what, ``text`` what was seen, ``at`` when (``20:14:02``)."""

    at: str
    title: str
    text: str


@dataclass(frozen=True)
class Frame:
    """The lab at one moment.

    ``phase`` is ``starting``, ``running``, ``busy`` (a command runs: ``doing``), ``broken`` (the stack is gone:
    ``trouble`` says what happened and what to do) or ``closed``. ``clients`` is the population that sends, ``rate``
    what it is asked to send a second (0: nobody sends). ``verdict`` is a sentence about the last seconds, as
    ``concentrated: 96 % on one of three servers``, and ``alarm`` whether that is bad. ``predicted`` (server → 0 to 1)
    is empty before a prediction; ``observed`` are the shares that are compared with it. ``log`` has the newest last.
    ``shift`` is there in a lab whose learner is on call. ``looked`` is what was looked at last (None: nothing yet).
    """

    number: int
    at: float
    phase: str
    doing: str
    trouble: str
    title: str
    clients: str
    populations: tuple[tuple[str, str], ...]
    rate: float
    most: float
    verdict: str
    alarm: bool
    throughput: float
    failing: float
    p50_ms: float
    p99_ms: float
    balancers: tuple[BalancerNow, ...]
    servers: tuple[ServerNow, ...]
    seconds: tuple[Second, ...]
    marks: tuple[Mark, ...]
    config: tuple[ConfigNow, ...]
    checks: tuple[CheckNow, ...]
    predicted: dict[str, float]
    observed: dict[str, float]
    log: tuple[str, ...]
    shift: ShiftNow | None = None
    looked: LookNow | None = None
