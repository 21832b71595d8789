"""An inspection as GitHub workflow commands: a note on the line of a change that is to blame.

The escapes are those of the runner's own toolkit; https://docs.github.com/actions/reference/workflow-commands says
what the commands are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.inspect.formats.place import fault_place, place, text
from autograder.inspect.text import headline
from autograder.judge.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autograder.inspect.formats.place import Place
    from autograder.inspect.report import Inspection

_ORDER = ("error", "warning", "notice")


def render(found: Sequence[Inspection], root: str = "") -> str:
    """A line for each config in plain words, and commands, the worst first: the runner shows only ten of a kind.

    ``root`` (absolute) is the folder that places are named from.
    """
    commands = sorted(
        (command for one in found for command in _commands(one, root)), key=lambda pair: _ORDER.index(pair[0])
    )
    said = [_plain(f"{one.config}  {_summary(one)}") for one in found]
    return "\n".join([*said, *(line for _, line in commands)])


def _summary(found: Inspection) -> str:
    if found.trouble:
        return f"not inspected: {found.trouble.splitlines()[0]}"
    return f"{'read only' if found.static else found.verdict.value}: {headline(found)}"


def _commands(found: Inspection, root: str) -> Iterator[tuple[str, str]]:
    """Level and line of each command."""
    here = place(found, root=root)
    if found.trouble:
        yield _command("error", here, "not inspected", found.trouble)
    meant = found.verdict is Spread.SKEWED_AS_DECLARED
    for cause in found.causes:
        finding = cause.finding
        level = "warning" if found.static else "error" if cause.observed and not meant else "notice"
        where = place(found, finding.file, finding.line, root)
        yield _command(level, where, finding.mistake, f"{finding.message} {finding.mend}")
    if found.verdict is Spread.CONCENTRATED and not any(cause.observed for cause in found.causes):
        yield _command("error", here, "concentrated", headline(found))
    if found.verdict is Spread.BROKEN:
        for fault in found.faults:
            where, said = fault_place(found, fault, root)
            yield _command("error", where, "refused", f"{found.proxy} refuses it: {said}")
        if not found.faults:
            yield _command("error", here, "broken", headline(found))
    if found.verdict is Spread.UNDECIDED and not found.static and not found.trouble:
        yield _command("error", here, "not judged", headline(found))


def _command(level: str, where: Place, title: str, said: str) -> tuple[str, str]:
    settings = {"file": where.file, "line": str(where.line or ""), "title": f"inspect: {title}"}
    words = ",".join(f"{key}={_property(text(value))}" for key, value in settings.items() if value)
    return level, f"::{level} {words}::{_data(text(said))}"


def _data(words: str) -> str:
    return words.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(words: str) -> str:
    return _data(words).replace(":", "%3A").replace(",", "%2C")


def _plain(words: str) -> str:
    """A line that the runner takes for no command: neither of the new form (at its start) nor of the old (anywhere)."""
    one_line = " ".join(text(words).split())
    while "##[" in one_line:
        one_line = one_line.replace("##[", "## [")
    return f"manyhands: {one_line}"
