"""What a config names: where it listens, whom it sends to, what it expects to find. Plain data, the same for all.

``nginx_reading.py`` and ``haproxy_reading.py`` find it by reading; the twin provides it. Reading never decides a
verdict: a thing that reading missed shows when the balancer refuses to start, and is provided then.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where something is said: file relative to the config folder, and line (from 1; 0 if the file as a whole)."""

    file: str
    line: int

    def __str__(self) -> str:
        """``conf.d/shop.conf:12``."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True)
class Listening:
    """A place where the config takes traffic.

    ``address`` is an IPv4 or IPv6 literal, empty for any, or ``unix:/path``. ``protocol`` is ``http``, ``h2`` (HTTP/2
    and nothing else, TLS or not) or ``tcp`` (also ``udp``, which twins do not drive); ``h2`` tells that it is offered.
    ``names`` are the host names it answers to, as written. ``pools`` are the pools that its traffic can reach, where
    reading can tell.
    """

    place: Place
    address: str
    port: int
    protocol: str = "http"
    tls: bool = False
    h2: bool = False
    proxy_protocol: bool = False
    names: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()


@dataclass(frozen=True)
class Upstream:
    """A server that the config sends to.

    ``host`` is an IPv4 or IPv6 literal, a name, or ``unix:/path``. ``label`` is what the config calls it (HAProxy's
    server name), else ``host:port``. ``speaks`` is one of ``model.PROTOCOLS``; ``tls`` that it is spoken to in TLS,
    ``verified_as`` the name its certificate is checked for, if it is. ``duty`` is ``serving``, ``backup``, ``down``
    (declared maintenance), ``resolved`` (found by name at run time), ``perhaps`` (serving where a condition of the
    config holds that is asked when the balancer starts), ``elsewhere`` (another balancer, which chooses by itself) or
    ``checked`` (sent no traffic; asked for health, or only named). ``says`` is what a health check looks for in its
    answer.
    """

    place: Place
    pool: str
    label: str
    host: str
    port: int
    speaks: str = "http"
    tls: bool = False
    verified_as: str = ""
    duty: str = "serving"
    weight: float = 1.0
    says: str = ""


@dataclass(frozen=True)
class Expected:
    """A thing outside the config folder, or missing in it, that the config expects.

    ``kind`` is one of :data:`KINDS`; ``what`` the absolute path, account, name server or name. ``with_`` is the
    path of the key that goes with a certificate, the host names a certificate should carry, or lines that a file must
    hold to be of any use.
    """

    place: Place
    kind: str
    what: str
    with_: tuple[str, ...] = ()


KINDS = (
    "certificate",  # PEM chain; with_ = (path of its key,)
    "certificate-and-key",  # both in one PEM, as HAProxy wants them
    "certificate-folder",  # a folder of such
    "authority",  # CA certificates to check others against
    "revocations",  # a CRL
    "dhparam",
    "ticket-key",  # with_ = (number of bytes, "raw" or "base64",)
    "passwords",  # htpasswd
    "file",  # any other file that is read; an empty one may do, and is named as unmet
    "folder",  # must exist and can be written
    "account",
    "resolver",  # address:port
    "name",  # a host name that must resolve at start
    "own-name",  # one that must resolve to the balancer itself
    "address",  # one that the balancer must have, besides those it listens at
    "script",  # a file that must be there; its content does not matter
)


@dataclass(frozen=True)
class Unmet:
    """Something that the twin cannot honour, and what that means for what was measured."""

    place: Place
    what: str
    consequence: str
    fails: bool = False
    """Whether requests may fail for this alone: then that they do says nothing about the config."""

    def __str__(self) -> str:
        """``nginx.conf:3: load_module x.so: …``."""
        return f"{self.place}: {self.what}: {self.consequence}"


@dataclass(frozen=True)
class Needs:
    """Everything one config names."""

    listens: tuple[Listening, ...] = ()
    upstreams: tuple[Upstream, ...] = ()
    expected: tuple[Expected, ...] = ()
    unmet: tuple[Unmet, ...] = ()
    switches: tuple[tuple[str, ...], ...] = ()
    """Pools among which one line chooses by a variable, for each such line."""
    insiders: tuple[str, ...] = ()
    """IPv4 networks whose clients are let in where others are turned away."""
