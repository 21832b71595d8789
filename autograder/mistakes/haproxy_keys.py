"""What the key of a HAProxy hash or stick rule is made of, as far as the catalogue asks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from autograder.mistakes.haproxy_config import HaproxyConfig, Pool
    from autograder.stack.proxies.haproxy_syntax import Line, Section

_CONSTANT = re.compile(
    r"dst|dst_port|method|req\.ver|req_ver|ssl_fc|fe_id|fe_name|be_id|be_name|nbproc|hostname|always_\w+|rand\([01]\)|(?:str|int|bool)\(.*\)"
)
"""Samples with one value, or nearly, whatever the clients do."""
_SITE = re.compile(r"(?:req\.)?f?hdr\(host\)|ssl_fc_sni|req\.ssl_sni|req_ssl_sni", re.I)
"""Samples that name the site: constant unless many sites share the pool."""
_SITE_TEST = re.compile(r"(?:req\.)?f?hdr(?:_\w+)?\(host\)|ssl_fc_sni\w*|req[._]ssl_sni", re.I)
_ONLY_SAMPLE = re.compile(r"%\[(.*)\]")
_FIXED = "str(the same)"
"""What stands for any fixed text."""


def sample_of(text: str) -> str:
    """A sample without the converters behind it: ``req.hdr(host),lower`` → ``req.hdr(host)``."""
    depth = 0
    for number, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            return text[:number]
    return text


def constant(sample: str, sites: bool) -> bool:
    """Whether a sample has one value for nearly every request; ``sites``: whether many sites come in."""
    return bool(_CONSTANT.fullmatch(sample)) or (not sites and bool(_SITE.fullmatch(sample)))


def many_sites(config: HaproxyConfig) -> bool:
    """Whether the config looks at the names of sites at all: then there may be many, and a name tells them apart."""
    sections = config.sections.of_kind("frontend", "listen", "defaults")
    lines = (line for section in sections for line in section.lines if line.name in ("acl", "use_backend"))
    return any(_SITE_TEST.search(word.partition(",")[0]) for line in lines for word in line.values)


def hash_sample(pool: Pool) -> str:
    """The sample that a pool's hash goes by, in the words of ``balance hash``; empty if it has no such hash."""
    if pool.balance is None:
        return ""
    words = pool.balance.values
    if pool.algorithm == "hash" and len(words) > 1:
        return sample_of(words[1])
    if pool.algorithm == "source":
        return "src"
    if pool.algorithm == "hdr" and (name := re.fullmatch(r"hdr\((.+)\)", words[0])):
        return f"req.hdr({name[1].lower()})"
    if pool.algorithm == "url_param" and len(words) > 1:
        return f"url_param({words[1]})"
    return ""


def written(sample: str, pool: Pool) -> str:
    """The sample that a rule of this config puts where ``sample`` looks, on each way to a pool; else ``sample`` itself.

    Only the last such rule is followed, and only if it has no condition.
    """
    place = re.fullmatch(r"(?:(var|(?:req\.)?f?hdr|url_param)\(([^,()]+)\)|src)", sample, re.I)
    if place is None:
        return sample
    kind, name = (place[1] or "src").rpartition(".")[2].lower(), place[2] or ""
    found = {_left_by(kind, name, rules) for rules in _ways_to(pool)}
    return (found.pop() or sample) if len(found) == 1 else sample


def _ways_to(pool: Pool) -> Iterator[tuple[Line, ...]]:
    """For each section that sends requests to a pool: the rules that they pass."""
    own = _in_order(pool.section)
    for front in {id(route.front): route.front for route in pool.routes}.values():
        yield own if front is pool.section else (*_in_order(front), *own)


def _in_order(section: Section) -> tuple[Line, ...]:
    """A section's rules as HAProxy goes through them: about the connection first, wherever they are written."""
    return (*section.inherited("tcp-request"), *section.inherited("http-request"))


def _left_by(kind: str, name: str, rules: Iterable[Line]) -> str:
    """The sample that these rules leave in such a place; empty if that cannot be told, or they do not touch it."""
    found = []
    for line in rules:
        words = line.values[1:] if line.values[:1] in (("content",), ("connection",), ("session",)) else line.values
        said = _said(kind, name, words) if words else None
        if said is not None:
            sure = not line.conditional and not {"if", "unless"} & set(words)
            found.append(said if sure else "")
    return found[-1] if found else ""


def _said(kind: str, name: str, words: tuple[str, ...]) -> str | None:
    """The sample that one rule writes to such a place; empty if it cannot be told, None if it does not touch it."""
    action, first, second = (*words, "", "")[:3]
    same = re.escape(name)
    if kind == "src":
        return sample_of(first) if action == "set-src" else None
    if kind == "var":
        found = re.fullmatch(rf"(un)?set-var(-fmt)?\({same}(?:,.*)?\)", action)
        if found is None or found[1]:
            return "" if found else None
        return _of_format(first) if found[2] else sample_of(first)
    if kind == "url_param":
        if action not in ("set-query", "set-uri", "set-pathq", "replace-uri", "replace-pathq"):
            return None
        fixed = re.search(rf"(?:^|[&?]){same}=[^&%]*(?:&|$)", first)
        return _FIXED if fixed and action == "set-query" else ""
    if not re.fullmatch(r"(?:set|add|del|replace)-(?:header|value)", action) or first.lower() != name.lower():
        return None
    return _of_format(second) if action == "set-header" else ""


def _of_format(text: str) -> str:
    """The sample that a log-format string is; empty for one with several."""
    if "%" not in text:
        return _FIXED
    only = _ONLY_SAMPLE.fullmatch(text)
    return sample_of(only[1]) if only else ""
