"""What the full screen asks: to choose, to type a line, to say yes; and the page that explains the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

HELP = """\
Work
  t  what there is to do: the story, the goal, where to read more
  a  apply the config as it is saved, and wait until it runs
  s  check its syntax only; nothing that runs changes
  e  edit it in your editor ($VISUAL or $EDITOR)
  r  roll back to the config that ran before; the file is put back, too
  c  run a check    C  run all of them, as grading does
  h  a hint; each says a little more
  g  guess each server's share before you look
  S  submit your work to the class
  R  start over; your config is kept beside it, as ….mine
Break and mend
  ↑ ↓ or 1 to 9  choose a server
  k  kill it    l  slow it down    x  cut it off    b  bring it back
  B  bring all back    + -  more or less load    p  choose who sends
Look
  Tab  the next of checks, config, log    PgUp PgDn  scroll it
  w  what a balancer or a server wrote; on a shift, who answers too
  d  dark or light    q or Ctrl-C  quit; your files are kept
  o  in a lab with a shift on call: type what you do; help lists it

In a bar, the stroke │ is the fair share. ✓ well, ▲ too much,
○ gets nothing, ! slow or cut off, ✗ down. Lines: + new, - gone.
"""


class Choice(ModalScreen[str]):
    """One of several: arrows and Enter, or Esc for none (an empty answer)."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q", "dismiss('')", "Never mind")]

    def __init__(self, question: str, options: Sequence[tuple[str, str]], first: str = "") -> None:
        super().__init__()
        self._question = question
        self._options = options
        self._first = first

    def compose(self) -> ComposeResult:
        """The question, and a line for each name with its words."""
        wide = max(len(name) for name, _ in self._options)
        with VerticalScroll(classes="dialog"):
            yield Label(self._question)
            yield OptionList(*(Option(f"{name:<{wide}}  {words}", id=name) for name, words in self._options))
            yield Label("↑ ↓ and Enter; Esc: never mind", classes="pale")

    def on_mount(self) -> None:
        """Begin at the one that is most likely meant."""
        names = [name for name, _ in self._options]
        box = self.query_one(OptionList)
        box.highlighted = names.index(self._first) if self._first in names else 0
        box.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Answer with the name."""
        self.dismiss(event.option.id or "")


class Typed(ModalScreen[str]):
    """A line to type; Esc gives an empty answer."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss('')", "Never mind")]

    def __init__(self, question: str, value: str) -> None:
        super().__init__()
        self._question = question
        self._value = value

    def compose(self) -> ComposeResult:
        """The question and the line."""
        with VerticalScroll(classes="dialog"):
            yield Label(self._question)
            yield Input(self._value, select_on_focus=False)
            yield Label("Enter; Esc: never mind", classes="pale")

    def on_mount(self) -> None:
        """Begin in the line, at its end."""
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer with the line."""
        self.dismiss(event.value)


class Agreed(ModalScreen[bool]):
    """Yes or no; Enter alone is no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("y", "dismiss(True)", "Yes"),
        ("n,escape,enter,q", "dismiss(False)", "No"),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """The question."""
        with VerticalScroll(classes="dialog"):
            yield Label(self._question)
            yield Label("y: yes   n: no", classes="pale")


class Told(ModalScreen[None]):
    """What a command answered; it scrolls where it does not fit, and begins at its end if the newest is there."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,enter", "dismiss", "Back")]

    def __init__(self, text: str, *, at_end: bool = False) -> None:
        super().__init__()
        self._text = text
        self._at_end = at_end

    def compose(self) -> ComposeResult:
        """All of it."""
        with VerticalScroll(classes="dialog"):
            yield Static(self._text, markup=False)
            yield Label("Esc: back   ↑ ↓ PgUp PgDn: scroll", classes="pale")

    def on_mount(self) -> None:
        """Have the keys scroll it, from where it is newest."""
        box = self.query_one(VerticalScroll)
        box.focus()
        if self._at_end:
            box.scroll_end(animate=False)


class Help(ModalScreen[None]):
    """The page that explains the keys."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,question_mark,enter", "dismiss", "Back")]

    def compose(self) -> ComposeResult:
        """All of it; it scrolls where it does not fit."""
        with VerticalScroll(classes="dialog"):
            yield Static(HELP, markup=False)
            yield Label("Esc: back", classes="pale")
