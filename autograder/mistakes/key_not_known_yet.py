"""A hash whose key has no value yet, or none that differs, when the server is chosen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from autograder.mistakes.constant_hash_key import CONSTANT, SITE
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
    from autograder.mistakes.mistake import Capacity
    from autograder.mistakes.nginx_config import NginxConfig

BEGUN = frozenset(("status", "bytes_sent", "body_bytes_sent", "request_time", "sent_http_connection"))
"""Variables about the answer that have a value before there is one: the same for every request."""
BEGUN_IN_STREAM = frozenset(("status", "bytes_sent", "bytes_received", "session_time"))
"""The same for a connection that nothing has been sent over."""
_NOTHING = re.compile(r"upstream_(?!cache_status)\w+|sent_http_\w+|sent_trailer_\w+|gzip_ratio|request_completion")
"""Variables that are empty until there is an answer: they add nothing to a key, and alone they leave it empty."""


def in_nginx(config: NginxConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Hash keys of what is known when the answer has been sent, and of nothing else that differs."""
    del capacity  # One key is one server, whatever the machine.
    for one in hashed(config):
        begun = BEGUN_IN_STREAM if one.upstream.stream else BEGUN
        names = one.key.names
        nothing = {name for name in names - begun if _NOTHING.fullmatch(name)}
        # Of empty variables alone the key is empty, and nginx deals in turn (measured: NX-06).
        alone = not one.key.literal and names == nothing
        if names & (begun | nothing) and not alone and names <= begun | nothing | CONSTANT | SITE:
            message = (
                f"The key {plain(one.written)} tells about the answer, and there is none yet when the server is "
                "chosen: the key is the same for all requests, and one server gets them."
            )
            yield finding(MISTAKE.slug, one.upstream.name, one.words, message, MISTAKE.mend)


def _stream(method: str) -> str:
    pool = "\n".join(f"        {line}" for line in (method, *THREE.splitlines()))
    return (
        f"events {{}}\nstream {{\n    upstream shop {{\n{pool}\n    }}\n"
        "    server {\n        listen 80;\n        proxy_pass shop;\n    }\n}\n"
    )


MISTAKE = Mistake(
    slug="key-not-known-yet",
    title="A hash key that is not known yet",
    what="The pool chooses the server by a hash, and the key (`$status`, `$bytes_sent`, `$request_time` …) is known "
    "only when the answer has been sent.",
    why="When nginx chooses the server, each of these has its first value: `000`, `0`, `0.000`. That is one key for "
    "all requests, and one key is one server: the others are well, and idle.",
    clients=CLIENTS,
    states=STATES,
    seen="One address in all lines of `$upstream_addr`, although the key differs from line to line of the same log.",
    mend="Hash on something that the request brings with it.",
    instead=nginx("hash $request_uri;\n" + THREE),
    versions="nginx since 1.7.2 (`hash`); every variable of the manual measured with 1.31.3",
    sources=(
        "https://nginx.org/en/docs/http/ngx_http_upstream_module.html#hash",
        "https://nginx.org/en/docs/varindex.html",
        "NX-03",
        "NX-06",
    ),
    decides="pool",
    directives=("hash",),
    readers={"nginx": in_nginx},
    examples=(
        Example(
            "status",
            nginx("hash $status;\n" + THREE),
            guilty="hash $status",
            share={"many": {ANY_ONE: 1.0}, "kept-alive": {ANY_ONE: 1.0}},
        ),
        Example(
            "bytes",
            nginx("hash $body_bytes_sent consistent;\n" + THREE),
            guilty="hash $body_bytes_sent",
            share={"many": {ANY_ONE: 1.0}, "office": {ANY_ONE: 1.0}},
        ),
        Example(
            "with-the-server",
            nginx('hash "${upstream_addr} $upstream_response_time";\n' + THREE),
            guilty='hash "${upstream_addr} $upstream_response_time"',
            share={"many": {ANY_ONE: 1.0}},
        ),
        Example(
            "handed-on",
            nginx("hash $shard;\n" + THREE, http="map $status $shard { default $status; }"),
            guilty="hash $shard",
            share={"many": {ANY_ONE: 1.0}},
        ),
        Example(
            "stream",
            _stream("hash $session_time;"),
            guilty="hash $session_time",
            share={"many": {ANY_ONE: 1.0}},
            also=("one-connection-one-server",),
            within=0.1,  # a connection that nginx took up a moment late has another key
        ),
    ),
    look_alikes=(
        LookAlike(
            "upstream-status",
            nginx("hash $upstream_status;\n" + THREE),
            "before there is an answer this one is empty, and with an empty key nginx deals in turn",
            share={"many": EVEN, "office": EVEN},
        ),
        LookAlike(
            "all-empty",
            nginx('hash "$upstream_addr$sent_http_etag$request_completion";\n' + THREE),
            "three empty values are an empty key",
            share={"many": EVEN},
        ),
        LookAlike("with-page", nginx("hash $status$request_uri;\n" + THREE), "the page differs"),
        LookAlike("parameter", nginx("hash $arg_user;\n" + THREE), "each user has a name"),
        LookAlike(
            "with-id",
            nginx("hash $request_id$request_time;\n" + THREE),
            "every request has an id of its own",
            share={"office": EVEN},
        ),
        LookAlike(
            "logged",
            nginx(THREE, http="log_format short '$status $bytes_sent $request_time'; access_log /dev/null short;"),
            "nothing is chosen by it",
            share={"many": EVEN},
        ),
    ),
)
