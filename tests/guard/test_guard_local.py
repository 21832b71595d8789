"""The guard on a real nginx and a real HAProxy of this machine, told by files, signals and sockets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.cli import main
from autograder.guard.alone import LockedError
from autograder.guard.balancer import BalancerError
from autograder.guard.balancers.runtime_api import ask
from autograder.guard.guardian import GuardError
from autograder.guard.state import Step
from autograder.stack.procfs import wait_until
from tests.guard import production as of
from tests.guard.production import Production

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", params=["nginx", "haproxy"])
def both(request: pytest.FixtureRequest) -> Iterator[Production]:
    with Production(request.param) as production:
        yield production


@pytest.fixture(scope="module")
def nginx() -> Iterator[Production]:
    with Production("nginx") as production:
        yield production


def fresh(production: Production) -> None:
    """Nobody ever guarded this; what runs is the newest version in git."""
    for path in (production.home / "state").glob("*"):
        path.unlink()


def test_a_benign_change_is_kept_and_a_bad_one_taken_back(both: Production) -> None:
    fresh(both)
    benign = both.config()
    good = both.commit(benign)
    with both.guard() as guard:
        (balancer,) = guard.desk.balancers
        assert isinstance(balancer, of.Paced)
        assert guard.apply("main").kind == "kept"
        assert (both.lies_there(), balancer.failed) == (benign, 0)  # no request was lost to the change
        bad = both.commit(both.skewed())
        outcome = guard.apply("main")
        assert (outcome.kind, outcome.exit_code) == ("reverted", 1)
        assert "98%" in outcome.said or "99%" in outcome.said
        assert both.lies_there() == benign
        assert both.is_even()
        # History is kept: the bad version, and on top of it a commit that says why.
        assert both.git("log", "--format=%H").split()[1:3] == [bad, good]
        assert outcome.said in both.git("log", "-1", "--format=%B")
        assert both.git("status", "--porcelain") == ""
        assert both.git("show", f"HEAD:lb/{both.main}") == benign
        # Frozen, until a person says so; and the same commit is not tried again.
        with pytest.raises(GuardError, match="until a person"):
            guard.apply(good)
        guard.acknowledge("mira")
        with pytest.raises(GuardError, match="not tried again"):
            guard.apply(bad)
        assert guard.apply("main").kind == "same"
        kinds = [event.kind for event in guard.desk.audit.events() if event.kind != "step"]
        assert kinds == ["begun", "kept", "begun", "anomaly", "reverted", "frozen", "acknowledged"]
        assert guard.desk.audit.verify() == ()


def test_what_the_balancer_refuses_is_never_installed(both: Production) -> None:
    fresh(both)
    before = both.lies_there()
    both.commit(both.config(" no-such-word"))
    with both.guard() as guard:
        outcome = guard.apply("main")
    assert outcome.kind == "refused"
    assert f"{both.main}:" in outcome.said
    assert (both.lies_there(), both.is_even()) == (before, True)
    both.commit(before)


def test_sticky_tables_are_emptied_and_a_signal_reloads_too() -> None:
    with Production("haproxy") as production:
        path = production.home / "guard.toml"
        text = path.read_text(encoding="utf-8")
        master = f'master = "{production.home}/master.sock"'
        assert master in text
        path.write_text(text.replace(master, f'pid_file = "{production.home}/haproxy.pid"'), encoding="utf-8")
        (balancer,) = production.guard().desk.balancers
        files = {production.main: production.config(stick="stick on str(all)").encode()}
        balancer.load(files, ())
        assert balancer.runs(files)
        balancer.counts()
        assert balancer.clear() == ("shop",)
        assert balancer.clear() == ()


def _said(master: str) -> str:
    try:
        return ask(master, "show version")
    except BalancerError:
        return ""


FORWARD = [(step, "begun") for step in (Step.LINT, Step.BEFORE, Step.REST, Step.WATCH, Step.KEEP)]
FORWARD += [(Step.REST, "done"), (Step.WATCH, "done")]
BACK = [(step, "begun") for step in (Step.RESTORE, Step.CLEAR, Step.COMMIT, Step.VERIFY, Step.RECOVER, Step.FREEZE)]
BACK += [(Step.WATCH, "done"), (Step.RESTORE, "done"), (Step.COMMIT, "done")]


def killed_at(production: Production, revision: str, step: Step, phase: str) -> None:
    """A guard that applies a revision, ended by SIGKILL there."""
    words = (f"{production.home}/guard.toml", production.host, revision, step, phase)
    ran = subprocess.run(
        [sys.executable, "-P", of.__file__, *words], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert ran.returncode == -signal.SIGKILL, ran.stderr.decode()


@pytest.mark.parametrize(("step", "phase"), FORWARD)
def test_a_guard_killed_on_the_way_in_goes_on(nginx: Production, step: Step, phase: str) -> None:
    fresh(nginx)
    config = nginx.config()
    commit = nginx.commit(config)
    killed_at(nginx, "main", step, phase)
    with nginx.guard() as guard:
        outcome = guard.resume()
        assert outcome is not None
        assert (outcome.kind, guard.desk.state.good, guard.desk.state.change) == ("kept", commit, None)
        assert guard.resume() is None
        assert guard.desk.audit.verify() == ()
    assert (nginx.lies_there(), nginx.is_even()) == (config, True)


@pytest.mark.parametrize(("step", "phase"), BACK)
def test_a_guard_killed_on_the_way_back_completes_the_revert(nginx: Production, step: Step, phase: str) -> None:
    fresh(nginx)
    config = nginx.lies_there()
    bad = nginx.commit(nginx.skewed())
    killed_at(nginx, "main", step, phase)
    with nginx.guard() as guard:
        outcome = guard.resume()
        assert outcome is not None
        assert (outcome.kind, guard.desk.state.change, bool(guard.desk.state.frozen)) == ("reverted", None, True)
        assert guard.resume() is None
        assert guard.desk.audit.verify() == ()
    assert (nginx.lies_there(), nginx.is_even()) == (config, True)
    # One commit takes it back, not two.
    assert nginx.git("log", "-1", "--format=%P").split() == [bad]
    assert nginx.git("show", f"HEAD:lb/{nginx.main}") == config


def test_two_guards_do_not_fight(nginx: Production) -> None:
    with nginx.guard(), pytest.raises(LockedError) as caught, nginx.guard():
        pass
    assert f"process {os.getpid()}" in caught.value.why
    with nginx.guard():
        pass


def test_a_log_that_was_cut_while_no_guard_ran_is_told_of_once(nginx: Production) -> None:
    fresh(nginx)
    with nginx.guard() as guard:
        guard.adopt()
        guard.desk.tell("alert", "what somebody wants forgotten")
    log = nginx.home / "state" / "audit.jsonl"
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))
    for _ in range(2):
        with nginx.guard() as guard:
            told = [event.said for event in guard.desk.audit.events() if event.kind == "alert"]
            assert ["lines were cut off" in said for said in told] == [True]
            assert len(guard.desk.audit.verify()) == 1
    for path in (log, nginx.home / "state" / "audit.head"):
        path.unlink()
    with nginx.guard() as guard:
        assert "the log is gone" in guard.desk.audit.events()[-1].said


def test_what_somebody_changed_by_hand_is_not_written_over(nginx: Production) -> None:
    fresh(nginx)
    place = nginx.home / "conf" / nginx.main
    before = nginx.lies_there()
    with nginx.guard() as guard:
        guard.adopt()
        place.write_text(before + "# by hand\n", encoding="utf-8")
        nginx.commit(nginx.config())
        with pytest.raises(GuardError, match="than the last known good"):
            guard.apply("main")
        assert nginx.lies_there() == before + "# by hand\n"
    place.write_text(before, encoding="utf-8")
    nginx.commit(before)


def test_the_verb_checks_plans_and_tells(nginx: Production, capsys: pytest.CaptureFixture[str]) -> None:
    fresh(nginx)
    where = ("--settings", str(nginx.home / "guard.toml"))
    before = nginx.lies_there()
    assert main(["guard", "check", *where]) == 0
    assert "edge: well, 3 servers" in capsys.readouterr().out
    nginx.commit(nginx.config())
    assert main(["guard", "apply", "main", "--dry-run", *where]) == 0
    assert "would put it on edge" in capsys.readouterr().out
    assert (nginx.lies_there(), sorted((nginx.home / "state").glob("*"))) == (before, [])
    nginx.commit(nginx.config(" no-such-word"))
    assert main(["guard", "apply", "main", "--dry-run", *where]) == 1
    assert main(["guard", "apply", "main", *where]) == 1
    assert "refused" in capsys.readouterr().out
    assert main(["guard", "apply", "no-such-thing", *where]) == 2
    assert "is no commit" in capsys.readouterr().err
    assert main(["guard", "status", *where]) == 0
    assert main(["guard", "ack", "--by", "mira", *where]) == 2
    assert main(["guard", "resume", *where]) == 0
    assert main(["guard", "log", *where]) == 0
    assert "does not go in" in capsys.readouterr().out
    assert main(["guard", "verify-log", *where]) == 0
    nginx.commit(before)


def test_a_balancer_that_dies_of_a_change_gets_the_good_one_back() -> None:
    """And what could not be restored, because nothing runs there, is said."""
    with Production("haproxy") as production:
        config = production.lies_there()
        # A master answers, and lets go: who waits for more waits in the middle of a revert.
        master = f"{production.home}/master.sock"
        assert wait_until(lambda: _said(master), 60)
        production.commit(production.config())

        def power_cut(step: Step, phase: str) -> None:
            if (step, phase) == (Step.WATCH, "begun"):
                balancer.dies = production.cut

        with production.guard(on_step=power_cut) as guard:
            (balancer,) = guard.desk.balancers
            assert isinstance(balancer, of.Paced)
            outcome = guard.apply("main")
            assert (outcome.kind, outcome.exit_code) == ("not-restored", 2)
            assert "cannot be asked" in outcome.said
            assert guard.desk.state.frozen
        assert production.lies_there() == config


def test_a_full_disk_does_not_keep_a_bad_config_in(nginx: Production) -> None:
    fresh(nginx)
    config = nginx.lies_there()
    nginx.commit(nginx.skewed())
    state = nginx.home / "state"

    def fill(step: Step, phase: str) -> None:
        if (step, phase) == (Step.RESTORE, "begun"):
            state.rename(nginx.home / "gone")  # nothing can be written there any more
        if (step, phase) == (Step.FREEZE, "begun"):
            (nginx.home / "gone").rename(state)

    with nginx.guard(on_step=fill) as guard:
        assert guard.apply("main").kind == "reverted"
        assert guard.desk.state.frozen
    assert (nginx.lies_there(), nginx.is_even()) == (config, True)
