"""Every line of the cheat sheets is one that the real balancer takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.facts.shop import Shop, haproxy, haproxy_lines, lines, nginx

SHEETS = Path(__file__).parents[2] / "course/cheatsheets"
VALUES = {
    "KEY": "$remote_addr",
    "cookie …": "cookie shop",
    "least_time …": "least_time header",
    "=N": "=2",
    "=T": "=5s",
    " N": " 2",
    " T": " 5s",
    "NAME": "X-User",
    "EXPR": "src",
    "retry-on …": "retry-on conn-failure",
}
DEFAULTS = {"proxy_next_upstream": "error timeout", "proxy_next_upstream_tries": "2"}


def first_column(sheet: str, heading: str) -> list[str]:
    """What stands as code at the beginning of each row below a heading, with values for its placeholders."""
    text = (SHEETS / sheet).read_text(encoding="utf-8")
    part = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [cell for row in re.findall(r"^\| (`[^|]+`) \|", part, re.MULTILINE) for cell in re.findall("`(.+?)`", row)]
    assert len(rows) > 3, heading
    for word, value in VALUES.items():
        rows = [row.replace(word, value) for row in rows]
    return rows


@pytest.mark.parametrize("line", first_column("nginx.md", "Who gets the request?"))
def test_nginx_takes_each_way_to_choose(by_nginx: Shop, line: str) -> None:
    assert by_nginx.running.check({"nginx.conf": nginx(f"{line}\n{lines(2)}").encode()}) == ()


@pytest.mark.parametrize("word", first_column("nginx.md", "Words on a `server` line"))
def test_nginx_takes_each_word_of_a_server(by_nginx: Shop, word: str) -> None:
    pool = f"zone shop 64k;\nresolver 127.0.0.1;\n{lines(1)}\nserver app2:8080 {word};"
    assert by_nginx.running.check({"nginx.conf": nginx(pool).encode()}) == ()


@pytest.mark.parametrize("line", first_column("nginx.md", "What happens when one fails"))
def test_nginx_takes_what_is_said_of_failures(by_nginx: Shop, line: str) -> None:
    said = f"{line} {DEFAULTS.get(line, '60s')};"
    assert by_nginx.running.check({"nginx.conf": nginx(lines(2), said).encode()}) == ()


@pytest.mark.parametrize("method", first_column("haproxy.md", "Who gets the request?"))
def test_haproxy_takes_each_way_to_choose(by_haproxy: Shop, method: str) -> None:
    pool = f"    balance {method}\n{haproxy_lines(2)}"
    assert by_haproxy.running.check({"haproxy.cfg": haproxy(pool).encode()}) == ()


@pytest.mark.parametrize("word", first_column("haproxy.md", "Words on a `server` line"))
def test_haproxy_takes_each_word_of_a_server(by_haproxy: Shop, word: str) -> None:
    said = {"inter": "inter 2s", "fall": "fall 3", "rise": "rise 2"}.get(word, word)
    pool = f"{haproxy_lines(1)}\n    server app2 app2:8080 {said}"
    assert by_haproxy.running.check({"haproxy.cfg": haproxy(pool).encode()}) == ()


@pytest.mark.parametrize("line", first_column("haproxy.md", "What happens when one fails"))
def test_haproxy_takes_what_is_said_of_failures(by_haproxy: Shop, line: str) -> None:
    pool = f"    {line}\n{haproxy_lines(2)}"
    assert by_haproxy.running.check({"haproxy.cfg": haproxy(pool).encode()}) == ()
