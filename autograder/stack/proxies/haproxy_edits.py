"""What can be changed in a HAProxy config, line by line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from autograder.stack.proxies.edits import Edit, decoded
from autograder.stack.proxies.haproxy_syntax import config_files, read_sections

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from autograder.stack.proxies.haproxy_syntax import Line

_SKELETON = frozenset(["bind", "mode", "server-template", "dispatch"])
_INERT = re.compile(
    r"timeout|log\S*|maxconn|stats|monitor\S*|errorfile|errorfiles|acl|description|capture|unique-id\S*|compression"
    r"|retries|fullconn|email-alert|declare|id|http-response|http-after-response|option(?!-)|http-check|tcp-check|rate-limit"
)
_MATTERS = ("redispatch", "http_proxy", "prefer-last-server", "allbackups", "persist", "httpchk", "transparent")
"""Options that have to do with who serves."""
_KINDS = ("defaults", "frontend", "backend", "listen")


def haproxy_edits(files: Mapping[str, bytes], main: str) -> Iterator[Edit]:
    """Every line taken out, but for those that make it a config; ``server`` lines with an address and nothing else."""
    starts = {name: _starts(decoded(files[name])) for name in config_files(files, main)}
    for section in read_sections(files, main).sections:
        for line in section.lines if section.kind in _KINDS else ():
            if line.name.startswith(".") or line.name in _SKELETON:
                continue
            if line.name == "server":
                if len(line.words) > 3:
                    yield _edit(line, starts, 3, " ".join(word.text for word in line.words[:3]))
            elif line.name == "default_backend":
                yield from ()
            else:
                yield _edit(line, starts, 0, "", inert=_inert(line))


def _inert(line: Line) -> bool:
    if line.name == "option":
        return (line.values[:1] and line.values[0] not in _MATTERS) or False
    return bool(_INERT.fullmatch(line.name))


def _starts(text: str) -> list[int]:
    found = [0]
    for line in text.split("\n"):
        found.append(found[-1] + len(line) + 1)
    return found


def _edit(line: Line, starts: Mapping[str, list[int]], about: int, instead: str, *, inert: bool = False) -> Edit:
    first = line.words[0]
    begin = starts[first.file][first.line - 1]
    source = first.source.rstrip("\r")
    indent = len(source) - len(source.lstrip())
    quote = source.strip()
    places = [(w.column - indent, w.column + w.width - indent) for w in line.words[about:] if w.column is not None]
    columns = (places[0][0], places[-1][1]) if places else (0, len(quote))
    return Edit(first.file, first.line, begin + indent, begin + len(source), quote, columns, instead, inert)
