"""Webhooks against a real HTTP server that fails as often as a test wants."""

from __future__ import annotations

import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import pytest

from autograder.errors import ManyHandsError
from autograder.guard.audit import AuditLog, Event
from autograder.guard.reaching import hooks_of as configured
from autograder.guard.settings import Git, Metrics, Settings, Webhook
from autograder.guard.webhooks import SEEN_BY_PEOPLE, Patience, WebhookHooks, hooks_of, payload

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

# Long where the machine may be slow, short where a test would only wait.
QUICK = Patience(attempts=4, first_wait_s=0.001, timeout_s=60.0, last_s=60.0)
HASTY = Patience(attempts=4, first_wait_s=600.0, timeout_s=60.0, last_s=0.05)


class Receiver:
    """A server on loopback. It answers with ``statuses`` in turn, then with 200; ``got`` are the bodies it was sent."""

    def __init__(self, statuses: Iterable[int] = (), hold: threading.Event | None = None) -> None:
        self.got: list[dict[str, Any]] = []
        self.asked = threading.Event()
        waiting = deque(statuses)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                receiver.asked.set()
                if hold is not None:
                    hold.wait(60)
                self.send_response(waiting.popleft() if waiting else 200)
                self.send_header("Retry-After", "0")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/secret-path"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Letters:
    """Dead letters, and in which thread they were written."""

    def __init__(self) -> None:
        self.said: list[tuple[str, Mapping[str, Any]]] = []

    def __call__(self, said: str, data: Mapping[str, Any]) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.said.append((said, data))


def event(kind: str = "reverted", number: int = 1, said: str = "app1 had all of it") -> Event:
    return Event(
        number, "2026-03-01T10:50:00+00:00", kind, "abc123", "watch", said, {"share": 0.98}, digest=f"d{number}"
    )


def hooks(url: str, letters: Letters, form: str = "json", patience: Patience = QUICK) -> WebhookHooks:
    return hooks_of([Webhook("HOOK", form)], letters, environment={"HOOK": url}, patience=patience)


def test_it_is_told_although_it_fails_some_times() -> None:
    letters = Letters()
    with Receiver([503, 429, 500]) as receiver:
        told = hooks(receiver.url, letters)
        told.event(event())
        told.close()
    assert len(receiver.got) == 4
    assert {body["id"] for body in receiver.got} == {"d1"}
    assert receiver.got[-1]["said"] == "app1 had all of it"
    assert receiver.got[-1]["data"] == {"share": 0.98}
    assert letters.said == []


def test_one_that_never_works_is_a_dead_letter_that_names_no_secret(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    with Receiver([500] * 99) as receiver:
        told = hooks_of(
            [Webhook("HOOK")],
            lambda said, data: told.event(log.append("dead-letter", said, data=data)),
            environment={"HOOK": receiver.url},
            patience=QUICK,
        )
        told.event(log.append("reverted", "back"))
        told.close()
        told.close()
        assert len(receiver.got) == QUICK.attempts
    letter = log.events()[-1]
    assert (letter.kind, letter.data["attempts"], letter.data["why"]) == ("dead-letter", 4, "it answered 500")
    assert "webhook HOOK was not told of event 1" in letter.said
    assert "secret-path" not in (tmp_path / "audit.jsonl").read_text()
    assert log.verify() == ()


def test_one_that_is_not_there_is_a_dead_letter() -> None:
    letters = Letters()
    with Receiver() as receiver:
        gone = receiver.url
    told = hooks(gone, letters)
    told.event(event())
    told.close()
    ((said, data),) = letters.said
    assert "it could not be reached" in said
    assert data["attempts"] == 4
    assert "secret-path" not in said


@pytest.mark.parametrize("status", [302, 400, 404, 410])
def test_an_answer_that_will_not_change_is_not_asked_for_again(status: int) -> None:
    letters = Letters()
    with Receiver([status]) as receiver:
        told = hooks(receiver.url, letters)
        told.event(event())
        told.close()
        assert len(receiver.got) == 1
    assert letters.said[0][1]["why"] == f"it answered {status}"


def test_the_guard_does_not_wait_for_a_receiver_that_hangs() -> None:
    """While one answer is awaited, everything else is put in line, and what has no room is a dead letter."""
    letters, hold = Letters(), threading.Event()
    with Receiver(hold=hold) as receiver:
        told = hooks(receiver.url, letters)
        told.event(event(number=0))
        assert receiver.asked.wait(60)
        for number in range(1, 151):
            told.event(event(number=number))  # returns: nothing has been answered yet
        assert len(receiver.got) == 1
        hold.set()
        told.close()
    assert [body["number"] for body in receiver.got] == list(range(101))
    assert [data["event"] for _, data in letters.said] == list(range(101, 151))
    assert letters.said[0][1]["why"] == "too many events were waiting"


def test_what_waits_when_the_guard_ends_is_written_down() -> None:
    letters = Letters()
    with Receiver([500] * 9) as receiver:
        told = hooks(receiver.url, letters, patience=HASTY)
        told.event(event(number=1))
        told.event(event(number=2))
        assert receiver.asked.wait(60)
        told.close()
        told.event(event(number=3))
    whys = {data["event"]: data["why"] for _, data in letters.said}
    assert whys == {1: "it answered 500, and the guard ended", 2: "the guard ended before it could be told"}


def test_slack_is_told_in_its_own_way_and_quotes_call_nobody() -> None:
    letters = Letters()
    with Receiver() as receiver:
        told = hooks(receiver.url, letters, "slack")
        told.event(event(said="<!channel> & `app1`"))
        told.close()
    (body,) = receiver.got
    assert list(body) == ["text"]
    assert body["text"].startswith(":rotating_light: *reverted* `abc123` on ")
    assert body["text"].endswith(": &lt;!channel&gt; &amp; 'app1'")


def test_only_what_was_asked_for_is_told_and_a_dead_letter_never() -> None:
    letters = Letters()
    with Receiver() as usual, Receiver() as chosen:
        told = hooks_of(
            [Webhook("A"), Webhook("B", events=("step", "dead-letter"))],
            letters,
            environment={"A": usual.url, "B": chosen.url},
            patience=QUICK,
        )
        for kind in ("begun", "step", "dead-letter", "kept"):
            told.event(event(kind))
        told.window("edge", None, None, None)
        told.close()
    assert [body["kind"] for body in usual.got] == ["kept"]
    assert [body["kind"] for body in chosen.got] == ["step"]
    assert "dead-letter" not in SEEN_BY_PEOPLE


@pytest.mark.parametrize("held", ["", "slack.example/x", "ftp://slack.example/x", "http://[half"])
def test_an_address_that_is_none_is_said_at_once_and_not_shown(held: str) -> None:
    before = threading.active_count()
    wanted = [Webhook("GOOD"), Webhook("BAD")]
    with pytest.raises(ManyHandsError, match="BAD") as caught:
        hooks_of(wanted, Letters(), environment={"GOOD": "http://127.0.0.1:9/", "BAD": held})
    assert not held or held not in str(caught.value)
    assert threading.active_count() <= before


def test_a_payload_is_json_whatever_is_in_it() -> None:
    assert json.loads(json.dumps(payload(event(), "json", "edge")))["source"] == "many-hands-guard"


def test_a_dead_letter_beside_a_guard_at_work_breaks_no_chain_and_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard writes to the same log as the webhooks of the guard.toml do."""
    with Receiver([404]) as receiver:
        monkeypatch.setenv("HOOK", receiver.url)
        metrics = Metrics(tmp_path / "guard.prom")
        settings = Settings(
            tmp_path / "guard.toml",
            Git(tmp_path, "nginx.conf"),
            (),
            tmp_path,
            webhooks=(Webhook("HOOK"),),
            metrics=metrics,
        )
        hooks, log = configured(settings), AuditLog(tmp_path)
        for kind in ("begun", "reverted"):
            event = log.append(kind, "said")
            for hook in hooks:
                hook.event(event)
        for hook in reversed(hooks):
            hook.close()  # the webhook delivers what waits
        log.append("acknowledged", "said")
    assert [event.kind for event in log.events()] == ["begun", "reverted", "dead-letter", "acknowledged"]
    assert log.verify() == ()
    assert 'guard_alerts_total{kind="dead-letter"} 1.0' in (tmp_path / "guard.prom").read_text()
