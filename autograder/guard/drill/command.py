"""From the words of a command line to a drill, played."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError
from autograder.guard.drill.backup import read_backup
from autograder.guard.drill.durations import seconds
from autograder.guard.drill.examples import example
from autograder.guard.drill.play import Plan, play
from autograder.guard.drill.result import Targets
from autograder.guard.drill.runbook import read_runbook
from autograder.guard.version import open_version
from autograder.inspect.config import kind_of, read_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from autograder.guard.drill.result import Drill, Kind
    from autograder.inspect.config import Config

_HELP = "./manyhands drill --help has examples"
_SLOWEST, _FASTEST = 20.0, 500.0


@dataclass(frozen=True)
class Wanted:
    """What was asked for, as it was written; empty where nothing was. ``main`` is the main config's path."""

    kind: Kind
    good: str = ""
    bad: str = ""
    backup: Path | None = None
    runbook: Path | None = None
    main: str = ""
    rto: str = ""
    rpo: str = ""
    rate: float = 80.0
    engine: str = "local"
    programs: Mapping[str, Path] | None = None


def example_for(wanted: Wanted) -> str:
    """A runbook to begin with, for the balancer that the config is for."""
    proxy = "nginx"
    if wanted.good:
        with contextlib.suppress(ManyHandsError), _config(wanted.good, wanted.main) as config:
            proxy = config.proxy
    return example(wanted.kind, proxy)


def drill(wanted: Wanted, say: Callable[[str], None]) -> Drill:
    """Play what was asked for. Raises :class:`ManyHandsError` for what cannot be played."""
    if wanted.runbook is None:
        raise ManyHandsError("there is no runbook", remedy=_HELP)
    if not _SLOWEST <= wanted.rate <= _FASTEST:
        raise ManyHandsError(f"--rate is {_SLOWEST:.0f} to {_FASTEST:.0f} requests a second, not {wanted.rate:g}")
    targets = Targets(_target(wanted.rto, "--rto"), _target(wanted.rpo, "--rpo"))
    _check_options(wanted)
    runbook = read_runbook(wanted.runbook)
    backup = None if wanted.backup is None else read_backup(wanted.backup)
    with contextlib.ExitStack() as open_:
        good = open_.enter_context(_config(wanted.good, wanted.main))
        bad = open_.enter_context(_config(wanted.bad, wanted.main)) if wanted.bad else None
        if bad is not None and bad.proxy != good.proxy:
            raise ManyHandsError(f"the good version is {good.proxy}'s and the bad one {bad.proxy}'s", where=bad.name)
        if bad is not None:
            bad = _under_one_name(bad, good.main)
        plan = Plan(wanted.kind, good, bad, backup, runbook, targets, wanted.rate, wanted.engine, wanted.programs)
        return play(plan, say)


def _under_one_name(bad: Config, main: str) -> Config:
    """The bad version as it would lie in the place of the good one."""
    files = {name: data for name, data in bad.files.items() if name not in (bad.main, main)}
    return replace(bad, files={**files, main: bad.files[bad.main]}, main=main)


def _check_options(wanted: Wanted) -> None:
    rollback = wanted.kind == "rollback"
    if not wanted.good:
        raise ManyHandsError("say which config users are served by", remedy=_HELP)
    if rollback and not wanted.bad:
        raise ManyHandsError("a rollback needs a version to roll back from: --bad", remedy=_HELP)
    if not rollback and wanted.backup is None:
        raise ManyHandsError("a restore needs something to restore from: --backup", remedy=_HELP)
    for given, option, kind in ((wanted.bad, "--bad", "rollback"), (wanted.backup, "--backup", "restore")):
        if given and kind != wanted.kind:
            raise ManyHandsError(f"{option} is for a {kind}", remedy=_HELP)
    if rollback and wanted.rpo:
        raise ManyHandsError("--rpo is for a restore: a rollback loses no data", remedy=_HELP)


@contextlib.contextmanager
def _config(word: str, main: str) -> Iterator[Config]:
    """The one config that a word names: a file, a folder, or a git revision."""
    path = Path(word)
    if path.is_file():
        yield read_config(path)
        return
    with open_version(word, (main,) if main else ()) as version:
        if len(version.configs) != 1:
            found = ", ".join(version.configs) or "none"
            raise ManyHandsError(
                "a drill is of one config",
                where=word,
                why=f"main configs in there: {found}",
                remedy="name the one with --config, relative to the folder or to the top of the repository",
            )
        ((name, at),) = version.configs.items()
        config = read_config(at, kind_of(name, at.read_bytes(), name))
        yield replace(config, name=f"{name} of {version.name}")


def _target(words: str, option: str) -> float | None:
    return seconds(words, option) if words else None
