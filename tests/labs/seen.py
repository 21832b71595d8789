"""What a kind of check may have seen, made by hand: samples and results with nothing behind them but their numbers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from autograder.stack.programs import ProgramResult
from autograder.traffic.sample import Fate, Sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.stack.programs import Act


def sample(failed: int = 0, **counts: int) -> Sample:
    """So many requests answered by each server, and so many refused."""
    servers = [name for name, count in counts.items() for _ in range(count)] + [""] * failed
    fates = (
        Fate(n, f"198.19.{n // 250}.{n % 250 + 1}", 200 if server else 0, "" if server else "refused", 5.0, server)
        for n, server in enumerate(servers)
    )
    return Sample("many", "many clients", tuple(fates), 1.0)


def result(code: int, *acts: Act, out: str = "", err: str = "", ended_by: str = "itself") -> ProgramResult:
    """How a program ended, and what it asked for."""
    return ProgramResult(code, out, err, ended_by, 2.5, 0.1, 9.0, acts=acts)


def asked(promise: str, seen: Mapping[str, Any], files: Mapping[str, bytes]) -> Any:
    """A question about one promise: that part of it which a kind looks at that plays its scenes beforehand."""
    return SimpleNamespace(check=SimpleNamespace(settings={"promise": promise}), seen=seen, files=files)
