"""What a HAProxy config names, in every spelling. Whole configs are in ``twins/haproxy``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.stack.model import PROTOCOLS
from autograder.stack.proxies.haproxy_addresses import Where, where
from autograder.stack.proxies.haproxy_reading import read_haproxy
from autograder.stack.proxies.nginx_syntax import TooLargeError, UnreadableError
from autograder.stack.proxies.reading import KINDS

if TYPE_CHECKING:
    from autograder.stack.proxies.reading import Listening, Needs, Upstream

DEFAULTS = "defaults\n mode http\n"


def read(text: str, **files: bytes) -> Needs:
    return read_haproxy({"haproxy.cfg": text.encode(), **files}, "haproxy.cfg")


def listens(binds: str, more: str = "") -> tuple[Listening, ...]:
    needs = read(f"{DEFAULTS}frontend www\n{binds}\n default_backend b\n{more}\nbackend b\n server s 10.0.0.1:80\n")
    return needs.listens


def servers(lines: str, above: str = DEFAULTS, doors: str = " bind :80\n") -> tuple[Upstream, ...]:
    return read(f"{above}frontend www\n{doors} default_backend b\nbackend b\n{lines}\n").upstreams


def expected(text: str, **files: bytes) -> set[tuple[str, str]]:
    return {(thing.kind, thing.what) for thing in read(text, **files).expected}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.1:80", Where("10.0.0.1", (80,))),
        (":80", Where("", (80,))),
        ("*:80", Where("", (80,))),
        ("0.0.0.0:80", Where("", (80,))),
        (":::80", Where("::", (80,))),
        ("[::]:80", Where("::", (80,))),
        ("[fd00::1]:80", Where("fd00::1", (80,))),
        ("fd00::1:80", Where("fd00::1", (80,))),
        ("[fd00::1]", Where("fd00::1")),
        ("10.0.0.1", Where("10.0.0.1")),
        ("app.internal:8000-8002", Where("app.internal", (8000, 8001, 8002))),
        ("10.0.0.1:+100", Where("10.0.0.1", shift=100)),
        ("/run/x.sock", Where("unix:/run/x.sock", kind="unix")),
        ("unix@/run/x.sock", Where("unix:/run/x.sock", kind="unix")),
        ("ipv4@10.0.0.1:80", Where("10.0.0.1", (80,))),
        ("abns@x", Where("x", kind="abns")),
        ("quic4@:443", Where("", (443,), kind="quic")),
        ("udp@10.0.0.1:53", Where("10.0.0.1", (53,), kind="udp")),
        ("10.0.0.1:99999", Where("10.0.0.1")),
    ],
)
def test_addresses(text: str, expected: Where) -> None:
    assert where(text) == expected


def test_a_bind_may_have_several_addresses_and_ranges() -> None:
    found = listens(" bind 10.0.0.9:80,10.0.0.9:8000-8001\n bind :443 ssl crt a.pem alpn h2 accept-proxy\n")
    assert [(one.address, one.port, one.tls, one.h2, one.proxy_protocol) for one in found] == [
        ("10.0.0.9", 80, False, False, False),
        ("10.0.0.9", 8000, False, False, False),
        ("10.0.0.9", 8001, False, False, False),
        ("", 443, True, True, True),
    ]
    assert {one.pools for one in found} == {("b",)}


def test_hosts_lead_to_their_backends() -> None:
    text = f"""{DEFAULTS}
frontend www
 bind :80
 acl shop hdr(host) -i shop.example.com www.shop.example.com
 acl shop req.hdr(Host),lower -m str third.example.com
 acl old hdr_beg(host) legacy.
 acl any hdr_end(host) -i .apps.example.com
 use_backend b if shop
 use_backend c if old or any
 use_backend d if {{ path_beg /d }}
 use_backend e if {{ hdr(host) -f /etc/haproxy/hosts.lst }}
backend b
 server s 10.0.0.1:80
backend c
 server s 10.0.0.2:80
backend d
 server s 10.0.0.3:80
backend e
 server s 10.0.0.4:80
"""
    found = {one.pools: one.names for one in read(text, **{"hosts.lst": b"from.file.example\n"}).listens}
    assert found == {
        ("b",): ("shop.example.com", "www.shop.example.com", "third.example.com"),
        ("c",): ("legacy.example.com", "*.apps.example.com"),
        ("d",): (),
        ("e",): ("from.file.example",),
    }


def test_a_map_that_is_not_there_may_lead_anywhere() -> None:
    found = listens(
        " bind :80\n use_backend %[path,map(/etc/haproxy/no.map)]\n", "backend other\n server s 10.0.0.2:80"
    )
    assert set(found[0].pools) == {"b", "other"}


def test_what_only_leads_to_https_leads_to_no_server() -> None:
    for line in (
        " redirect scheme https if !{ ssl_fc }",
        " http-request redirect scheme https code 301 unless { ssl_fc }",
    ):
        plain, secure = listens(f" bind :80\n bind :443 ssl crt a.pem\n{line}\n")
        assert (plain.pools, secure.pools) == ((), ("b",))


def test_servers_say_where_they_are_and_whether_they_serve() -> None:
    found = servers(
        " server a 10.0.0.1:80 weight 5\n server b 10.0.0.2:80 backup\n server c 10.0.0.3:80 disabled\n"
        " server d 10.0.0.4:80 weight 0\n server e app.internal:80 resolvers dns\n server f /run/f.sock\n"
        " server g [fd00::1]:80\n server h 10.0.0.5\n server i 10.0.0.6:+8000\n"
    )
    assert [(one.label, one.host, one.port, one.duty, one.weight) for one in found] == [
        ("a", "10.0.0.1", 80, "serving", 5),
        ("b", "10.0.0.2", 80, "backup", 1),
        ("c", "10.0.0.3", 80, "down", 1),
        ("d", "10.0.0.4", 80, "down", 0),
        ("e", "app.internal", 80, "resolved", 1),
        ("f", "unix:/run/f.sock", 0, "serving", 1),
        ("g", "fd00::1", 80, "serving", 1),
        ("h", "10.0.0.5", 80, "serving", 1),
        ("i", "10.0.0.6", 8080, "serving", 1),
    ]


def test_templates_get_as_many_servers_as_their_name_has_addresses() -> None:
    found = servers(" server-template web 1-50 _http._tcp.web.consul resolvers c\n server-template x 2 x.internal:81\n")
    assert [(one.label, one.host, one.port, one.duty) for one in found] == [
        *((f"web{n}", "_http._tcp.web.consul", 80, "resolved") for n in (1, 2, 3)),
        *((f"x{n}", "x.internal", 81, "resolved") for n in (1, 2)),
    ]


def test_default_server_adds_up_and_can_be_undone() -> None:
    found = servers(
        " server a 10.0.0.1:80\n default-server backup\n server b 10.0.0.2:80 no-ssl enabled\n"
        " server c 10.0.0.3:80 weight 2\n",
        above=f"{DEFAULTS} default-server weight 7 ssl verify none disabled\n",
    )
    assert [(one.label, one.tls, one.duty, one.weight) for one in found] == [
        ("a", True, "down", 7),
        ("b", False, "backup", 7),
        ("c", True, "down", 2),
    ]


@pytest.mark.parametrize(
    ("words", "verified_as"),
    [
        ("verify none verifyhost x.example", ""),
        ("verify required ca-file a.pem verifyhost x.example", "x.example"),
        ("ca-file a.pem sni str(y.example)", "y.example"),
        ("ca-file a.pem sni req.hdr(host)", ""),
    ],
)
def test_servers_in_tls_and_the_name_they_are_checked_for(words: str, verified_as: str) -> None:
    (one,) = servers(f" server s 10.0.0.1:443 ssl {words}")
    assert (one.speaks, one.tls, one.verified_as) == ("http", True, verified_as)


@pytest.mark.parametrize(
    ("lines", "port", "speaks", "tls"),
    [
        ("", 80, "http", False),
        ("", 443, "http", True),
        ("", 5672, "tcp", False),
        (" option httpchk", 5672, "http", False),
        (" option httpchk\n default-server check check-ssl verify none", 5672, "http", True),
        (" option httpchk\n http-check connect ssl", 5672, "http", True),
        (" option ssl-hello-chk", 5672, "http", True),
        (" option mysql-check user x", 443, "mysql", False),
        (" option smtpchk", 25, "smtp", False),
        (" option redis-check", 6379, "tcp", False),
        (" default-server ssl verify none", 443, "http", True),
    ],
)
def test_what_passes_through_in_tcp_mode_is_told_by_checks_and_ports(
    lines: str, port: int, speaks: str, tls: bool
) -> None:
    text = f"defaults\n mode tcp\nlisten l\n bind :{port}\n{lines}\n server s 10.0.0.1:{port} check\n"
    needs = read(text)
    assert [(one.speaks, one.tls) for one in needs.upstreams] == [(speaks, tls)]
    assert [one.protocol for one in needs.listens] == ["http" if speaks == "http" else "tcp"]
    # TLS that HAProxy itself adds on the way to the server is none at the door.
    assert [one.tls for one in needs.listens] == [tls and "default-server ssl" not in lines]


def test_dialects_of_http_servers() -> None:
    found = servers(
        " use-fcgi-app php\n server a 10.0.0.1:9000 proto fcgi\n server b 10.0.0.2:80 proto h2\n"
        " server c 10.0.0.3:443 ssl verify none alpn h2,http/1.1\n"
        " server d 10.0.0.4:443 ssl verify none alpn http/1.1\n"
    )
    assert [one.speaks for one in found] == ["fastcgi", "h2c", "h2c", "http"]


def test_checks_that_go_elsewhere_get_somebody_to_answer() -> None:
    found = servers(
        " server a 10.0.0.1:80 check port 81\n server b 10.0.0.2:80 check addr 10.0.0.9\n"
        " server c 10.0.0.3:80 port 81\n server d 10.0.0.4:80 check port 80\n"
    )
    assert [(one.label, one.host, one.port) for one in found if one.duty == "checked"] == [
        ("a (check)", "10.0.0.1", 81),
        ("b (check)", "10.0.0.9", 80),
    ]
    found = servers(
        " option httpchk\n http-check connect port 90\n http-check connect port 91\n"
        " server a 10.0.0.1:80 check port 81\n server b 10.0.0.2:91 check\n"
    )
    assert [(one.label, one.port) for one in found] == [
        *(("a", 80), ("a (check)", 90), ("a (check)", 91)),
        *(("b", 91), ("b (check)", 90)),
    ]


@pytest.mark.parametrize(
    ("expectation", "says", "met"),
    [
        ("status 200", "", True),
        ("status 200-399", "", True),
        ("status 204", "", False),
        ("! status 500", "", True),
        ("! rstatus ^5", "", True),
        ("rstatus ^[23]..$", "", True),
        ("string ready", "ready", True),
        ("! string error", "", True),
        ("! string Welcome", "", False),
        ("rstring (UP|OK)", "UP", True),
        ("rstring ^(a+)+$", "", False),
        ("hdr name X-Up value 1", "", False),
        ("min-recv 20 string ready", "ready", True),
        ("comment the\\ page string ready", "ready", True),
    ],
)
def test_stand_ins_say_what_checks_look_for_where_they_can(expectation: str, says: str, met: bool) -> None:
    check = f" option httpchk\n http-check expect {expectation}\n"
    text = f"{DEFAULTS}listen l\n bind :80\n{check} server s 10.0.0.1:80 check\n"
    needs = read(text)
    assert [one.says for one in needs.upstreams] == [says]
    assert [one.place.line for one in needs.unmet] == ([] if met else [6])
    assert read(text.replace("80 check", "80")).unmet == ()  # nobody looks


def test_things_that_are_expected() -> None:
    text = """global
 chroot /var/empty
 user haproxy
 group web
 pidfile /run/hap/haproxy.pid
 stats socket /run/hap/admin.sock user ops group ops level admin
 stats socket ipv4@10.0.0.7:9999
 ca-base /etc/ssl/ca
 crt-base /etc/ssl/private
 ssl-dh-param-file /etc/haproxy/dh.pem
 log syslog.internal:514 local0
resolvers dns
 nameserver a 10.0.0.53:53
 nameserver b ns.internal:5353
 parse-resolv-conf
defaults
 mode http
 errorfile 503 /etc/haproxy/errors/503.http
frontend www
 bind :443 ssl crt site.pem crt /etc/haproxy/certs ca-file clients.pem crl-file revoked.pem verify optional
 bind :444 ssl crt site.pem tls-ticket-keys /k
 bind lb.internal:80
 bind unix@/run/in/x.sock user front
 http-request return status 200 content-type text/html file /srv/www/alive.html if { path /alive }
 default_backend b
backend b
 source 10.0.0.8
 server a app.internal:443 ssl ca-file inner.pem crt /etc/haproxy/client.pem
 server u /run/app/app.sock
mailers m
 mailer one mail.internal:25
"""
    assert expected(text) == {
        *(("folder", path) for path in ("/var/empty", "/run/hap", "/run/in", "/run/app")),
        *(("account", name) for name in ("haproxy", "web", "ops", "front")),
        *(("address", address) for address in ("10.0.0.7", "10.0.0.8")),
        ("dhparam", "/etc/haproxy/dh.pem"),
        *(("name", name) for name in ("syslog.internal", "ns.internal", "app.internal", "mail.internal")),
        *(("resolver", place) for place in ("10.0.0.53:53", "ns.internal:5353", "127.0.0.1:53")),
        ("own-name", "lb.internal"),
        *(("file", path) for path in ("/etc/haproxy/errors/503.http", "/srv/www/alive.html")),
        ("certificate-and-key", "/etc/ssl/private/site.pem"),
        ("certificate-folder", "/etc/haproxy/certs"),
        ("authority", "/etc/ssl/ca/clients.pem"),
        ("authority", "/etc/ssl/ca/inner.pem"),
        ("revocations", "/etc/ssl/ca/revoked.pem"),
        ("ticket-key", "/k"),
        ("certificate-and-key", "/etc/haproxy/client.pem"),
    }


def test_what_is_in_the_folder_is_not_expected() -> None:
    text = """frontend www
 bind :443 ssl crt /etc/haproxy/certs/ crt own.pem
 mode http
 http-request deny if { src -f /etc/haproxy/blocked.lst }
"""
    files = {"certs/a.pem": b"", "own.pem": b"", "blocked.lst": b""}
    assert expected(text, **files) == set()
    assert expected(text) == {
        ("certificate-folder", "/etc/haproxy/certs"),
        ("certificate-and-key", "/etc/haproxy/own.pem"),
        ("file", "/etc/haproxy/blocked.lst"),
    }


def test_a_list_of_certificates_that_is_missing_is_made_with_one() -> None:
    needs = read("frontend www\n mode http\n bind :443 ssl crt-list /etc/haproxy/list.txt\n")
    (own,) = (thing.what for thing in needs.expected if thing.kind == "certificate-and-key")
    assert [thing.with_ for thing in needs.expected if thing.kind == "file"] == [(own,)]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("global\n log /dev/log local0\n", "log /dev/log"),
        ("global\n uid 99\n", "uid 99"),
        ("global\n lua-load /etc/haproxy/x.lua\n", "/etc/haproxy/x.lua"),
        ("frontend f\n bind :443 ssl crt a.pem verify required\n", "verify required"),
        ("frontend f\n bind :80 interface eth0\n", "interface eth0"),
        ("frontend f\n bind quic4@:443\n", "quic4@:443"),
        ("frontend f\n bind abns@x\n", "abns@x"),
        ("backend b\n server s 10.0.0.1:80 agent-check agent-port 1\n", "agent-check"),
        ("backend b\n server s 0.0.0.0:0\n", "0.0.0.0"),
        ("backend b\n server s abns@x\n", "abns@"),
        (
            "backend b\n source 0.0.0.0 usesrc clientip\n server s 10.0.0.1:80 source 10.0.0.9 usesrc clientip\n",
            "usesrc",
        ),
        ("backend b\n server s 10.0.0.1:80 ssl ca-file @system-ca\n", "@system-ca"),
        ("backend b\n mode http\n http-request auth\n", "http-request auth"),
        ("frontend f\n filter spoe engine e config /etc/haproxy/s.conf\n", "filter spoe"),
        ("program p\n command /bin/x\n", "command /bin/x"),
        ("peers p\n peer a 10.0.0.1:1000\n", "peers"),
        ('backend b\n server s "${HOST}:80"\n', "HOST"),
    ],
)
def test_what_cannot_be_honoured_is_named(text: str, part: str) -> None:
    assert [str(one) for one in read(text).unmet if part in str(one)]


def test_a_folder_of_files_and_a_config_below_one() -> None:
    needs = read_haproxy({"etc/a.cfg": b"frontend f\n mode http\n bind :80\n"}, "etc/a.cfg")
    assert [str(one.place) for one in needs.listens] == ["a.cfg:3"]
    both = {"c/1.cfg": b"frontend f\n bind :80\n default_backend b\n", "c/2.cfg": b"backend b\n server s 10.0.0.1:80\n"}
    assert [(one.port, one.pools) for one in read_haproxy(both, "c").listens] == [(80, ("b",))]
    with pytest.raises(UnreadableError):
        read_haproxy({}, "haproxy.cfg")


def test_large_configs_are_read_and_too_large_ones_refused() -> None:
    many = "".join(f"backend b{n}\n mode http\n server s 10.{n >> 8}.{n & 255}.1:80 check\n" for n in range(3000))
    assert len(read(many).upstreams) == 3000
    with pytest.raises(TooLargeError):
        read("backend b\n" + " server s 10.0.0.1:80\n" * 50_000)
    anywhere = "".join(f"frontend f{n}\n bind :80\n use_backend %[path]\nbackend b{n}\n" for n in range(400))
    with pytest.raises(TooLargeError, match="ways"):
        read(anywhere)


SOME = """
global defaults frontend backend listen peers resolvers bind server server-template default-server use_backend
default_backend acl http-request http-check tcp-check option mode http tcp httpchk expect string rstring status
hdr(host) -i -f -m reg end ssl crt crt-list ca-file verify required alpn h2 proto fcgi check port addr 80 :80
10.0.0.1 10.0.0.1:80 [::1]:80 :::80 unix@/x /x abns@x 1-3 1-999999 99999 %[path,map(/x,b)] { } if unless ! no
b f from weight 0 nameserver mailer log stats socket user chroot external-check ${X} "${X}" ' " \\ # .if source
use-fcgi-app check-ssl backup disabled %[ a.example.com .example.com legacy. -1 +5 10.0.0.1:+65535
"""
WORDS = st.sampled_from(SOME.split())


@given(st.lists(st.lists(WORDS, min_size=1, max_size=8), max_size=30))
def test_no_config_crashes_the_reading(lines: list[list[str]]) -> None:
    needs = read("\n".join(" ".join(words) for words in lines))
    assert all(one.speaks in PROTOCOLS for one in needs.upstreams)
    assert all(one.kind in KINDS for one in needs.expected)
    assert all(0 <= one.port <= 65535 for one in (*needs.upstreams, *needs.listens))
