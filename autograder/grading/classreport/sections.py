"""The sections of the class page: each a function from the summary to HTML."""

from __future__ import annotations

from collections.abc import Iterator

from autograder.grading.classreport.charts import Line, Part, bars, cloud, columns
from autograder.grading.classreport.items import ENOUGH_FOR_DIFFICULTY, ENOUGH_FOR_DISCRIMINATION, in_words
from autograder.grading.classreport.summary import MistakeRow, Summary
from autograder.grading.classreport.tables import figure, fold, table
from autograder.grading.classreport.words import how_long, html, many, number, percent

PASSED = ("c-pass", "passed")
FAILED = ("c-fail", "not yet")
UNJUDGED = ("c-unjudged", "could not be judged")


def points(found: Summary) -> str:
    """The distribution of points."""
    assert found.mean is not None
    assert found.median is not None
    whole = all(bar.low == bar.high for bar in found.bars)
    named = [
        (number(bar.low) if whole else f"{number(bar.low)}–{number(bar.high)}", bar.students) for bar in found.bars
    ]
    half = f"{number(found.median)} or more of {number(found.max_points)} points"
    if found.median >= found.max_points:
        half = f"every one of the {number(found.max_points)} points"
    said = f"Half of the class or more has {half}. The mean is {number(round(found.mean, 1))}."
    return (
        f"<p>{html(said)} Points are as judged: late penalties and points given by hand are in the exports.</p>"
        + figure("students by points", columns("points", "Students by points", said, named))
        + fold(
            "The same in numbers",
            table(
                "Students by points",
                ("Points", "Students", "Of all with a verdict"),
                ((html(label), str(count), percent(count, found.graded)) for label, count in named),
                (1, 2),
            ),
        )
    )


def stuck(found: Summary) -> str:
    """Each check: who passed, and where people stop."""
    lines = [
        Line(
            check.name,
            (
                Part(check.passed, "c-pass", str(check.passed)),
                Part(check.failed, "c-fail", str(check.failed)),
                Part(check.unjudged, "c-unjudged", str(check.unjudged)),
            ),
            percent(check.passed, found.graded),
        )
        for check in found.checks
    ]
    most = max(found.checks, key=lambda check: check.stuck)
    said = (
        f"Most get stuck at “{most.title}”: it is the first open check of {many(most.stuck, 'student')}."
        if most.stuck
        else "Nobody is stuck: every check passed for everybody."
    )
    rows = (
        (
            f"{html(check.title)}<br><code>{html(check.name)}</code>",
            str(check.passed),
            str(check.failed),
            str(check.unjudged),
            str(check.stuck),
        )
        for check in found.checks
    )
    return (
        f"<p>{html(said)}</p>"
        + figure(
            "checks passed",
            bars("checks", "Checks passed", said, lines, float(found.graded)),
            (PASSED, FAILED, UNJUDGED),
        )
        + table(
            "Every check, in the order of the lab",
            ("Check", "Passed", "Not yet", "Could not be judged", "First open check of"),
            rows,
            (1, 2, 3, 4),
        )
    )


def mistakes(found: Summary, site: str) -> str:
    """Which mistakes remain."""
    if not found.mistakes:
        rest = f" {many(found.unexplained, 'student')} failed a check that none explains." if found.unexplained else ""
        return f"<p>No mistake that the catalogue knows is left in anybody's work.{html(rest)}</p>"
    top = found.mistakes[:12]
    lines = [
        Line(row.slug, (Part(row.students, "c-main", str(row.students)),), percent(row.students, found.graded))
        for row in top
    ]
    said = f"{top[0].title}: {many(top[0].students, 'student')} of {found.graded:,}."
    base = site if site.endswith("/") else f"{site}/"

    def page(row: MistakeRow) -> str:
        return f"field-guide/{html(row.slug)}" if row.guide else f"labs/{html(found.lab)}"

    rows = (
        (
            f'<a href="{html(base)}{page(row)}.html">{html(row.slug)}</a><br>{html(row.title)}',
            str(row.students),
            ", ".join(f"<code>{html(check)}</code> {count}" for check, count in row.checks),
        )
        for row in found.mistakes
    )
    rest = (
        f"<p>{html(many(found.unexplained, 'student'))} failed a check in a way that no entry of the catalogue "
        "explains. Read their feedback first: it may be a mistake worth adding.</p>"
        if found.unexplained
        else ""
    )
    return (
        f"<p>What explains the checks that are still open. The commonest: {html(said)}</p>"
        + figure("mistakes that remain", bars("mistakes", "Mistakes that remain", said, lines, float(found.graded)))
        + table("Mistakes, and the checks they fail", ("Mistake", "Students", "Failed checks"), rows, (1,))
        + rest
    )


def items(found: Summary) -> str:
    """Difficulty and discrimination of the checks."""
    dots = [
        (check.name, p, r)
        for check in found.checks
        if (p := check.item.difficulty) is not None and (r := check.item.discrimination) is not None
    ]
    few = f"too few to say (n = {max((check.item.n for check in found.checks), default=0)})"
    rows = (
        (
            f"<code>{html(check.name)}</code>",
            str(check.item.n),
            few if check.item.difficulty is None else f"{check.item.difficulty:.2f}",
            _discrimination(check.item.n, check.item.discrimination),
            html(in_words(check.item)),
        )
        for check in found.checks
    )
    picture = (
        figure(
            "difficulty and discrimination",
            cloud(
                "items",
                "Checks by difficulty and discrimination",
                "To the right: easy. Upwards: who passes it does better on the others. The table has the numbers.",
                dots,
            ),
        )
        if dots
        else ""
    )
    return (
        "<p>Is a check too easy, too hard, or does it measure something else than the rest?</p>"
        + picture
        + table(
            "Checks as items of a test",
            ("Check", "Judged", "Difficulty p", "Discrimination r", "In words"),
            rows,
            (1, 2, 3),
        )
        + fold(
            "How these are computed",
            "<p>p is the share of the check's points that were earned by those it judged: 1 is easy, 0 is hard. "
            "r is the correlation of the check with the points on all other checks (corrected item-total correlation; "
            "for a check that is passed or failed, the point-biserial correlation with the rest). 0.4 and more is very "
            "good, below 0.2 is poor, below 0 wants a look. "
            f"p needs {ENOUGH_FOR_DIFFICULTY} students and r needs {ENOUGH_FOR_DISCRIMINATION}; with fewer, chance "
            "says more than the check. Crocker and Algina 1986, Henrysson 1963, Ebel 1965.</p>",
        )
    )


def _discrimination(n: int, r: float | None) -> str:
    if n < ENOUGH_FOR_DISCRIMINATION:
        return "too few to say"
    return "none" if r is None else f"{r:.2f}"


def progress(found: Summary) -> str:
    """From attempt to attempt, and how long a mend takes."""
    times = found.mending
    said = [f"{many(times.at_once, 'student')} had every point at the first attempt, {times.later:,} at a later one"]
    said.append(f"{times.not_yet:,} {'is' if times.not_yet == 1 else 'are'} not there yet.")
    parts = [f"<p>{html(', '.join(said))}"]
    if times.quartiles:
        low, middle, high = (how_long(each) for each in times.quartiles)
        parts.append(
            html(
                f" From the first submission to the first one with every point it took {middle} (median; the middle "
                f"half {low} to {high}; {many(times.timed, 'student')} with known times)."
            )
        )
    parts.append("</p>")
    judged = float(found.steps[0].students) if found.steps else 0.0
    if len(found.steps) > 1:
        lines = [
            Line(
                f"after attempt {step.number}",
                (Part(step.complete, "c-main", str(step.complete)),),
                percent(step.complete, judged),
            )
            for step in found.steps
        ]
        parts.append(
            figure(
                "the class after each attempt",
                bars("steps", "Who has every point", "The class after each attempt.", lines, judged),
            )
        )
    rows = ((str(step.number), str(step.students), str(step.complete), percent(step.mean, 1.0)) for step in found.steps)
    parts.append(
        table(
            "The whole class after each attempt that was judged; who made fewer stays as they were",
            ("Attempt", "Made by", "Have every point by now", "Mean share of points by now"),
            rows,
            (1, 2, 3),
        )
    )
    return "".join(parts)


def copies(found: Summary, names: bool) -> str:
    """Likely copies: a hint, and what it rests on."""
    told = (
        "<p>Work that agrees in more than chance explains. <strong>This is a hint, not a proof.</strong> People sit "
        "together, use the same text from elsewhere, or ask the same friend. Read both, and talk to them first. The "
        "same right answer is never counted, nor what the lab itself says, nor what many wrote.</p>"
    )
    strangers = [row for row in found.students if row.strangers]
    if strangers:
        told += (
            f"<p>{html(many(len(strangers), 'student'))} named servers that only other students' variants of the lab "
            "have.</p>"
        )
    if not found.copies and not strangers:
        return told + "<p>Nothing of this kind was found.</p>"
    told += f"<p>{html(many(len(found.copies), 'group'))} found.</p>" if found.copies else ""
    if not names:
        return told
    listed = "".join(
        f"<li>{html(row.student)}: {', '.join(f'<code>{html(name)}</code>' for name in row.strangers)}</li>"
        for row in strangers
    )
    inside = f"<h3>Servers of other variants</h3><ul class='shared'>{listed}</ul>" if listed else ""
    return told + fold("Show names and what they share", "".join(_groups(found)) + inside)


def _groups(found: Summary) -> Iterator[str]:
    for place, group in enumerate(found.copies, 1):
        yield f"<h3>{place}. {', '.join(html(name) for name in group.students)}</h3><ul class='shared'>"
        for shared in group.shared:
            who = "" if shared.students == group.students else f" ({', '.join(html(name) for name in shared.students)})"
            what = {"comment": "the comment", "spacing": "the spacing of", "line": "the line", "mend": ""}[shared.kind]
            text = html(shared.shown) if shared.kind == "mend" else f"{what} <code>{html(shared.shown)}</code>"
            yield f"<li>{text}{who}</li>"
        yield f"</ul><p class='soft'>{group.bits:.0f} bits of evidence; from {group.limit:.0f} on a pair is named.</p>"


def everybody(found: Summary) -> str:
    """A row a student."""
    heads = ("Student", "Points", *(check.name for check in found.checks), "First open check", "Attempts")
    mark = {
        outcome: f'<span role="img" aria-label="{said}">{sign}</span>'
        for outcome, sign, said in (
            ("passed", "✓", "passed"),
            ("failed", "✗", "not yet"),
            ("unjudged", "–", "could not be judged"),
        )
    }
    rows = (
        (
            html(row.student),
            number(row.points) if row.points is not None else "no verdict",
            *(mark.get(row.outcomes.get(check.name, ""), "") for check in found.checks),
            html(row.stuck),
            str(row.attempts),
        )
        for row in found.students
    )
    told = table("Every student: ✓ passed, ✗ not yet, – could not be judged", heads, rows, (1, len(heads) - 1))
    return "<p>For your eyes: names are inside.</p>" + fold(f"Show {many(found.handed_in, 'student')}", told)
