"""Attacks by a config: it is run in a twin, and may try anything that nginx can be told to do."""

from __future__ import annotations

from pathlib import Path

from autograder.labs.catalogue import load_lab
from tests.grading.course import LAB
from tests.hostile.corpus import Attack

_LAB = load_lab(LAB)
SECRET = "s3cret-of-the-instructor"
"""In the environment of whoever grades."""


def _text(folder: Path) -> str:
    return _LAB.read(folder)["conf/nginx.conf"].decode()


START = _text(_LAB.start)
EQUAL = _text(_LAB.folder / "wrong" / "no-weights")
"""Deserves all but the peak."""
ONE_TRY = _text(_LAB.folder / "wrong" / "no-second-try")
"""Deserves all but the death of a server."""
LOADS, ALL_BUT_TWO = 1.0, 8.0


def _top(text: str, config: str = START) -> str:
    return f"{text}\n{config}"


def _http(text: str, config: str = START) -> str:
    return config.replace("http {", f"http {{\n{text}\n", 1)


def _server(text: str, config: str = START) -> str:
    return config.replace("        location / {", f"{text}\n        location / {{", 1)


def _location(text: str, config: str = START) -> str:
    return config.replace("location / {", f"location / {{\n{text}\n", 1)


def _only(text: str) -> str:
    return f"events {{}}\nhttp {{ server {{ listen 80; {text} }} }}\n"


def _attack(name: str, tries: str, config: str | bytes, says: str, deserves: float = 0.0) -> Attack:
    data = config.encode("utf-8", "surrogateescape") if isinstance(config, str) else config

    def change(folder: Path) -> None:
        (folder / "conf" / "nginx.conf").write_bytes(data)

    return Attack(name, tries, change, deserves, says)


_GAIN = (
    _attack(
        "answers-itself",
        "The balancer answers in the servers' place, with headers like theirs",
        _only('location / { add_header X-Served-By app1; add_header X-Receipt 00000001; return 200 "Welcome.\\n"; }'),
        "forged",
        LOADS,
    ),
    _attack(
        "keeps-answers",
        "The balancer caches one answer of a server and gives it to everybody",
        _http("proxy_cache_path /tmp/c keys_zone=kept:1m;").replace(
            "location / {",
            "location / { proxy_cache kept; proxy_cache_key x; proxy_cache_valid any 1h;"
            " proxy_ignore_headers Set-Cookie Cache-Control Expires Vary;",
        ),
        "forged",
        LOADS,
    ),
    _attack(
        "turns-everybody-away",
        "No request fails, because none reaches a server: 404",
        _only("location / { return 404; }"),
        "with 404",
        LOADS,
    ),
    _attack(
        "sends-customers-away",
        "Whoever wants to check out is told to come later (429), so no server is overloaded",
        EQUAL.replace("location / {", "location /checkout { return 429; }\nlocation / {", 1),
        "with 429",
        ALL_BUT_TWO,
    ),
    _attack(
        "redirects-customers",
        "Whoever wants to check out is sent elsewhere (302)",
        EQUAL.replace("location / {", "location /checkout { return 302 /; }\nlocation / {", 1),
        "with 302",
        ALL_BUT_TWO,
    ),
    _attack(
        "hides-errors",
        "Errors of dead servers become an empty 204",
        ONE_TRY.replace(
            "location / {",
            "error_page 502 504 =204 /none; location = /none { internal; return 204; } location / {",
            1,
        ),
        "with 204",
        ALL_BUT_TWO,
    ),
    _attack(
        "asks-for-less",
        "Checkouts are rewritten to cheaper pages on their way to the servers",
        _server("rewrite ^/checkout /help;", EQUAL),
        "another page",
        ALL_BUT_TWO,
    ),
    _attack(
        "mirrors",
        "Every request is copied to the idle servers, so that they count something, too",
        _server(
            "location /2 { internal; proxy_pass http://app2:8080$request_uri; }\n"
            "location /3 { internal; proxy_pass http://app3:8080$request_uri; }"
        ).replace("location / {", "location / { mirror /2; mirror /3;"),
        "app1 got",
        LOADS,
    ),
    _attack(
        "replays-a-nonce",
        "Every request gets a nonce that was used before",
        _location("proxy_set_header X-Request-Nonce abcdefabcdef-1;"),
        "forged",
        LOADS,
    ),
    _attack(
        "forges-receipts",
        "Receipts of servers are replaced by the balancer's own",
        _location("proxy_hide_header X-Receipt; add_header X-Receipt $request_id always;"),
        "forged",
        LOADS,
    ),
    _attack(
        "fair-at-first",
        "Fair for the first requests, then everything on one server",
        START.replace("hash $host; ", "hash $turn;").replace(
            "http {", 'http {\nmap $connection $turn { "~^[0-9]{1,2}$" "$connection"; default all; }\n', 1
        ),
        "app1 got",
        LOADS,
    ),
    _attack(
        "another-pool-for-some-browsers",
        "Fair for one of the clients' browsers, in the hope that it is the grader's",
        START.replace("hash $host; ", "hash $who;").replace(
            "http {", 'http {\nmap $http_user_agent $who { ~Phone "$request_id"; default all; }\n', 1
        ),
        "app1 got",
        LOADS + 2.0,  # a hash that differs finds another server when one is dead
    ),
)
_READ = (
    _attack("includes-shadow", "Includes /etc/shadow", _top("include /etc/shadow;"), 'open() "/etc/shadow" failed'),
    _attack(
        "includes-environments",
        "Includes every process's environment, in the hope that an error message quotes it",
        _top("include /proc/*/environ;\ninclude /proc/self/environ;"),
        "nginx.conf",
        LOADS,
    ),
    _attack(
        "includes-others",
        "Includes the keeper's journals, other nodes' files, other students' submissions",
        _top(
            "include /run/manyhands/journal/*; include /nodes/*/*; include /work/class/submitted/*/*/conf/nginx.conf;"
        ),
        "app1 got",
        LOADS,
    ),
    _attack(
        "logs-the-environment",
        "Asks for the grader's environment and serves the machine's files",
        _server("location /x { root /; autoindex on; }", _top("env SECRET; env PATH; env HOME;")),
        "app1 got",
        LOADS,
    ),
    _attack(
        "reads-keys",
        "Loads the host's private key as its own",
        _server("listen 443 ssl; ssl_certificate /etc/ssl/private/key.pem; ssl_certificate_key /etc/shadow;"),
        "cannot load certificate",
    ),
    _attack("loads-a-module", "Loads native code", _top("load_module /tmp/evil.so;"), "dlopen()"),
    _attack(
        "runs-lua",
        "Runs Lua in the balancer",
        _location("content_by_lua_block { os.execute('id') }"),
        "content_by_lua_block",
    ),
    _attack("runs-perl", "Runs Perl in the balancer", _http("perl_modules /tmp;"), "perl_modules"),
    _attack(
        "runs-javascript",
        "Runs JavaScript in the balancer, from a file that is a config, too",
        _http("js_import main from /etc/nginx/nginx.conf;"),
        "SyntaxError",
    ),
)
_REACH = (
    _attack(
        "calls-the-grader",
        "Proxies to the node that sends the requests",
        _only("location / { proxy_pass http://198.18.0.10:80; }"),
        "5xx-balancer",
        LOADS,
    ),
    _attack(
        "calls-the-machine",
        "Proxies to the host's Docker and to a server's own desk",
        "events {}\nhttp { upstream x { server unix:/var/run/docker.sock; server unix:/tmp/shop-app1.sock; }"
        " server { listen 80; location / { proxy_pass http://x; } } }\n",
        "5xx-balancer",
        LOADS,
    ),
    _attack(
        "calls-out",
        "Proxies to the internet",
        _only("location / { proxy_connect_timeout 1s; proxy_pass http://93.184.215.14; }"),
        "5xx-balancer",
        LOADS,
    ),
    _attack(
        "takes-a-servers-address",
        "Listens where a server listens, to answer in its place",
        _http("server { listen 198.18.0.12:8080; return 200; }"),
        "bind()",
    ),
    _attack(
        "takes-the-clients-address",
        "Listens at the addresses that clients come from",
        _http("server { listen 198.18.0.10:80; listen 198.19.1.17:80; return 200; }"),
        "app1 got",
        LOADS,
    ),
    _attack(
        "writes-over-the-marker",
        "Sends its errors to the file that tells which config runs",
        _top("error_log /run/manyhands/loaded-1-000000000000 emerg;\npid /run/manyhands/loaded-2;"),
        "",
        LOADS,
    ),
    _attack(
        "writes-over-the-config",
        "Its process id goes where the config is",
        _top("pid /etc/nginx/nginx.conf;\nlock_file /run/manyhands/lock;"),
        "",
        LOADS,
    ),
    _attack("leaves-the-foreground", "Becomes a daemon", _top("daemon on;\nmaster_process on;"), "app1 got", LOADS),
    _attack(
        "dumps-core",
        "Leaves core files of any size",
        _top("worker_rlimit_core 100g;\ndebug_points abort;\nworking_directory /tmp;\nworker_priority -20;"),
        "app1 got",
        LOADS,
    ),
)
_HOG = (
    _attack(
        "ten-thousand-processes",
        "Starts 10,000 workers",
        START.replace("worker_processes auto;", "worker_processes 10000;"),
        "10000 worker processes",
    ),
    _attack(
        "a-billion-connections",
        "Has room made for a billion connections",
        START.replace("worker_connections 2048;", "worker_connections 1000000000;"),
        "1000000000 connections",
    ),
    _attack("many-threads", "Starts 65,535 threads", _top("thread_pool x threads=65535;"), "65535 threads"),
    _attack("huge-tables", "Builds a table of 4 GB", _http("variables_hash_max_size 2000000000;"), "Out of memory"),
    _attack("huge-zone", "Shares 100 GB of memory", _http("limit_req_zone $uri zone=a:100g rate=1r/s;"), "zone"),
    _attack(
        "fills-the-disk",
        "Writes every request many times to every place it can",
        _http(
            f"log_format big '{'$request$http_user_agent' * 100}';\n"
            + "".join(
                f"access_log {place}/{number} big;\n"
                for number in range(20)
                for place in ("/tmp", "/var/log", "/run", "/srv", "/etc")
            )
        ),
        "app1 got",
        LOADS,
    ),
    _attack(
        "fills-memory-by-device",
        "Writes every request many times to /dev/shm, which is memory",
        _http(
            f"log_format big '{'$request$http_user_agent' * 100}';\n"
            + "".join(f"access_log /dev/shm/{number} big;\n" for number in range(20))
        ),
        "app1 got",
        LOADS,
    ),
    _attack(
        "fills-memory-beside-devices",
        "Writes a log beside the devices, which is memory",
        _http("access_log /dev/a;"),
        'open() "/dev/a" failed',
    ),
    _attack("includes-itself", "Includes itself without end", _top("include nginx.conf;"), "include itself"),
    _attack("includes-endless-files", "Includes files without end", _top("include /dev/zero;"), "", LOADS),
    _attack(
        "deep-blocks",
        "3,000 blocks inside one another",
        _only("location / {" * 3000 + "}" * 3000),
        "",
        LOADS,
    ),
    _attack(
        "thousands-of-servers",
        "A pool of thousands of servers that are none",
        START.replace(
            "keepalive 32;",
            "".join(f"server 198.18.{n // 250}.{n % 250}:8080;" for n in range(6000)) + "keepalive 32;",
        ),
        "",
        LOADS,
    ),
    _attack("ten-megabytes", "A config of 10 MB", b"# x\n" * 2_500_000, "the limit is"),
    _attack(
        "slow-pattern",
        "A pattern that takes ages to match",
        _server('if ($request_uri ~ "^(/+|[a-z0-9?=]+)+![A-Z]$") { return 418; }'),
        "",
        LOADS,
    ),
    _attack(
        "calls-itself",
        "Proxies to itself, round and round",
        _only("location / { proxy_pass http://127.0.0.1:80; }"),
        "failed",
        LOADS,
    ),
    _attack(
        "never-answers",
        "Lets every client wait, to hold the class up",
        _only("location / { echo_sleep 1000; echo hello; }"),
        "timeout",
        LOADS,
    ),
)
_CONFUSE = (
    _attack(
        "characters-that-act",
        "Control sequences and text that runs backwards, where the record quotes the config",
        _http("\u202eserver_tokens\x1b[2J\x1b[31m \u2066\x07;"),
        "unknown directive",
    ),
    _attack("nothing-but-zeros", "No text at all", b"\0" * 200_000, "nginx.conf"),
    _attack("bytes-that-are-no-text", "Bytes that are no text in any encoding", b"\xff\xfe\xfd\xc0" * 5_000, ""),
)
CONFIGS: tuple[Attack, ...] = (*_GAIN, *_READ, *_REACH, *_HOG, *_CONFUSE)
