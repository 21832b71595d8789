"""Where a HAProxy config takes traffic, and which of its backends that can reach."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from autograder.stack.proxies.haproxy_addresses import Where, wheres
from autograder.stack.proxies.haproxy_pools import mode_of
from autograder.stack.proxies.haproxy_words import BIND_WORDS, Settings
from autograder.stack.proxies.nginx_addresses import literal
from autograder.stack.proxies.nginx_syntax import TooLargeError
from autograder.stack.proxies.reading import Listening, Place, Unmet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from autograder.stack.proxies.haproxy_pools import Pool
    from autograder.stack.proxies.haproxy_syntax import Config, Line, Section
    from autograder.stack.proxies.nginx_syntax import Word

MAX_WAYS = 100_000
"""From binds to backends, in one config."""
_HOST_TEST = re.compile(
    r"(?:req\.)?f?hdr(?:_\w+)?\(host\b[^)]*\)(?:,.*)?|(?:req|ssl)[._]\w*sni(?:_\w+)?(?:,.*)?", re.IGNORECASE
)
_METHOD = re.compile(r"_(beg|end|dom|sub|reg|dir|len)\b")
_SNI = re.compile(r"req[._]ssl_(?:sni|hello_type|ver|ec_ext|st_ext|alpn)")
_MAP = re.compile(r"map(?:_\w+)?\(([^,)]+)(?:,([^)]*))?\)")
_NAME = re.compile(r"[\w*.-]+\.[\w.-]+|localhost")
_TO_HTTPS = re.compile(
    r"(?:http-request )?redirect scheme https(?: code \d+)?(?: (?:unless \{ ssl_fc \}|if !\{ ssl_fc \}))?"
)
_NAMES_LIMIT = 200


@dataclass(frozen=True)
class Front:
    """A ``frontend`` or ``listen`` section: its binds, and the backends that its traffic goes to.

    ``anyhow`` are backends that a request reaches whatever host it asks for; ``by_host`` has the host names that lead
    to each of the others. ``to_https`` tells that what comes without TLS is only sent on to where there is.
    """

    section: Section
    binds: tuple[tuple[Line, Where, Settings], ...]
    anyhow: tuple[str, ...]
    by_host: Mapping[str, tuple[str, ...]]
    inspects_tls: bool
    to_https: bool

    @cached_property
    def backends(self) -> tuple[str, ...]:
        """All backends."""
        return tuple(dict.fromkeys((*self.anyhow, *self.by_host)))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All host names."""
        return tuple(dict.fromkeys(name for names in self.by_host.values() for name in names))

    @cached_property
    def ports(self) -> tuple[int, ...]:
        """Ports that clients come to."""
        return tuple(dict.fromkeys(port for _, at, _ in self.binds for port in at.ports))


def read_fronts(config: Config, lookup: Callable[[str], bytes | None]) -> tuple[Front, ...]:
    """Every section that takes traffic. ``lookup`` gives the content of a file that the config names, if there.

    Raises :class:`TooLargeError` if they lead to too many backends.
    """
    backends = tuple(section.name for section in config.of_kind("backend", "listen"))
    fronts = []
    ways = 0
    for section in config.of_kind("frontend", "listen"):
        front = _front(section, backends, lookup)
        ways += len(front.backends) * max(1, len(front.binds))
        if ways > MAX_WAYS:
            raise TooLargeError(f"more than {MAX_WAYS} ways from frontends to backends")
        fronts.append(front)
    return tuple(fronts)


def _front(section: Section, backends: Sequence[str], lookup: Callable[[str], bytes | None]) -> Front:
    binds = tuple(
        (line, at, Settings([line.values[1:]], BIND_WORDS))
        for line in section.named("bind")
        if line.values
        for at in wheres(line.values[0])
    )
    routes = _Routes(section, backends, lookup)
    lines = [" ".join(word.text for word in line.words) for line in section.lines]
    return Front(
        section,
        binds,
        tuple(routes.anyhow),
        {backend: tuple(names)[:_NAMES_LIMIT] for backend, names in routes.by_host.items()},
        any(_SNI.search(line) for line in lines),
        any(_TO_HTTPS.fullmatch(line) for line in lines),
    )


class _Routes:
    """Backends that a frontend reaches, and by which host names, in the order they are written."""

    def __init__(self, section: Section, backends: Sequence[str], lookup: Callable[[str], bytes | None]) -> None:
        self.anyhow: dict[str, None] = {}
        self.by_host: dict[str, dict[str, None]] = {}
        self._all = backends
        self._backends = frozenset(backends)
        self._lookup = lookup
        self._acls: dict[str, dict[str, None]] = {}
        for line in section.named("acl"):
            words = line.values
            if len(words) > 2:
                self._acls.setdefault(words[0], {}).update(self._patterns(words[1:]))
        for line in section.named("use_backend"):
            if line.values:
                self._route(line.values[0], line.values[1:])
        # The default comes last in HAProxy, and first here: most traffic goes there.
        rules, self.anyhow = self.anyhow, {}
        for line in section.inherited("default_backend")[-1:]:
            self._route(line.values[0] if line.values else "", ())
        if section.kind == "listen":
            self.anyhow[section.name] = None
        self.anyhow |= rules

    def _route(self, target: str, condition: Sequence[str]) -> None:
        if "%[" in target:
            self._by_expression(target)
        elif target in self._backends:
            names = self._hosts(condition)
            if names:
                self.by_host.setdefault(target, {}).update(names)
            else:
                self.anyhow[target] = None

    def _by_expression(self, target: str) -> None:
        """Backends that the map of an expression names, by host if that is its key; if none are told, all."""
        pairs: dict[str, str] = {}
        told: dict[str, None] = {}
        for path, default in _MAP.findall(target):
            lines = [line.split() for line in (self._lookup(path) or b"").decode(errors="replace").splitlines()]
            pairs |= {line[0]: line[1] for line in lines if len(line) > 1 and not line[0].startswith("#")}
            told[default.strip()] = None
        if "host" in target or "sni" in target:
            for name, backend in pairs.items():
                if backend in self._backends and _NAME.fullmatch(name):
                    self.by_host.setdefault(backend, {})[name] = None
        else:
            told |= dict.fromkeys(pairs.values())
        known = [backend for backend in told if backend in self._backends]
        if known or not self.by_host:
            self.anyhow.update(dict.fromkeys(known or self._all))

    def _hosts(self, condition: Sequence[str]) -> dict[str, None]:
        """Host names that a condition asks for, by an acl or on the spot."""
        found: dict[str, None] = {}
        for number, word in enumerate(condition):
            found |= self._acls.get(word, {})
            if word == "{":
                found |= self._patterns(condition[number + 1 :])
        return found

    def _patterns(self, words: Sequence[str]) -> dict[str, None]:
        """Host names that a test compares the Host field or the TLS server name with; empty for any other test."""
        found: dict[str, None] = {}
        if not words or not _HOST_TEST.fullmatch(words[0]):
            return found
        rest, method = iter(words[1:]), next(iter(_METHOD.findall(words[0])), "")
        for word in rest:
            if word in ("-m", "-f", "-M", "-u"):
                value = next(rest, "")
                method = value if word == "-m" else method
                if word == "-f":
                    lines = (self._lookup(value) or b"").decode(errors="replace").split()
                    found |= {name: None for name in lines if _NAME.fullmatch(name)}
            elif word == "}":
                break
            elif not word.startswith("-") and (name := _whole(word, method)) and not literal(name):
                found[name] = None
        return found


def _whole(pattern: str, method: str) -> str:
    """A host name that a pattern takes, ``*.apps.example`` where only the end is compared; empty if it is none."""
    if method in ("end", "dom") and pattern.startswith("."):
        pattern = f"*{pattern}"
    elif method == "beg" and pattern.endswith("."):
        pattern = f"{pattern}example.com"
    return pattern if method != "reg" and _NAME.fullmatch(pattern) else ""


def listenings(front: Front, pools: Mapping[str, Pool], place: Callable[[Word], Place]) -> Iterator[Listening | Unmet]:
    """The places of one front, each for all traffic and for that of some hosts, and what of them is not driven."""
    routes: list[tuple[tuple[str, ...], tuple[str, ...]]] = [(names, (to,)) for to, names in front.by_host.items()]
    if front.anyhow or not routes:
        routes.insert(0, ((), front.anyhow))
    for line, at, settings in front.binds:
        here = place(line.words[0])
        yield from _not_driven(here, line, at, settings)
        for names, backends in routes:
            to = () if front.to_https and "ssl" not in settings else backends
            reached = [pools[name] for name in to if name in pools and pools[name].upstreams]
            for port in at.ports if at.kind == "tcp" else (0,) if at.kind == "unix" else ():
                yield _listening(front, here, at.host, port, line, settings, names, reached)


def _listening(
    front: Front,
    here: Place,
    host: str,
    port: int,
    line: Line,
    settings: Settings,
    names: tuple[str, ...],
    reached: Sequence[Pool],
) -> Listening:
    tls, protocol, h2 = "ssl" in settings, "http", False
    if mode_of(front.section) == "tcp":
        # What goes through is what the servers speak: TLS that does not end here comes from the client.
        carried = reached[0] if reached else None
        protocol = "http" if carried is not None and carried.carries == "http" else "tcp"
        tls = tls or (carried is not None and carried.passes_tls)
    else:
        # Since 2.8 HAProxy offers both by itself; without TLS, HTTP/2 is taken from who begins with it.
        offered = settings.get("alpn", "h2,http/1.1").split(",") if tls else ()
        h2 = "h2" in offered and "no-alpn" not in line.values
        if settings.get("proto") == "h2":
            protocol, h2 = "h2", True
    return Listening(
        here, host, port, protocol, tls, h2, "accept-proxy" in settings, names, tuple(pool.name for pool in reached)
    )


def _not_driven(here: Place, line: Line, at: Where, settings: Settings) -> Iterator[Unmet]:
    said = f"bind {line.values[0]}"
    if at.kind == "unix":
        yield Unmet(here, said, "nothing is sent there: clients come over the network")
    elif at.kind == "quic":
        yield Unmet(here, said, "HTTP/3 needs a build with QUIC; nothing is sent there")
    elif at.kind != "tcp":
        yield Unmet(here, said, "nothing is sent there: clients come over TCP")
    if settings.get("verify") == "required":
        why = "clients have no certificate to show: they are turned away"
        yield Unmet(here, f"{said} verify required", why, fails=True)
    if "interface" in settings:
        why = "the twin has no network device of this name; HAProxy may refuse to start"
        yield Unmet(here, f"{said} interface {settings.get('interface')}", why)
    if "namespace" in settings or "transparent" in settings:
        yield Unmet(here, said, "this needs rights that the twin does not give; HAProxy may refuse to start")
