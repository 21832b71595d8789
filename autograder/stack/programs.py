"""A learner's program, its limits, and what became of it. Plain data."""

from __future__ import annotations

import base64
import posixpath
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from autograder.stack.engine import OPT, EngineError, Job
from autograder.stack.warden.desk import COMMANDS
from autograder.stack.warden.work import WORK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MIB = 1 << 20
_PATH = f"{COMMANDS}:{OPT}/nginx:{OPT}/haproxy:/usr/sbin:/usr/bin:/sbin:/bin"
_WRITABLE = ("/etc/nginx", "/etc/haproxy", "/srv")
_SHOWN = {"\n", "\t"}

ENDINGS = {
    "itself": "it ended by itself",
    "wall": "it ran longer than it may",
    "cpu": "it used more processor time than it may",
    "memory": "it used more memory than it may",
    "processes": "it had more processes than it may",
    "output": "it wrote more output than it may",
    "file": "it wrote a larger file than it may",
    "disk": "its disk was full",
    "stopped": "it was stopped",
    "lost": "it ended together with what watched over it",
}
"""What ``ProgramResult.ended_by`` may be, in words."""


@dataclass(frozen=True)
class Limits:
    """What a program may use, all its processes together. The program is ended when it is over one of them.

    ``wall_s`` and ``cpu_s`` are seconds; ``processes`` counts threads, too; ``output_kb`` (KiB) is for each of stdout
    and stderr; ``file_mb`` and ``disk_mb`` (MiB) for one file, and for each of ``/work`` and ``/tmp``, which hold at
    most ``files`` files.
    """

    wall_s: float = 30.0
    cpu_s: float = 10.0
    memory_mb: float = 256.0
    processes: int = 64
    file_mb: float = 8.0
    output_kb: float = 256.0
    disk_mb: float = 16.0
    files: int = 5_000

    def __post_init__(self) -> None:
        """Raise :class:`EngineError` for a limit that is not above nothing."""
        for name, value in asdict(self).items():
            if not 0 < value < 1e9:
                raise EngineError(f"{name} of a program cannot be {value}", remedy="give it a number above 0")


@dataclass(frozen=True)
class Program:
    """A program to run on a balancer's machine, in a folder of its own with ``files`` (relative path → content).

    ``argv`` is found by PATH, or from the folder (``./rollback.sh``; a file that begins with ``#!`` can be executed).
    ``read_only`` are files beside it in ``/given``, as copies. ``where`` names the balancer, the first if empty;
    ``writable`` its folders that the program may change, such as ``/etc/nginx``; it sees the others. ``needs`` are
    commands without which it makes no sense to start it.
    """

    argv: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    where: str = ""
    read_only: Mapping[str, bytes] = field(default_factory=dict)
    writable: tuple[str, ...] = ()
    limits: Limits = Limits()
    environment: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes | None = None
    needs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise :class:`EngineError` for what cannot be started or put anywhere."""
        if not self.argv:
            raise EngineError("a program needs a command line", remedy='say what to run, as ("sh", "rollback.sh")')
        for name in (*self.files, *self.read_only):
            if not name or name != posixpath.normpath(name) or name.startswith(("/", "../")) or name in (".", ".."):
                raise EngineError(f"a program cannot have a file called {name!r}", remedy="name it below its folder")
        for folder in self.writable:
            if folder != posixpath.normpath(folder) or not any(f"{folder}/".startswith(f"{one}/") for one in _WRITABLE):
                raise EngineError(
                    f"a program cannot write to {folder!r}",
                    remedy="name /etc/nginx, /etc/haproxy or /srv, or a folder in there",
                )
        for word in (*self.argv, *self.environment, *self.environment.values()):
            if "\0" in word:
                raise EngineError("a command line or an environment cannot have a zero byte in it")

    def job(self) -> Job:
        """What an engine must know of it."""
        limits = self.limits
        return Job(
            tuple(dict.fromkeys(self.writable)),
            int(limits.memory_mb * _MIB),
            int(limits.disk_mb * _MIB),
            limits.processes,
        )

    def order(self) -> dict[str, Any]:
        """What its warden is told."""
        return {
            "argv": list(self.argv),
            "files": dict(self.files),
            "read_only": dict(self.read_only),
            "limits": asdict(self.limits),
            "environment": {**_environment(), **self.environment},
            "stdin": self.stdin,
            "needs": list(self.needs),
        }


def _environment() -> dict[str, str]:
    # git wants to know who commits.
    who = {"NAME": "Learner", "EMAIL": "learner@many-hands.invalid"}
    git = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
    return {"PATH": _PATH, "HOME": WORK, "LANG": "C.UTF-8", "TERM": "dumb", **git}


@dataclass(frozen=True)
class Act:
    """Something that a program asked of the balancer, ``seconds`` after its start, and what it was told.

    ``kind`` is ``signal``, ``service`` (as systemctl does), or the HAProxy socket it was said to: ``master``,
    ``runtime``.
    """

    seconds: float
    kind: str
    word: str
    answer: str


@dataclass(frozen=True)
class ProgramResult:
    """What became of a program, of which no process is left.

    ``ended_by`` is one of :data:`ENDINGS`; ``exit_code`` as a shell counts. ``files`` are those in its folder that are
    new or changed; ``removed`` those it was given and that are gone; ``left_out`` says what is not in ``files``, and
    why. ``left_behind`` counts processes that were running when its first one ended. Times are seconds.
    ``peak_memory_mb`` was looked at every 20 to 50 ms.
    """

    exit_code: int
    out: str
    err: str
    ended_by: str
    seconds: float
    cpu_seconds: float
    peak_memory_mb: float
    files: Mapping[str, bytes] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    left_behind: int = 0
    acts: tuple[Act, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it ended by itself, with 0."""
        return self.ended_by == "itself" and self.exit_code == 0

    def in_words(self) -> str:
        """How it ended, in one sentence."""
        if self.ended_by == "itself":
            return f"It ended with code {self.exit_code} after {self.seconds:.1f} s."
        words = ENDINGS.get(self.ended_by, self.ended_by)
        return f"{words[0].upper()}{words[1:]}, and was ended after {self.seconds:.1f} s."


def result_of(told: Mapping[str, Any], acts: Sequence[Act]) -> ProgramResult:
    """The result from a warden's last words."""
    return ProgramResult(
        exit_code=int(told["exit_code"]),
        **texts_of(told),
        ended_by=str(told["ended_by"]),
        seconds=round(float(told["seconds"]), 3),
        cpu_seconds=round(float(told["cpu_seconds"]), 3),
        peak_memory_mb=round(float(told["peak_memory_mb"]), 1),
        files={name: base64.b64decode(text) for name, text in told["files"].items()},
        removed=tuple(told["removed"]),
        left_out=tuple(told["left_out"]),
        left_behind=int(told["left_behind"]),
        acts=tuple(acts),
    )


def texts_of(told: Mapping[str, Any]) -> dict[str, str]:
    """``out`` and ``err`` as text that a terminal can show: control characters are written out."""
    return {name: plain(base64.b64decode(told[name]).decode(errors="replace")) for name in ("out", "err")}


def plain(text: str) -> str:
    r"""Text without anything that acts on a terminal or a page: ``\x1b[2J`` instead of a cleared screen."""
    return "".join(
        one if one.isprintable() or one in _SHOWN else one.encode("unicode_escape").decode()
        for one in text.replace("\r\n", "\n")
    )
