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
    """What happened to changes; between them, a machine that stalls looks like traffic that stalls."""
    told = guard.desk.audit.events()
    return [one.kind for one in told if one.kind != "step" and (one.change or one.kind != "anomaly")]


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

        def seen() -> bool:
            return any(one.kind == "anomaly" and "18081 gets" in one.said for one in guard.desk.audit.events())

        stand(guard, until(seen), read_only=True)
        assert seen()
        assert kinds(guard) == []
        assert production.lies_there() == bad


def test_what_keeps_a_commit_out_is_told_once(production: Production) -> None:
    with production.guard() as guard:
        guard.adopt()
        (production.home / "conf" / production.main).write_text(production.config(), encoding="utf-8")
        production.commit(production.config())
        stand(guard, until(lambda: False, 4))
        assert kinds(guard) == ["alert"]


def test_a_second_person_is_asked_for_once(production: Production) -> None:
    path = production.home / "guard.toml"
    text = path.read_text(encoding="utf-8").replace("run = false", 'clients = ["many"]\nstates = ["all-up"]')
    path.write_text(f"{text}policy = 'policy.toml'\n", encoding="utf-8")
    rules = ("server-removed", "not-judged", "mistake-shows", "mistake-read", "becomes-concentrated", "share-moves")
    rule = "".join(f"{word} = true\n" for word in rules)
    (production.home / "policy.toml").write_text(f"[second-approver]\n{rule}", encoding="utf-8")
    with production.guard() as guard:
        guard.adopt()
        before = production.lies_there()
        second = next(line for line in before.splitlines() if ":18082" in line)
        production.commit(before.replace(f"{second}\n", ""))
        stand(guard, until(lambda: False, 5))
        assert kinds(guard) == ["begun", "refused"]
        assert production.lies_there() == before
