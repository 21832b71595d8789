"""A hash whose key has only a few values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from autograder.mistakes.constant_hash_key import CONSTANT, SITE
from autograder.mistakes.haproxy_example import THREE as CHECKED_THREE
from autograder.mistakes.haproxy_example import haproxy
from autograder.mistakes.haproxy_keys import hash_sample, written
from autograder.mistakes.mistake import (
    ANY_ONE,
    CLIENTS,
    EVEN,
    STATES,
    THREE,
    Example,
    LookAlike,
    Mistake,
    finding,
    nginx,
)
from autograder.mistakes.nginx_config import plain
from autograder.mistakes.nginx_keys import hashed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig


_FEW = re.compile(
    r"http_(user_agent|accept(_\w+)?|connection|upgrade|sec_\w+|dnt|cache_control|content_type)|content_type|is_args|https"
    r"|ssl_(protocol|cipher|curve|sigalg|early_data|session_reused|client_verify|alpn_protocol|preread_protocol)|http[23]"
    r"|pipe|limit_(conn|req)_status|upstream_cache_status|invalid_referer|(ancient|modern)_browser|msie"
    r"|(time|date)_(local|gmt|iso8601)|geoip2?_\w*(country|continent)\w*|cookie_(lang|language|locale|currency|country|theme)"
)
"""Variables of which most clients have the same value, or one of a few."""


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Hash keys made of variables with few values, by their nature or because a ``map`` gives them few."""
    del capacity  # A key that nobody else has is one server, whatever the machine.
    for one in hashed(config):
        few = {name for name in one.key.names if _FEW.fullmatch(name)}
        if (few or one.key.several) and one.key.names <= few | CONSTANT | SITE:
            message = (
                f"The key {plain(one.written)} has only a few values, or one that most clients share, so this line "
                "sends all requests with the same value to one server."
            )
            yield finding(MISTAKE.slug, one.upstream.name, one.words, message, MISTAKE.mend)


_FEW_SAMPLES = re.compile(
    r"req\.hdr\((user-agent|accept(-\w+)?|connection|upgrade|sec-[\w-]+|dnt|cache-control|content-type)\)"
    r"|date(\(.*\))?|nbsrv\(.*\)|ssl_fc_(protocol|cipher|alpn)",
    re.I,
)


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """``balance hdr`` and ``balance hash`` by a header that has few values, or by something all clients share."""
    del capacity  # A key that nobody else has is one server, whatever the machine.
    for pool in config.pools:
        if not pool.used or pool.balance is None or len(pool.machines) < 2:
            continue
        if _FEW_SAMPLES.fullmatch(written(hash_sample(pool), pool)):
            message = (
                f"The key {plain(pool.balance.values[-1])} has only a few values, or one that most clients share, so "
                "this line sends all requests with the same value to one server."
            )
            yield finding(MISTAKE.slug, pool.name, pool.balance.words, message, MISTAKE.mend)


MISTAKE = Mistake(
    slug="hash-of-few-values",
    title="A hash key with a few values",
    what="The pool chooses the server by `hash`, and the key has a handful of values: the browser's name, a language, "
    "a country, or a variable that a `map` of this config gives two or three values.",
    why="A hash deals out keys, not requests. Three keys on three servers are seldom one each, and the key that most "
    "clients share takes all of them to one server, however many clients there are.",
    clients=CLIENTS,
    states=STATES,
    seen="Log the key beside `$upstream_addr` and count: a few keys, one of them in most lines.",
    mend="Hash on something with hundreds of values (the session, the whole request), or leave the method out.",
    instead=nginx("hash $request_uri consistent;\n" + THREE),
    versions="nginx since 1.7.2 (`hash`); measured with 1.31.3; HAProxy 2.8.25",
    sources=(
        "https://nginx.org/en/docs/http/ngx_http_upstream_module.html#hash",
        "NX-03",
        "NX-09",
        "https://docs.haproxy.org/2.8/configuration.html#4.2-balance",
        "HA-04",
    ),
    decides="pool",
    directives=("hash", "balance hdr", "balance hash"),
    readers={"nginx": in_nginx, "haproxy": in_haproxy},
    examples=(
        Example(
            "user-agent",
            nginx("hash $http_user_agent;\n" + THREE),
            guilty="hash $http_user_agent",
            share={"many": {ANY_ONE: 0.76}},
        ),
        Example(
            "mapped",
            nginx("hash $shard;\n" + THREE, http="map $uri $shard { default web; ~^/search search; }"),
            guilty="hash $shard",
            share={"many": {ANY_ONE: 5 / 6}, "office": {ANY_ONE: 5 / 6}},
        ),
        Example(
            "haproxy-user-agent",
            haproxy("balance hdr(user-agent)\n" + CHECKED_THREE),
            guilty="balance hdr(user-agent)",
            share={"many": {ANY_ONE: 0.5}},
            proxy="haproxy",
        ),
        Example(
            "haproxy-hash",
            haproxy("balance hash req.hdr(user-agent),lower\nhash-type consistent\n" + CHECKED_THREE),
            guilty="balance hash req.hdr(user-agent),lower",
            share={"many": {ANY_ONE: 0.5}},
            proxy="haproxy",
            within=0.3,
        ),
    ),
    look_alikes=(
        LookAlike(
            "with-address",
            nginx("hash $remote_addr$http_user_agent;\n" + THREE),
            "the address is in the key too",
            share={"many": EVEN},
        ),
        LookAlike(
            "map-of-many",
            nginx("hash $who;\n" + THREE, http='map $cookie_session $who { default $cookie_session; "" $request_id; }'),
            "the map hands on what it was given",
            share={"office": EVEN, "many": EVEN},
        ),
        LookAlike("session", nginx("hash $cookie_session;\n" + THREE), "each client has a session of its own"),
        LookAlike(
            "haproxy-user",
            haproxy("balance hdr(x-forwarded-for)\n" + CHECKED_THREE),
            "hundreds of people behind the edge",
            share={"behind-cdn": EVEN},
            proxy="haproxy",
        ),
    ),
)
