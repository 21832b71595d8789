"""Configs that send most traffic to one server in ways that people seldom do it, and the words that are guilty."""

from __future__ import annotations

from tests.inspect.configs import HAPROXY_EVEN, nginx, servers

_PLAIN = servers("", "", "")
_ONE = "upstream one { server 10.20.1.11:8080; }"
_AT_ONE = "proxy_pass http://10.20.1.11:8080;"


def _site(pool: str = _PLAIN, location: str = "proxy_pass http://shop;", more: str = "", server: str = "") -> str:
    return nginx(pool, location, more).replace("listen 80;", f"listen 80;\n        {server}")


NGINX = {
    "a line of a map": (
        _site(
            location="proxy_pass http://$pool;",
            more=f"{_ONE}\n    map $request_method $pool {{\n        default shop;\n        GET one;\n    }}",
        ),
        ["GET one"],
    ),
    "an if in a location": (
        _site(
            location="\n            if ($http_user_agent) {\n                proxy_pass http://10.20.1.11:8080;\n"
            "            }\n            proxy_pass http://shop;\n"
        ),
        ["if ($http_user_agent)", "proxy_pass http://10.20.1.11:8080"],
    ),
    "a jump by error page": (
        _site(
            location="\n            if ($request_method = GET) {\n                return 418;\n            }\n"
            "            proxy_pass http://shop;\n",
            server=f"error_page 418 = @one;\n        location @one {{ {_AT_ONE} }}",
        ),
        ["if ($request_method = GET)", "return 418"],
    ),
    "a network of a geo block": (
        _site(
            location="proxy_pass http://$pool;",
            more=f"{_ONE}\n    geo $pool {{\n        default shop;\n        198.19.0.0/16 one;\n    }}",
        ),
        ["198.19.0.0/16 one"],
    ),
    "most of a split": (
        _site(
            location="proxy_pass http://$pool;",
            more=f'{_ONE}\n    split_clients "$remote_addr" $pool {{\n        97% one;\n        * shop;\n    }}',
        ),
        ["97% one"],
    ),
    "a rewrite": (
        _site(server=f"rewrite ^/(.*)$ /old/$1 last;\n        location /old/ {{ {_AT_ONE} }}"),
        ["rewrite ^/(.*)$ /old/$1 last"],
    ),
    "files that are tried first": (
        _site(
            location="\n            try_files /maintenance.html @one;\n            proxy_pass http://shop;\n",
            server=f"location @one {{ {_AT_ONE} }}",
        ),
        ["try_files /maintenance.html @one"],
    ),
    "two maps, one after the other": (
        _site(
            location="proxy_pass http://$second;",
            more=f"{_ONE}\n    map $request_method $first {{\n        default shop;\n        GET one;\n    }}\n"
            "    map $http_user_agent $second {\n        default $first;\n        ~. one;\n    }",
        ),
        ["http://$second"],
    ),
}


def _front(*lines: str) -> str:
    said = "\n    ".join(lines)
    return HAPROXY_EVEN.replace("    default_backend shop", f"    {said}\n    default_backend shop") + (
        "\nbackend old\n    server one 10.20.1.11:8080\n"
    )


def _back(*lines: str) -> str:
    said = "\n    ".join(lines)
    return HAPROXY_EVEN.replace("    server one", f"    {said}\n    server one", 1)


HAPROXY = {
    "use-server": (_back("use-server one if { method GET }"), ["use-server one if { method GET }"]),
    "two lines that do the same": (
        _back("use-server one if { method GET }", "use-server one if { hdr(user-agent) -m found }"),
        ["use-server one if { method GET }", "use-server one if { hdr(user-agent) -m found }"],
    ),
    "an address set by a rule": (
        _front("use_backend any if { method GET }")
        + "\nbackend any\n    http-request set-dst str(10.20.1.11)\n    server any 0.0.0.0:8080\n",
        ["use_backend any if { method GET }", "http-request set-dst str(10.20.1.11)"],
    ),
    "a path that is written anew": (
        _front("http-request set-path /old%[path]", "use_backend old if { path_beg /old }"),
        ["http-request set-path /old%[path]", "use_backend old if { path_beg /old }"],
    ),
    "a cookie that is made up": (
        _back("http-request set-header Cookie SERVED=first", "cookie SERVED insert indirect nocache").replace(
            "server one 10.20.1.11:8080", "server one 10.20.1.11:8080 cookie first"
        ),
        ["http-request set-header Cookie SERVED=first"],
    ),
    "a header that is always the same": (
        _back("http-request set-header X-Key same", "balance hdr(X-Key)").replace("    balance roundrobin\n", ""),
        ["http-request set-header X-Key same"],
    ),
    "a variable set far away": (
        _back("balance hash var(txn.key)")
        .replace("    balance roundrobin\n", "")
        .replace("    bind :80", "    bind :80\n    http-request set-var(txn.key) str(x)"),
        ["balance hash var(txn.key)", "http-request set-var(txn.key) str(x)"],
    ),
    "a table that all share": (
        _back("stick-table type string len 32 size 10k", "stick on method"),
        ["stick on method"],
    ),
}
