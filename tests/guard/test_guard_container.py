"""The guard on a balancer in a container: by Docker's archives, signals and output, and by a mounted folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autograder.guard.balancer import BalancerError
from autograder.guard.state import Step
from tests.guard.contained import Contained
from tests.guard.production import Paced
from tests.guard.test_guard_local import fresh, killed_at

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module", params=["nginx", "haproxy"])
def contained(request: pytest.FixtureRequest) -> Iterator[Contained]:
    with Contained(request.param) as contained:
        yield contained


def test_a_benign_change_is_kept_a_refused_one_kept_out_and_a_bad_one_taken_back(contained: Contained) -> None:
    fresh(contained)
    benign = contained.config()
    contained.commit(benign)
    with contained.guard() as guard:
        (balancer,) = guard.desk.balancers
        assert isinstance(balancer, Paced)
        assert guard.apply("main").kind == "kept"
        assert (contained.lies_there(), balancer.failed) == (benign, 0)
        contained.commit(contained.config(" no-such-word"))
        outcome = guard.apply("main")
        assert outcome.kind == "refused"
        assert f"{contained.main}:" in outcome.said
        contained.commit(contained.skewed())
        outcome = guard.apply("main")
        assert (outcome.kind, " gets 9" in outcome.said) == ("reverted", True)
        assert (contained.lies_there(), contained.is_even()) == (benign, True)
        assert guard.desk.audit.verify() == ()
    # what was tried there is gone
    there = contained.api.exec_start(contained.api.exec_create(contained.container, ["find", "/tmp", "/etc/lb"])["Id"])
    assert b"many-hands" not in there


def test_a_guard_killed_in_the_middle_is_finished_by_the_next(contained: Contained) -> None:
    fresh(contained)
    before = contained.lies_there()
    contained.commit(contained.skewed())
    killed_at(contained, "main", Step.WATCH if contained.proxy == "nginx" else Step.RESTORE, "begun")
    assert contained.lies_there() != before
    with contained.guard() as guard:
        outcome = guard.resume()
        assert outcome is not None
        assert (outcome.kind, guard.desk.audit.verify()) == ("reverted", ())
    assert (contained.lies_there(), contained.is_even()) == (before, True)


@pytest.mark.parametrize("proxy", ["nginx", "haproxy"])
def test_a_container_that_is_down_or_not_there_cannot_be_asked(proxy: str) -> None:
    with Contained(proxy) as doomed:
        (balancer,) = doomed.guard().desk.balancers
        doomed.api.kill(doomed.container)
        doomed.api.wait(doomed.container)
        with pytest.raises(BalancerError):
            balancer.counts()
        doomed.api.remove_container(doomed.container)
        with pytest.raises(BalancerError, match=doomed.container):
            balancer.check({doomed.main: b""})
