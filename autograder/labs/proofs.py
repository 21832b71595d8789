"""What a lab proved before, in a file, a line each: a verification of hours goes on where it was interrupted."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from autograder.errors import ManyHandsError

if TYPE_CHECKING:
    from pathlib import Path

    from autograder.labs.lab import Lab


@dataclass(frozen=True)
class Expected:
    """What a folder of files must get: check → outcome (a check left out may get any), and mistakes to be named."""

    kind: str
    name: str
    folder: Path
    outcomes: dict[str, str]
    diagnosis: tuple[str, ...]


@dataclass(frozen=True)
class Proof:
    """What one folder got. ``faults`` say where that is not what it must get; empty is good.

    ``variant`` is empty for the lab as it is written, else the student whose variant it is; ``run`` counts from 1.
    """

    lab: str
    kind: str
    name: str
    points: float
    max_points: float
    outcomes: dict[str, str]
    named: tuple[str, ...]
    faults: tuple[str, ...]
    seconds: float
    variant: str = ""
    run: int = 1


class Record:
    """Proofs, found by all that decides them: another check, file or expectation is another proof.

    They are kept in a file, if there is a ``path``, so that they outlive this process.

    Raises :class:`~autograder.errors.ManyHandsError` for a file that is something else.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._proofs: dict[str, Proof] = {}
        self.seed = ""
        if path and path.exists():
            self._read(path)

    def _read(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), 1):
            try:
                data = json.loads(line)
                self.seed = data["seed"] or self.seed
                lists = {name: tuple(data["proof"][name]) for name in ("named", "faults")}
                self._proofs[data["key"]] = Proof(**{**data["proof"], **lists})
            except (ValueError, TypeError, KeyError, RecursionError):
                if number > text.count("\n"):  # its end was being written when the power went
                    path.write_text(text[: len(text) - len(line)], encoding="utf-8")
                    return
                raise ManyHandsError(
                    "this is no record of proofs",
                    where=f"{path}:{number}",
                    why="the line is none that verify wrote",
                    remedy="give another file, or a name that is not there yet",
                ) from None

    def find(self, key: str) -> Proof | None:
        """What was proved under this key."""
        return self._proofs.get(key)

    def add(self, key: str, seed: str, proof: Proof) -> None:
        """Keep it."""
        self._proofs[key] = proof
        if self._path is None:
            return
        line: dict[str, Any] = {"key": key, "seed": seed, "proof": asdict(proof)}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def key(lab: Lab, expected: Expected, engine: str, run: int) -> str:
    """Sixteen hex digits of all that decides a proof; ``lab`` is as a student has it."""
    total = hashlib.sha256(f"{lab.slug} {lab.version} {lab.variant!r} {engine} {run}".encode())
    total.update(f"{expected.kind} {expected.name} {sorted(expected.outcomes.items())} {expected.diagnosis}".encode())
    for name, data in sorted(lab.read(expected.folder).items()):
        total.update(f"{name} {hashlib.sha256(data).hexdigest()} ".encode())
    return total.hexdigest()[:16]
