"""How results look in a notebook: a picture or a card in JupyterLab, the same in words everywhere else."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from autograder.labs.verdict import Outcome
from autograder.notebook.course_pages import address_of
from autograder.notebook.picture import lines_of, picture

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.labs.lab import Lab
    from autograder.labs.verdict import Verdict
    from autograder.notebook.logbook import Entry
    from autograder.stack.balancing import Applied
    from autograder.traffic.sample import Sample

_BAR = 36
_SIGNS = {Outcome.PASSED: "✓", Outcome.FAILED: "✗", Outcome.UNJUDGED: "–", Outcome.OURS: "!"}
_COLOURS = {Outcome.PASSED: "#18794e", Outcome.FAILED: "#c8332b", Outcome.UNJUDGED: "#8a5300", Outcome.OURS: "#8a5300"}


class Said(str):
    """A sentence or several lines, which a notebook shows as they are, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        """The words themselves."""
        return str(self)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self)}</pre>" if "\n" in self else f"<p>{escape(self)}</p>"


@dataclass(frozen=True)
class TrafficView:
    """Traffic that was sent: shares against fair shares, failures, latency, and the prediction if there was one."""

    sample: Sample
    fair: Mapping[str, float]
    balancer: str
    down: tuple[str, ...]
    predicted: Mapping[str, float]

    def __repr__(self) -> str:
        """Bars of text, a line for each server."""
        rows = []
        for line in lines_of(self.sample.shares(), self.fair, self.down):
            bar = "█" * round(line.share * _BAR)
            guess = f"   predicted {self.predicted[line.name]:.0%}" if line.name in self.predicted else ""
            trouble = f"   {line.trouble}" if line.trouble else ""
            rows.append(f"{line.name:<8} {bar:<{_BAR}} {line.share:>5.0%}   fair {line.fair:.0%}{guess}{trouble}")
        return "\n".join([*rows, self._summary()])

    def _summary(self) -> str:
        kinds = "".join(f", {count} {kind}" for kind, count in sorted(self.sample.failures.items()))
        half, most = self.sample.percentile_ms(0.5), self.sample.percentile_ms(0.99)
        latency = f"half within {half:.0f} ms, 99 % within {most:.0f} ms"
        return (
            f"{self.sample.requests} requests from {self.sample.described} in {self.sample.seconds:.1f} s; "
            f"{self.sample.failed} failed{kinds}; {latency}"
        )

    def _repr_html_(self) -> str:
        lines = lines_of(self.sample.shares(), self.fair, self.down)
        svg = picture(lines, self.sample.described, self.balancer)
        guesses = ""
        if self.predicted:
            cells = "".join(
                f"<tr><th scope='row'>{escape(line.name)}</th><td>{self.predicted.get(line.name, 0):.0%}</td>"
                f"<td>{line.share:.0%}</td></tr>"
                for line in lines
            )
            guesses = (
                "<table><caption>Your prediction against what was observed</caption>"
                "<tr><th scope='col'>server</th><th scope='col'>predicted</th><th scope='col'>observed</th></tr>"
                f"{cells}</table>"
            )
        return f"{svg}<p>{escape(self._summary())}.</p>{guesses}"


@dataclass(frozen=True)
class VerdictView:
    """The answer to a check: observed, why, next."""

    verdict: Verdict
    title: str
    page: str

    def __repr__(self) -> str:
        """The three parts, a line each."""
        verdict = self.verdict
        points = f"{verdict.points:g} of {verdict.max_points:g}"
        head = f"{_SIGNS[verdict.outcome]} {verdict.check}: {verdict.outcome} ({points})"
        parts = [head, f"  observed  {verdict.observed}"]
        parts += [f"  why       {verdict.why}"] * bool(verdict.why)
        parts += [f"  next      {verdict.next}"] * bool(verdict.next)
        parts += [f"  read      {self._address}"] * bool(self._address)
        return "\n".join(parts)

    @property
    def _address(self) -> str:
        """Of the page that teaches it, where that is of use."""
        return "" if self.verdict.outcome is Outcome.PASSED else address_of(self.page)

    def _repr_html_(self) -> str:
        verdict, colour = self.verdict, _COLOURS[self.verdict.outcome]
        rows = [("observed", verdict.observed), ("why", verdict.why), ("next", verdict.next)]
        body = "".join(f"<dt><b>{name}</b></dt><dd>{escape(text)}</dd>" for name, text in rows if text)
        quote = ""
        if verdict.causes and verdict.outcome is Outcome.FAILED:
            cause = verdict.causes[0]
            start, end = cause.column
            quote = (
                f"<pre style='margin:.4em 0'>{cause.line:>4}  {escape(cause.quote[:start])}"
                f"<mark>{escape(cause.quote[start:end])}</mark>{escape(cause.quote[end:])}</pre>"
            )
        return (
            f"<section style='border-left:4px solid {colour};padding:.2em 1em'>"
            f"<p style='margin:.2em 0'><b>{_SIGNS[verdict.outcome]} {escape(verdict.check)}</b>: {verdict.outcome}, "
            f"{verdict.points:g} of {verdict.max_points:g} points. {escape(self.title)}</p>"
            f"{quote}<dl style='margin:.2em 0'>{body}</dl>{self._link()}</section>"
        )

    def _link(self) -> str:
        if not self._address.startswith("http"):  # a browser opens no file from a page
            return ""
        return f"<p style='margin:.2em 0'><a href='{escape(self._address)}' target='_blank'>The page about it</a></p>"


@dataclass(frozen=True)
class VerdictsView:
    """The answers to all checks of a lab, in its order."""

    views: tuple[VerdictView, ...]

    def __repr__(self) -> str:
        """One after another, and the points together."""
        points, of = (sum(getattr(view.verdict, name) for view in self.views) for name in ("points", "max_points"))
        return "\n".join([*map(repr, self.views), f"{points:g} of {of:g} points"])

    def _repr_html_(self) -> str:
        last = repr(self).splitlines()[-1]
        return "".join(view._repr_html_() for view in self.views) + f"<p><b>{escape(last)}</b></p>"


@dataclass(frozen=True)
class AppliedView:
    """What became of a config that was applied."""

    applied: Applied
    proxy: str

    def __repr__(self) -> str:
        """One line, or the balancer's own complaint."""
        if self.applied.ok:
            return f"✓ {self.proxy} runs config {self.applied.digest} ({self.applied.seconds:.2f} s)"
        complaints = "\n".join(f"  {fault}" for fault in self.applied.faults)
        return f"✗ {self.proxy} refused this config; what ran before still runs\n{complaints}"

    def _repr_html_(self) -> str:
        colour = _COLOURS[Outcome.PASSED if self.applied.ok else Outcome.FAILED]
        return f"<pre style='border-left:4px solid {colour};padding:.2em 1em'>{escape(repr(self))}</pre>"


@dataclass(frozen=True)
class HintView:
    """A hint for a check: ``number`` of ``hints`` (0 of 0: there is none)."""

    check: str
    text: str
    number: int
    hints: int

    def __repr__(self) -> str:
        """The hint, and how many there are."""
        return f"hint {self.number} of {self.hints}  {self.text}" if self.hints else f"{self.check} has no hints"

    def _repr_html_(self) -> str:
        return f"<p style='border-left:4px solid #8a5300;padding:.2em 1em'>{escape(repr(self))}</p>"


@dataclass(frozen=True)
class DiffView:
    """Config files (``mine``) against others of the same names."""

    mine: Mapping[str, bytes]
    other: Mapping[str, bytes]
    against: str

    def __repr__(self) -> str:
        """A unified diff, or a line that says there is none."""
        import difflib

        found: list[str] = []
        for name in sorted({*self.mine, *self.other}):
            before, now = (
                files.get(name, b"").decode("utf-8", "replace").splitlines() for files in (self.other, self.mine)
            )
            found += difflib.unified_diff(before, now, f"{self.against}: {name}", f"as saved: {name}", lineterm="")
        return "\n".join(found) or f"the same as {self.against}"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"


@dataclass(frozen=True)
class HistoryView:
    """Everything that was done in this lab, oldest first."""

    entries: tuple[Entry, ...]

    def __repr__(self) -> str:
        """A line for each entry."""
        return "\n".join(f"{entry.time}  {entry.what:<18} {entry.result}" for entry in self.entries) or "nothing yet"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(entry.time)}</td><th scope='row'>{escape(entry.what)}</th>"
            f"<td>{escape(entry.result)}</td></tr>"
            for entry in self.entries
        )
        return (
            "<table><caption>What was done in this lab</caption><tr><th scope='col'>when (UTC)</th>"
            f"<th scope='col'>what</th><th scope='col'>what came of it</th></tr>{rows}</table>"
        )


@dataclass(frozen=True)
class Welcome:
    """What a lab shows when it opens: the stack at rest, what there is to do, what one can type."""

    lab: Lab
    files: tuple[str, ...]

    def __repr__(self) -> str:
        """In words."""
        checks = "\n".join(f"  {check.name:<10} {check.title} ({check.points:g})" for check in self.lab.checks)
        return f"{self.lab.title}: the stack runs.\nEdit {', '.join(self.files)}, then lab.apply().\nChecks:\n{checks}"

    def _repr_html_(self) -> str:
        servers = ", ".join(f"{s.name} ({s.capacity:.0f} checkouts a second)" for s in self.lab.stack.servers)
        checks = "".join(f"<li><code>{c.name}</code> {escape(c.title)} ({c.points:g})</li>" for c in self.lab.checks)
        return (
            f"<p><b>{escape(self.lab.title)}</b>: the stack runs. {self.lab.stack.balancer.proxy} in front of "
            f"{escape(servers)}.</p><p>Edit <code>{escape(', '.join(self.files))}</code>, save, then "
            f"<code>lab.apply()</code>.</p><ul>{checks}</ul>"
        )
