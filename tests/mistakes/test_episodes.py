"""Every episode of the catalogue is played on the real balancers, and ends as it claims."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING

import pytest

from autograder.judge.rollback import Rollback
from autograder.mistakes.catalogue import mistakes
from autograder.mistakes.change_example import EVEN, NGINX_BAD
from autograder.mistakes.episode import Apply, Episode, flat
from autograder.mistakes.playing import REQUESTS, Played, play
from autograder.stack.engine import EngineError
from autograder.stack.model import Balancer, Server, Stack
from autograder.stack.running import RunningStack, open_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Stacks = Callable[[str], RunningStack]

EPISODES = [
    pytest.param(episode, id=f"{mistake.slug}-{episode.name}")
    for mistake in mistakes()
    for episode in (*mistake.episodes, *mistake.done_right)
]
SERVERS = tuple(Server(f"app{n}", workers=8, service_ms=10.0, page_ms=2.0) for n in range(1, 4))
_EDGE = 0.03
"""Nothing here is left to chance but where round robin begins, and what was on its way while workers changed."""
_TRIES = 3


@pytest.fixture(scope="module")
def stacks() -> Iterator[Stacks]:
    """Two balancers of a kind in front of three servers, started when they are asked for."""
    with contextlib.ExitStack() as stack:
        started: dict[str, RunningStack] = {}

        def of(proxy: str) -> RunningStack:
            if proxy not in started:
                plan = Stack(f"episodes-{proxy}", tuple(Balancer(f"lb{n}", proxy) for n in (1, 2)), SERVERS)
                started[proxy] = stack.enter_context(open_stack(plan))
            return started[proxy]

        yield of


@pytest.mark.parametrize("episode", EPISODES)
def test_an_episode_ends_as_it_claims(stacks: Stacks, episode: Episode) -> None:
    # A busy machine may be late with what runs by the clock; a claim that is false is false each time.
    for _ in range(_TRIES - 1):
        with contextlib.suppress(AssertionError, EngineError):
            prove(play(stacks(episode.proxy), episode), episode)
            return
    prove(play(stacks(episode.proxy), episode), episode)


def prove(played: Played, episode: Episode) -> None:
    assert played.verdict.outcome.value == episode.outcome, played.verdict.words
    for claimed, got in (
        *((shares, played.arriving) for shares in episode.share.values()),
        (episode.returning, played.returning),
        (episode.kept, played.kept),
    ):
        agree(claimed, got, episode.within)


def agree(claimed: Mapping[str, float], got: Mapping[str, float], within: float) -> None:
    for server, part in claimed.items():
        assert got.get(server, 0.0) == pytest.approx(part, abs=_EDGE + within), f"{server} of {got}"


def test_the_proof_would_notice_a_false_claim(stacks: Stacks) -> None:
    bad = Episode("bad", "A bad config is called restored.", (Apply(NGINX_BAD),), "restored", {"many": EVEN})
    played = play(stacks("nginx"), bad)
    with pytest.raises(AssertionError, match="New clients are not spread"):
        prove(played, bad)
    with pytest.raises(AssertionError, match="app1 of"):
        prove(played, dataclasses.replace(bad, outcome="not-spread"))


def test_a_deed_that_cannot_be_done_is_an_error_of_ours(stacks: Stacks) -> None:
    refused = Episode("refused", "", (Apply("events {} http {"),), "restored", {"many": EVEN})
    with pytest.raises(EngineError, match=r"refused: nginx\.conf"):
        play(stacks("nginx"), refused)


def test_episodes_have_all_their_parts() -> None:
    for mistake in mistakes():
        names = [episode.name for episode in (*mistake.episodes, *mistake.done_right)]
        assert len(names) == len(set(names))
        for episode in (*mistake.episodes, *mistake.done_right):
            assert episode.told.endswith("."), episode.name
            assert episode.outcome in set(Rollback)
            assert episode.share, f"{episode.name} claims nothing"
            assert episode.balancers <= 2
            assert isinstance(flat(episode.deeds)[0], Apply), "the balancer starts with the first config"
        assert all(episode.outcome != "restored" for episode in mistake.episodes)
        assert all(episode.outcome == "restored" for episode in mistake.done_right)


def test_every_outcome_but_undecided_is_proved_by_an_episode() -> None:
    shown = {episode.outcome for mistake in mistakes() for episode in (*mistake.episodes, *mistake.done_right)}
    assert shown == set(Rollback) - {Rollback.UNDECIDED}


def test_enough_is_sent_to_decide() -> None:
    assert REQUESTS >= 200
