"""The configs that were measured to put 60 % or more on one server, by the number of their measurement.

Each is written down as small as it shows: nginx 1.31.3 and 1.22.1, HAProxy 2.8.25 and 2.6.12, November 2026.
"""

from __future__ import annotations

from dataclasses import dataclass

from autograder.mistakes.haproxy_example import CHECKED, haproxy, servers
from autograder.mistakes.haproxy_example import THREE as CHECKED_THREE
from autograder.mistakes.mistake import THREE, nginx, whole


@dataclass(frozen=True)
class Measured:
    """``sees`` is the entry that reads it in the config; empty where the config is right, and ``why`` says so.

    ``episode``: no config alone shows it, an episode of that entry does.
    """

    number: str
    config: str
    sees: str = ""
    episode: str = ""
    why: str = ""

    @property
    def proxy(self) -> str:
        """The balancer that it is for."""
        return "haproxy" if self.number.startswith("H") else "nginx"


def pool(*words: str) -> str:
    return "\n".join(f"server app{n}:8080{f' {word}' if word else ''};" for n, word in enumerate(words, 1))


def hashed(key: str) -> str:
    return nginx(f"hash {key};\n{THREE}")


def split(key: str) -> str:
    pools = "upstream a { server app1:8080; }\nupstream b { server app2:8080; }\nupstream c { server app3:8080; }"
    parts = f'split_clients "{key}" $pool {{ 34% a; 33% b; * c; }}'
    return whole(f"{pools}\n{parts}\nserver {{ listen 80; location / {{ proxy_pass http://$pool; }} }}")


def stream(method: str = "") -> str:
    return f"events {{}}\nstream {{\nupstream db {{ {method} {THREE} }}\nserver {{ listen 80; proxy_pass db; }}\n}}\n"


def balanced(line: str, mode: str = "http") -> str:
    return haproxy(f"{line}\n{CHECKED_THREE}", mode=mode)


def each(*words: str) -> str:
    return haproxy(servers(*[f"{CHECKED} {word}".rstrip() for word in words]))


def cookies(words: str = "insert indirect nocache", mode: str = "http") -> str:
    return haproxy(f"cookie SRV {words}\n" + servers(*[f"{CHECKED} cookie c{n}" for n in (1, 2, 3)]), mode=mode)


_ONE = "upstream one { server app3:8080; }"
_STICKY = nginx("sticky cookie srv_id;\n" + THREE)
_FAITHFUL = "one browser stays where it was: that is what stickiness is for"
_FALLBACK = (
    "proxy_pass http://shop; proxy_intercept_errors on; error_page 500 502 = @fb; }\n"
    "        location @fb { proxy_pass http://one;"
)
_SITES = (
    f"{_ONE}\nupstream shop {{ server app1:8080; server app2:8080; }}\n"
    "server { listen 80; server_name old.example; location / { proxy_pass http://one; } }\n"
    "server { listen 80; server_name shop.example; location / { proxy_pass http://shop; } }"
)
_TOUCHY = "max_fails=1 fail_timeout=60s"
_STATE = haproxy(CHECKED_THREE, defaults="load-server-state-from-file global")

NGINX = (
    Measured("N01", nginx("ip_hash;\n" + THREE), "address-hash"),
    Measured("N03", hashed("$host"), "constant-hash-key"),
    Measured("N04", hashed("$uri"), "hash-without-arguments"),
    Measured("N05", hashed("$remote_addr"), "address-hash"),
    Measured("N08r", hashed("$remote_addr$remote_port"), "hash-with-port"),
    Measured("N11", nginx(pool("weight=100", "", "")), "weight-skew"),
    Measured("N11b", nginx("hash $remote_addr;\n" + pool("weight=8", "", "")), "weight-skew"),
    Measured("N12", nginx(pool("", "backup", "backup")), "backup-left"),
    Measured("N12w", nginx(pool("weight=5", "", "")), "weight-skew"),
    Measured("N13", nginx(pool("", "down", "down")), "left-down"),
    Measured("N17k", nginx("least_conn;\n" + pool("weight=5", "", "")), "weight-skew"),
    Measured("N18", nginx(THREE), episode="reloaded-too-often"),
    Measured("N18z", nginx("zone shop 64k;\n" + THREE), episode="reloaded-too-often"),
    Measured("N18l", nginx("least_conn;\n" + THREE), episode="reloaded-too-often"),
    Measured("N18w8", "worker_processes 8;\n" + nginx(THREE), episode="reloaded-too-often"),
    Measured("N20", stream(), "one-connection-one-server"),
    Measured("N20h", stream("least_conn;"), "one-connection-one-server"),
    Measured("N21", stream("hash $remote_addr;"), "address-hash"),
    Measured("N22", nginx(THREE, "proxy_pass http://app2:8080;"), "pool-bypassed"),
    Measured(
        "N23",
        nginx(THREE, "proxy_pass http://shop; } location /api/ { proxy_pass http://app1:8080;"),
        "pool-bypassed",
    ),
    Measured(
        "N23i",
        nginx(THREE, "proxy_pass http://shop; } location /health { proxy_pass http://app1:8080;"),
        why="a health endpoint on one machine is meant so",
    ),
    Measured("N25", split("$host"), "split-on-constant"),
    Measured("N25i", split("$remote_addr"), why="each address has its variant: tests of variants are meant so"),
    Measured("N28", nginx("least_conn;\nip_hash;\n" + THREE), "two-methods"),
    Measured("N29", whole(_SITES), "one-server-pool"),
    Measured(
        "N30",
        nginx(THREE, "proxy_pass http://shop; proxy_cache c;", http="proxy_cache_path /tmp/c keys_zone=c:1m;"),
        why="a cache answers for the pool: headers lie, counts at the servers do not",
    ),
    Measured("N31", _STICKY, why=_FAITHFUL),
    Measured("N31r", _STICKY, episode="cookie-outlives-rollback"),
    Measured("N31d", _STICKY, episode="cookie-outlives-rollback"),
    Measured("N31f", _STICKY, episode="cookie-outlives-rollback"),
    Measured("N31g", nginx("sticky cookie srv_id;\n" + pool("drain", "", "")), "left-draining"),
    Measured("N35", nginx("zone shop 64k;\n" + pool("", "max_conns=1", "max_conns=1")), "one-without-limit"),
    Measured("N37", nginx("keepalive 16;\nip_hash;\n" + THREE), "address-hash"),
    Measured("N38a", nginx("server app1:8080;\n" * 3), "same-address"),
    Measured("N43", nginx(THREE, _FALLBACK, http=_ONE), "fallback-to-one"),
    Measured(
        "N55b",
        nginx(pool(_TOUCHY, _TOUCHY, _TOUCHY), "proxy_pass http://shop; proxy_next_upstream error timeout http_500;"),
        "one-bad-page",
    ),
    Measured("N56", nginx("server app1:8080;\n#server app2:8080;"), "one-server-pool"),
    Measured("N69", nginx(pool(*["max_fails=3 fail_timeout=10000s"] * 3)), "long-fail-timeout"),
    Measured("N72", hashed("$request_method"), "constant-hash-key"),
    Measured("N73", hashed("$uri consistent"), "hash-without-arguments"),
    Measured("N74", hashed("$http_user_agent"), "hash-of-few-values"),
    Measured("N75", hashed("$http_x_forwarded_for"), why="where the header comes at all, it tells people apart"),
    Measured("N77", nginx("hash $request_uri consistent;\n" + pool("weight=10", "", "")), "weight-skew"),
)
"""Every nginx config of the measurements that put 60 % or more on one server."""

HAPROXY = (
    Measured("H01", balanced("balance source"), "address-hash"),
    Measured("H03", balanced("balance uri"), "hash-without-arguments"),
    Measured("H05", balanced("balance hdr(Host)"), "constant-hash-key"),
    Measured("H07", balanced("balance first"), "first-never-full"),
    Measured("H09", each("weight 256", "", ""), "weight-skew"),
    Measured("H09z", each("", "weight 0", "weight 0"), "left-down"),
    Measured("H09d", each("", "disabled", "disabled"), "left-down"),
    Measured("H10", each("", "backup", "backup"), "one-backup-used"),
    Measured(
        "H11r", balanced("stick-table type ip size 100k expire 30m\nstick on src"), episode="table-outlives-rollback"
    ),
    Measured("H12", cookies(), why=_FAITHFUL),
    Measured("H15", balanced("balance roundrobin", "tcp"), why="inspect counts connections: HTTP may not be in it"),
    Measured("H16n", balanced("http-reuse never\noption prefer-last-server"), "stays-with-last-server"),
    Measured("H20", each(*["observe layer7 error-limit 1 on-error mark-down"] * 3), "one-bad-page"),
    Measured("H24", balanced("use-server web1 if { src 0.0.0.0/0 }"), "pool-bypassed"),
    Measured("H26", haproxy(f"server-template web 3 app1:8080 {CHECKED}"), "copies-of-one-address"),
    Measured("H26s", haproxy(f"server web1 app1:8080 {CHECKED}"), "one-server-pool"),
    Measured("H30", haproxy(CHECKED_THREE), episode="mended-at-runtime-only"),
    Measured("H36", haproxy(CHECKED_THREE), episode="reloaded-too-often"),
    Measured("H36s", balanced("balance static-rr"), episode="reloaded-too-often"),
    Measured("H36l", balanced("balance leastconn"), episode="reloaded-too-often"),
    Measured("H37", balanced("balance leastconn", "tcp"), why="the next thirty connections right it"),
    Measured("H38", haproxy("\n".join(f"server web{n} app1:8080 {CHECKED}" for n in (1, 2, 3))), "same-address"),
    Measured("H43", _STATE, episode="state-file-returns"),
    Measured("H43p", _STATE, episode="state-file-returns"),
    Measured("H43w", _STATE, episode="state-file-returns"),
    Measured("H43n", _STATE, episode="state-file-returns"),
    Measured("H48", each("backup", "backup", "backup"), "one-backup-used"),
    Measured("H52", cookies("insert", "tcp"), "web-rules-in-tcp"),
    Measured("H54", cookies(), episode="cookie-outlives-rollback"),
    Measured("H54f", cookies(), episode="cookie-outlives-rollback"),
    Measured("H55", cookies("insert indirect nocache maxlife 2s"), episode="cookie-outlives-rollback"),
    Measured("H55b", cookies("insert indirect nocache maxlife 2s"), episode="cookie-outlives-rollback"),
    Measured("H55c", cookies("insert indirect nocache maxidle 2s"), episode="cookie-outlives-rollback"),
    Measured("H57", balanced("balance hdr(Authorization)"), why="mostly each person has a token of their own"),
)
"""Every HAProxy config of the measurements that put 60 % or more on one server."""
