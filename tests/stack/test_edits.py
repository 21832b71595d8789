"""Variants of a config: one statement less, and every other line where it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.stack.proxies.edits import edited, edits_of
from autograder.stack.proxies.haproxy_syntax import read_sections
from autograder.stack.proxies.nginx_syntax import UnreadableError, read_statements

if TYPE_CHECKING:
    from collections.abc import Mapping

NGINX = """events {}
http {
    # a comment; with { marks
    log_format x '{"a": "$uri;"}';
    map "$host;" $pool { default shop; "~^a{2}" one; }
    upstream shop {
        server a:80 weight=3 max_fails=2;
        server b:80;
    }
    upstream one { server a:80; }
    server {
        listen 80;
        set $x "${pool}b"; set $y ${x}c; if ($uri ~ "^/a}") { return 403; }
        location / {
            proxy_pass
                http://$pool/;
        }
    }
}
"""
HAPROXY = """defaults
    mode http
    timeout connect 1s  # a comment
frontend web
    bind :80
    use_backend shop if { path_beg /a\\ b }
    default_backend shop
backend shop
    balance roundrobin
    server a 10.0.0.1:80 weight 3 check
    server b 10.0.0.2:80
"""


def test_every_statement_of_nginx_that_is_no_skeleton_can_go() -> None:
    files = {"nginx.conf": NGINX.encode()}
    edits = edits_of(files, "nginx.conf", "nginx")
    about = [(edit.line, edit.quote[slice(*edit.columns)], edit.instead) for edit in edits]
    assert about == [
        (5, 'map "$host;" $pool', ""),
        (5, "default shop", ""),
        (5, '"~^a{2}" one', ""),
        (13, 'set $x "${pool}b"', ""),
        (13, "set $y ${x}c", ""),
        (13, 'if ($uri ~ "^/a}")', ""),
        (13, "return 403", ""),
        (14, "location /", ""),
        (7, "weight=3 max_fails=2", "server a:80;"),
        (16, "http://$pool/", "proxy_pass http://shop;"),
        (4, 'log_format x \'{"a": "$uri;"}\'', ""),
    ]


def test_every_line_of_haproxy_that_is_no_skeleton_can_go() -> None:
    edits = edits_of({"haproxy.cfg": HAPROXY.encode()}, "haproxy.cfg", "haproxy")
    assert [(edit.line, edit.quote[slice(*edit.columns)], edit.instead) for edit in edits] == [
        (6, "use_backend shop if { path_beg /a\\ b }", ""),
        (9, "balance roundrobin", ""),
        (10, "weight 3 check", "server a 10.0.0.1:80"),
        (3, "timeout connect 1s", ""),
    ]


@pytest.mark.parametrize(
    ("main", "proxy", "text"), [("nginx.conf", "nginx", NGINX), ("haproxy.cfg", "haproxy", HAPROXY)]
)
def test_one_statement_is_gone_and_lines_stay(main: str, proxy: str, text: str) -> None:
    files = {main: text.encode(), "other": b"x"}
    for edit in edits_of(files, main, proxy):
        made = edited(files, [edit])
        assert made["other"] == b"x"
        lines = made[main].decode().splitlines()
        assert len(lines) == len(text.splitlines())
        changed = [n for n, (a, b) in enumerate(zip(lines, text.splitlines(), strict=True), 1) if a != b]
        assert changed
        assert changed[0] >= edit.line - 1
        readable(made, main, proxy)
    everything = edited(files, edits_of(files, main, proxy))
    assert everything[main].count(b"\n") == text.count("\n")
    readable(everything, main, proxy)


def readable(files: Mapping[str, bytes], main: str, proxy: str) -> None:
    if proxy == "nginx":
        read_statements(files, main)
    else:
        assert not read_sections(files, main).faults


def test_an_included_file_is_changed_where_it_is() -> None:
    files = {
        "nginx.conf": b"http { include conf.d/*.conf; }",
        "conf.d/a.conf": b"map $x $y { default 1; }\n",
        "b": b"z 1;",
    }
    edits = edits_of(files, "nginx.conf", "nginx")
    assert {edit.file for edit in edits} == {"conf.d/a.conf"}
    made = edited(files, edits[:1])
    assert made["conf.d/a.conf"].strip() == b""
    assert made["nginx.conf"] == files["nginx.conf"]


@given(st.text(alphabet="ab \n;{}\"'\\$#", max_size=80), st.sampled_from(["nginx", "haproxy"]))
def test_no_text_breaks_it(text: str, proxy: str) -> None:
    files = {"main": text.encode()}
    try:
        edits = edits_of(files, "main", proxy)
    except UnreadableError:
        return
    for edit in edits:
        assert edited(files, [edit])["main"].count(b"\n") >= text.count("\n") - edit.instead.count("\n")
