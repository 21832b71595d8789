"""Reading ``lab.toml``. A slip is answered with the file, the line, and the word that was probably meant."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from autograder.errors import ManyHandsError, suggestion
from autograder.labs.kinds import LOADS, NAMES, kind_named
from autograder.labs.lab import Check, Lab, Rules, Start
from autograder.labs.toml_lines import line_of
from autograder.labs.verdict import Outcome
from autograder.stack.model import CLIENTS, PROMETHEUS, Server, Stack, load_stack

_NAME: Final = r"[a-z][a-z0-9-]{0,30}"
_KINDS_OF_FIELD: Final[Mapping[str, tuple[Any, str]]] = {
    "tuple[str, ...]": (list, "a list of texts"),
    "int": (int, "a whole number"),
    "str": (str, "a text"),
    "float": ((int, float), "a number"),
}
_KINDS_OF_VALUE: Final[Mapping[str, tuple[Any, str]]] = {
    "title": (str, "a text"),
    "minutes": (int, "a whole number"),
    "order": (int, "a whole number"),
    "module": (str, "a text"),
    "objectives": (list, "a list of texts"),
    "files": (list, "a list of texts"),
    "checks": (list, "[[checks]] tables"),
    "starts": (dict, "[starts.FOLDER] tables"),
    "variants": (dict, "a [variants] table"),
}
_IN_WORDS: Final[Mapping[type, str]] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a table",
}
_OF_A_CHECK: Final = ("name", "kind", "title", "points")
_NEEDED: Final = ("title", "minutes", "module", "objectives", "files", "checks")


class LabError(ManyHandsError):
    """A lab that is not there or cannot be read."""


def read_lab(folder: Path) -> Lab:
    """The lab in ``folder``, as it is written. Raises :class:`LabError`, or ``StackError`` for its stack file."""
    path = folder / "lab.toml"
    try:
        text = path.read_text(encoding="utf-8")
        data: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        where = f"{path}:{line.group(1)}" if line else str(path)
        raise LabError("this lab cannot be read", where=where, why=str(error), remedy="mend the line") from error
    except RecursionError:
        why = "its lists or tables are inside one another too deep to be read"
        raise LabError("this lab cannot be read", where=str(path), why=why, remedy="mend the file") from None
    except (OSError, ValueError) as error:  # not UTF-8, or a number of thousands of digits
        raise LabError("this lab cannot be read", where=str(path), why=str(error), remedy="mend the file") from error
    return _Reader(path, text).lab(folder, data)


@dataclass(frozen=True)
class _Reader:
    """Turns parsed TOML into a lab, and knows the text, so that errors can name a line."""

    path: Path
    text: str

    def lab(self, folder: Path, data: Mapping[str, Any]) -> Lab:
        self._known(data, _KINDS_OF_VALUE)
        missing = [key for key in _NEEDED if key not in data]
        if missing:
            raise self._error(f"{', '.join(missing)} is missing", "", "add it; the other labs show how")
        for key, value in data.items():
            self._typed(key, value, *_KINDS_OF_VALUE[key])
        stack = load_stack(folder / "stack.toml")
        checks = tuple(self._check(row, number) for number, row in enumerate(data["checks"]))
        balancers = [balancer.name for balancer in stack.balancers]
        for number, check in enumerate(checks):
            place: dict[str, Any] = {"after": "[[checks]]", "number": number}
            if check.name in {other.name for other in checks[:number]}:
                raise self._error(
                    f"two checks are called {check.name!r}", "name", "give each a name of its own", **place
                )
            through = check.settings.get("through", "")
            if through and through not in balancers:
                remedy = suggestion(through, balancers)
                raise self._error(f"the stack has no balancer called {through!r}", "through", remedy, **place)
        return Lab(
            slug=folder.name,
            title=data["title"],
            minutes=data["minutes"],
            module=data["module"],
            objectives=self._texts("objectives", data["objectives"]),
            folder=folder,
            notebook=folder / f"{folder.name}.py",
            files=self._texts("files", data["files"]),
            stack=stack,
            checks=checks,
            starts=self._starts(data.get("starts", {"start": {}}), folder, checks),
            rules=self._rules(data["variants"], stack, checks) if "variants" in data else None,
        )

    def _check(self, row: Mapping[str, Any], number: int) -> Check:
        table: dict[str, Any] = {"after": "[[checks]]", "number": number}
        self._known(row, [field.name for field in fields(Check)], **table)
        missing = [name for name in _OF_A_CHECK if name not in row]
        if missing:
            raise self._error(f"this check has no {', '.join(missing)}", "", "the other checks show how", **table)
        for field in fields(Check):
            if field.name in row and str(field.type) in _KINDS_OF_FIELD:
                self._typed(field.name, row[field.name], *_KINDS_OF_FIELD[str(field.type)], **table)
        if row["kind"] not in NAMES:
            raise self._error(f"unknown kind of check {row['kind']!r}", "kind", suggestion(row["kind"], NAMES), **table)
        row = {**row, "settings": self._settings(row["kind"], row.get("settings", {}), table)}
        values: dict[str, Any] = {k: self._texts(k, v, **table) if isinstance(v, list) else v for k, v in row.items()}
        return Check(**values)

    def _settings(self, kind: str, said: Any, table: Mapping[str, Any]) -> dict[str, Any]:
        """What the check's kind is told: its defaults, and what the lab says instead."""
        defaults = {} if kind == LOADS else kind_named(kind).settings
        self._typed("settings", said, dict, "a table", **table)
        self._known(said, tuple(defaults), **table)
        for key, value in said.items():
            wanted = type(defaults[key])
            self._typed(key, value, (int, float) if wanted is float else wanted, _IN_WORDS[wanted], **table)
        return {**defaults, **said}

    def _starts(self, tables: Mapping[str, Any], folder: Path, checks: Sequence[Check]) -> tuple[Start, ...]:
        found = []
        for name, table in tables.items():
            heading = {"after": f"[starts.{name}]"}
            self._typed(name, table, dict, "a table")
            self._known(table, ("checks", "diagnosis"), **heading)
            if not name.startswith("start") or not (folder / name).is_dir():
                remedy = "the folder's name begins with start, and it holds the files to begin with"
                raise self._error(f"there is no folder {name} to start from", f"[starts.{name}]", remedy)
            outcomes = self._typed("checks", table.get("checks", {}), dict, "a table: check = outcome", **heading)
            for check, outcome in outcomes.items():
                if check not in {one.name for one in checks}:
                    remedy = suggestion(check, [one.name for one in checks])
                    raise self._error(f"the lab has no check called {check!r}", "checks", remedy, **heading)
                if outcome not in list(Outcome):
                    remedy = suggestion(str(outcome), list(map(str, Outcome)))
                    raise self._error(f"{outcome!r} is no outcome", "checks", remedy, **heading)
            found.append(Start(name, outcomes, self._texts("diagnosis", table.get("diagnosis", []), **heading)))
        if not found:
            raise self._error("[starts] names no folder", "[starts", "leave it out, or add [starts.start]")
        return tuple(found)

    def _rules(self, table: Mapping[str, Any], stack: Stack, checks: Sequence[Check]) -> Rules:
        inside = {"after": "[variants"}
        self._known(table, ("counts", "repeat", "names", "draw", "facts", "text", "checks", "servers"), **inside)
        servers = [server.name for server in stack.servers]
        repeat = self._typed("repeat", table.get("repeat", ""), str, "the name of a server", **inside)
        if repeat and repeat not in servers:
            remedy = suggestion(repeat, servers)
            raise self._error(f"the stack has no server called {repeat!r}", "repeat", remedy, **inside)
        counts = self._typed("counts", table.get("counts", []), list, "a list of whole numbers", **inside)
        families = tuple(tuple(line.split()) for line in self._texts("names", table.get("names", []), **inside))
        if counts and not (repeat and families):
            raise self._error("counts need repeat and names", "counts", "say which server repeats, and names", **inside)
        least = len(servers) - bool(repeat)
        for count in counts:
            if not isinstance(count, int) or isinstance(count, bool) or count < max(least, 1):
                raise self._error(f"{count!r} servers are too few", "counts", f"from {max(least, 1)} on", **inside)
        self._families(families, max([*counts, len(servers)]), stack)
        numbers = [f.name for f in fields(Server) if f.name != "name"]
        self._known(table.get("servers", {}), numbers, after="[variants.servers]")
        self._known(table.get("checks", {}), [check.name for check in checks], **inside)
        for name, row in table.get("checks", {}).items():
            self._known(row, ("concurrency", "requests", "points"), after=f"[variants.checks.{name}]")
        for text in table.get("text", {}):
            if "\n" in text or not text.strip():
                raise self._error("a text to exchange is part of one line", text.strip()[:20], "split it", **inside)
        draws: dict[str, tuple[object, ...]] = {}
        for name, values in self._typed("draw", table.get("draw", {}), dict, "a table", **inside).items():
            if not isinstance(values, list) or not values:
                remedy = f"{name} = [AS_WRITTEN, OTHER, …]"
                raise self._error(f"{name} has nothing to draw from", name, remedy, **inside)
            draws[name] = tuple(values)
        return Rules(
            counts=tuple(counts),
            repeat=repeat,
            families=families,
            draws=draws,
            facts=self._expressions("facts", table),
            texts=self._expressions("text", table),
            checks={name: self._expressions(name, table["checks"]) for name in table.get("checks", {})},
            servers=self._expressions("servers", table),
        )

    def _families(self, families: Sequence[tuple[str, ...]], most: int, stack: Stack) -> None:
        others = {CLIENTS, PROMETHEUS, *(balancer.name for balancer in stack.balancers)}
        for names in families:
            line = " ".join(names)
            problem = next((name for name in names if not re.fullmatch(_NAME, name) or name in others), "")
            if problem:
                why = "lower-case letters, digits and hyphens, and no other node's name"
                raise self._error(f"{problem!r} cannot be a server's name", line, why, after="[variants")
            if len(set(names)) < max(most, len(names)):
                remedy = f"write {most} different names on each line"
                raise self._error(f"{line!r} are too few names", line, remedy, after="[variants")

    def _expressions(self, key: str, table: Mapping[str, Any]) -> dict[str, str]:
        found = self._typed(key, table.get(key, {}), dict, "a table", after="[variants")
        for name, value in found.items():
            self._typed(name, value, str, 'an expression between "quotes"', after="[variants")
        return dict(found)

    def _texts(self, key: str, value: Any, **place: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._error(f"{key} is of the wrong kind", key, "write a list of texts", **place)
        return tuple(value)

    def _typed(self, key: str, value: Any, kind: Any, words: str, **place: Any) -> Any:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self._error(f"{key} is of the wrong kind", key, f"write {words}", **place)
        return value

    def _known(self, row: Mapping[str, Any], known: Sequence[str] | Mapping[str, Any], **place: Any) -> None:
        for key in row:
            if key not in known:
                raise self._error(f"unknown key {key!r}", key, suggestion(key, list(known)), **place)

    def _error(self, what: str, word: str, remedy: str, **place: Any) -> LabError:
        line: Callable[..., int] = line_of
        # Without a word the table's own heading is the place.
        at = line(self.text, word or place.get("after", "\0"), **place)
        return LabError(what, where=f"{self.path}:{at}", remedy=remedy)
