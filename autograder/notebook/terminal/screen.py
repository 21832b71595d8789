"""A lab on the full screen of a terminal: five pictures a second of the room, and a key for everything.

What is shown comes from :mod:`~autograder.notebook.terminal.traffic` and :mod:`~autograder.notebook.terminal.work`;
what a key does is one command of the room. Nothing here touches the stack.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import App, SuspendNotSupported
from textual.binding import Binding
from textual.containers import Grid, VerticalScroll
from textual.screen import Screen
from textual.widgets import Static

from autograder.errors import ManyHandsError
from autograder.notebook.frame import EVERY_S
from autograder.notebook.room_looks import ON_SHIFT
from autograder.notebook.terminal import predictions, traffic, work
from autograder.notebook.terminal.dialogs import Agreed, Choice, Help, Told, Typed
from autograder.notebook.terminal.editor import edit, find_editor
from autograder.notebook.terminal.on_call import pane
from autograder.notebook.terminal.style import KEYS_LINES, KEYS_ON_CALL, STYLE

if TYPE_CHECKING:
    from rich.text import Text
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from autograder.notebook.frame import Frame, LookNow
    from autograder.notebook.terminal.desk import Desk

PANES: Final = ("checks", "config", "log")
SHIFT: Final = "shift"
"""One pane more, first, where the learner is on call."""
FASTER: Final = 1.5
LEAST: Final = 5.0
"""The smallest rate above none, in requests a second."""
_SIDE_BY_SIDE: Final = 120
"""From this width on (places), checks, config and log are all on the screen."""
_TALL: Final = 36
"""From this height on (lines), more than one line tells what happened last."""


class LabScreen(Screen[None]):
    """The one screen of a lab."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "task", "task"),
        Binding("a", "do('apply')", "apply"),
        Binding("s", "do('check_syntax')", "check syntax"),
        Binding("r", "do('roll_back')", "roll back"),
        Binding("c", "check", "check"),
        Binding("C", "check_all", "check all"),
        Binding("h", "hint", "hint"),
        Binding("e", "edit", "edit"),
        Binding("g", "predict", "predict"),
        Binding("S", "submit", "submit"),
        Binding("o", "on_call", "on call"),
        Binding("w", "look", "what it wrote"),
        Binding("R", "reset", "reset"),
        Binding("k", "hit('kill')", "kill"),
        Binding("l", "hit('slow')", "slow"),
        Binding("x", "hit('cut_off')", "cut off"),
        Binding("b", "hit('bring_back')", "bring back"),
        Binding("B", "do_all('bring_back')", "bring back all"),
        Binding("plus,equals_sign", "load(1)", "more load"),
        Binding("minus", "load(-1)", "less load"),
        Binding("p", "clients", "clients"),
        Binding("up", "choose(-1)", "server"),
        Binding("down", "choose(1)", "server"),
        *(Binding(str(digit), f"choose_number({digit})", "server") for digit in range(1, 10)),
        Binding("tab", "pane(1)", "next"),
        Binding("shift+tab", "pane(-1)", "previous"),
        Binding("pageup", "scroll(-1)", "up"),
        Binding("pagedown,space", "scroll(1)", "down"),
        Binding("d", "dark", "dark or light"),
        Binding("question_mark,f1", "help", "help"),
        Binding("q", "app.quit", "quit"),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._chosen = 0
        self._panes = (SHIFT, *PANES) if desk.on_call else PANES
        self._pane = self._panes[0]
        self._asked = ""
        self._looking: tuple[LookNow | None] | None = None
        self._arranged = (False, "")
        self._shown: dict[str, Text] = {}

    def compose(self) -> ComposeResult:
        """Traffic above; checks, config and log below; the newest word and the keys at the bottom."""
        for name in ("heading", "verdict", "servers", "numbers", "marks"):
            yield Static(id=name, markup=False)
        with Grid(id="panes"):
            for name in self._panes:
                with VerticalScroll(id=name, classes="pane", can_focus=False):
                    yield Static(id=f"{name}-text", markup=False)
        yield Static(id="said", markup=False)
        yield Static("\n".join(KEYS_ON_CALL if self._desk.on_call else KEYS_LINES), id="keys", markup=False)

    def on_mount(self) -> None:
        """Draw now and five times a second."""
        self.draw()
        self.set_interval(EVERY_S, self.draw)

    def on_resize(self) -> None:
        """Draw for the new size."""
        self.draw()

    def draw(self) -> None:
        """Show the newest frame: what has changed of it."""
        frame = self._desk.room.frame()
        width, height = self.size.width, self.size.height
        if not width:
            return  # not on the screen yet
        wide = width >= _SIDE_BY_SIDE
        self._arrange(wide)
        within = (width // 2 if wide else width) - 6
        self._show("heading", traffic.heading(frame, width - 1))
        self._show("verdict", traffic.verdict(frame, width - 1))
        self._show("servers", traffic.servers(frame, width - 1, self._server(frame)))
        self._show("numbers", traffic.numbers(frame, width - 1))
        self._show("marks", traffic.marks(frame, width - 1, 4 if height >= _TALL else 1))
        self._show("checks-text", work.checks(frame, within, self._asked))
        self._show("config-text", work.config(frame))
        if frame.shift is not None and self._panes != PANES:
            self._show("shift-text", pane(frame.shift))
        self._show("said", work.said(frame, width - 1))
        self._tell_look(frame)
        before = self._shown.get("log-text")
        self._show("log-text", work.log(frame))
        if self._shown["log-text"] is not before:
            self.query_one("#log", VerticalScroll).scroll_end(animate=False)

    def _arrange(self, wide: bool) -> None:
        """All panes side by side, or only the chosen one; nothing if they are so."""
        if self._arranged == (wide, self._pane):
            return
        self._arranged = (wide, self._pane)
        self.query_one("#panes").set_class(wide, "-wide")
        self.query_one("#panes").set_class(self._panes != PANES, "-on-call")
        for name in self._panes:
            box = self.query_one(f"#{name}")
            box.display = wide or name == self._pane
            box.set_class(name == self._pane, "-chosen")
            box.border_title = name if wide else "  ".join(f"▸{n}" if n == self._pane else n for n in self._panes)

    def _show(self, name: str, text: Text) -> None:
        """Hand on only what is new, and lay out anew only what may have grown: both cost more than comparing."""
        before = self._shown.get(name)
        if before != text:
            self._shown[name] = text
            wraps = name.endswith("-text")
            same = before is not None and before.plain.count("\n") == text.plain.count("\n")
            self.query_one(f"#{name}", Static).update(text, layout=wraps or not same)

    def _server(self, frame: Frame) -> str:
        return frame.servers[min(self._chosen, len(frame.servers) - 1)].name if frame.servers else ""

    def action_do(self, command: str) -> None:
        """One command without words."""
        self._desk.room.do(command)

    def action_do_all(self, command: str) -> None:
        """One command for all servers."""
        self._desk.room.do(command, server="all")

    def action_hit(self, command: str) -> None:
        """One command for the chosen server."""
        self._desk.room.do(command, server=self._server(self._desk.room.frame()))

    def action_choose(self, step: int) -> None:
        """The server above or below."""
        count = len(self._desk.room.frame().servers)
        self._chosen = (self._chosen + step) % max(1, count)
        self.draw()

    def action_choose_number(self, number: int) -> None:
        """The server with this number."""
        if number <= len(self._desk.room.frame().servers):
            self._chosen = number - 1
            self.draw()

    def action_load(self, step: int) -> None:
        """More traffic, or less, down to none."""
        frame = self._desk.room.frame()
        rate = frame.rate * FASTER if step > 0 else frame.rate / FASTER
        if step > 0:
            rate = max(LEAST, min(frame.most, rate))
        elif rate < LEAST:
            rate = 0.0
        self._desk.room.do("set_load", rate=float(round(rate)))

    def action_pane(self, step: int) -> None:
        """Checks, config or log."""
        self._pane = self._panes[(self._panes.index(self._pane) + step) % len(self._panes)]
        self.draw()

    def action_scroll(self, step: int) -> None:
        """A page up or down in what is chosen."""
        box = self.query_one(f"#{self._pane}", VerticalScroll)
        box.scroll_page_down(animate=False) if step > 0 else box.scroll_page_up(animate=False)

    def action_dark(self) -> None:
        """The other of dark and light."""
        self.app.theme = "textual-light" if self.app.theme == "textual-dark" else "textual-dark"

    def action_help(self) -> None:
        """The page that explains the keys."""
        self.app.push_screen(Help())

    def action_task(self) -> None:
        """What there is to do."""
        self.app.push_screen(Told(self._desk.task))

    def action_check(self) -> None:
        """Choose a check and run it."""
        self._ask_check("Which check?", "check")

    def action_check_all(self) -> None:
        """Run all checks."""
        self._desk.room.do("check_all")
        self._turn_to_checks("")

    def action_hint(self) -> None:
        """Choose a check and get its next hint."""
        self._ask_check("A hint for which check?", "hint")

    def action_clients(self) -> None:
        """Choose who sends."""
        frame = self._desk.room.frame()
        if frame.populations:
            chosen = Choice("Who sends?", frame.populations, frame.clients)
            self.app.push_screen(chosen, lambda name: self._desk.room.do("set_clients", name=name) if name else None)

    def action_predict(self) -> None:
        """Type a prediction."""
        frame = self._desk.room.frame()
        names = [one.name for one in frame.servers]
        value = predictions.typed(frame.predicted or dict.fromkeys(names, 0.0))

        def answer(line: str | None) -> None:
            if not line:
                return
            try:
                self._desk.room.do("predict", shares=predictions.read(line, names))
            except ManyHandsError as error:
                self._complain(error)

        self.app.push_screen(Typed("What part of the requests will each server get, in per cent?", value), answer)

    def action_reset(self) -> None:
        """Start over, if that is what is meant."""
        question = "Start over with the config as it was given? Yours is kept beside it, as ….mine."
        self.app.push_screen(Agreed(question), lambda yes: self._desk.room.do("reset") if yes else None)

    def action_edit(self) -> None:
        """Open a file in the learner's editor."""
        files = self._desk.files
        if len(files) > 1:
            choice = Choice("Edit which file?", [(name, "") for name in files])
            self.app.push_screen(choice, lambda name: self._edit(name) if name else None)
        elif files:
            self._edit(files[0])

    def action_submit(self) -> None:
        """Submit to the class, if that is what is meant."""
        submit = self._desk.submit
        if submit is None:
            self.notify("This folder is not the one of your class; copy your files there, or submit there.")
            return

        def work_on_it() -> None:
            try:
                self.app.call_from_thread(self.notify, submit(), title="submitted", timeout=20)
            except ManyHandsError as error:
                self.app.call_from_thread(self._complain, error)

        def answer(yes: bool | None) -> None:
            if yes:
                self.notify("submitting …")
                self.run_worker(work_on_it, thread=True)

        self.app.push_screen(Agreed("Submit your work, as it is saved, to the class?"), answer)

    def action_look(self) -> None:
        """Choose what to look at; what was seen comes on a page of its own, and into the log."""
        frame = self._desk.room.frame()

        def answer(name: str | None) -> None:
            if name:
                self._looking = (self._desk.room.frame().looked,)
                of = {} if name in ON_SHIFT else {"what": "logs", "of": name}
                self._desk.room.do("look", **(of or {"what": name}))

        self.app.push_screen(Choice("Look at what?", work.looks(frame)), answer)

    def _tell_look(self, frame: Frame) -> None:
        """Show what was asked to be looked at, once it was."""
        if self._looking is not None and frame.looked is not None and frame.looked != self._looking[0]:
            self._looking = None
            wrote = frame.looked.title.startswith("what ")
            said = f"{frame.looked.text}\n{frame.looked.at} {frame.looked.title}"
            self.app.push_screen(Told(said, at_end=wrote))

    def action_on_call(self) -> None:
        """Type what is to be done on the shift, and read what came of it."""
        desk = self._desk.on_call
        if desk is None:
            self.notify("Nobody is on call in this lab.")
            return

        def work_on_it(line: str) -> None:
            self.app.call_from_thread(self.app.push_screen, Told(desk.answer(line)))

        def answer(line: str | None) -> None:
            if line:
                self.run_worker(lambda: work_on_it(line), thread=True)

        self.app.push_screen(Typed("What do you do? (help lists it)", ""), answer)

    def _ask_check(self, question: str, command: str) -> None:
        frame = self._desk.room.frame()
        if not frame.checks:
            return
        options = [(one.name, f"{work.OUTCOMES[one.outcome][1]}: {one.title}") for one in frame.checks]
        first = next((one.name for one in frame.checks if one.outcome != "passed"), "")

        def ask(name: str | None) -> None:
            if name:
                self._desk.room.do(command, name=name)
                self._turn_to_checks(name)

        self.app.push_screen(Choice(question, options, first), ask)

    def _turn_to_checks(self, name: str) -> None:
        """Show the checks, and the one that was asked for at their top."""
        self._pane, self._asked = "checks", name
        self.query_one("#checks", VerticalScroll).scroll_home(animate=False)
        self.draw()

    def _edit(self, name: str) -> None:
        try:
            editor = find_editor()
            with self.app.suspend():
                edit(editor, self._desk.folder / name)
            self._pane = "config"
        except ManyHandsError as error:
            self._complain(error)
        except SuspendNotSupported:
            self.notify("This terminal cannot be lent to an editor; edit the file in another window.")
        self.refresh()

    def _complain(self, error: ManyHandsError) -> None:
        self.notify(str(error), severity="error", timeout=15, markup=False)


class LabApp(App[None]):
    """The program that shows a :class:`LabScreen`."""

    CSS = STYLE
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c", "quit", "quit", priority=True)]

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._loop_of_mine: asyncio.AbstractEventLoop | None = None

    def get_default_screen(self) -> Screen[None]:
        """The lab, and nothing below it."""
        return LabScreen(self._desk)

    def on_mount(self) -> None:
        """Remember whom to tell that it is time to go."""
        self._loop_of_mine = asyncio.get_running_loop()

    def leave(self) -> bool:
        """End the program, from a signal's handler; False before it has begun."""
        if self._loop_of_mine is None:
            return False
        self._loop_of_mine.call_soon_threadsafe(self.exit)
        return True
