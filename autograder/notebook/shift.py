"""A shift on call, in a lab that has a story: the pager rings, people ask, the clock runs, and what is done is real.

>>> lab = open_lab("first-of-march"); shift = take_shift(lab)                      # doctest: +SKIP
>>> shift.begin(); shift.chat(); shift.shares(); shift.history()                   # doctest: +SKIP
>>> shift.revert("5d1f0a3", "all on one machine"); shift.reload("lb1")             # doctest: +SKIP

What is behind it, is in :mod:`autograder.notebook.shift_desk`.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Final

from autograder.labs.catalogue import LabError
from autograder.labs.kinds.oncall_record import Action
from autograder.labs.kinds.oncall_stage import Stage
from autograder.labs.kinds.oncall_world import LAST_S, read_world
from autograder.notebook.choice import choose
from autograder.notebook.frame import MessageNow, ShiftNow
from autograder.notebook.shift_desk import PACE, ShiftDesk
from autograder.notebook.shift_record import Aside
from autograder.notebook.shift_views import DebriefView, SharesView, debrief_of, shares_now
from autograder.notebook.views import Said

if TYPE_CHECKING:
    from autograder.labs.kinds.oncall_world import Change
    from autograder.labs.lab import Lab
    from autograder.notebook.session import LabSession

PAGER: Final = "pager"
VERBS: Final = (
    *(
        "begin",
        "revert",
        "go_back",
        "reset_to",
        "commit",
        "reload",
        "restart",
        "restart_balancer",
        "bigger",
        "add_server",
    ),
    *("escalate", "tell", "all_clear", "end", "again"),
)
"""What buttons may ask for."""


class Shift(ShiftDesk):
    """The shift of one open lab; made by :func:`take_shift`. May be used from several threads."""

    # Looking. It changes nothing, and is written down.

    def messages(self) -> tuple[MessageNow, ...]:
        """What was written until now, by others and by the learner, the newest last."""
        now = self.time.now()
        if not self.on and not self.over:
            return ()
        found = [(one.at_s, MessageNow("", one.who, one.says)) for one in self.world.asks if one.at_s <= now]
        for aside in self.record.asides:
            if aside.kind == "wrote":
                words = {name: str(word) for name, word in aside.words.items()}
                found.append((aside.at_s, MessageNow("", words.get("who", ""), words.get("text", ""))))
        for action in self.record.actions:
            if action.do in ("tell", "all-clear", "escalate"):
                text = action.words.get("text", "called the seniors")
                found.append((action.at_s, MessageNow("", "you", text, mine=True)))
        found.sort(key=lambda one: one[0])
        return tuple(MessageNow(self.world.clock(at_s), one.who, one.text, one.mine) for at_s, one in found)

    def pager(self) -> Said:
        """What the pager says."""
        said = [f"{one.at}  {one.text}" for one in self.messages() if one.who == PAGER]
        return Said("\n".join(said) or f"{self.clock()}  The pager has rung: {self.how('begin')} answers it.")

    def chat(self) -> Said:
        """What people wrote, and what you told them."""
        said = [f"{one.at}  {one.who}: {one.text}" for one in self.messages() if one.who != PAGER]
        return Said("\n".join(said) or f"{self.clock()}  Nobody has written yet.")

    def shares(self) -> SharesView:
        """Ask each balancer for pages, and count who answers, how many fail, and to whom it has sent requests."""
        self.look("shares")
        with self.session.quietly():
            return shares_now(self.stage, self.clock())

    def errors(self) -> Said:
        """How many of the users' requests failed in the last seconds, and how long they took."""
        from autograder.notebook.terminal.traffic import past

        self.look("errors")
        return Said(f"{self.clock()}\n{past(self.room.frame().seconds[-10:])}")

    def logs(self, node: str = "") -> Said:
        """What a balancer or a server wrote; the first balancer, where none is named."""
        node = node or self.session.lab.stack.balancer.name
        said = self.session.logs(node)
        self.look(f"logs {node}")
        return said

    def history(self) -> Said:
        """What was changed in the config, the newest first: its name, when, by whom, and why."""
        self.look("history")
        return Said("\n".join(f"{name}  {words}" for name, words in self._commits()))

    def change(self, name: str) -> Said:
        """One change, line by line."""
        commits = self.stage.repository.commits
        one = self.stage.repository.named(name)
        self.look(f"change {one.name}")
        number = commits.index(one)
        before, after = (text.splitlines() for text in (commits[number - 1].after if number else "", one.after))
        lines = list(difflib.unified_diff(before, after, lineterm=""))[2:]
        return Said("\n".join([f"{one.name}  {self._said_of(one)}", *lines]))

    # Doing.

    def begin(self) -> Said:
        """Answer the pager: the clock starts. A shift that was left goes on where it was by itself."""
        if self.on:
            return Said(f"{self.clock()}: your shift goes on.")
        if self.over:
            raise LabError(
                "this shift is over", remedy=f"{self.how('debrief')} looks back; {self.how('again')} begins another"
            )
        if self.record.trouble:
            raise LabError(
                "the record of your shift cannot be read",
                where=str(self.record.path),
                why=self.record.trouble,
                remedy=f"{self.how('again')} keeps it under another name and begins a new one",
            )
        with self.alone():
            self.stage = Stage(self.session.running, self.world)
            self.spare_off()
            seen = self.stage.begin()
            self.put_file()
            self.record.write(Action(0.0, "begin", {"world": self.world.key}))
            text = f"The shop: {seen.failing:.0%} of the requests fail. Down: {', '.join(seen.down) or 'nothing'}."
            self.record.note(Aside(0.0, "wrote", {"who": PAGER, "text": text}))
        self.go_on(0.0)
        return Said(f"{self.clock()}  {text}\nYou are on call. A minute of the story takes {60 / self.pace:.0f} s.")

    def revert(self, commit: str, why: str) -> Said:
        """Commit the config without that one change, with all others kept. A balancer runs it when it is reloaded."""
        return self.act("revert", commit=self.stage.repository.named(commit).name, why=_words(why))

    def go_back(self, commit: str, why: str) -> Said:
        """Commit the config as it was after that change, without all that came later."""
        return self.act("go-back", commit=self.stage.repository.named(commit).name, why=_words(why))

    def reset_to(self, commit: str) -> Said:
        """Forget all that was committed after that change."""
        return self.act("reset", commit=self.stage.repository.named(commit).name)

    def commit(self, why: str) -> Said:
        """Commit the config as you saved it."""
        return self.act("commit", config=self.text(), why=_words(why))

    def reload(self, balancer: str) -> Said:
        """Load the newest version on a balancer."""
        return self.act("reload", balancer=balancer)

    def restart(self, server: str) -> Said:
        """Start a server's process anew."""
        return self.act("restart", server=server)

    def restart_balancer(self, balancer: str) -> Said:
        """Start a balancer's process anew, with the config that it runs."""
        return self.act("restart-balancer", balancer=balancer)

    def bigger(self, server: str) -> Said:
        """Give a server twice the processor. It starts anew for that."""
        return self.act("bigger", server=server)

    def add_server(self) -> Said:
        """Switch the spare machine on, and commit it to the pool."""
        return self.act("add-server", server=self.world.spare)

    def tell(self, text: str) -> Said:
        """Tell everybody something: what you know, what you do, when you will say more."""
        return self.act("tell", text=_words(text))

    def escalate(self) -> Said:
        """Call those who know more."""
        return self.act("escalate")

    def all_clear(self, text: str) -> Said:
        """Tell everybody that it is over."""
        return self.act("all-clear", text=_words(text))

    def again(self) -> Said:
        """Begin another shift; the record of this one is kept as ``shift-1.jsonl``."""
        with self.session.lock:
            self.record.put_away()
            self.session.reset()
        return self.begin()

    def inject(self, who: str = "instructor", text: str = "", *, kill: str = "") -> Said:
        """For who leads an exercise: have somebody write something, or a server lose its power, now."""
        self.need_on()
        if kill:
            self.act("kill", server=kill)
        if text:
            self.record.note(Aside(self.time.now(), "wrote", {"who": who, "text": _words(text)}))
        return Said(f"{self.clock()}  done")

    def debrief(self) -> DebriefView:
        """What you did, and what users met with meanwhile, beside the best that could be done. It is played again."""
        if not self.over:
            raise LabError("the shift is not over", remedy=f"{self.how('end')} ends it")
        session = self.session
        with session.spare.take(session.lab.stack, session.running.machines.engine) as running:
            return debrief_of(Stage(running, self.world), self.record.actions)

    def do(self, verb: str, **words: Any) -> Said:
        """What a button asks for."""
        if verb not in VERBS:
            raise choose(verb, VERBS, "deed")
        said: Said = getattr(self, verb)(**words)
        return said

    def now(self) -> ShiftNow:
        """The shift as a frame shows it."""
        added = any(one.do == "add-server" for one in self.record.actions)
        return ShiftNow(
            phase="on" if self.on else "over" if self.over else "before",
            clock=self.clock(),
            ends=self.world.clock(LAST_S),
            messages=self.messages(),
            commits=self._commits(),
            spare="" if added else self.world.spare,
        )

    def __repr__(self) -> str:
        """What the pager says, and what one can do."""
        return f"""{self.pager()}
look      shares()   errors()   history()   change(COMMIT)   logs(NODE)   pager()   chat()
in git    revert(COMMIT, WHY)   go_back(COMMIT, WHY)   reset_to(COMMIT)   commit(WHY): the file as saved
machines  reload(BALANCER)   restart(SERVER)   restart_balancer(BALANCER)   bigger(SERVER)   add_server()
people    tell(TEXT)   escalate()   all_clear(TEXT)
the end   end()   debrief()   again()"""

    def _repr_html_(self) -> str:
        return Said(repr(self))._repr_html_()

    def _commits(self) -> tuple[tuple[str, str], ...]:
        return tuple((one.name, self._said_of(one)) for one in reversed(self.stage.repository.commits))

    def _said_of(self, one: Change) -> str:
        days = -int((one.at_s + self.world.began_s) // 86_400)
        day = "" if days <= 0 else "yesterday " if days == 1 else f"{days} days ago "
        return f"{day}{self.world.clock(one.at_s)}  {one.author}: {one.message}"


def _words(text: str) -> str:
    words = " ".join(str(text).split())
    if not words:
        raise LabError("there is nothing in these words", remedy="say it in a sentence")
    return words[:2000]


def has_shift(lab: Lab) -> bool:
    """Whether this lab has a story, and its learner is on call."""
    return _world_of(lab) is not None


def take_shift(session: LabSession, pace: float = PACE) -> Shift:
    """The shift of an open lab: a new one, or the one that was left.

    ``pace`` is how many minutes of the story go by in one of yours, 0.5 to 60. Raises LabError where the lab has no
    story.
    """
    if session.shift is not None:
        return session.shift
    key = _world_of(session.lab)
    if key is None:
        raise LabError(f"nobody is on call in {session.lab.title!r}", remedy='open_lab("first-of-march") has a shift')
    if not 0.5 <= pace <= 60:
        raise LabError(f"a pace of {pace:g} is out of range", remedy=f"from 0.5 to 60; {PACE:g} is usual")
    session.shift = Shift(session, read_world(session.lab, key), pace)
    return session.shift


def _world_of(lab: Lab) -> str | None:
    """Which world the lab's checks are about."""
    return next((check.settings["world"] for check in lab.checks if "world" in check.settings), None)
