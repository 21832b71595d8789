"""Which configs ran in a lab folder, so that there is one to go back to: now, and after the kernel has ended."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autograder.grading.record import write_whole
from autograder.notebook.logbook import MEMORY

Config = Mapping[str, bytes]
_FILE = f"{MEMORY}/ran.json"
_KEPT = 20
"""Configs that are remembered."""


@dataclass(frozen=True)
class Ran:
    """Configs that ran, oldest first; ``back`` says that the newest one runs because somebody rolled back to it."""

    configs: tuple[Config, ...] = ()
    back: bool = False

    @property
    def good(self) -> Config | None:
        """The last known good: what was rolled back to; else what ran before the newest. None before there is any."""
        if self.back:
            return self.configs[-1]
        return self.configs[-2] if len(self.configs) > 1 else None

    def before(self, running: Config | None) -> Config | None:
        """What to roll back to from what runs: the newest that is another."""
        if running is None or not self.configs or self.configs[-1] != running:
            return self.configs[-1] if self.configs else None
        return self.configs[-2] if len(self.configs) > 1 else None

    def applied(self, config: Config) -> Ran:
        """The same after a config was loaded; the one that runs already changes nothing."""
        if self.configs and self.configs[-1] == config:
            return self
        return Ran((*self.configs, dict(config))[-_KEPT:])

    def rolled_back(self, config: Config) -> Ran:
        """The same after rolling back to one of these: what was loaded after it is nothing to go back to."""
        last = max(number for number, one in enumerate(self.configs) if one == config)
        return Ran(self.configs[: last + 1], back=True)


def read_ran(folder: Path, names: frozenset[str]) -> Ran:
    """What ran in this lab folder, in configs of files with these names; nothing if that cannot be read."""
    try:
        told = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        configs = tuple(
            {name: text.encode("utf-8", "surrogateescape") for name, text in one.items()} for one in told["configs"]
        )
        whole = tuple(one for one in configs if one.keys() == names)
        return Ran(whole, back=bool(told["back"]) and bool(whole) and whole[-1] == configs[-1])
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return Ran()


def write_ran(folder: Path, ran: Ran) -> None:
    """Keep it in this lab folder: whole, or as it was before. Without room on the disk it is not kept."""
    texts = [{name: text.decode("utf-8", "surrogateescape") for name, text in one.items()} for one in ran.configs]
    with contextlib.suppress(OSError):
        write_whole(folder / _FILE, json.dumps({"back": ran.back, "configs": texts}).encode())
