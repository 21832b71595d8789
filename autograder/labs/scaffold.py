"""A new lab to begin with: whole, small, and already proved by ``./manyhands verify``.

What is written is meant to be changed: three servers, one mistake, three checks, three right answers, five wrong ones.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from autograder.errors import suggestion
from autograder.labs.catalogue import LABS
from autograder.labs.lab_file import LabError
from autograder.labs.scaffold_files import BLANKS, LAB, NOTEBOOK, STACK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.labs.scaffold_files import Blank

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST: Final = 40


def new_lab(name: str, proxy: str = "nginx", *, folder: Path = LABS) -> Path:
    """Write a lab called ``name`` into ``folder``; its own folder, which appears whole or not at all.

    Raises :class:`LabError` for a name that cannot be one, or that is taken, and for an unknown ``proxy``.
    """
    if proxy not in BLANKS:
        raise LabError(f"there is no blank lab for {proxy!r}", remedy=suggestion(proxy, BLANKS))
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        raise LabError(
            f"{name!r} cannot be a lab's name",
            why=f"it becomes a folder and a web address: lower-case words with hyphens, at most {_LONGEST} letters",
            remedy="for example: ./manyhands new-lab two-offices",
        )
    place = folder / name
    if place.exists():
        raise LabError(f"there is a lab called {name!r} already", where=str(place), remedy="choose another name")
    folder.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=folder))
    try:
        for path, text in files_of(name, BLANKS[proxy]).items():
            (made / path).parent.mkdir(parents=True, exist_ok=True)
            (made / path).write_text(text, encoding="utf-8")
        made.chmod(0o755)
        made.rename(place)
    except OSError as error:
        raise LabError("the lab could not be written", where=str(place), why=str(error)) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return place


def files_of(name: str, blank: Blank) -> Mapping[str, str]:
    """Every file of a new lab: path in its folder → text."""
    words = {
        "@slug@": name,
        "@title@": name.replace("-", " ").capitalize(),
        "@config@": blank.config,
        "@proxy@": blank.proxy,
        "@diagnosis@": blank.diagnosis,
        "@mend@": blank.hint,
    }
    files = {"lab.toml": LAB, "stack.toml": STACK, f"{name}.py": NOTEBOOK}
    config = f"conf/{blank.config}"
    for folder, text in blank.answers.items():
        files[f"{folder}/{config}"] = text
    for wrong in blank.wrong:
        outcomes = ", ".join(f'{check} = "{outcome}"' for check, outcome in wrong.checks.items())
        named = ", ".join(f'"{mistake}"' for mistake in wrong.diagnosis)
        files[f"wrong/{wrong.name}/{config}"] = wrong.text
        files[f"wrong/{wrong.name}/expect.toml"] = (
            f"# {wrong.story}\nchecks = {{ {outcomes} }}\ndiagnosis = [{named}]\n"
        )
    return {path: _filled(text, words) for path, text in files.items()}


def _filled(text: str, words: Mapping[str, str]) -> str:
    for mark, word in words.items():
        text = text.replace(mark, word)
    return text
