"""Reading HAProxy configs for the catalogue: what servers inherit, who is reached, and nothing hostile gets through."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.mistakes.catalogue import find_mistakes, mistakes
from autograder.mistakes.finding import Finding
from autograder.mistakes.haproxy_config import HaproxyConfig, milliseconds, read_haproxy_config
from autograder.mistakes.haproxy_example import haproxy, servers
from autograder.mistakes.haproxy_health import notices_within, returns_within
from autograder.mistakes.haproxy_keys import sample_of
from autograder.mistakes.mistake import MAX_QUOTE


def find(text: str | bytes, **more: bytes) -> tuple[Finding, ...]:
    data = text.encode() if isinstance(text, str) else text
    return find_mistakes({"haproxy.cfg": data, **more}, "haproxy.cfg", "haproxy")


def read(text: str) -> HaproxyConfig:
    return read_haproxy_config({"haproxy.cfg": text.encode()}, "haproxy.cfg")


def test_a_finding_names_line_quote_and_column() -> None:
    text = haproxy(servers("check weight 20", "check", "check"))
    (finding,) = find(text)
    assert (finding.pool, finding.quote) == ("shop", "server web1 app1:8080 check weight 20")
    assert finding.quote[slice(*finding.column)] == "weight 20"
    assert text.splitlines()[finding.line - 1].strip() == finding.quote


def test_what_default_server_says_holds_below_it_until_it_is_taken_back() -> None:
    pool = read(
        "defaults\n default-server weight 7 check\nbackend a\n server one a:1\n"
        " default-server weight 9 disabled no-check\n server two b:1 enabled\n server three c:1 weight 1\n"
    ).pools[0]
    one, two, three = pool.servers
    assert [one.weight, two.weight, three.weight] == [7, 9, 1]
    assert ["check" in server.settings for server in pool.servers] == [True, False, False]
    assert [server.idle is not None for server in pool.servers] == [False, False, True]


@pytest.mark.parametrize(
    ("lines", "reached"),
    [
        ("default_backend a", {"a"}),
        ("use_backend b if { path /x }\ndefault_backend a", {"a", "b"}),
        ("use_backend b\ndefault_backend a", {"b"}),
        ("use_backend b if { path_beg / }\ndefault_backend a", {"b"}),
        ("use_backend b unless { always_false }\ndefault_backend a", {"b"}),
        ("use_backend b if !{ always_true }\ndefault_backend a", {"a", "b"}),
        ("acl x path_beg /x\nacl x path_beg /\nuse_backend b if x\ndefault_backend a", {"b"}),
        ("acl x path_beg /\nuse_backend b if x { src 192.0.2.1 }\ndefault_backend a", {"a", "b"}),
        ("use_backend b if { src 192.0.2.1 } or { path -m beg / }\ndefault_backend a", {"b"}),
        ("use_backend %[req.hdr(host),map(sites.map,a)]", {"a", "b"}),
        ("use_backend %[var(txn.pool)]", set()),
        ("disabled\ndefault_backend a", set()),
        ("", set()),
    ],
)
def test_pools_that_are_reached(lines: str, reached: set[str]) -> None:
    pools = "backend a\n server one a:1\nbackend b\n server two b:1\n"
    files = {"haproxy.cfg": f"frontend web\n{lines}\n{pools}".encode(), "sites.map": b"# old a\nshop.example b\n"}
    config = read_haproxy_config(files, "haproxy.cfg")
    assert {pool.name for pool in config.pools if pool.used} == reached


def test_a_pool_that_depends_on_the_environment_is_not_judged() -> None:
    text = haproxy(servers("check weight 20", "check", "check"))
    assert find(text)
    assert (
        find(
            text.replace("    server web1", ".if defined(OLD)\n    server web1").replace(
                "\n    server web2", "\n.endif\n    server web2"
            )
        )
        == ()
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [("10s", 10_000), ("500", 500), ("2m", 120_000), ("1h", 3_600_000), ("7us", 0.007), ("x", None)],
)
def test_times_without_a_unit_are_milliseconds(text: str, expected: float | None) -> None:
    assert milliseconds(text) == expected


def test_how_long_checks_take_to_see() -> None:
    pool = read(
        "backend a\n server s a:1 check\n server t a:2 check inter 10s fastinter 1s downinter 1m rise 5\n"
    ).pools[0]
    first, second = pool.servers
    assert [notices_within(first), returns_within(first)] == [6000, 4000]
    assert [notices_within(second), returns_within(second)] == [12_000, 64_000]


@pytest.mark.parametrize(
    ("text", "sample"),
    [
        ("src", "src"),
        ("src,ipmask(24)", "src"),
        ("req.hdr(x-a,1),lower", "req.hdr(x-a,1)"),
        ("concat(a,(b),c),md5", "concat(a,(b),c)"),
        ("", ""),
    ],
)
def test_a_sample_ends_at_its_first_converter(text: str, sample: str) -> None:
    assert sample_of(text) == sample


HOSTILE = {
    "nothing": b"",
    "nul": b"\0" * 1000,
    "not-text": bytes(range(256)) * 20,
    "ten-megabytes": b"backend a\n server s a:1\n" * 500_000,
    "one-word": b"a" * 1_900_000,
    "quotes": b'"' + b"a " * 100_000,
    "many-words": b"backend a\nserver s a:1 " + b"weight 1 " * 100_000,
    "empty-lines": b"frontend\nbackend\nlisten\nserver\nuse_backend\nacl\nbalance\nhash-type\nstick\n",
    "half-lines": b"listen a\nbind\nserver s\nserver\nserver-template\nserver-template x 1-\nuse-server\nstick on\n"
    b"stick-table type\nbalance hash\nbalance uri len\nhttp-check expect\nhttp-check\ntcp-check connect addr\n"
    b"retries\ntimeout queue\ntimeout\noption\nno\nno option\nuse_backend b if\nuse_backend b if {\nacl x\ncookie\n",
    "giant-numbers": b"listen a\nserver s a:1 weight " + b"9" * 5000 + b" check inter " + b"9" * 5000 + b"\n",
    "giant-template": b"listen a\nmode http\nserver-template s 999999 a:1\nserver t b:1 weight 5\n",
    "other-digits": "listen a\nmode http\nserver s a:1 weight ٢٠\nserver t b:1\n".encode(),
    "patterns": b"listen a\nmode http\noption httpchk\nhttp-check expect rstatus (a+)+$(\nserver s a:1 check\n"
    b"server t b:1 check\n",
    "negations": b"frontend f\nuse_backend a if "
    + b"!" * 5000
    + b"\nuse_backend a if ! ! !\nbackend a\nserver s a:1\n",
    "self": b"listen a\nuse_backend a\ndefault_backend a\nserver s a:1 track a/s\n",
    "rand-zero": b"frontend f\nuse_backend b if { rand(0) lt 5 }\ndefault_backend a\nbackend a\nserver s a:1\n",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_read_soon(data: bytes) -> None:
    begin = time.process_time()
    assert isinstance(find(data, **{"a" * 200: b"x"}), tuple)
    assert time.process_time() - begin < 5


def test_a_main_file_that_is_not_there_finds_nothing() -> None:
    assert find_mistakes({}, "haproxy.cfg", "haproxy") == ()


CASES = [example.config for m in mistakes() for example in m.examples if example.proxy == "haproxy"]
SNIPPETS = [
    *CASES, "server", "server-template", "weight", "balance", "hash", "src,ipmask(", "{", "}", "!", '"', "\\", "#",
    "\n", "\0", " ", "use_backend", "if", "unless", "or", "acl", "nbsrv(shop)", "rand(1)", "lt", "9", "unix@", "$",
    "[::1]:80", "option", "no", "http-check expect", "track", "check", "stick on", "len", "éø",
]  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from(SNIPPETS), max_size=12).map(" ".join), st.data())
def test_mangled_configs_never_raise(text: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(text)))
    for finding in find(text[cut:] + text[:cut]) + find(text[:cut]):
        start, end = finding.column
        assert 0 <= start <= end <= len(finding.quote) <= MAX_QUOTE
        assert finding.line >= 1
        assert finding.message.isprintable()


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(CASES), st.data())
def test_a_config_with_words_taken_out_never_raises(text: str, data: st.DataObject) -> None:
    words = text.split(" ")
    gone = data.draw(st.sets(st.integers(0, len(words) - 1), max_size=8))
    assert isinstance(find(" ".join(word for n, word in enumerate(words) if n not in gone)), tuple)


_hosts = st.text("abcdefghij", min_size=1, max_size=5)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(_hosts, st.integers(1, 256), min_size=2, max_size=6))
def test_weights_equal_to_capacity_are_right(machines: dict[str, int]) -> None:
    lines = "".join(f"server {host} {host}:8080 check weight {weight}\n" for host, weight in machines.items())
    files = {"haproxy.cfg": haproxy(lines).encode()}
    assert find_mistakes(files, "haproxy.cfg", "haproxy", machines) == ()
    assert find_mistakes(files, "haproxy.cfg", "haproxy", {host: w * 0.37 for host, w in machines.items()}) == ()


@settings(deadline=None, max_examples=60)
@given(st.lists(_hosts, min_size=2, max_size=6, unique=True), st.integers(1, 256))
def test_equal_weights_on_undeclared_machines_are_right(hosts: list[str], weight: int) -> None:
    lines = "".join(f"server {host} {host}:8080 check weight {weight}\n" for host in hosts)
    assert find(haproxy(lines)) == ()
