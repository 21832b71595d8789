"""A shift on call as words that one types: in a line by themselves, and on the full screen behind one key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from autograder.errors import ManyHandsError
from autograder.labs.catalogue import LabError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograder.notebook.frame import ShiftNow
    from autograder.notebook.shift import Shift

WORDS: Final = {
    "begin": ("", "answer the pager: your shift begins"),
    "pager": ("", "what the pager says"),
    "chat": ("", "what people wrote, and what you told them"),
    "look": ("", "ask each balancer for pages, and count who answers"),
    "errors": ("", "how many requests failed in the last seconds"),
    "logs": ("NODE", "what a balancer or a server wrote"),
    "changes": ("", "what was changed in the config, the newest first"),
    "change": ("COMMIT", "one change, line by line"),
    "revert": ("COMMIT WHY …", "commit the config without that one change"),
    "goback": ("COMMIT WHY …", "commit the config as it was after that change"),
    "forget": ("COMMIT", "forget all that was committed after that change"),
    "commit": ("WHY …", "commit the file as you saved it"),
    "reload": ("BALANCER", "load the newest version on a balancer"),
    "restart": ("NODE", "start a server or a balancer anew"),
    "bigger": ("SERVER", "give a server twice the processor"),
    "more": ("", "switch the spare machine on, and commit it to the pool"),
    "tell": ("TEXT …", "tell everybody something"),
    "seniors": ("", "call those who know more"),
    "clear": ("TEXT …", "tell everybody that it is over"),
    "end": ("", "go home: your shift is over"),
    "debrief": ("", "what you did and when, beside the best"),
    "again": ("", "begin another shift; the record of this one is kept"),
}
"""Command → what comes after it, and what it does."""


class OnCall:
    """Carries these words out."""

    def __init__(self, shift: Shift) -> None:
        self._shift = shift
        shift.typed = True

    def answer(self, line: str) -> str:
        """A line as it is typed: what there is to say, also where it is not understood or cannot be done."""
        words = line.split()
        if not words or words[0] not in WORDS:
            return "\n".join(f"{f'{name} {after}'.strip():<24} {does}" for name, (after, does) in WORDS.items())
        try:
            return self.obey(words[0], words[1:])
        except ManyHandsError as error:
            return f"not done: {error}"

    def obey(self, name: str, words: Sequence[str]) -> str:
        """One command: what there is to say. Raises ManyHandsError for what cannot be done."""
        shift, wanted = self._shift, WORDS[name][0].split()
        if len(words) < len([one for one in wanted if one != "…"]):
            raise LabError(f"{name} wants more words", remedy=f"type {name} {WORDS[name][0]}")
        one, rest = words[0] if words else "", " ".join(words[1:])
        if name in ("begin", "pager", "chat", "errors", "end", "again", "debrief"):
            return str(repr(getattr(shift, name)()))
        plain = {"look": shift.shares, "changes": shift.history, "more": shift.add_server, "seniors": shift.escalate}
        if name in plain:
            return repr(plain[name]())
        if name in ("logs", "change", "reload", "bigger"):
            return repr(getattr(shift, name)(one))
        if name == "forget":
            return repr(shift.reset_to(one))
        if name in ("revert", "goback"):
            return repr((shift.revert if name == "revert" else shift.go_back)(one, rest))
        if name == "restart":
            return repr((shift.restart_balancer if one in shift.session.running.balancers else shift.restart)(one))
        said = {"tell": shift.tell, "clear": shift.all_clear, "commit": shift.commit}
        return repr(said[name](" ".join(words)))


def pane(shift: ShiftNow) -> Text:
    """The shift on the full screen: the clock, what was written, what was changed."""
    over = "over: press o, then type debrief, or again for another"
    phase = {"over": over, "before": "the pager has rung: press o, then type begin", "on": f"until {shift.ends}"}
    text = Text(f"{shift.clock}  {phase[shift.phase]}", style="bold")
    for one in shift.messages:
        text.append(f"\n{one.at} {one.who}: {one.text}", style="cyan" if one.mine else "")
    text.append("\n\nChanges, the newest first (o, then revert, reload, tell, … or help)")
    for name, words in shift.commits:
        text.append(f"\n  {name}  {words}")
    return text
