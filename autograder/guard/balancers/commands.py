"""A balancer that is reached by the user's own commands: lists of words, never a shell's line.

``check`` and ``install`` are given a folder with the files (``{folder}``), ``reload`` returns when the config is
loaded, ``loaded`` prints the files of the config that runs, as JSON (path → text), and ``counts`` its counters, as
JSON. Each ends with 0 if it was done.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.guard.balancer import BalancerError, Expected, RefusedError, expected_of
from autograder.guard.tally import Growing, Tally

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from autograder.guard.counts import Window
    from autograder.guard.settings import BalancerAt

_PATIENCE_S = 120.0
_SAID = 300


class CommandBalancer:
    """See :class:`autograder.guard.balancer.Balancer`."""

    def __init__(self, at: BalancerAt, main: str) -> None:
        self.name, self.proxy = at.name, at.proxy
        self._at, self._main = at, main
        self._tally, self._growing = Tally(), Growing()

    def check(self, files: Mapping[str, bytes]) -> tuple[str, ...]:
        """See :class:`Balancer`."""
        ran = self._with(self._at.check, files)
        return () if ran.returncode == 0 else (_said(ran) or f"it ended with {ran.returncode}",)

    def installed(self, names: Collection[str]) -> Mapping[str, bytes]:
        """See :class:`Balancer`."""
        there = self._json(self._at.loaded, "loaded")
        if not all(isinstance(text, str) for text in there.values()):
            raise self._odd("loaded", "it must print an object: path → text")
        return {name: there[name].encode() for name in names if name in there}

    def load(self, files: Mapping[str, bytes], gone: Collection[str]) -> None:  # noqa: ARG002 - its own affair
        """See :class:`Balancer`."""
        for words in (self._at.install, self._at.reload):
            ran = self._with(words, files)
            if ran.returncode:
                raise RefusedError(f"{self.name}: {words[0]} ended with {ran.returncode}", why=_said(ran))

    def runs(self, files: Mapping[str, bytes]) -> bool:
        """See :class:`Balancer`."""
        return self.installed(files) == dict(files)

    def counts(self) -> Window:
        """See :class:`Balancer`."""
        told = self._json(self._at.counts, "counts")
        try:
            servers = [(str(one.get("pool", "")), str(one["name"]), one) for one in told["servers"]]
            counters = {"unserved": int(told.get("unserved", 0))}
            for pool, name, one in servers:
                counters[f"{pool}/{name} requests"] = int(one["requests"])
                counters[f"{pool}/{name} failed"] = int(one.get("failed", 0))
            added = self._growing.added(counters, told.get("process"))
            for pool, name, one in servers:
                took = one.get("latency_ms")
                requests, failed = added[f"{pool}/{name} requests"], added[f"{pool}/{name} failed"]
                self._tally.add(pool, name, max(requests, failed), failed, float(took) if took is not None else None)
                self._tally.mark(pool, name, up=one.get("up") is not False, queued=int(one.get("queued", 0)))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._odd("counts", f"{type(error).__name__}: {error}") from None
        self._tally.add_unserved(added["unserved"])
        return self._tally.window()

    def clear(self) -> tuple[str, ...]:
        """See :class:`Balancer`."""
        if not self._at.clear:
            return ()
        ran = self._run(self._at.clear)
        if ran.returncode:
            raise BalancerError(f"{self.name}: {self._at.clear[0]} ended with {ran.returncode}", why=_said(ran))
        return (_said(ran) or "what the command empties",)

    def expected(self, files: Mapping[str, bytes]) -> tuple[Expected, ...]:
        """See :class:`Balancer`."""
        return expected_of(files, self._main, self.proxy, lambda one: (one.pool, one.label))

    def _with(self, words: Sequence[str], files: Mapping[str, bytes]) -> subprocess.CompletedProcess[bytes]:
        with tempfile.TemporaryDirectory(prefix="many-hands-") as folder:
            for name, content in files.items():
                place = Path(folder) / name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
            return self._run([word.replace("{folder}", folder) for word in words])

    def _run(self, words: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                list(words), stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE_S, check=False
            )
        except OSError as error:
            raise BalancerError(
                f"{self.name}: {words[0]} cannot be run", why=error.strerror or "", remedy="say its whole path"
            ) from None
        except subprocess.TimeoutExpired:
            raise BalancerError(f"{self.name}: {words[0]} took more than {_PATIENCE_S:.0f} s") from None

    def _json(self, words: Sequence[str], key: str) -> dict[str, Any]:
        ran = self._run(words)
        if ran.returncode:
            raise BalancerError(f"{self.name}: {words[0]} ended with {ran.returncode}", why=_said(ran))
        try:
            told = json.loads(ran.stdout)
        except (ValueError, RecursionError) as error:
            raise self._odd(key, str(error)) from None
        if not isinstance(told, dict):
            raise self._odd(key, "it must print one JSON object")
        return told

    def _odd(self, key: str, why: str) -> BalancerError:
        said = f"{self.name}: nobody understands what the command of {key} prints"
        return BalancerError(said, why=why, remedy="the documentation (reference/guard) shows what it should print")


def _said(ran: subprocess.CompletedProcess[bytes]) -> str:
    return (ran.stderr + ran.stdout).decode(errors="replace").strip()[-_SAID:]
