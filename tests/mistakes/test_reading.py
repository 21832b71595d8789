"""Reading configs: places are exact, includes stay inside the given files, and nothing hostile gets through."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.mistakes.catalogue import find_mistakes, mistakes
from autograder.mistakes.finding import Finding
from autograder.mistakes.mistake import MAX_QUOTE
from autograder.mistakes.nginx_config import read_nginx, split_port
from autograder.mistakes.nginx_keys import Key, hashed
from autograder.stack.proxies.nginx_syntax import MAX_BYTES, MAX_DEPTH, UnreadableError, read_statements

if TYPE_CHECKING:
    from pathlib import Path

SKEW = "upstream shop {{\n{}    server app1:8080 weight=20;\n    server app2:8080;\n}}\n"
SERVER = "server { listen 80; location / { proxy_pass http://shop; } }\n"


def find(text: str | bytes, **more: bytes) -> tuple[Finding, ...]:
    data = text.encode() if isinstance(text, str) else text
    return find_mistakes({"nginx.conf": data, **more}, "nginx.conf")


def whole(upstream: str) -> str:
    return f"events {{}}\nhttp {{\n{upstream}{SERVER}}}\n"


def test_a_finding_names_line_quote_and_column() -> None:
    (finding,) = find(whole(SKEW.format("    # weight=20 was for the load test\n\n")))
    assert (finding.line, finding.quote) == (6, "server app1:8080 weight=20;")
    assert finding.quote[slice(*finding.column)] == "weight=20"
    assert finding.pool == "shop"


def test_the_second_of_two_equal_words_on_a_line_is_the_one_pointed_at() -> None:
    (finding,) = find(whole("upstream shop { server app1:8080; server app1:8080; server app2:8080; }\n"))
    start = finding.column[0]
    assert finding.quote[start:].startswith("app1:8080; server app2")


def test_a_directive_over_many_lines_is_found_on_the_line_of_the_guilty_word() -> None:
    (finding,) = find(whole("upstream shop {\nserver app1:8080\n\n      weight=20\n  ;\nserver app2:8080;\n}\n"))
    assert (finding.line, finding.quote, finding.column) == (6, "weight=20", (0, 9))


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
def test_line_ends_of_other_systems_count_as_one(newline: str) -> None:
    (finding,) = find(whole(SKEW.format("")).replace("\n", newline))
    assert (finding.line, finding.quote) == (4, "server app1:8080 weight=20;")


def test_a_config_on_one_very_long_line_is_quoted_around_the_guilty_word() -> None:
    many = "".join(f"server s{n}:80; " for n in range(200))
    (finding,) = find(whole(f"upstream shop {{ {many} server app1:8080 weight=900; server app2:8080; }}\n"))
    assert len(finding.quote) <= MAX_QUOTE
    assert finding.quote[slice(*finding.column)] == "weight=900"


def test_quotes_are_safe_to_print() -> None:
    (finding,) = find(whole("upstream shop { server app1:80 \x1b weight=20; server app2:80; }\n"))
    assert finding.quote.isprintable()
    assert finding.quote[slice(*finding.column)] == "weight=20"


def test_an_include_is_followed_within_the_files_and_named_in_the_finding() -> None:
    files = {
        "conf/nginx.conf": f"events {{}} http {{ include pools/*.conf; {SERVER} }}".encode(),
        "conf/pools/shop.conf": SKEW.format("").encode(),
        "conf/pools/old/shop.conf": b"upstream old { broken",
        "pools/shop.conf": b"upstream other { broken",
    }
    (finding,) = find_mistakes(files, "conf/nginx.conf")
    assert (finding.file, finding.line) == ("conf/pools/shop.conf", 2)


@pytest.mark.parametrize("include", ["{}", "../{}", "conf/../../{}", "link.conf", "missing.conf", "missing/*.conf"])
def test_an_include_never_leaves_the_files(include: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = tmp_path / "outside.conf"
    outside.write_text(SKEW.format(""))
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "link.conf").symlink_to(outside)
    monkeypatch.chdir(tmp_path / "inside")
    name = include.format(outside if include == "{}" else "outside.conf")
    assert find(f"events {{}} http {{ include {name}; {SERVER} }}") == ()


def test_an_include_that_climbs_is_not_followed_even_to_a_file_that_was_given() -> None:
    files = {"conf/nginx.conf": f"events {{}} http {{ include ../conf/shop.conf; {SERVER} }}".encode()}
    files["conf/shop.conf"] = SKEW.format("").encode()
    assert find_mistakes(files, "conf/nginx.conf") == ()


def test_a_file_that_includes_itself_is_unreadable() -> None:
    assert find("include nginx.conf;") == ()
    with pytest.raises(UnreadableError):
        read_statements({"nginx.conf": b"include nginx.conf;"}, "nginx.conf")


def test_includes_that_multiply_stop_at_the_limit() -> None:
    files = {f"{n}.conf": (f"include {n + 1}.conf;" * 50).encode() for n in range(7)} | {"7.conf": b"a b;"}
    begin = time.monotonic()
    with pytest.raises(UnreadableError, match="statements"):
        read_statements(files, "0.conf")
    assert time.monotonic() - begin < 5


HOSTILE = {
    "nothing": b"",
    "nul": b"\0" * 1000,
    "not-text": bytes(range(256)) * 20,
    "ten-megabytes": b"upstream shop { server a; }\n" * 400_000,
    "deep": b"a {" * 100_000,
    "deep-and-closed": b"a {" * 5000 + b"}" * 5000,
    "one-word": b"a" * (MAX_BYTES - 1),
    "one-quote": b'"' + b"a " * 100_000,
    "escapes": b'"\\"" ' * 50_000,
    "escapes-on-one-line": b"a " + b"'\\''" * 60_000 + b";",
    "last-backslash": b"server app1 \\",
    "only-closed": b"}",
    "only-semicolons": b";;;;",
    "empty-directives": b"upstream; upstream {} upstream a b {} server; hash; proxy_pass; location {} include;",
    "giant-weight": whole(SKEW.format("")).replace("20", "9" * 5000).encode(),
    "negative-weight": whole(SKEW.format("")).replace("20", "-9").encode(),
    "zero-weight": whole(SKEW.format("")).replace("20", "0").encode(),
    "other-digits": whole(SKEW.format("")).replace("20", "٢٠").encode(),
    "surrogates": b"upstream \xed\xa0\x80 { server \xff weight=20; server b; }",
    "braces-in-variables": b"a ${" * 1000,
    "lua": b"content_by_lua_block { if a then } " * 1000,
    "stars": f"events {{}} include {'*a' * 100}; include {'*' * 100};".encode(),
    "comments": b"# a\n" * 100_000,
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_finds_nothing_and_soon(data: bytes) -> None:
    begin = time.process_time()
    assert find(data, **{"a" * 200: b"x"}) == ()
    assert time.process_time() - begin < 5


def test_a_main_file_that_is_not_there_finds_nothing() -> None:
    assert find_mistakes({}, "nginx.conf") == ()


def test_a_balancer_that_no_entry_knows_has_no_findings() -> None:
    assert find_mistakes({"envoy.yaml": b"clusters: []"}, "envoy.yaml", proxy="envoy") == ()


def test_the_depth_nginx_needs_is_read() -> None:
    text = "a {" * (MAX_DEPTH - 1) + "}" * (MAX_DEPTH - 1)
    assert read_statements({"nginx.conf": text.encode()}, "nginx.conf")


SNIPPETS = [e.config for m in mistakes() for e in m.examples] + [
    "server", "weight=", "hash", "$host", "{", "}", ";", "'", '"', "\\", "#", "\n", "\0", " ", "${", "include *;",
    "down", "backup", "proxy_pass http://", "upstream shop", "server_name", "=", "9", "unix:", "[::1]:80", "$", "éø",
]  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from(SNIPPETS), max_size=12).map("".join), st.data())
def test_mangled_configs_never_raise(text: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(text)))
    for finding in find(text[cut:] + text[:cut]) + find(text[:cut]):
        start, end = finding.column
        assert 0 <= start <= end <= len(finding.quote) <= MAX_QUOTE
        assert finding.line >= 1
        assert finding.message.isprintable()


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=300), st.dictionaries(st.text(max_size=10), st.binary(max_size=50), max_size=3))
def test_any_bytes_never_raise(data: bytes, files: dict[str, bytes]) -> None:
    assert isinstance(find_mistakes({**files, "nginx.conf": b"include *;" + data}, "nginx.conf"), tuple)


_hosts = st.text("abcdefghij", min_size=1, max_size=5)
_weights = st.integers(1, 100)


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(_hosts, _weights, min_size=2, max_size=6))
def test_weights_equal_to_capacity_are_right(servers: dict[str, int]) -> None:
    lines = "".join(f"server {host}:8080 weight={weight}; " for host, weight in servers.items())
    files = {"nginx.conf": whole(f"upstream shop {{ {lines} }}\n").encode()}
    assert find_mistakes(files, "nginx.conf", capacity=servers) == ()
    assert find_mistakes(files, "nginx.conf", capacity={host: w * 0.37 for host, w in servers.items()}) == ()


@settings(deadline=None, max_examples=100)
@given(st.lists(_hosts, min_size=2, max_size=6, unique=True), _weights)
def test_equal_weights_on_undeclared_machines_are_right(hosts: list[str], weight: int) -> None:
    lines = "".join(f"server {host}:8080 weight={weight}; " for host in hosts)
    assert find(whole(f"upstream shop {{ {lines} }}\n")) == ()


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("app1:8080", ("app1", "8080")),
        ("app1", ("app1", "")),
        ("[::1]:80", ("[::1]", "80")),
        ("[::1]", ("[::1]", "")),
        ("unix:/run/app.sock", ("unix:/run/app.sock", "")),
        (":80", ("", "80")),
        ("", ("", "")),
    ],
)
def test_an_address_is_split_from_its_port(address: str, parts: tuple[str, str]) -> None:
    assert split_port(address) == parts


def test_what_holds_at_a_pass_is_what_nginx_inherits() -> None:
    text = f"http {{ proxy_next_upstream off; server_name a; {SKEW.format('')} {SERVER} }}"
    (line,) = read_nginx({"nginx.conf": text.encode()}, "nginx.conf").passes
    assert line.settings["proxy_next_upstream"].values == ("off",)
    assert (line.host, line.location) == ("shop", "/")


POOLS = "".join(
    f"upstream p{n} {{ server 10.0.{n}.1:80; server 10.0.{n}.2:80; server 10.0.{n}.3:80; }}\n" for n in range(250)
)
MEMBERS = "".join(f"server s{n}:80; " for n in range(5000))
LARGE = {
    "addresses": POOLS
    + "".join(
        f"server {{ listen 10.9.0.{n}:80; server_name s{n}.example; location / {{ proxy_pass http://p{n}; }} }}\n"
        f"server {{ listen 80; server_name w{n}.example; location / {{ proxy_pass http://p{n}; }} }}\n"
        for n in range(250)
    ),
    "one-name": POOLS
    + "".join(
        f"server {{ listen [::]:80; server_name a; location / {{ proxy_pass http://p{n}; }} }}\n"
        f"server {{ listen 80; server_name a; location / {{ proxy_pass http://p{n}; }} }}\n"
        for n in range(250)
    ),
    "one-variable": POOLS
    + "".join(
        f"map $uri $pool {{ default p{n}; a p1; b q{n}; }}\nserver {{ location / {{ proxy_pass http://$pool; }} }}\n"
        for n in range(250)
    ),
    "one-pool": f"upstream p {{ {MEMBERS} }} server {{ location / {{ proxy_pass http://p; }} }}",
}


@pytest.mark.parametrize("http", LARGE.values(), ids=LARGE)
def test_a_large_config_is_read_in_the_time_of_its_length(http: str) -> None:
    find("events {} http { }")
    begin = time.process_time()
    find(f"events {{}} http {{ {http} }}")
    assert time.process_time() - begin < 8


@pytest.mark.parametrize(
    ("given", "key", "names", "literal", "several"),
    [
        ("", "$uri", {"uri"}, False, False),
        ("", "shop-${uri}", {"uri"}, True, False),
        ("set $k $host;", "$k", {"host"}, False, False),
        ("set $a $b; set $b ${scheme}x;", "$a", {"scheme"}, True, False),
        ("set $args $args&n=1;", "$args", {"args"}, True, False),
        ("set $a $b; set $b $a;", "$a", set(), False, False),
        ("set $k one; if ($arg_x) { set $k two; }", "$k", set(), True, True),
        ("set $k one; auth_request_set $k $upstream_http_x;", "$k", {"k"}, False, False),
        ("set $k one; set_by_lua_block $k { return 1 }", "$k", {"k"}, False, False),
        ("set $k one; rewrite ^/(?<k>.*)$ /x;", "$k", {"k"}, False, False),
        ("}} map $uri $k { default $host; } server {{", "$k", {"host"}, False, False),
        ("}} map $uri $k { default $host; /a x; } server {{", "$k", {"host"}, True, True),
        ("}} map $uri $k { /a x; } server {{", "$k", set(), True, True),
        ("}} split_clients $uri $k { 50% a; * b; } server {{", "$k", set(), True, True),
        ("}} map $uri $k { " + "".join(f"/{n} s{n}; " for n in range(20)) + "} server {{", "$k", {"k"}, False, False),
    ],
)
def test_a_key_is_followed_to_what_it_is_made_of(
    given: str, key: str, names: set[str], literal: bool, several: bool
) -> None:
    given = given.replace("}}", "}").replace("{{", "{")
    pool = f"upstream shop {{ hash {key}; server app1:8080; server app2:8080; }}\n"
    text = f"events {{}}\nhttp {{\n{pool}server {{ listen 80; {given} location / {{ proxy_pass http://shop; }} }} }}\n"
    (found,) = hashed(read_nginx({"nginx.conf": text.encode()}, "nginx.conf"))
    assert found.key == Key(frozenset(names), literal, several)


def test_maps_that_hand_on_to_maps_are_followed_once_each() -> None:
    # By every way through them there would be more steps than anybody can wait for: 18 to the 200th.
    maps = "".join(
        f"map $uri $m{n} {{ default a$m{n + 1}; {' '.join(f'/{k} {k}$m{n + 1};' for k in range(17))} }}\n"
        for n in range(200)
    )
    pool = "map $uri $m200 { default end; } upstream shop { hash $m0; server app1:80; server app2:80; }\n"
    assert {finding.mistake for finding in find(whole(maps + pool))} == {"hash-of-few-values"}
