"""The lab as commands of words: each is carried out at once, and answers in lines.

What a notebook has as methods (:class:`~autograder.notebook.session.LabSession`), with names for people who type.
"""

from __future__ import annotations

import re
import textwrap
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autograder.errors import ManyHandsError, nearest, suggestion
from autograder.labs.catalogue import LabError
from autograder.labs.verdict import Outcome
from autograder.notebook.frame import EVERY_S
from autograder.notebook.terminal import predictions, traffic, work
from autograder.notebook.terminal.editor import edit, find_editor
from autograder.notebook.terminal.on_call import WORDS as ON_CALL
from autograder.notebook.terminal.on_call import OnCall
from autograder.notebook.terminal.task import task_of
from autograder.traffic.clients import POPULATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autograder.notebook.frame import Frame
    from autograder.notebook.session import LabSession

_WIDTH: Final = 100
_SECONDS_SHOWN: Final = 10
_FRESH_S: Final = 2.5
"""How much traffic ``shares`` wants to have seen before it speaks, in seconds: what a share is counted over."""
_PATIENCE_S: Final = 30.0


@dataclass(frozen=True)
class Word:
    """A command: what comes after its name, and what it does."""

    after: str
    does: str


WORDS: Final = {
    "task": Word("", "what there is to do: the story, the goal, and where to read more"),
    "apply": Word("", "check the config as it is saved, load it, and wait until it runs"),
    "syntax": Word("", "check the config only; nothing that runs changes"),
    "rollback": Word("", "go back to the config that ran before; the file is put back, too"),
    "diff": Word("", "the config as it is saved, against the last known good one"),
    "edit": Word("[FILE]", "open a file in your editor"),
    "send": Word(
        "[WHO] [COUNT] [VIA]",
        f"send and see where it went; WHO is {', '.join(POPULATIONS)}; VIA is a balancer, if not the first",
    ),
    "shares": Word("", "where the traffic of the last seconds went; the first time, this starts it"),
    "seconds": Word("", "the last ten seconds, one by one"),
    "load": Word("RATE [WHO]", "so many requests a second from now on; 0 for none"),
    "predict": Word("SERVER=PERCENT …", "write down what you expect, before you look"),
    "check": Word("[NAME]", "run a check on a fresh stack, as grading does; without a name, all of them"),
    "checks": Word("", "every check, and what became of it"),
    "hint": Word("NAME", "the next hint for a check"),
    "kill": Word("SERVER", "end a server, as a power cut would"),
    "slow": Word("SERVER", "make a server ten times as slow"),
    "cut": Word("SERVER", "pull a server's network cable"),
    "back": Word("[SERVER]", "bring a server back; without a name, all of them"),
    "logs": Word("[NODE]", "what a balancer or a server wrote; without a name, the first balancer"),
    "log": Word("", "everything that was done in this lab"),
    "reset": Word("yes", "start over with the config as it was given; yours is kept beside it, as ….mine"),
    "submit": Word("", "hand in your work, as it is saved, to the class"),
    "help": Word("[COMMAND]", "this list"),
    "quit": Word("", "end; your files are kept"),
}
"""Every command."""
_SAME: Final = {
    **{"roll_back": "rollback", "roll-back": "rollback", "check_syntax": "syntax", "check-syntax": "syntax"},
    **{"bring_back": "back", "bring-back": "back", "cut_off": "cut", "cut-off": "cut", "exit": "quit", "?": "help"},
    **{"history": "log", "config": "diff", "status": "shares"},
}
_LOOKS: Final = ("task", "shares", "seconds", "checks", "logs", "log", "diff", "help", "hint")
"""What changes nothing."""


class Commands:
    """Carries commands out on a session. ``code`` is the exit code they come to so far.

    It is 2 once one was not understood or could not be carried out; else 1 if a check failed when it was run last, or
    the last config was refused; else 0.
    """

    def __init__(self, session: LabSession, submit: Callable[[], str] | None) -> None:
        self._session = session
        self._hand_in = submit
        self._failed: set[str] = set()
        self._trouble = False
        self._changed = time.monotonic()
        self._servers = [one.name for one in session.lab.stack.servers]
        self._names = [one.name for one in session.lab.checks]
        self._on_call = OnCall(session.shift) if session.shift is not None else None
        more = {name: Word(*words) for name, words in ON_CALL.items()} if self._on_call else {}
        self.words = {**WORDS, **more}
        """Every command of this lab."""

    @property
    def code(self) -> int:
        """0, 1 or 2, as the class says."""
        return 2 if self._trouble else 1 if self._failed else 0

    def obey(self, line: str) -> str | None:
        """Carry a line out: what there is to say about it, or None to quit. Says what went wrong instead of raising."""
        words = line.partition("#")[0].split()
        if not words:
            return ""
        name = _SAME.get(words[0].lower(), words[0].lower())
        if name == "quit":
            return None
        try:
            if name not in self.words:
                close = nearest(name, [*self.words, *_SAME])
                raise LabError(
                    f"there is no command {words[0]!r}", remedy=f"did you mean {close}?" if close else "type help"
                )
            if len(words) > 1 and not self.words[name].after:
                raise LabError(f"{name} takes no more words", remedy=f"type {name} alone")
            if name in ON_CALL and self._on_call is not None:
                return self._on_call.obey(name, words[1:])
            answer: str = getattr(self, f"_{name}")(words[1:])
        except ManyHandsError as error:
            self._trouble = True
            return f"not done: {error}"
        finally:
            if name not in _LOOKS:
                self._changed = time.monotonic()
        return answer

    def options(self, line: str) -> list[str]:
        """What the last word of a line may become: for the Tab key."""
        words = line.split(" ")
        names: Sequence[str] = list(self.words)
        if len(words) > 1:
            name = _SAME.get(words[0], words[0])
            known = {"SERVER": self._servers, "NAME": self._names, "WHO": list(POPULATIONS)}
            known |= {"COMMAND": list(self.words), "FILE": list(self._session.lab.files)}
            known |= {"NODE": list(self._session.lab.stack.nodes), "COMMIT": self._commits()}
            known |= {"BALANCER": [one.name for one in self._session.lab.stack.balancers]}
            after = self.words[name].after if name in self.words else ""
            names = next((found for word, found in known.items() if word in after), [])
        return [name for name in names if name.startswith(words[-1])]

    def _task(self, _: Sequence[str]) -> str:
        said = task_of(self._session.lab, self._session.folder).splitlines()
        wrap = textwrap.TextWrapper(_WIDTH, break_long_words=False, break_on_hyphens=False)  # a path is to be copied
        return "\n".join(wrap.fill(line) for line in said)

    def _apply(self, _: Sequence[str]) -> str:
        view = self._session.apply()
        self._judge("apply", view.applied.ok)
        return repr(view)

    def _syntax(self, _: Sequence[str]) -> str:
        said = self._session.check_syntax()
        self._judge("syntax", not self._session.refused[1])
        return said

    def _rollback(self, _: Sequence[str]) -> str:
        view = self._session.roll_back()
        self._judge("apply", view.applied.ok)
        return repr(view)

    def _diff(self, _: Sequence[str]) -> str:
        return repr(self._session.diff())

    def _edit(self, words: Sequence[str]) -> str:
        files = self._session.lab.files
        name = words[0] if words else files[0]
        if name not in files:
            raise LabError(f"{name} is no file of this lab", remedy=suggestion(name, files))
        edit(find_editor(), self._session.folder / name)
        return f"{self._session.folder / name}"

    def _send(self, words: Sequence[str]) -> str:
        balancers = [one.name for one in self._session.lab.stack.balancers]
        through = next((word for word in words if word in balancers), "")
        who = next((word for word in words if not word.isdigit() and word not in balancers), "many")
        count = next((int(word) for word in words if word.isdigit()), 300)
        return re.sub(
            "(?:█+ *| {3,})+", "   ", repr(self._session.send(who, count, through=through))
        )  # numbers alone; bars are for the eye

    def _shares(self, _: Sequence[str]) -> str:
        frame = self._fresh()
        parts = (traffic.heading, traffic.verdict)
        lines = [part(frame, _WIDTH).plain for part in parts]
        table = traffic.servers(frame, _WIDTH, bars=False).plain
        numbers = traffic.numbers(frame, _WIDTH).plain.partition("\n")[0].strip()
        return "\n".join([*lines, table, numbers])

    def _seconds(self, _: Sequence[str]) -> str:
        return traffic.past(self._fresh().seconds[-_SECONDS_SHOWN:])

    def _load(self, words: Sequence[str]) -> str:
        try:
            rate = float(words[0])
        except (IndexError, ValueError):
            raise LabError("load wants a number of requests a second", remedy="as in: load 100 office") from None
        return self._session.load(rate, words[1] if len(words) > 1 else "")

    def _predict(self, words: Sequence[str]) -> str:
        self._session.predict(**predictions.read(" ".join(words), self._servers))
        return "written down; now look: send"

    def _check(self, words: Sequence[str]) -> str:
        every = list(words) in ([], ["all"])
        said, points = [], 0.0
        for name in self._names if every else words:
            view = self._session.check(name)
            points += view.verdict.points
            self._judge(f"check {name}", view.verdict.outcome is Outcome.PASSED)
            self._trouble |= view.verdict.outcome is Outcome.OURS
            said.append(repr(view))
        said += [f"{points:g} of {self._session.lab.points:g} points"] * every
        return "\n".join(said)

    def _checks(self, _: Sequence[str]) -> str:
        return work.checks(self._next_frame(), _WIDTH).plain

    def _hint(self, words: Sequence[str]) -> str:
        return repr(self._session.hint(words[0] if words else ""))

    def _kill(self, words: Sequence[str]) -> str:
        name = self._server(words)
        self._session.kill(name)
        return f"{name} is down; back {name} starts it again"

    def _slow(self, words: Sequence[str]) -> str:
        name = self._server(words)
        self._session.slow(name)
        return f"{name} is ten times as slow; back {name} heals it"

    def _cut(self, words: Sequence[str]) -> str:
        name = self._server(words)
        self._session.cut_off(name)
        return f"{name} hears and says nothing; back {name} puts the cable back"

    def _back(self, words: Sequence[str]) -> str:
        return self._session.bring_back("all" if list(words) in ([], ["all"]) else self._server(words))

    def _logs(self, words: Sequence[str]) -> str:
        node = words[0] if words else self._session.lab.stack.balancer.name
        return self._session.logs(node) or f"{node} has written nothing yet"

    def _log(self, _: Sequence[str]) -> str:
        return self._session.log()

    def _reset(self, words: Sequence[str]) -> str:
        if list(words) != ["yes"]:
            raise LabError("this puts the config back as it was given", remedy="if you mean it, type: reset yes")
        view = self._session.reset()
        self._judge("apply", view.applied.ok)
        return repr(view)

    def _submit(self, _: Sequence[str]) -> str:
        if self._hand_in is None:
            raise LabError("this folder is not the one of your class", remedy="submit from the lab's own folder")
        return self._hand_in()

    def _help(self, words: Sequence[str]) -> str:
        chosen = {name: word for name, word in self.words.items() if not words or name == words[0]} or self.words
        return "\n".join(f"{f'{name} {word.after}'.strip():<24} {word.does}" for name, word in chosen.items())

    def _commits(self) -> list[str]:
        shift = self._session.shift
        return [one.name for one in shift.stage.repository.commits] if shift is not None else []

    def _judge(self, what: str, well: bool) -> None:
        (self._failed.discard if well else self._failed.add)(what)

    def _server(self, words: Sequence[str]) -> str:
        name = words[0] if words else ""
        if name not in self._servers:
            raise LabError(
                f"there is no server called {name!r}" if name else "which server?",
                remedy=suggestion(name, self._servers),
            )
        return name

    def _next_frame(self) -> Frame:
        """A frame that was begun after now: the newest may be older than what was done just before."""
        room, deadline = self._session.room, time.monotonic() + _PATIENCE_S
        number = room.frame().number
        while room.frame().number < number + 2 and time.monotonic() < deadline:
            time.sleep(EVERY_S)
        return room.frame()

    def _fresh(self) -> Frame:
        """A frame that tells only of traffic since the last command that changed something, if there is any traffic."""
        room = self._session.room
        fresh, deadline = self._changed + _FRESH_S, time.monotonic() + _PATIENCE_S
        while (frame := room.frame()).phase != "broken" and time.monotonic() < deadline:
            seen = frame.throughput or frame.failing or not room.rate
            if frame.phase == "running" and seen and time.monotonic() >= fresh:
                break
            time.sleep(EVERY_S)  # until the next frame
        return frame
