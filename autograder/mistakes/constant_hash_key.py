"""A hash whose key is the same for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.haproxy_example import THREE as CHECKED_THREE
from autograder.mistakes.haproxy_example import haproxy
from autograder.mistakes.haproxy_keys import constant, hash_sample, many_sites, written
from autograder.mistakes.mistake import ANY_ONE, CLIENTS, STATES, Example, LookAlike, Mistake, finding, nginx
from autograder.mistakes.nginx_config import plain
from autograder.mistakes.nginx_keys import hashed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig, Upstream

CONSTANT = frozenset(
    (
        *("scheme", "request_method", "server_port", "server_addr", "server_protocol", "protocol", "hostname"),
        *("nginx_version", "pid", "proxy_host", "proxy_port"),
    )
)
"""Variables with one value, or nearly, whatever the clients do."""
SITE = frozenset(("host", "http_host", "server_name"))
"""Variables that name the site: constant unless many sites share the pool."""
MANY_NAMES = 20


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Hash keys made of constants only."""
    del capacity  # One key is one server, whatever the machine.
    for one in hashed(config):
        constant = CONSTANT if _many_sites(config, one.upstream) else CONSTANT | SITE
        # An empty key is no mistake: nginx falls back to round robin (measured: NX-06).
        names = one.key.names if _has_names(config, one.upstream) else one.key.names - {"server_name"}
        if not one.key.several and names <= constant and (names or one.key.literal):
            message = (
                f"The key {plain(one.written)} is the same for nearly every request, "
                "so this line sends nearly all of them to one server."
            )
            yield finding(MISTAKE.slug, one.upstream.name, one.words, message, MISTAKE.mend)


def _many_sites(config: NginxConfig, upstream: Upstream) -> bool:
    names = {name for p in config.passes_to(upstream) for name in p.server_names}
    return len(names) >= MANY_NAMES or any(name.startswith(("~", ".")) or "*" in name for name in names)


def _has_names(config: NginxConfig, upstream: Upstream) -> bool:
    """Whether ``$server_name`` has a value where requests for a pool come in."""
    return any(name for p in config.passes_to(upstream) for name in p.server_names)


_THREE = "server app1:8080;\nserver app2:8080;\nserver app3:8080;"
_EVEN = {"app1": 1 / 3, "app2": 1 / 3, "app3": 1 / 3}


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``balance hdr`` and ``balance hash`` with a key that has one value for nearly every request."""
    del capacity  # One key is one server, whatever the machine.
    for pool in config.pools:
        if not pool.used or pool.balance is None or len(pool.machines) < 2:
            continue
        # A key that is not there is no mistake: HAProxy falls back to round robin (measured: HA-05).
        if constant(written(hash_sample(pool), pool), many_sites(config)):
            message = (
                f"The key {plain(pool.balance.values[-1])} is the same for nearly every request, so this line sends "
                "nearly all of them to one server."
            )
            yield finding(MISTAKE.slug, pool.name, pool.balance.words, message, MISTAKE.mend)


MISTAKE = Mistake(
    slug="constant-hash-key",
    title="A hash key that is the same for everybody",
    what="The pool chooses the server by a hash, and the key (`$host`, `$request_method`, `hdr(host)` …) has one value "
    "for all the traffic.",
    why="One key is one server. The others are up, listed, healthy, and get nothing, however many clients there are.",
    clients=CLIENTS,
    states=STATES,
    seen="Log the key beside `$upstream_addr`: one key, one address.",
    mend="Hash on something that differs between requests or clients, or leave the method out.",
    instead=nginx(_THREE),
    versions="nginx since 1.7.2 (`hash`); measured with 1.31.3; HAProxy 2.8.25",
    sources=(
        "https://nginx.org/en/docs/http/ngx_http_upstream_module.html#hash",
        "NX-03",
        "https://docs.haproxy.org/2.8/configuration.html#4.2-balance",
        "HA-04",
        "HA-05",
    ),
    decides="pool",
    directives=("hash", "balance hdr", "balance url_param", "balance hash", "balance source"),
    readers={"nginx": in_nginx, "haproxy": in_haproxy},
    examples=(
        Example(
            "host",
            nginx("hash $host;\n" + _THREE, server="server_name shop.example www.shop.example;"),
            guilty="hash $host",
            share={"many": {ANY_ONE: 1.0}, "office": {ANY_ONE: 1.0}},
        ),
        Example(
            "method-and-scheme",
            nginx('hash "$request_method ${scheme}" consistent;\n' + _THREE),
            guilty='hash "$request_method ${scheme}"',
            share={"many": {ANY_ONE: 1.0}},
        ),
        Example("literal", nginx("hash shop;\n" + _THREE), guilty="hash shop", share={"many": {ANY_ONE: 1.0}}),
        Example(
            "handed-on",
            nginx(
                'hash "$shard";\n' + _THREE,
                http="map $cookie_session $shard { default $place; }",
                server="set $place ${scheme}-shop;",
            ),
            guilty='hash "$shard"',
            share={"many": {ANY_ONE: 1.0}, "office": {ANY_ONE: 1.0}},
        ),
        Example(
            "pool-itself",
            nginx("hash $proxy_host;\n" + _THREE),
            guilty="hash $proxy_host",
            share={"many": {ANY_ONE: 1.0}},
        ),
        Example(
            "survivor",
            nginx("zone shop 64k;\nhash $host;\n" + _THREE),
            guilty="hash $host",
            share={"many": {ANY_ONE: 1.0}},
            state="one-down",
        ),
        Example(
            "haproxy-host",
            haproxy("balance hdr(Host)\n" + CHECKED_THREE),
            guilty="balance hdr(Host)",
            share={"many": {ANY_ONE: 1.0}, "office": {ANY_ONE: 1.0}},
            proxy="haproxy",
        ),
        Example(
            "haproxy-destination",
            haproxy("balance hash dst\nhash-type consistent\n" + CHECKED_THREE),
            guilty="balance hash dst",
            share={"many": {ANY_ONE: 1.0}},
            proxy="haproxy",
        ),
        Example(
            "haproxy-written-header",
            haproxy(
                "balance hdr(x-shard)\nhash-type consistent\n" + CHECKED_THREE,
                "http-request set-header X-Shard shop\ndefault_backend shop",
            ),
            guilty="balance hdr(x-shard)",
            share={"many": {ANY_ONE: 1.0}, "office": {ANY_ONE: 1.0}},
            proxy="haproxy",
        ),
        Example(
            "haproxy-written-variable",
            haproxy(
                "balance hash var(txn.site)\n" + CHECKED_THREE,
                "http-request set-var(txn.site) req.hdr(host),lower\ndefault_backend shop",
            ),
            guilty="balance hash var(txn.site)",
            share={"many": {ANY_ONE: 1.0}},
            proxy="haproxy",
        ),
        Example(
            "haproxy-overruled-key",
            haproxy(
                "balance hdr(x-shard)\n" + CHECKED_THREE,
                "http-request set-header x-shard %[src] if { path_beg / }\nhttp-request set-header x-shard shop\n"
                "default_backend shop",
            ),
            guilty="balance hdr(x-shard)",
            share={"many": {ANY_ONE: 1.0}},
            proxy="haproxy",
        ),
        Example(
            "haproxy-written-source",
            haproxy("balance source\n" + CHECKED_THREE, "http-request set-src str(198.18.0.1)\ndefault_backend shop"),
            guilty="balance source",
            share={"many": {ANY_ONE: 1.0}},
            proxy="haproxy",
        ),
        Example(
            "haproxy-written-query",
            haproxy(
                "balance url_param shard\n" + CHECKED_THREE,
                "http-request set-query shard=1&%[query]\ndefault_backend shop",
            ),
            guilty="balance url_param shard",
            share={"many": {ANY_ONE: 1.0}},
            proxy="haproxy",
        ),
    ),
    look_alikes=(
        LookAlike(
            "haproxy-now-and-then",
            haproxy(
                "balance hdr(x-shard)\n" + CHECKED_THREE,
                "http-request set-header x-shard export if { path_beg /export }\ndefault_backend shop",
            ),
            "only exports have it",
            share={"many": _EVEN},
            proxy="haproxy",
        ),
        LookAlike(
            "haproxy-overruled",
            haproxy(
                "balance hash var(txn.who)\n" + CHECKED_THREE,
                "http-request set-var(txn.who) src\ntcp-request content set-var(txn.who) str(nobody)\n"
                "default_backend shop",
            ),
            "what is done with a request comes after what is done with a connection",
            share={"many": _EVEN},
            proxy="haproxy",
        ),
        LookAlike(
            "haproxy-written-address",
            haproxy(
                "balance hdr(x-client)\n" + CHECKED_THREE,
                "http-request set-header x-client %[src]\ndefault_backend shop",
            ),
            "each client has an address",
            share={"many": _EVEN},
            proxy="haproxy",
        ),
        LookAlike(
            "haproxy-random",
            haproxy(
                "balance hash var(txn.dice)\n" + CHECKED_THREE,
                "http-request set-var(txn.dice) rand\ndefault_backend shop",
            ),
            "every request throws dice",
            proxy="haproxy",
        ),
        LookAlike("uri", nginx("hash $request_uri;\n" + _THREE), "a shop has many pages"),
        LookAlike(
            "request-id",
            nginx("hash $request_id;\n" + _THREE),
            "every request has an id of its own",
            share={"many": _EVEN, "office": _EVEN},
        ),
        LookAlike(
            "no-cookie",
            nginx("hash $cookie_session;\n" + _THREE),
            "with an empty key nginx deals round robin",
            share={"many": _EVEN, "office": _EVEN},
        ),
        LookAlike(
            "many-sites",
            nginx("hash $host;\n" + _THREE, server="server_name " + " ".join(f"s{n}.example" for n in range(40)) + ";"),
            "forty sites are forty keys",
        ),
        LookAlike(
            "any-site",
            nginx("hash $host;\n" + _THREE, server="server_name *.shops.example;"),
            "a site for each tenant",
        ),
        LookAlike(
            "no-name",
            nginx("hash $server_name;\n" + _THREE),
            "a site without a name leaves the key empty, and nginx deals in turn",
            share={"many": _EVEN},
        ),
        LookAlike(
            "handed-on",
            nginx(
                "hash $who;\n" + _THREE,
                http='map $http_x_user $who { "" $request_id; default $http_x_user; }',
            ),
            "the map hands on what differs",
            share={"many": _EVEN, "office": _EVEN},
        ),
        LookAlike(
            "captured",
            nginx(
                "hash $item;\n" + _THREE,
                "proxy_pass http://shop;",
                server='set $item ""; if ($uri ~ "^/item/(?<item>[0-9]+)") { set $seen 1; }',
            ),
            "the name is given another value by a pattern",
        ),
        LookAlike("comment", nginx("# hash $host;\n" + _THREE), "a comment", share={"many": _EVEN}),
        LookAlike(
            "overruled",
            nginx("hash $host;\nleast_conn;\n" + _THREE),
            "the last method wins (nginx -t warns)",
            share={"many": _EVEN},
        ),
        LookAlike(
            "mixed",
            nginx("hash $host$request_id;\n" + _THREE),
            "one part of the key varies",
            share={"office": _EVEN},
        ),
        LookAlike(
            "haproxy-absent",
            haproxy("balance hdr(x-user)\n" + CHECKED_THREE),
            "without the header HAProxy deals out in turn",
            share={"many": _EVEN},
            proxy="haproxy",
        ),
        LookAlike(
            "haproxy-parameter",
            haproxy("balance url_param order\n" + CHECKED_THREE),
            "every order is a key; pages without it are dealt out in turn",
            share={"many": _EVEN},
            proxy="haproxy",
            pages="checkout",
        ),
        LookAlike(
            "haproxy-many-sites",
            haproxy(
                "balance hdr(host)\n" + CHECKED_THREE,
                "acl known hdr_end(host) .shop.example\nuse_backend shop if known\ndefault_backend shop",
            ),
            "many sites have names of their own",
            proxy="haproxy",
        ),
    ),
)
