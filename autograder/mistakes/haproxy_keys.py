"""What the key of a HAProxy hash or stick rule is made of, as far as the catalogue asks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autograder.mistakes.haproxy_config import HaproxyConfig, Pool

_CONSTANT = re.compile(
    r"dst|dst_port|method|req\.ver|req_ver|ssl_fc|fe_id|fe_name|be_id|be_name|nbproc|hostname|always_\w+|(?:str|int|bool)\(.*\)"
)
"""Samples with one value, or nearly, whatever the clients do."""
_SITE = re.compile(r"(?:req\.)?f?hdr\(host\)|ssl_fc_sni|req\.ssl_sni|req_ssl_sni", re.I)
"""Samples that name the site: constant unless many sites share the pool."""
_SITE_TEST = re.compile(r"(?:req\.)?f?hdr(?:_\w+)?\(host\)|ssl_fc_sni\w*|req[._]ssl_sni", re.I)


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
    return ""
