"""What a twin is put together from: plans, certificates, files, and what is mended after the balancer complained."""

from __future__ import annotations

import base64
import ssl
import subprocess
from pathlib import Path

import pytest
from cryptography import x509

from autograder.stack.proxies.proxy import ConfigFault
from autograder.stack.proxies.reading import Expected, Needs, Place
from autograder.stack.twin.conjure import FFDHE2048, Authority, ticket_key
from autograder.stack.twin.doors import host_of
from autograder.stack.twin.plan import Plan, TwinError, mountable, plan
from autograder.stack.twin.repair import cures
from autograder.stack.twin.standard import standard_files
from autograder.stack.twin.twin import open_twin, read_needs
from autograder.traffic.clients import population
from autograder.traffic.send import send

HERE = Place("nginx.conf", 1)


def planned(text: str, capacity: dict[str, float] | None = None) -> Plan:
    needs = read_needs({"nginx.conf": text.encode()}, "nginx.conf", "nginx")
    return plan(needs, "nginx", "nginx.conf", "/etc/nginx", Authority(), capacity or {})


def pool(*servers: str, passing: str = "http://shop") -> str:
    lines = " ".join(f"server {server};" for server in servers)
    return f"http {{ upstream shop {{ {lines} }} server {{ listen 80; location / {{ proxy_pass {passing}; }} }} }}"


def test_one_address_is_one_stand_in_however_often_it_is_named() -> None:
    text = "http { upstream a { server 10.0.0.1:1; } upstream b { server 10.0.0.1:1; server 10.0.0.1:2; server c:1; } }"
    made = planned(text)
    assert [(s.address, s.port) for s in made.stack.servers] == [
        ("10.0.0.1", 1),
        ("10.0.0.1", 2),
        ("198.18.128.1", 1),
    ]
    assert list(made.labels.values()) == ["10.0.0.1:1", "10.0.0.1:2", "c:1"]
    assert made.stack.balancer.around.names == (("c", "198.18.128.1"),)


def test_a_stand_in_has_the_capacity_that_is_declared() -> None:
    made = planned(pool("10.0.0.1:1", "big.internal", "10.0.0.3"), {"10.0.0.1:1": 0.5, "big.internal": 4})
    assert [server.workers for server in made.stack.servers] == [16, 128, 32]


def test_the_balancer_itself_is_no_stand_in() -> None:
    text = """http {
      server { listen 10.0.0.5:80; listen 127.0.0.1:81; listen 82; listen unix:/run/own.sock; location / {
        proxy_pass http://10.0.0.5; } location /1 { proxy_pass http://localhost:81; } location /2 {
        proxy_pass http://127.0.0.1:82; } location /3 { proxy_pass http://unix:/run/own.sock; } location /4 {
        proxy_pass http://10.0.0.6:82; } location /5 { proxy_pass http://127.0.0.1:83; } } }"""
    assert [(s.address, s.port) for s in planned(text).stack.servers] == [("10.0.0.6", 82), ("127.0.0.1", 83)]


def test_a_door_on_loopback_is_no_door() -> None:
    made = planned("http { server { listen 127.0.0.1:8080; listen [::1]:8080; listen localhost:81; } }")
    assert made.entrances == ()
    assert len(made.unmet) == 3
    assert planned("http { server { listen 127.0.0.1:8080; listen 80; } }").unmet == ()


def test_two_protocols_at_one_address_are_said() -> None:
    text = "http { server { location / { proxy_pass http://10.0.0.1:80; } location /x { proxy_pass https://a:80; } } }"
    assert planned(text).unmet == ()
    clash = text.replace("https://a:80", "https://10.0.0.1:80").replace("http://10.0.0.1:80", "http://pool")
    clash = f"http {{ upstream pool {{ server 10.0.0.1:80; }} {clash.removeprefix('http {')}"
    (unmet,) = planned(clash).unmet
    assert "speaks http" in unmet.consequence


def test_too_many_servers_are_refused_with_what_to_do() -> None:
    with pytest.raises(TwinError, match="300 servers") as caught:
        planned(pool(*(f"10.0.{n >> 8}.{n & 255}" for n in range(300))))
    assert "leave out" in caught.value.remedy


def test_a_config_too_large_to_be_read_is_refused() -> None:
    with pytest.raises(TwinError, match="too large"):
        open_twin({"nginx.conf": b"#" * (10 << 20)}, "nginx.conf", "nginx")
    with pytest.raises(TwinError, match=r"no other\.conf"):
        open_twin({"nginx.conf": b""}, "other.conf", "nginx")


@pytest.mark.parametrize(
    ("names", "asked"),
    [
        (("_",), "shop.example"),
        (("", "a.example"), "a.example"),
        (("*.b.example",), "www.b.example"),
        ((".c.example",), "c.example"),
        (("www.d.*",), "www.d"),
        (("~^(www\\.)?e\\.example$", "F.example"), "f.example"),
        ((), "shop.example"),
    ],
)
def test_a_door_is_asked_for_a_name_that_it_answers_to(names: tuple[str, ...], asked: str) -> None:
    assert host_of(names) == asked


def test_a_certificate_is_for_its_names_and_signed_by_the_authority(tmp_path: Path) -> None:
    authority = Authority()
    leaf = authority.leaf(["a.example", "*.b.example", "10.0.0.1", "my_app", "~^x$", "a.example."])
    (tmp_path / "pem").write_bytes(leaf.chain + leaf.key)
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(tmp_path / "pem")
    certificate = x509.load_pem_x509_certificate(leaf.chain)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.example", "*.b.example"]
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate))
    # For an address alone, the name is where balancers look for it.
    alone = x509.load_pem_x509_certificate(authority.leaf(["10.0.0.1"]).chain)
    assert "CN=10.0.0.1" in alone.subject.rfc4514_string()
    revoked = x509.load_pem_x509_crl(authority.revocations)
    assert len(revoked) == 0
    assert revoked.issuer == certificate.issuer


def test_the_group_is_that_of_rfc_7919() -> None:
    # A sequence (0x30) of two integers (0x02): the prime, 257 bytes with a leading zero, and the generator.
    der = base64.b64decode(b"".join(FFDHE2048.splitlines()[1:-1]))
    assert der[:9] == bytes.fromhex("30820108 02820101 00")
    assert der[-3:] == b"\x02\x01\x02"
    prime = int.from_bytes(der[9:-3])
    assert prime.bit_length() == 2048
    # Its first and last 64 bits are set, and both it and half of it are primes (Fermat, base 3).
    assert prime >> 1984 == prime & (2**64 - 1) == 2**64 - 1
    assert pow(3, prime - 1, prime) == 1
    assert pow(3, prime // 2 - 1, prime // 2) == 1
    assert len(ticket_key("48", "raw")) == 48
    assert [len(line) for line in ticket_key("80", "base64").split()] == [108, 108, 108]


@pytest.mark.parametrize(
    ("folder", "can"),
    [
        ("/var/log/nginx", True),
        ("/home/deploy/log", True),
        ("/usr/local/etc/nginx", True),
        ("/tmp/cache", True),
        ("/usr/share/nginx/html", False),
        ("/etc", False),
        ("/dev", False),
        ("/run/manyhands/marker", False),
        ("relative", False),
    ],
)
def test_the_systems_own_folders_are_left_alone(folder: str, can: bool) -> None:
    assert mountable(folder) is can


def test_standard_files_are_accepted_by_nginx_itself(tmp_path: Path) -> None:
    made: dict[str, bytes] = {}
    for name in ("mime.types", "fastcgi-php.conf", "uwsgi_params", "scgi_params", "proxy_params", "fastcgi_params"):
        made |= standard_files(f"{tmp_path}/{name}", str(tmp_path)) or {}
    for path, content in made.items():
        Path(path).write_bytes(content)
    includes = " ".join(
        f"include {name};" for name in ("fastcgi-php.conf", "uwsgi_params", "scgi_params", "proxy_params")
    )
    text = f"events {{}} http {{ include mime.types; access_log off; server {{ location / {{ {includes} }} }} }}"
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid; error_log stderr; {text}")
    from autograder.stack.local_sandbox import balancer_folders

    program = balancer_folders()[0] / "nginx"
    ran = subprocess.run(
        [program, "-t", "-p", tmp_path, "-c", tmp_path / "nginx.conf", "-e", "stderr"], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert standard_files("/etc/nginx/other.conf", "/etc/nginx") is None


@pytest.mark.parametrize(
    ("proxy", "message", "kind", "what"),
    [
        ("nginx", 'host not found in upstream "a.internal:80"', "name", "a.internal"),
        ("nginx", 'host not found in set_real_ip_from "lb.internal"', "name", "lb.internal"),
        ("nginx", 'host not found in resolver "dns.internal"', "name", "dns.internal"),
        ("nginx", 'host not found in "me.internal:80" of the "listen" directive', "name", "me.internal"),
        ("nginx", 'getpwnam("deploy") failed', "account", "deploy"),
        ("nginx", 'mkdir() "/data/cache/x" failed (2: No such file or directory)', "folder", "/data/cache"),
        ("nginx", 'open() "/data/log/x.log" failed (2: No such file or directory)', "folder", "/data/log"),
        ("nginx", 'open() "/etc/nginx/x.inc" failed (2: No such file or directory)', "file", "/etc/nginx/x.inc"),
        ("nginx", "bind() to 10.0.0.5:80 failed (99: Cannot assign requested address)", "address", "10.0.0.5"),
        ("nginx", "bind() to [fd00::5]:80 failed (99: Address not available)", "address", "fd00::5"),
        ("haproxy", "could not resolve address 'db.internal'.", "name", "db.internal"),
        ("haproxy", "cannot find user id for 'deploy' (0:Success)", "account", "deploy"),
    ],
)
def test_what_is_missing_is_read_from_the_balancers_own_words(proxy: str, message: str, kind: str, what: str) -> None:
    fault = ConfigFault(message, "nginx.conf", 7)
    (cure,) = cures(proxy, [fault], [])
    assert (cure.kind, cure.what, str(cure.place)) == (kind, what, "nginx.conf:7")
    # What was provided and did not help is not tried again.
    assert cures(proxy, [fault], [cure]) == []


def test_an_own_mistake_is_not_mended() -> None:
    assert cures("nginx", [ConfigFault('unknown directive "sevrer"', "nginx.conf", 1)], []) == []


def test_what_reading_missed_is_provided_and_the_twin_runs() -> None:
    text = """events {}
    http {
      set_real_ip_from lb.prod.internal;
      js_shared_dict_zone zone=z:64k state=/data/state/z.json;
      upstream shop { server 10.0.0.1; }
      server { listen 80; location / { proxy_pass http://shop; } }
    }"""
    assert "lb.prod.internal" not in [e.what for e in read_needs({"n": text.encode()}, "n", "nginx").expected]
    with open_twin({"nginx.conf": text.encode()}, "nginx.conf", "nginx") as twin:
        assert twin.applied.faults == ()
        assert ("name", "lb.prod.internal") in [(e.kind, e.what) for e in twin.needs.expected]
        crowd = population("many")
        assert send(twin.running, crowd, crowd.browse(5), door=twin.doors[0].door).failures == {}


def test_an_edited_config_runs_on_the_same_twin_with_the_same_files() -> None:
    text = """events {}
    http {
      upstream shop { server 10.0.0.1; server 10.0.0.2; }
      server { listen 443 ssl; ssl_certificate tls.pem; ssl_certificate_key tls.key;
               location / { proxy_pass http://shop; } }
    }"""
    crowd = population("many")
    with open_twin({"prod/nginx.conf": text.encode()}, "prod/nginx.conf", "nginx") as twin:
        assert twin.applied.ok
        assert set(twin.provided) == {"/etc/nginx/tls.pem", "/etc/nginx/tls.key"}
        edited = text.replace("server 10.0.0.2;", "server 10.0.0.2 down;")
        assert twin.apply({"nginx.conf": edited.encode()}).ok
        sample = send(twin.running, crowd, crowd.browse(10), door=twin.doors[0].door)
        assert {twin.labels[node]: count for node, count in sample.counts().items()} == {"10.0.0.1:80": 10}


def test_a_certificate_store_of_ones_own_learns_of_our_authority() -> None:
    own = Authority().certificate
    text = """events {}
    http { server { listen 80; proxy_ssl_verify on; proxy_ssl_trusted_certificate ca.pem;
           location / { proxy_pass https://bank.internal; } location /help { proxy_pass https://10.0.0.9; } } }"""
    with open_twin({"nginx.conf": text.encode(), "ca.pem": own}, "nginx.conf", "nginx") as twin:
        assert twin.provided["/etc/nginx/ca.pem"].startswith(own)
        assert any("added" in str(unmet) for unmet in twin.unmet)
        crowd = population("many")
        sample = send(twin.running, crowd, crowd.browse(40), door=twin.doors[0].door)
        assert sample.failures == {}
        assert len(sample.counts()) == 2


def test_needs_without_anything_make_a_plan() -> None:
    made = plan(
        Needs(expected=(Expected(HERE, "account", "a:b"),)), "nginx", "nginx.conf", "/etc/nginx", Authority(), {}
    )
    assert (made.stack.servers, made.entrances, made.stack.balancer.around.accounts) == ((), (), ())
