"""Small whole configs, as somebody might have them in production."""

from __future__ import annotations

ADDRESSES = ("10.20.1.11:8080", "10.20.1.12:8080", "10.20.2.13:8080")


def nginx(pool: str, location: str = "proxy_pass http://shop;", more: str = "") -> str:
    """A site with the pool ``shop``."""
    return f"""events {{}}
http {{
    {more}
    upstream shop {{
        {pool}
    }}
    server {{
        listen 80;
        location / {{ {location} }}
    }}
}}
"""


def servers(*settings: str) -> str:
    """Nginx server lines with a setting each."""
    return "\n        ".join(f"server {at} {said};" for at, said in zip(ADDRESSES, settings, strict=False))


EVEN = nginx(servers("", "", ""))
PAIR = nginx(servers("", ""))
SKEWED = nginx(servers("weight=100", "", ""))
MEANT = nginx("# manyhands: intended the big machine\n        " + servers("weight=100", "", ""))
STICKY = nginx("hash $remote_addr consistent;\n        " + servers("", "", ""))
PAGES = nginx("hash $uri consistent;\n        " + servers("", "", ""))
SITES = nginx("hash $host consistent;\n        " + servers("", "", "")).replace(
    "listen 80;", "listen 80; server_name a.example b.example c.example d.example *.shop.example;"
)
FORTY_SITES = nginx("hash $host consistent;\n        " + servers("", "", "")).replace(
    "listen 80;", f"listen 80; server_name {' '.join(f's{number}.example' for number in range(40))};"
)
CANARY = nginx("server 10.20.1.11:8080 weight=19;\n        server 10.20.1.12:8080 weight=1;")
LEAST = nginx("least_conn;\n        server 10.20.1.11:8080;\n        server 10.20.1.12:8080;")
COLOURS = nginx(
    servers("", "", ""),
    "proxy_pass http://$colour;",
    "upstream green { server 10.20.3.14:8080; } map $cookie_colour $colour { default green; blue shop; }",
)
FORWARD = nginx(servers("", "", ""), "resolver 127.0.0.1; proxy_pass http://$http_host;")
TWICE = nginx("server 10.20.1.11:8080;\n        server 10.20.1.11:8080;")
LEFT_DOWN = nginx(servers("", "down", "down"))
SHARED = nginx(servers("", "", ""), more="upstream green { server 10.20.1.11:8080; server 10.20.3.14:8080; }")
APART = nginx(
    servers("", "", ""),
    "proxy_pass http://shop; } location /api/ { proxy_pass http://api; ",
    "upstream api { server 10.20.4.1:80; server 10.20.4.2:80; }",
)
REFUSED = nginx("sevrer 10.20.1.11:8080;")
BYPASSED = nginx(servers("", "", ""), "proxy_pass http://10.20.1.11:8080;")
ONE = nginx("server 10.20.1.11:8080;\n        # server 10.20.1.12:8080;")
BACKUP = nginx(servers("", "", "backup"))
TCP = f"""events {{}}
stream {{
    upstream db {{
        {servers("", "", "")}
    }}
    server {{ listen 5432; proxy_pass db; }}
}}
"""
HAPROXY = """defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s

frontend web
    bind :80
    default_backend shop

backend shop
    balance roundrobin
    server one 10.20.1.11:8080{one}
    server two 10.20.1.12:8080
    server three 10.20.2.13:8080
"""
HAPROXY_EVEN = HAPROXY.format(one="")
HAPROXY_SKEWED = HAPROXY.format(one=" weight 200")
HAPROXY_UNREACHABLE = HAPROXY.format(one="").replace("balance", "http-request return status 500\n    balance")
HAPROXY_CONDITIONAL = (
    HAPROXY_EVEN
    + """.if defined(NEW_MACHINE)
    server four 10.20.2.14:8080
.endif
"""
)
HAPROXY_DISPATCH = HAPROXY.format(one=" cookie one").replace(
    "balance roundrobin", "cookie SERVED\n    dispatch 10.20.9.9:80"
)
HAPROXY_DISPATCH_NAME = HAPROXY_EVEN.replace("balance roundrobin", "dispatch old.shop.example:8080")
