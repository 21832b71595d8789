"""Changes for the guard to take in: randomised incidents and benign changes of small nginx and HAProxy configs.

Every change is one that the balancer itself accepts; what is a syntax error never gets as far as traffic.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PROXIES = ("nginx", "haproxy")
SERVERS = 4
"""So many there are in the stack; a config has three or four of them."""
_INTENDED = "# manyhands: intended"
_MOST_A_SECOND = 60
"""A limit that is felt: one of two balancers gets 100 requests a second."""


@dataclass(frozen=True)
class Change:
    """One change: two versions of a config. ``bad`` tells that it must be taken back; ``kind`` is what it is called.

    With two ``balancers``, the first gets it alone, and the second is the comparison.
    """

    proxy: str
    kind: str
    bad: bool
    before: str
    after: str
    balancers: int = 1


@dataclass
class _Draft:
    """A config while it is written: its parts, each a list of lines."""

    servers: dict[str, str]
    pool: list[str]
    site: list[str]
    defaults: list[str]
    place: list[str]

    def words(self, dice: random.Random, words: str, count: int = 1) -> None:
        """Write words at so many servers, chosen by chance."""
        for name in dice.sample(sorted(self.servers), count):
            self.servers[name] += f" {words}"


def draw(seed: int, number: int, bad: bool) -> Change:
    """The change of that number: always the same one for a seed. Kinds and proxies come in turn, the rest by chance."""
    proxy = PROXIES[number % 2]
    edits = (_BAD if bad else _BENIGN)[proxy]
    kind = sorted(edits)[number // 2 % len(edits)]
    dice = random.Random(f"{seed} {number} {bad}")
    state = dice.getstate()
    before = _written(proxy, _draft(proxy, dice))
    dice.setstate(state)
    draft = _draft(proxy, dice)
    edits[kind](draft, dice)
    after = _written(proxy, draft)
    after = after if after != before else f"# looked through\n{after}"
    return Change(proxy, kind, bad, before, after, balancers(number))


def balancers(number: int) -> int:
    """How many balancers the change of that number is for: two in a third of all fives of changes."""
    return 1 if number // 5 % 3 else 2


def kinds(proxy: str, bad: bool) -> tuple[str, ...]:
    """What changes there are for a balancer."""
    return tuple(sorted((_BAD if bad else _BENIGN)[proxy]))


def _draft(proxy: str, dice: random.Random) -> _Draft:
    names = [f"app{n}" for n in range(1, dice.choice((3, 4)) + 1)]
    dice.shuffle(names)
    checks = " check inter 200ms fall 3 rise 1" if proxy == "haproxy" and dice.random() < 0.7 else ""
    methods = {
        "nginx": ("", "", "zone shop 64k;", "least_conn;", "random two;", "keepalive 16;"),
        "haproxy": ("balance roundrobin", "balance roundrobin", "balance leastconn", "balance random"),
    }[proxy]
    return _Draft(dict.fromkeys(names, checks), [dice.choice(methods)], [], [], [])


def _written(proxy: str, draft: _Draft) -> str:
    return (_nginx if proxy == "nginx" else _haproxy)(draft)


def _nginx(draft: _Draft) -> str:
    servers = [f"server {name}:8080{words};" for name, words in draft.servers.items()]
    servers = [re.sub(r":8080(.*) port=(\d+)", r":\2\1", line) for line in servers]
    timeouts = ["proxy_connect_timeout 1s;", "proxy_read_timeout 5s;", *draft.defaults]
    place = draft.place or ["proxy_pass http://shop;"]
    return "\n".join(
        [
            "events { worker_connections 1024; }",
            "http {",
            *draft.site,
            *_last_of_each(timeouts),
            "upstream shop {",
            *[line for line in draft.pool if line],
            *servers,
            "}",
            "server {",
            "listen 80;",
            "location / {",
            *place,
            "}",
            "}",
            "}",
            "",
        ]
    )


def _haproxy(draft: _Draft) -> str:
    servers = [f"server {name} {name}:8080{words}" for name, words in draft.servers.items()]
    servers = [re.sub(r":8080(.*) port=(\d+)", r":\2\1", line) for line in servers]
    defaults = [
        "mode http", "timeout connect 1s", "timeout client 10s", "timeout server 5s", "timeout queue 5s",
        "option redispatch 1",
    ]  # fmt: skip
    return "\n".join(
        [
            "defaults",
            *_last_of_each([*defaults, *draft.defaults]),
            "frontend web",
            "bind :80",
            *draft.site,
            "default_backend shop",
            "backend shop",
            *draft.pool,
            *draft.place,
            *servers,
            "",
        ]
    )


def _last_of_each(lines: list[str]) -> list[str]:
    """A setting that is written twice is written as it was last."""
    return list({" ".join(line.split()[:-1]) if "timeout" in line else line: line for line in lines}.values())


def _only(draft: _Draft, dice: random.Random) -> None:
    kept = dice.choice(sorted(draft.servers))
    draft.servers = {kept: draft.servers[kept]}


def _all_but_one(words: str) -> Callable[[_Draft, random.Random], None]:
    def edit(draft: _Draft, dice: random.Random) -> None:
        draft.pool = [line for line in draft.pool if "random" not in line]  # nginx's knows no backup
        draft.words(dice, words, len(draft.servers) - 1)

    return edit


def _pool(*lines: str) -> Callable[[_Draft, random.Random], None]:
    def edit(draft: _Draft, dice: random.Random) -> None:
        draft.pool = [dice.choice(lines)] if len(lines) > 1 else [*lines]

    return edit


def _method(*lines: str) -> Callable[[_Draft, random.Random], None]:
    """One of several ways to balance, each of one line or more."""

    def edit(draft: _Draft, dice: random.Random) -> None:
        draft.pool = dice.choice(lines).split("\n")

    return edit


def _site(*lines: str) -> Callable[[_Draft, random.Random], None]:
    def edit(draft: _Draft, _: random.Random) -> None:
        draft.site += lines

    return edit


def _defaults(*lines: str) -> Callable[[_Draft, random.Random], None]:
    def edit(draft: _Draft, dice: random.Random) -> None:
        draft.defaults.append(dice.choice(lines))

    return edit


def _place(*lines: str) -> Callable[[_Draft, random.Random], None]:
    def edit(draft: _Draft, _: random.Random) -> None:
        draft.place += lines

    return edit


def _skew(draft: _Draft, dice: random.Random) -> None:
    draft.words(dice, f"weight={dice.randint(10, 200)}")


def _skew_haproxy(draft: _Draft, dice: random.Random) -> None:
    draft.words(dice, f"weight {dice.randint(10, 200)}")
    # HAProxy's leastconn looks at weights among busy servers only. At this traffic each gets the same (counted: 149 to
    # 151 of 600 requests), so there is nothing to take back. An inspection sees it: it sends many at a time.
    if "balance leastconn" in draft.pool:
        draft.pool = ["balance roundrobin"]


def _wrong_port(draft: _Draft, dice: random.Random) -> None:
    draft.words(dice, f"port={dice.choice((80, 8081, 8088, 9090))}", dice.choice((1, len(draft.servers))))


def _to_one(draft: _Draft, dice: random.Random) -> None:
    draft.place = [f"proxy_pass http://{dice.choice(sorted(draft.servers))}:8080;"]


def _half_to_one(draft: _Draft, dice: random.Random) -> None:
    one = dice.choice(sorted(draft.servers))
    draft.site += [f"upstream half {{ server {one}:8080; }}", 'split_clients "$request_id" $pool {', "60% half;"]
    draft.site += ["* shop;", "}"]
    draft.place = ["proxy_pass http://$pool;"]


def _some_fail(draft: _Draft, dice: random.Random) -> None:
    draft.site += ['split_clients "$request_id" $luck {', f"{dice.randint(5, 40)}% bad;", "* good;", "}"]
    draft.place = ["if ($luck = bad) { return 503; }", "proxy_pass http://shop;"]


def _queue_delays(draft: _Draft, dice: random.Random) -> None:
    draft.site.append(f"limit_req_zone $server_port zone=all:1m rate={dice.randint(30, _MOST_A_SECOND)}r/s;")
    draft.place = ["limit_req zone=all burst=5000;", "proxy_pass http://shop;"]


def _rate_refused(draft: _Draft, dice: random.Random) -> None:
    draft.site.append(f"limit_req_zone $server_port zone=all:1m rate={dice.randint(20, _MOST_A_SECOND)}r/s;")
    draft.place = ["limit_req zone=all burst=5 nodelay;", "proxy_pass http://shop;"]


def _some_fail_haproxy(draft: _Draft, dice: random.Random) -> None:
    draft.site.append(f"http-request return status 503 if {{ rand(100) lt {dice.randint(5, 40)} }}")


def _delayed(draft: _Draft, dice: random.Random) -> None:
    draft.site += [
        f"tcp-request inspect-delay {dice.randint(500, 1500)}ms",
        "tcp-request content accept if WAIT_END",
    ]


def _add(draft: _Draft, _: random.Random) -> None:
    draft.servers |= {f"app{n}": next(iter(draft.servers.values())) for n in range(1, SERVERS + 1)}


def _remove(draft: _Draft, dice: random.Random) -> None:
    del draft.servers[dice.choice(sorted(draft.servers))]


def _reorder(draft: _Draft, dice: random.Random) -> None:
    items = list(draft.servers.items())
    dice.shuffle(items)
    draft.servers = dict(items)


def _weights(word: str) -> Callable[[_Draft, random.Random], None]:
    def edit(draft: _Draft, dice: random.Random) -> None:
        weight = dice.randint(2, 50)
        draft.servers = {name: f"{words} {word}{weight}" for name, words in draft.servers.items()}

    return edit


def _canary(word: str) -> Callable[[_Draft, random.Random], None]:
    """One of the servers gets a small declared part."""

    def edit(draft: _Draft, dice: random.Random) -> None:
        small = dice.choice(sorted(draft.servers))
        many = dice.randint(5, 20)
        draft.servers = {name: f"{words} {word}{1 if name == small else many}" for name, words in draft.servers.items()}
        draft.pool.append(f"{_INTENDED} {small} has a new version of the shop")

    return edit


_BAD: Mapping[str, Mapping[str, Callable[[_Draft, random.Random], None]]] = {
    "nginx": {
        "weight-skew": _skew,
        "one-server-pool": _only,
        "one-not-down": _all_but_one("down"),
        "all-but-one-backup": _all_but_one("backup"),
        "constant-hash-key": _pool("hash shop;", "hash $server_port consistent;", "hash $host;", "hash $scheme;"),
        "wrong-port": _wrong_port,
        "pool-bypassed": _to_one,
        "most-to-one": _half_to_one,
        "timeout-too-short": _defaults("proxy_read_timeout 1ms;", "proxy_read_timeout 2ms;"),
        "some-fail": _some_fail,
        "page-of-an-error": _place("return 503;"),
        "queue-delays": _queue_delays,
        "limit-refuses": _rate_refused,
    },
    "haproxy": {
        "weight-skew": _skew_haproxy,
        "one-server-pool": _only,
        "one-not-disabled": _all_but_one("disabled"),
        "all-but-one-backup": _all_but_one("backup"),
        "constant-hash-key": _pool("balance hdr(host)", "balance hash str(shop)"),
        "constant-stick-key": _method("balance roundrobin\nstick-table type string len 32 size 1k\nstick on hdr(host)"),
        "balance-first": _pool("balance first"),
        "wrong-port": _wrong_port,
        "timeout-too-short": _defaults("timeout server 1ms", "timeout server 2ms"),
        "some-fail": _some_fail_haproxy,
        "page-of-an-error": _site("http-request return status 503"),
        "delayed": _delayed,
    },
}
_BENIGN: Mapping[str, Mapping[str, Callable[[_Draft, random.Random], None]]] = {
    "nginx": {
        "comment": _site("# the shop, and nothing else"),
        "log-format": _site("log_format short '$remote_addr $status';", "access_log /dev/null short;"),
        "timeouts-raised": _defaults("proxy_read_timeout 20s;", "proxy_connect_timeout 3s;"),
        "server-added": _add,
        "server-removed": _remove,
        "reordered": _reorder,
        "equal-weights": _weights("weight="),
        "canary-declared": _canary("weight="),
        "another-method": _method("", "least_conn;", "random;", "random two least_conn;", "zone shop 64k;"),
        "client-hash": _method("hash $remote_addr;", "hash $remote_addr consistent;", "ip_hash;"),
        "kept-alive": _method("keepalive 8;", "keepalive 32;"),
        "headers": _site("add_header X-Shop yes;", "proxy_set_header X-From $remote_addr;"),
        "gzip": _site("gzip on;", "client_max_body_size 20m;"),
    },
    "haproxy": {
        "comment": _site("# the shop, and nothing else"),
        "log-format": _site('log-format "%ci %ST"', "option dontlognull"),
        "timeouts-raised": _defaults("timeout server 20s", "timeout connect 3s", "timeout queue 10s"),
        "server-added": _add,
        "server-removed": _remove,
        "reordered": _reorder,
        "equal-weights": _weights("weight "),
        "canary-declared": _canary("weight "),
        "another-method": _method("balance roundrobin", "balance leastconn", "balance random", "balance static-rr"),
        "client-hash": _method("balance source", "balance source\nhash-type consistent"),
        "headers": _site("http-response set-header X-Shop yes", "http-request set-header X-From %[src]"),
        "compression": _defaults("compression algo gzip", "maxconn 2000", "option http-server-close"),
        "sticky-cookie": _method("balance roundrobin\nstick-table type ip size 10k expire 1m\nstick on src"),
    },
}
