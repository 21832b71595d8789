"""The widget: sends frames to the pages that look, and does what they ask for."""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

import anywidget

from autograder.judge.spread import CONCENTRATED_AT
from autograder.notebook.panel import page, wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.notebook.frame import Frame

PATIENCE_S = 120.0
"""A page says every ten seconds that it still looks. One that has been silent for so long is gone."""


class Seen(Protocol):
    """What a panel needs of a room."""

    def frame(self) -> Frame:
        """The lab as it is now."""

    def hear(self, callback: Callable[[Frame], bool], /) -> Callable[[], None]:
        """Call back with every new frame, from any thread, until the function that is returned is called.

        What is called returns whether anybody looks.
        """

    def do(self, command: str, **words: Any) -> None:
        """Do what a button says. Returns at once; what came of it shows in frames."""


def _nothing() -> None:
    """What is left to do for a panel that hears no room."""


class Panel(anywidget.AnyWidget):
    """The control room of one open lab. Show it as often as you like: all its views show the same.

    Nothing is sent while nobody looks: a view says when it is shown, when it is hidden, and every ten seconds that it
    is still there.
    """

    def __init__(self, room: Seen) -> None:
        self._unsubscribe: Callable[[], None] = _nothing
        self._esm = page.script()
        self._css = page.style()
        self._room = room
        self._views: dict[str, float] = {}
        self._sent: Frame | None = None
        self._one_at_a_time = threading.RLock()
        super().__init__()
        self.on_msg(self._listen)
        self._unsubscribe = room.hear(self._show)

    @property
    def looked_at(self) -> bool:
        """Whether a page shows the panel now."""
        return bool(self._views)

    def close(self) -> None:
        """Take the panel off all pages."""
        unsubscribe, self._unsubscribe = self._unsubscribe, _nothing
        unsubscribe()
        super().close()

    def _show(self, frame: Frame) -> bool:
        with self._one_at_a_time:
            now = monotonic()
            self._views = {view: until for view, until in self._views.items() if until > now}
            if not self._views:
                self._sent = None
                return False
            if self._sent is not None and frame.number <= self._sent.number:
                return True  # overtaken by one that was sent whole
            if self._sent is None:
                self.send({**wire.whole(frame), "crowded": CONCENTRATED_AT})
            else:
                self.send(wire.change(self._sent, frame))
            self._sent = frame
            return True

    def _listen(self, _widget: object, content: object, _buffers: object) -> None:
        if not isinstance(content, dict):
            return
        kind, view = content.get("kind"), str(content.get("view", ""))[:40]
        if kind in ("look", "here"):
            with self._one_at_a_time:
                self._views[view] = monotonic() + PATIENCE_S
                if kind == "look":
                    self._sent = None
                    self._show(self._room.frame())
        elif kind == "away":
            self._views.pop(view, None)
        elif kind == "do":
            words = content.get("words")
            given = {str(name): word for name, word in words.items()} if isinstance(words, dict) else {}
            given.pop("command", None)
            self._room.do(str(content.get("command", "")), **given)
