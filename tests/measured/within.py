"""Measures what runs in a sandbox: which lines and branches of ours, as marks in a file that is mapped into memory.

A stack's keeper and the wardens in it are started as `python -I -S`, in namespaces where coverage.py is not and has no
place to write, and most of what they start is killed in the end. So this file is shown to them and runs first. It
starts coverage.py's own tracer, and sets a byte for each step from one line to another. A byte in shared memory needs
no open file, no system call and no orderly end; many processes may set it. Standard library only.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import fcntl
import mmap
import os
import subprocess
import sys
import time
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType
    from typing import Any

_LIBRARY = "/opt/manyhands/lib"
_PACKAGE = f"{_LIBRARY}/autograder/"
"""Where a sandbox sees this package."""
_SELF, _TRACER = f"{_LIBRARY}/measured_within.py", f"{_LIBRARY}/coverage_tracer.so"
"""Where this file and coverage.py's tracer are shown to it."""
LINES = 512
"""Files of ours are shorter. A step is from a line to a line; minus a line is the way in or out of what is there."""
FILE = (2 * LINES) ** 2
"""Bytes of the marks that belong to one source file; most are never touched, and take no room on a disk."""
HEAD = 1 << 16
"""Bytes in front of the marks: the names of the source files, a line each."""
_LINE_BITS, _FIRST_NEGATIVE, _SECOND_NEGATIVE = 28, 1 << 56, 1 << 57
_EVERY_S = 0.1
_HIGH = 512
"""Descriptors from here on are in nobody's way."""


_measuring: list[Marks] = []
"""In this process; more than one where the tests of this file are measured themselves. There can be one tracer."""


class Marks:
    """The file with the marks, mapped; all processes of a sandbox share it."""

    def __init__(self, descriptor: int, steps: dict[str, set[int]]) -> None:
        self._map = mmap.mmap(descriptor, 0)
        names = self._map[:HEAD].rstrip(b"\0").decode().split("\n")
        self._places = {name: HEAD + number * FILE for number, name in enumerate(names)}
        self.steps = steps
        """What the tracer found so far: source file → steps, as it packs them."""
        self._told: dict[str, set[int]] = {}

    def knows(self, name: str) -> bool:
        """Whether there is room for the marks of a source file."""
        return name in self._places

    def save(self) -> None:
        """Set a byte for each step that has none yet from here."""
        for name, found in list(self.steps.items()):
            told = self._told.setdefault(name, set())
            if len(told) == len(found):
                continue
            new = found.copy() - told  # a copy at once: the tracer goes on
            for step in new:
                self._map[self._places[name] + place(*unpack(step))] = 1
            told |= new


def unpack(step: int) -> tuple[int, int]:
    """The two lines that the tracer packed into a number."""
    mask = (1 << _LINE_BITS) - 1
    first, second = step & mask, step >> _LINE_BITS & mask
    return (-first if step & _FIRST_NEGATIVE else first), (-second if step & _SECOND_NEGATIVE else second)


def place(first: int, second: int) -> int:
    """Where the mark of a step is among those of its source file."""
    return (first + LINES) * 2 * LINES + second + LINES


def step_at(number: int) -> tuple[int, int]:
    """The step whose mark is at this place; the other way round than :func:`place`."""
    first, second = divmod(number, 2 * LINES)
    return first - LINES, second - LINES


def measure(descriptor: int, now_and_then: bool) -> None:
    """Measure this process and its forks from here on, and the sandboxes in this one.

    With ``now_and_then``, a thread tells ten times a second, for those that are killed; without, only the end of the
    process does (some calls to the kernel refuse a process that has threads).
    """
    kept = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    os.close(descriptor)
    marks = Marks(kept, _measuring[0].steps if _measuring else {})
    if not _measuring:
        _trace(marks)
    _measuring.append(marks)
    _save_first(marks, "_exit", "execv", "execve")
    atexit.register(marks.save)
    follow_sandboxes(lambda: os.dup(kept), {_SELF: _SELF, _TRACER: _TRACER}, marks)
    if now_and_then:
        os.register_at_fork(after_in_child=lambda: _start_timer(marks))
        _start_timer(marks)


def shown_from(tracer: str) -> dict[str, str]:
    """What a sandbox must be shown: where it is there → where it is here. ``tracer`` is coverage.py's own."""
    return {_SELF: __file__, _TRACER: tracer}


def follow_sandboxes(open_marks: Callable[[], int], shown: dict[str, str], marks: Marks | None = None) -> None:
    """Let every sandbox that this process starts from now on measure itself.

    Args:
        open_marks: opens the file with the marks; the caller closes it.
        shown: what :func:`shown_from` says.
        marks: of this process, if it is measured by this file.
    """
    plain = subprocess.Popen.__init__

    def start(self: subprocess.Popen[bytes], args: Any, *more: Any, **how: Any) -> None:
        if marks is not None and how.get("preexec_fn"):
            how["preexec_fn"] = _saved_after(how["preexec_fn"], marks)
        if not _is_ours(args):
            plain(self, args, *more, **how)
            return
        descriptor = open_marks()
        try:
            how["pass_fds"] = (*how.get("pass_fds", ()), descriptor)
            plain(self, _measured(args, descriptor, shown, marks is None), *more, **how)
        finally:
            os.close(descriptor)

    subprocess.Popen.__init__ = start  # type: ignore[method-assign]


def _is_ours(args: object) -> bool:
    """Whether this is bubblewrap with a program of this package in it."""
    if not isinstance(args, list) or not str(args[0]).endswith("bwrap"):
        return False
    return args[-4:-1] == ["-I", "-S", "-c"] and "from autograder." in args[-1]


def _measured(args: Sequence[str], descriptor: int, shown: dict[str, str], now_and_then: bool) -> list[str]:
    bwrap, *words, program = args
    binds = [word for there, here in shown.items() for word in ("--ro-bind", here, there)]
    first = f"import sys; sys.path.insert(0, '{_LIBRARY}'); import measured_within as within"
    return [bwrap, *binds, *words, f"{first}; within.measure({descriptor}, {now_and_then}); {program}"]


def _trace(marks: Marks) -> None:
    """Start the tracer, as coverage.collector does, without what one thread has no need of."""
    inner = _load(_TRACER)

    def look(path: str, _: object) -> object:
        name = path.removeprefix(_PACKAGE)
        traced = name != path and marks.knows(name)
        names = {"original_filename": path, "canonical_filename": path, "source_filename": name}
        rest = {"trace": traced, "reason": "", "file_tracer": None, "has_dynamic_filename": False}
        return _with(inner.CFileDisposition(), {**names, **rest})

    def nothing(*_: object, **__: object) -> None: ...

    found = {"data": marks.steps, "trace_arcs": True, "should_trace": look, "should_trace_cache": {}}
    calls = dict.fromkeys(("lock_data", "unlock_data", "warn", "disable_plugin"), nothing)
    absent = dict.fromkeys(("concur_id_func", "should_start_context", "switch_context"))
    _with(inner.CTracer(), {**found, **calls, **absent, "file_tracers": {}, "check_include": nothing}).start()


def _with(thing: Any, attributes: dict[str, Any]) -> Any:
    for name, value in attributes.items():
        setattr(thing, name, value)
    return thing


def _load(path: str) -> ModuleType:
    spec = spec_from_loader("tracer", ExtensionFileLoader("tracer", path))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _save_first(marks: Marks, *names: str) -> None:
    """Let functions of ``os`` that do not come back save first."""
    for name in names:
        setattr(os, name, _saving(getattr(os, name), marks))


def _saving(plain: Callable[..., Any], marks: Marks) -> Callable[..., Any]:
    def end(*arguments: Any) -> Any:
        marks.save()
        return plain(*arguments)

    return end


def _saved_after(prepare: Callable[[], object], marks: Marks) -> Callable[[], None]:
    def run() -> None:
        try:
            prepare()
        finally:
            marks.save()

    return run


def _start_timer(marks: Marks) -> None:
    def save() -> None:
        sys.settrace(None)
        while True:
            time.sleep(_EVERY_S)
            marks.save()

    with contextlib.suppress(RuntimeError):  # a child that has gone to another pid namespace may have no threads
        _thread.start_new_thread(save, ())
