"""Telling other systems what the guard did: an HTTP POST for each event that people should see.

A webhook never holds the guard up and never makes it fail: each has a thread of its own and a short queue. What is not
delivered after some attempts is a dead letter, a line in the audit log. The address is the secret: it is taken from the
environment, and no message names it.
"""

from __future__ import annotations

import ipaddress
import os
import platform
import queue
import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from autograder.errors import ManyHandsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from autograder.guard.audit import Event
    from autograder.guard.settings import Webhook as Wanted

SEEN_BY_PEOPLE: Final = (
    *("refused", "kept", "reverted", "held", "frozen", "acknowledged"),
    *("anomaly", "good-is-bad", "alert", "resumed"),
)
"""What is told where nothing else is said. A dead letter never is: that would go round in circles."""
_ROOM: Final = 100
_LONGEST_WAIT_S: Final = 30.0
_TRY_AGAIN: Final = (408, 425, 429)
_OURS: Final = "many-hands-guard"
_MARKS: Final = {
    "kept": ":white_check_mark:",
    "acknowledged": ":white_check_mark:",
    "resumed": ":information_source:",
    "refused": ":no_entry:",
}


@dataclass(frozen=True)
class Patience:
    """How often to try, and how long to wait: ``first_wait_s`` after the first failure, then twice as long each time.

    ``timeout_s`` is for one attempt, ``last_s`` for all that is on its way when the guard ends.
    """

    attempts: int = 6
    first_wait_s: float = 0.5
    timeout_s: float = 5.0
    last_s: float = 10.0


def payload(event: Event, form: str, host: str = "") -> dict[str, Any]:
    """What is sent for an event. ``id`` is the same at every attempt, so a receiver can tell one from two."""
    if form == "json":
        return {"source": _OURS, "host": host, "id": event.digest, **event.to_dict()}
    head = f"{_MARKS.get(event.kind, ':rotating_light:')} *{_slack(event.kind)}*"
    about = f" `{_slack(event.change[:12])}`" if event.change else ""
    return {"text": f"{head}{about} on {_slack(host) or 'a balancer'}: {_slack(event.said)}"}


class Webhook:
    """One receiver, with its thread. ``told`` are the kinds of events it is told of."""

    def __init__(self, name: str, url: str, form: str, told: Iterable[str], patience: Patience, host: str = "") -> None:
        self.name = name
        self._url, self._form, self._host = url, form, host
        self._told = frozenset(told) - {"dead-letter"}
        self._patience = patience
        self._waiting: queue.Queue[Event | None] = queue.Queue(_ROOM)
        self._ending = threading.Event()
        self._dead: queue.SimpleQueue[tuple[str, Mapping[str, Any]]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._deliver_all, name=f"webhook-{name}", daemon=True)
        self._thread.start()

    def tell(self, event: Event) -> None:
        """Have an event delivered. Returns at once, whatever becomes of it."""
        if event.kind not in self._told or self._ending.is_set():
            return
        try:
            self._waiting.put_nowait(event)
        except queue.Full:
            self._bury(event, "too many events were waiting", 0)

    def dead_letters(self) -> list[tuple[str, Mapping[str, Any]]]:
        """What could not be delivered since this was last asked: a sentence, and what about it."""
        found: list[tuple[str, Mapping[str, Any]]] = []
        while True:
            try:
                found.append(self._dead.get_nowait())
            except queue.Empty:
                return found

    def close(self) -> None:
        """Deliver what waits, for some seconds at most; the rest are dead letters. Safe to call twice."""
        if not self._ending.is_set():
            deadline = time.monotonic() + self._patience.last_s
            try:
                self._waiting.put(None, timeout=self._patience.last_s)
                self._thread.join(max(0.0, deadline - time.monotonic()))
            except queue.Full:
                pass
            self._ending.set()
        self._thread.join(2 * self._patience.timeout_s)
        while True:
            try:
                left = self._waiting.get_nowait()
            except queue.Empty:
                return
            if left is not None:
                self._bury(left, "the guard ended before it could be told", 0)

    def _deliver_all(self) -> None:
        import httpx  # a guard without webhooks does not wait for it

        # A proxy is for what is elsewhere.
        with httpx.Client(timeout=self._patience.timeout_s, trust_env=not _is_here(self._url)) as client:
            while not self._ending.is_set():
                event = self._waiting.get()
                if event is None:
                    return
                why, attempts = self._deliver(client, event)
                if why:
                    self._bury(event, why, attempts)

    def _deliver(self, client: Any, event: Event) -> tuple[str, int]:
        """Why an event was not delivered, empty if it was; and after how many attempts."""
        body = payload(event, self._form, self._host)
        why, wait = "", self._patience.first_wait_s
        for attempt in range(1, self._patience.attempts + 1):
            why, again, asked = _post(client, self._url, body)
            if not why or not again or attempt == self._patience.attempts:
                return why, attempt
            # Many guards that lost the same receiver shall not all come back at the same moment.
            pause = min(max(wait, asked) * random.uniform(1.0, 1.3), _LONGEST_WAIT_S)
            if self._ending.wait(pause):
                return f"{why}, and the guard ended", attempt
            wait *= 2
        return why, self._patience.attempts

    def _bury(self, event: Event, why: str, attempts: int) -> None:
        said = f"webhook {self.name} was not told of event {event.number} ({event.kind}): {why}"
        data = {"webhook": self.name, "event": event.number, "kind": event.kind, "why": why, "attempts": attempts}
        self._dead.put((said, data))


class WebhookHooks:
    """Hears what the guard does and has it told; made by :func:`hooks_of`.

    Dead letters are written from the guard's own thread, at the next event, count or end: a log has one writer.
    """

    def __init__(self, webhooks: tuple[Webhook, ...], dead_letter: Callable[[str, Mapping[str, Any]], None]) -> None:
        self.webhooks = webhooks
        self._dead_letter = dead_letter

    def event(self, event: Event) -> None:
        """Have an event delivered to whoever wants to know of it."""
        for webhook in self.webhooks:
            webhook.tell(event)
        if event.kind != "dead-letter":
            self._write_dead()

    def window(self, *_: object) -> None:
        """Counts are not told; this is a moment to write dead letters."""
        self._write_dead()

    def _write_dead(self) -> None:
        for webhook in self.webhooks:
            for said, data in webhook.dead_letters():
                self._dead_letter(said, data)

    def close(self) -> None:
        """Deliver what waits, for some seconds at most. Safe to call twice."""
        for webhook in self.webhooks:
            webhook.close()
        self._write_dead()


def hooks_of(
    wanted: Iterable[Wanted],
    dead_letter: Callable[[str, Mapping[str, Any]], None],
    *,
    environment: Mapping[str, str] | None = None,
    patience: Patience | None = None,
) -> WebhookHooks:
    """Hooks for the webhooks of a guard.toml.

    ``dead_letter`` takes a sentence and data for the log. Raises :class:`ManyHandsError` for an address that is not
    there or cannot be one.
    """
    given = os.environ if environment is None else environment
    # every address first: no thread is begun for some of them if another one is wrong
    addresses = [(one, _address(one.url_from, given)) for one in wanted]
    made = (
        Webhook(one.url_from, url, one.format, one.events or SEEN_BY_PEOPLE, patience or Patience(), platform.node())
        for one, url in addresses
    )
    return WebhookHooks(tuple(made), dead_letter)


def _address(name: str, given: Mapping[str, str]) -> str:
    url = given.get(name, "").strip()
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        right = False
    if not right:
        held = f"what the environment variable {name} holds is no address of a webhook"
        raise ManyHandsError(
            held if url else f"the webhook's address is not in the environment variable {name}",
            why="the address is a secret, so it is not written into the file",
            remedy=f"export {name}=https://…",
        )
    return url


def _post(client: Any, url: str, body: Mapping[str, Any]) -> tuple[str, bool, float]:
    """Why it failed (empty: it did not), whether to try again, and how many seconds the receiver wants to wait."""
    try:
        answer = client.post(url, json=body, headers={"User-Agent": _OURS})
    except Exception as error:  # whatever it is: it must not end the thread, and its message may name the address
        return f"it could not be reached ({type(error).__name__})", True, 0.0
    if answer.is_success:
        return "", False, 0.0
    asked = answer.headers.get("Retry-After", "")
    wait = min(float(asked), _LONGEST_WAIT_S) if asked.isdecimal() else 0.0
    again = answer.is_server_error or answer.status_code in _TRY_AGAIN
    return f"it answered {answer.status_code}", again, wait


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _slack(words: str) -> str:
    """Somebody else's words: nobody is called, and nothing is linked, by what a message quotes."""
    for letter, instead in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("`", "'")):
        words = words.replace(letter, instead)
    return words[:2_500]
