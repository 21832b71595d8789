"""Standing guard over a real nginx: new commits go in, what is ill in between is told, read-only touches nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from autograder.guard.guardian import Guard
from autograder.guard.standing import stand
from tests.guard.production import Production


@pytest.fixture
def production() -> Iterator[Production]:
    with Production("nginx") as production:
        path = production.home / "guard.toml"
        path.write_text(path.read_text(encoding="utf-8").replace("[watch]", "[watch]\nbranch_s = 0"), encoding="utf-8")
        yield production


def until(happened: Callable[[], bool], most: int = 60) -> Callable[[], bool]:
    """Stop when it happened; so many rounds are enough on any machine."""
    rounds = iter(range(most))
    return lambda: happened() or next(rounds, None) is None


def kinds(guard: Guard) -> list[str]:
    return [event.kind for event in guard.desk.audit.events() if event.kind != "step"]


def test_new_commits_go_in_a_bad_one_is_taken_back_and_then_it_waits(production: Production) -> None:
    with production.guard() as guard:
        good = production.config()

        def act() -> bool:
            told = kinds(guard)
            if "begun" not in told:
                production.commit(good)
            elif "kept" in told and told.count("begun") == 1:
                production.commit(production.skewed())
            return "frozen" in told

        stand(guard, until(act))
        assert kinds(guard) == ["begun", "kept", "begun", "anomaly", "reverted", "frozen"]
        production.commit(production.config())
        stand(guard, until(lambda: False, 3))
        assert kinds(guard)[-1] == "frozen"  # nothing goes in before a person has looked
        guard.acknowledge("mira")
        stand(guard, until(lambda: "kept" in kinds(guard)[6:]))
        assert kinds(guard)[6:] == ["acknowledged", "begun", "kept"]


def test_read_only_tells_of_a_change_past_it_and_touches_nothing(production: Production) -> None:
    with production.guard() as guard:
        guard.adopt()
        # Somebody puts a bad config there without the guard.
        (balancer,) = guard.desk.balancers
        bad = production.skewed()
        balancer.load({production.main: bad.encode()}, ())
        production.commit(production.config())
        stand(guard, until(lambda: "anomaly" in kinds(guard)), read_only=True)
        assert kinds(guard) == ["anomaly"]
        assert production.lies_there() == bad


def test_what_keeps_a_commit_out_is_told_once(production: Production) -> None:
    with production.guard() as guard:
        guard.adopt()
        (production.home / "conf" / production.main).write_text(production.config(), encoding="utf-8")
        production.commit(production.config())
        stand(guard, until(lambda: False, 4))
        assert kinds(guard) == ["alert"]
