"""How a running stack looks on a terminal: a row for each server. Pure: from counted traffic to something to print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autograder.stack.conduct import WELL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from autograder.stack.conduct import Conduct
    from autograder.traffic.sample import Sample

_BAR = 30
_EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True)
class Row:
    """One server in the time that was looked at. ``state`` is ``up``, ``down`` or ``paused``; times are in ms."""

    server: str
    state: str
    share: float
    fair: float
    per_second: float
    errors: int
    median_ms: float
    p99_ms: float
    wrong: str


@dataclass(frozen=True)
class Look:
    """What traffic did in the time that was looked at, and what is asked of the stack meanwhile."""

    rows: tuple[Row, ...]
    requests: int
    failures: Mapping[str, int]
    seconds: float
    median_ms: float
    p99_ms: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data for ``--json``."""
        return {
            "requests": self.requests,
            "failed": sum(self.failures.values()),
            "failures": dict(self.failures),
            "seconds": round(self.seconds, 3),
            "median_ms": round(self.median_ms, 2),
            "p99_ms": round(self.p99_ms, 2),
            "servers": [
                {
                    "name": row.server,
                    "state": row.state,
                    "share": round(row.share, 4),
                    "fair": round(row.fair, 4),
                    "per_second": round(row.per_second, 2),
                    "errors": row.errors,
                    "median_ms": round(row.median_ms, 2),
                    "p99_ms": round(row.p99_ms, 2),
                }
                for row in self.rows
            ],
        }


def look_at(
    samples: Sequence[Sample],
    seconds: float,
    fair: Mapping[str, float],
    states: Mapping[str, str],
    conducts: Mapping[str, Conduct],
) -> Look:
    """Join what came back, whoever sent it within ``seconds``, with the state of the servers; all may be empty."""
    fates = [fate for sample in samples for fate in sample.fates]
    answered = sum(1 for fate in fates if fate.server)
    rows = []
    for server, part in fair.items():
        own = [fate for fate in fates if fate.server == server]
        times = sorted(fate.latency_ms for fate in own)
        rows.append(
            Row(
                server,
                states.get(server, "up"),
                len(own) / answered if answered else 0.0,
                part,
                len(own) / seconds if seconds else 0.0,
                sum(1 for fate in own if fate.failure),
                _part(times, 0.5),
                _part(times, 0.99),
                wrong_with(conducts.get(server, WELL)),
            )
        )
    failures: dict[str, int] = {}
    for fate in fates:
        if fate.failure:
            failures[fate.failure] = failures.get(fate.failure, 0) + 1
    times = sorted(fate.latency_ms for fate in fates if fate.status)
    return Look(tuple(rows), len(fates), failures, seconds, _part(times, 0.5), _part(times, 0.99))


def wrong_with(conduct: Conduct) -> str:
    """What is wrong with a server, in a few words; empty if nothing."""
    words = {
        "cut off": conduct.cut_off,
        "answers 500": conduct.failing,
        "hangs up": conduct.hangs_up,
        "disk full": conduct.disk_full,
        f"{conduct.slowness:g}× slower": conduct.slowness != 1,
        f"+{conduct.latency_ms:g} ms": bool(conduct.latency_ms),
        f"loses {conduct.loss:.0%}": bool(conduct.loss),
        f"clock {conduct.clock_s:+g} s": bool(conduct.clock_s),
    }
    return ", ".join(word for word, said in words.items() if said)


def bar(share: float, width: int = _BAR) -> str:
    """A bar of ``width`` places for a share from 0 to 1, to an eighth of a place."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def table(look: Look, title: str, selected: str, notes: Sequence[str]) -> RenderableType:
    """The picture for the terminal: title, a row a server, what failed, and ``notes`` below."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", "server", "share", "", "fair", "req/s", "errors", "median", "p99", ""):
        grid.add_column(heading, justify="right" if heading in ("fair", "req/s", "errors", "median", "p99") else "left")
    for number, row in enumerate(look.rows, 1):
        # Said in words and by length first; colour only helps.
        over = row.fair > 0 and row.share > 1.5 * row.fair
        style = "red" if row.state == "down" else "yellow" if over else "green"
        state = "" if row.state == "up" else row.state
        grid.add_row(
            f"{'▸' if row.server == selected else ' '}{number}",
            row.server,
            Text(bar(row.share).ljust(_BAR), style=style),
            f"{row.share:4.0%}",
            f"{row.fair:.0%}",
            f"{row.per_second:.0f}",
            str(row.errors),
            f"{row.median_ms:.0f} ms",
            f"{row.p99_ms:.0f} ms",
            Text(", ".join(word for word in (state, row.wrong) if word), style="red"),
        )
    failed = ", ".join(f"{count} {kind}" for kind, count in sorted(look.failures.items())) or "none failed"
    per_second = look.requests / look.seconds if look.seconds else 0
    total = f"{per_second:.0f} req/s   {failed}   median {look.median_ms:.0f} ms   p99 {look.p99_ms:.0f} ms"
    return Group(Text(title, style="bold"), Text(""), grid, Text(""), Text(total), *(Text(note) for note in notes))


def _part(times: Sequence[float], part: float) -> float:
    return times[min(len(times) - 1, int(part * len(times)))] if times else 0.0
