"""The learner's files in a lab folder: given when they are missing, put back when they are asked for."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from autograder.labs.examiner import CONFIG_FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from autograder.labs.lab import Lab


def give_missing(lab: Lab, folder: Path) -> None:
    """The files that a lab starts from, where the folder has none of that name."""
    given = lab.read(lab.start)
    for name in lab.files:
        if not (folder / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(given[name])


def start_over(lab: Lab, folder: Path) -> None:
    """All files as a lab starts from them; those that are there are kept beside, as ``….mine``."""
    given = lab.read(lab.start)
    for name in lab.files:
        _put(folder / name, given[name], keep=True)


def put_config(folder: Path, config: Mapping[str, bytes], *, keep: bool) -> None:
    """This config folder; with ``keep``, files that differ are kept beside, as ``….mine``."""
    for name, content in config.items():
        mine = folder / CONFIG_FOLDER / name
        _put(mine, content, keep=keep and mine.exists() and mine.read_bytes() != content)


def config_in(lab: Lab, folder: Path) -> dict[str, bytes]:
    """The config folder of the balancers as it is saved."""
    files = lab.read(folder)
    return {n.removeprefix(CONFIG_FOLDER): content for n, content in files.items() if n.startswith(CONFIG_FOLDER)}


def _put(file: Path, content: bytes, *, keep: bool) -> None:
    if keep and file.exists():
        shutil.copyfile(file, file.with_name(file.name + ".mine"))
    file.write_bytes(content)
