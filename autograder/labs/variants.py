"""Every student's own version of a lab: other names, numbers, servers, and other mistakes to begin with.

A lab is written once, for one stack: plain files that balancers, editors and people read as they are. ``[variants]`` in
``lab.toml`` then lists what differs, and this module makes one student's version of it:

* ``repeat`` names a server that stands for as many alike as are needed (``counts``, in all): lines that name it are
  written for each of them. ``names`` are families of names for the servers, a line each.
* ``[variants.draw]`` are further choices, with the lab's own value first; ``[variants.facts]`` are expressions over
  them (``count``, ``start`` and earlier facts too).
* ``[variants.text]`` maps words that the lab's files, notebook, hints and titles say to templates for what they say
  instead, which also know ``servers`` (:class:`Named`), and ``named``: a server of the stack file → what it is called
  here, of which the one that repeats may have several or none. For the lab as written, each
  template must give the very words it stands for: that is what makes a slip in one plain.
* ``[variants.checks.NAME]`` and ``[variants.servers]`` set numbers of a check and of all servers.
* Each table under ``[starts]`` is a folder to start from, and one of them is drawn.

Why not templates for whole files? Twenty configs full of ``{{ … }}`` and ``{% for %}`` cannot be run, read or checked
as they are, nor can a notebook that is one; and an instructor who edits the released notebook would have to edit a
template. Here the plain version is byte for byte what is in the folder, and what differs is one list in one place.
Expressions are Jinja2's, in its sandbox; MkDocs brings it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from autograder.errors import ManyHandsError, suggestion
from autograder.labs.drawing import draw, shuffled
from autograder.labs.rewriting import Rewriting
from autograder.labs.toml_lines import line_of

if TYPE_CHECKING:
    from jinja2.environment import Template, TemplateExpression
    from jinja2.sandbox import SandboxedEnvironment

    from autograder.labs.lab import Check, Lab, Rules, Start, Variant
    from autograder.stack.model import Server, Stack


class VariantError(ManyHandsError):
    """``[variants]`` of a lab cannot be followed."""


@dataclass(frozen=True)
class Named:
    """A server as templates know it. ``size`` (the smallest has 1) and ``percent`` (its fair share) are to be read."""

    name: str
    port: int
    capacity: float
    size: str
    percent: str


@dataclass(frozen=True)
class _Drawn:
    """What was drawn: the servers' new names in the order of the stack file, where one may have several or none."""

    names: Mapping[str, tuple[str, ...]]
    order: tuple[str, ...]
    start: Start
    choices: Mapping[str, object]


def vary(lab: Lab, variant: Variant) -> Lab:
    """``lab``, which is as written, as the student of ``variant`` has it. Raises :class:`VariantError`."""
    rules = lab.rules
    if rules is None:
        return replace(lab, variant=variant)
    drawn = _draw(lab, rules, variant)
    facts = _facts(lab, rules, drawn)
    stack = _stack(lab, rules, drawn, facts)
    facts |= {"servers": _named(stack), "named": drawn.names}
    rewriting = Rewriting(
        texts={text: _filled(lab, text, template, facts) for text, template in rules.texts.items()},
        names={old: new[0] for old, new in drawn.names.items() if old != rules.repeat},
        repeat=rules.repeat,
        repeats=drawn.names.get(rules.repeat, ()),
    )
    return replace(
        lab,
        title=rewriting.sentence(lab.title),
        objectives=tuple(map(rewriting.sentence, lab.objectives)),
        stack=stack,
        checks=tuple(_check(lab, check, rules.checks.get(check.name, {}), facts, rewriting) for check in lab.checks),
        starts=(drawn.start, *(start for start in lab.starts if start != drawn.start)),
        variant=variant,
        rewriting=rewriting,
    )


def not_yours(lab: Lab, files: Mapping[str, bytes]) -> str:
    """A sentence on servers that the ``files`` of a submission name and only other students have; empty if none."""
    if lab.variant is None or lab.rules is None:
        return ""
    own = [server.name for server in lab.stack.servers]
    others = {name for family in lab.rules.families for name in family} - {*own}
    said = b"\n".join(files.values())
    found = sorted(name for name in others if re.search(rb"(?<![\w.-])%s(?![\w.-])" % name.encode(), said))
    if not found:
        return ""
    return f"It names {_listed(found)}, which other variants of this lab have; your servers are {_listed(own)}."


def faults_of(lab: Lab) -> tuple[str, ...]:
    """What is wrong with the variants of ``lab``, as written, that no single student's version would show."""
    if lab.rules is None:
        return ()
    return tuple(_faults(lab, lab.rules))


def _faults(lab: Lab, rules: Rules) -> Iterator[str]:
    names = {server.name: (server.name,) for server in lab.stack.servers}
    plain = _Drawn(names, tuple(names), lab.starts[0], {name: values[0] for name, values in rules.draws.items()})
    facts = _facts(lab, rules, plain)
    facts |= {"servers": _named(lab.stack), "named": plain.names}
    files = list(_files_of(lab))
    own = [lab.title, *lab.objectives, *(text for check in lab.checks for text in (check.title, *check.hints))]
    everything = "\n".join([*files, *own])
    for text, template in rules.texts.items():
        got = _filled(lab, text, template, facts)
        if got != text:
            yield f"{_place(lab, text)}: for the lab as written this gives {got!r} and must give {text!r}"
        if Rewriting(texts={text: ""}).sentence(everything) == everything:
            yield f"{_place(lab, text)}: the lab says {text!r} nowhere"
    if _stack(lab, rules, plain, facts) != lab.stack:
        yield f"{_place(lab, '[variants.servers]')}: for the lab as written this gives other servers than stack.toml"
    for check in lab.checks:
        if _check(lab, check, rules.checks.get(check.name, {}), facts, Rewriting()) != check:
            place = _place(lab, f"[variants.checks.{check.name}]")
            yield f"{place}: for the lab as written this gives other numbers than the check has"
    for name in sorted({name for family in rules.families for name in family} - names.keys()):
        if re.search(rf"(?<!\w){name}(?!\w)", everything):
            yield f"{_place(lab, name)}: the lab already says {name!r}, so it cannot be a server's name"
    covered = Rewriting(texts=dict.fromkeys(rules.texts, ""))
    for sentence in own:
        if rules.repeat and re.search(rf"(?<!\w){rules.repeat}(?!\w)", covered.sentence(sentence)):
            yield f"{_place(lab, sentence)}: this names {rules.repeat}, of which a variant may have several or none"


def _files_of(lab: Lab) -> Iterator[str]:
    """The text of everything that is rewritten for a student."""
    yield lab.notebook.read_text(encoding="utf-8")
    folders = [lab.folder / start.folder for start in lab.starts]
    for folder in (lab.reference, *lab.other_ways, *lab.wrong):
        yield from (data.decode(errors="replace") for data in lab.read(folder).values())
    # Everything that lies in a folder to start with is handed out, and what a kind plays lies beside it.
    beside = [path for path in lab.folder.glob("*.toml") if path.name not in ("lab.toml", "stack.toml")]
    for path in [*beside, *(path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file())]:
        if "__pycache__" not in path.parts:
            yield path.read_text(encoding="utf-8", errors="replace")


def _draw(lab: Lab, rules: Rules, variant: Variant) -> _Drawn:
    plain = [server.name for server in lab.stack.servers]
    count = draw(variant, lab.slug, "count", rules.counts) if rules.counts else len(plain)
    family = draw(variant, lab.slug, "names", rules.families)[:count] if rules.families else tuple(plain)
    given = list(shuffled(variant, lab.slug, "order", family) if rules.families else family)
    names: dict[str, tuple[str, ...]] = {}
    extra = count - len(plain) + 1
    for name in plain:
        several = extra if name == rules.repeat else 1
        names[name], given = tuple(given[:several]), given[several:]
    return _Drawn(
        names,
        family,
        draw(variant, lab.slug, "start", lab.starts),
        {name: draw(variant, lab.slug, f"draw/{name}", values) for name, values in rules.draws.items()},
    )


def _facts(lab: Lab, rules: Rules, drawn: _Drawn) -> dict[str, object]:
    facts = {**drawn.choices, "count": len(drawn.order), "start": drawn.start.folder}
    for name, expression in rules.facts.items():
        facts[name] = _value(lab, name, expression, facts)
    return facts


def _stack(lab: Lab, rules: Rules, drawn: _Drawn, facts: Mapping[str, object]) -> Stack:
    made: dict[str, Server] = {}
    for server in lab.stack.servers:
        for name in drawn.names[server.name]:
            values: dict[str, Any] = {
                key: _value(lab, key, expression, {**facts, "server": server})
                for key, expression in rules.servers.items()
            }
            made[name] = replace(server, **{**values, "name": name})
    return replace(lab.stack, servers=tuple(made[name] for name in drawn.order))


def _check(
    lab: Lab, check: Check, numbers: Mapping[str, str], facts: Mapping[str, object], rewriting: Rewriting
) -> Check:
    values: dict[str, Any] = {key: _value(lab, key, expression, facts) for key, expression in numbers.items()}
    title, hints = rewriting.sentence(check.title), tuple(map(rewriting.sentence, check.hints))
    settings = _said(check.settings, rewriting)
    return replace(check, title=title, hints=hints, settings=settings, **values)


def _said(value: Any, rewriting: Rewriting) -> Any:
    """A check's settings with every text in them, keys too, as this variant says it."""
    if isinstance(value, str):
        return rewriting.sentence(value)
    if isinstance(value, Mapping):
        return {rewriting.sentence(key): _said(inner, rewriting) for key, inner in value.items()}
    return [_said(inner, rewriting) for inner in value] if isinstance(value, list) else value


def _named(stack: Stack) -> tuple[Named, ...]:
    fair = stack.fair_shares()
    least = min(server.capacity for server in stack.servers)
    return tuple(
        Named(s.name, s.port, s.capacity, f"{s.capacity / least:.3g}", f"{round(100 * fair[s.name], 1):g}")
        for s in stack.servers
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _value(lab: Lab, key: str, expression: str, facts: Mapping[str, object]) -> object:
    from jinja2 import TemplateError

    try:
        return _expression(expression)(**facts)
    except (TemplateError, ArithmeticError, TypeError, ValueError) as error:
        raise _wrong(lab, key, expression, error, facts) from error


def _filled(lab: Lab, key: str, template: str, facts: Mapping[str, object]) -> str:
    from jinja2 import TemplateError

    try:
        return _template(template).render(facts)
    except (TemplateError, ArithmeticError, TypeError, ValueError) as error:
        raise _wrong(lab, key, template, error, facts) from error


@cache
def _expression(expression: str) -> TemplateExpression:
    return _jinja().compile_expression(expression, undefined_to_none=False)


@cache
def _template(template: str) -> Template:
    """Compiled once: a class report makes the variants of thousands, and compiling is most of the work."""
    return _jinja().from_string(template)


@cache
def _jinja() -> SandboxedEnvironment:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    return SandboxedEnvironment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)


def _wrong(lab: Lab, key: str, said: str, error: Exception, facts: Mapping[str, object]) -> VariantError:
    unknown = re.match(r"'(\w+)' is undefined", str(error))
    remedy = suggestion(unknown.group(1), [*facts, "servers"]) if unknown else "mend the expression"
    return VariantError(f"{said!r} has no value", where=_place(lab, key), why=str(error), remedy=remedy)


def _place(lab: Lab, word: str) -> str:
    path = lab.folder / "lab.toml"
    return f"{path}:{line_of(path.read_text(encoding='utf-8'), word, after='[variants')}"
