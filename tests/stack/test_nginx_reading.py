"""What an nginx config names is read from its text, whatever the text is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.stack.model import PROTOCOLS
from autograder.stack.proxies.nginx_addresses import listen_addresses, split_address
from autograder.stack.proxies.nginx_reading import read_nginx
from autograder.stack.proxies.nginx_syntax import MAX_BYTES
from autograder.stack.proxies.reading import KINDS, Needs


def read(text: str, **more: str) -> Needs:
    files = {"nginx.conf": text.encode(), **{name.replace("__", "."): body.encode() for name, body in more.items()}}
    return read_nginx(files, "nginx.conf")


def web(inside: str, around: str = "") -> Needs:
    return read(f"events {{}}\nhttp {{ {around}\nserver {{ listen 80; {inside} }} }}\n")


def servers(needs: Needs) -> list[tuple[str, str, bool]]:
    return [(u.label, u.speaks, u.tls) for u in needs.upstreams]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("80", [("", 80)]),
        ("*:80", [("", 80)]),
        ("0.0.0.0:80", [("", 80)]),
        ("10.0.0.5:8080", [("10.0.0.5", 8080)]),
        ("10.0.0.5", [("10.0.0.5", 80)]),
        ("localhost:8080", [("localhost", 8080)]),
        ("[::]:443", [("::", 443)]),
        ("[::1]", [("::1", 80)]),
        ("8000-8002", [("", 8000), ("", 8001), ("", 8002)]),
        ("[fd00::1]:90-91", [("fd00::1", 90), ("fd00::1", 91)]),
        ("unix:/run/nginx.sock", [("unix:/run/nginx.sock", 0)]),
    ],
)
def test_a_listen_is_read_in_every_spelling(text: str, found: list[tuple[str, int]]) -> None:
    assert list(listen_addresses(text, 80)) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("10.0.0.1:81", ("10.0.0.1", 81)),
        ("10.0.0.1", ("10.0.0.1", 80)),
        ("[fd00::1]:81", ("fd00::1", 81)),
        ("[fd00::1]", ("fd00::1", 80)),
        ("app.internal:81", ("app.internal", 81)),
        ("unix:/run/app.sock", ("unix:/run/app.sock", 0)),
        ("unix:/run/app.sock:/path", ("unix:/run/app.sock", 0)),
    ],
)
def test_an_address_is_read_in_every_spelling(text: str, found: tuple[str, int]) -> None:
    assert split_address(text, 80) == found


@pytest.mark.parametrize(
    ("line", "server"),
    [
        ("proxy_pass http://10.0.0.1;", ("10.0.0.1:80", "http", False)),
        ("proxy_pass http://10.0.0.1:81/path?x;", ("10.0.0.1:81", "http", False)),
        ("proxy_pass http://10.0.0.1:81$request_uri;", ("10.0.0.1:81", "http", False)),
        ("proxy_pass https://[fd00::1];", ("[fd00::1]:443", "http", True)),
        ("proxy_pass http://unix:/run/app.sock:/uri/;", ("unix:/run/app.sock", "http", False)),
        ("proxy_http_version 2; proxy_pass http://10.0.0.1;", ("10.0.0.1:80", "h2c", False)),
        ("grpc_pass 10.0.0.1:50051;", ("10.0.0.1:50051", "grpc", False)),
        ("grpc_pass grpcs://10.0.0.1:50051;", ("10.0.0.1:50051", "grpc", True)),
        ("fastcgi_pass unix:/run/php/fpm.sock;", ("unix:/run/php/fpm.sock", "fastcgi", False)),
        ("uwsgi_pass uwsgi://10.0.0.1:3031;", ("10.0.0.1:3031", "uwsgi", False)),
        ("uwsgi_pass suwsgi://10.0.0.1:3031;", ("10.0.0.1:3031", "uwsgi", True)),
        ("scgi_pass 10.0.0.1:4000;", ("10.0.0.1:4000", "scgi", False)),
        ("set $to 10.0.0.1:81; proxy_pass http://$to;", ("10.0.0.1:81", "http", False)),
        ('set $to "http://10.0.0.1:81"; proxy_pass $to;', ("10.0.0.1:81", "http", False)),
    ],
)
def test_a_pass_names_a_server_and_what_it_speaks(line: str, server: tuple[str, str, bool]) -> None:
    needs = web(f"location / {{ {line} }}")
    assert servers(needs) == [server]
    assert needs.listens[0].pools == (server[0],)


def test_a_pool_speaks_what_is_passed_to_it() -> None:
    needs = web(
        "location / { grpc_pass grpc://Shop; } location /x { proxy_pass http://other; }",
        "upstream shop { server 10.0.0.1:1 weight=3; server 10.0.0.2:1 backup; server 10.0.0.3:1 down; }"
        "upstream other { zone z 64k; server app.internal resolve; } upstream idle { server 10.0.0.9; }",
    )
    assert [(u.pool, u.label, u.speaks, u.duty, u.weight) for u in needs.upstreams] == [
        ("shop", "10.0.0.1:1", "grpc", "serving", 3.0),
        ("shop", "10.0.0.2:1", "grpc", "backup", 1.0),
        ("shop", "10.0.0.3:1", "grpc", "down", 1.0),
        ("other", "app.internal:80", "http", "resolved", 1.0),
        ("idle", "10.0.0.9:80", "http", "serving", 1.0),
    ]
    assert needs.listens[0].pools == ("shop", "other")


def test_variables_that_the_config_sets_are_followed_and_others_are_named() -> None:
    needs = web(
        "set $port 81; location / { proxy_pass http://$colour:$port; } location /any { proxy_pass http://$host; }",
        "map $cookie_c $colour { default 10.0.0.1; ~^b $blue; } geo $blue { default 10.0.0.2; delete 10.0.0.0/8; }",
    )
    assert [label for label, _, _ in servers(needs)] == ["10.0.0.1:81", "10.0.0.2:81"]
    (unmet,) = needs.unmet
    assert unmet.what == "proxy_pass http://$host"


def test_a_stream_carries_what_its_ports_tell() -> None:
    needs = read(
        "events {}\nstream {\nserver { listen 3306; proxy_pass 10.0.0.1:3306; }\n"
        "server { listen 443; ssl_preread on; proxy_pass 10.0.0.2:9443; }\n"
        "server { listen 8443 ssl; proxy_pass 10.0.0.3:80; }\n"
        "server { listen 53 udp; proxy_pass 10.0.0.4:53; } }"
    )
    assert servers(needs)[:3] == [
        ("10.0.0.1:3306", "tcp", False),
        ("10.0.0.2:9443", "http", True),
        ("10.0.0.3:80", "http", False),
    ]
    assert [(li.port, li.protocol, li.tls) for li in needs.listens] == [
        (3306, "tcp", False),
        (443, "http", True),
        (8443, "http", True),
        (53, "udp", False),
    ]
    assert any("udp" in str(u) for u in needs.unmet)


def test_a_certificate_goes_with_the_key_of_its_block() -> None:
    needs = web(
        "server_name a.example; ssl_certificate a.pem; ssl_certificate ec.pem;"
        " ssl_certificate_key a.key; ssl_certificate_key ec.key;",
        "ssl_certificate /etc/ssl/default.pem; ssl_certificate_key /etc/ssl/default.key;",
    )
    assert [(e.what, *e.with_) for e in needs.expected if e.kind == "certificate"] == [
        ("/etc/ssl/default.pem", "/etc/ssl/default.key"),
        ("/etc/nginx/a.pem", "/etc/nginx/a.key"),
        ("/etc/nginx/ec.pem", "/etc/nginx/ec.key"),
    ]


def test_what_is_in_the_config_folder_is_not_expected_elsewhere() -> None:
    needs = read(
        "include /etc/nginx/a.conf;\ninclude conf.d/*.conf;\ninclude gone.conf;\nevents {}\n"
        "http { ssl_certificate a.pem; ssl_certificate_key a.key; auth_basic_user_file people; }",
        a__conf="user deploy;",
        a__pem="x",
        a__key="x",
        people="x",
    )
    assert [(e.kind, e.what) for e in needs.expected] == [("file", "/etc/nginx/gone.conf"), ("account", "deploy")]


def test_half_a_certificate_is_replaced_and_that_is_said() -> None:
    needs = read("http { server { ssl_certificate a.pem; ssl_certificate_key a.key; } }", a__pem="x")
    assert [(e.what, *e.with_) for e in needs.expected] == [("/etc/nginx/a.pem", "/etc/nginx/a.key")]
    assert "replaced" in needs.unmet[0].consequence


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("load_module modules/ngx_http_geoip_module.so;", "load_module"),
        ("ssl_engine qat;", "ssl_engine"),
        ("http { server { location /s { stub_status; } } }", "stub_status"),
        ('http { server { location / { content_by_lua_block { ngx.say("}") } } } }', "lua"),
        ("http { server { listen 443 quic; } }", "HTTP/3"),
        ("http { brotli on; }", "brotli"),
        ("mail { }", "mail"),
    ],
)
def test_what_our_build_lacks_is_named(text: str, named: str) -> None:
    assert any(named in str(unmet) for unmet in read(text).unmet)


def test_words_that_are_keys_are_no_directives() -> None:
    assert read("http { map $uri $x { slice 1; queue 2; } types { text/x perl; } }").unmet == ()


def test_a_broken_config_is_read_as_far_as_it_goes() -> None:
    needs = read("http { server { listen 81; } server { listen 82; location / { proxy_pass http://10.0.0.1; } } }}\nx")
    assert [li.port for li in needs.listens] == [81, 82]
    assert "reading stopped" in str(needs.unmet[0])
    unfinished = read("http {\n server { listen 81;\n location / { proxy_pass http://10.0.0.1;")
    assert servers(unfinished) == [("10.0.0.1:80", "http", False)]


def test_what_is_too_large_is_said_and_not_half_read() -> None:
    for text in ("x y;\n" * 30_000, "# " + "x" * (10 << 20), "upstream a { server 10.0.0.1; }\n" + "#" * MAX_BYTES):
        needs = read(text)
        assert needs.upstreams == ()
        assert "too large" in str(needs.unmet[0])


def test_ten_thousand_servers_are_read() -> None:
    lines = "".join(f"server 10.{n >> 16}.{n >> 8 & 255}.{n & 255};\n" for n in range(10_000))
    assert len(read(f"http {{ upstream big {{\n{lines} }} }}").upstreams) == 10_000


def test_a_config_that_includes_itself_ends() -> None:
    needs = read("include nginx.conf;\nhttp { server { listen 81; } }")
    assert needs.listens
    assert "includes itself" in str(needs.unmet[0])


def test_the_folder_of_the_main_file_is_the_config_folder() -> None:
    files = {
        "web/nginx.conf": b"http { include /etc/nginx/conf.d/*.conf; }",
        "web/conf.d/a.conf": b"server { listen 81; }",
    }
    (listening,) = read_nginx(files, "web/nginx.conf").listens
    assert (str(listening.place), listening.port) == ("conf.d/a.conf:1", 81)


_words = st.sampled_from(
    [
        "http",
        "stream",
        "server",
        "upstream",
        "location",
        "listen",
        "server_name",
        "proxy_pass",
        "grpc_pass",
        "fastcgi_pass",
        "include",
        "user",
        "set",
        "map",
        "geo",
        "ssl_certificate",
        "ssl_certificate_key",
        "error_log",
        "access_log",
        "pid",
        "resolver",
        "root",
        "http2",
        "ssl_preread",
        "weight=3",
        "resolve",
        "80",
        "[::]:443",
        "unix:/run/x.sock",
        "10.0.0.1:81",
        "http://$x:81/",
        "$x",
        "~^(a)$",
        "https://app.internal",
        "nginx.conf",
        "/etc/ssl/a.pem",
        "{",
        "}",
        ";",
        "{",
        "}",
        ";",
        ";",
        "'",
        '"',
        "\\",
        "#",
        "$",
        "${",
        "${x}",
        "on",
        "off",
        "ssl",
    ]
)


@settings(deadline=None, max_examples=300)
@given(st.lists(_words, max_size=60))
def test_no_arrangement_of_words_stops_it(words: list[str]) -> None:
    needs = read(" ".join(words))
    assert all(u.speaks in PROTOCOLS for u in needs.upstreams)
    assert all(e.kind in KINDS for e in needs.expected)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=300))
def test_no_bytes_stop_it(data: bytes) -> None:
    read_nginx({"nginx.conf": data}, "nginx.conf")
