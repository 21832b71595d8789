"""What a kind of check is: a question put to a stack that runs what was submitted, answered from what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograder.labs.lab import Check, Lab
    from autograder.mistakes.finding import Finding
    from autograder.stack.running import RunningStack


@dataclass(frozen=True)
class Answer:
    """What a check saw: passed or not, in words and numbers, and which findings can explain it.

    ``unjudged`` says why the submission cannot be judged at all (a file is missing or cannot be read); then it is
    neither passed nor failed. ``why`` tells more than the findings can, where the kind knows it.
    """

    passed: bool
    observed: str
    share: dict[str, float] = field(default_factory=dict)
    requests: int = 0
    failed: int = 0
    causes: tuple[Finding, ...] = ()
    why: str = ""
    unjudged: str = ""


@dataclass(frozen=True)
class Question:
    """A check to be answered on ``running``.

    For most kinds that stack runs the submitted config, all servers up, just reloaded. A kind with a stack of its own
    (:attr:`Kind.own_stack`) gets one that nobody has touched: servers up, balancers not started yet.
    """

    check: Check
    running: RunningStack
    findings: tuple[Finding, ...]
    populations: tuple[str, ...]
    victim: str
    """The server that dies, where the check lets one die; another one if this one serves nobody."""
    seed: int
    make_whole: Callable[[], None]
    """Starts servers that are down and reloads the balancer, so that it remembers no dead ones."""
    lab: Lab | None = None
    """The lab, from the instructor's side."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """What was handed in: path as in ``lab.files`` → content. Hostile until shown otherwise."""
    seen: Mapping[str, Any] = field(default_factory=dict)
    """Scene → what :attr:`Kind.observe` saw there, for kinds that have it. Their stack is over when they answer."""


@dataclass(frozen=True)
class Kind:
    """A kind of check. Raise ``version`` when it answers differently: what was graded before is then judged again.

    ``settings`` are the words that a lab may write in the check's ``[checks.settings]``, with their defaults, whose
    types are the types they must have. ``only_sends`` says that it does nothing to the stack but send requests: when
    all of them were answered and no server fell, the next check need not be given a reloaded one.

    Several checks may ask about the same things. A kind with ``observe`` plays each of its :attr:`scenes` once in an
    examination, on a fresh stack of its own, and ``answer`` then only looks at ``question.seen``.
    """

    answer: Callable[[Question], Answer]
    version: int = 1
    own_stack: bool = False
    only_sends: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    observe: Callable[[Question, str], Any] | None = None
    """Plays one scene on ``question.running`` and returns what was seen; the same for every check of this kind."""
    scenes: Callable[[Check], tuple[str, ...]] = lambda _check: ("",)
    """Names of the scenes that a check asks about."""
