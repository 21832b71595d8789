"""Who a HAProxy config sends to: the servers of every backend, what they are spoken to in, and whether they serve."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autograder.stack.proxies.haproxy_addresses import Where, where
from autograder.stack.proxies.haproxy_checks import Checks, checks_of, demands_of
from autograder.stack.proxies.haproxy_words import SERVER_WORDS, Settings
from autograder.stack.proxies.nginx_addresses import literal
from autograder.stack.proxies.reading import Place, Unmet, Upstream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from autograder.stack.proxies.haproxy_syntax import Line, Section
    from autograder.stack.proxies.nginx_syntax import Word

TEMPLATE_LIMIT = 3
"""Servers that a template gets: as many addresses as its name has in a twin."""
_TLS_PORTS = (443, 6443, 8443, 9443)
_WEB_PORTS = (80, 8000, 8080, 8081, 8888, 3000, 5000, 9000, *_TLS_PORTS)
_MANY_PORTS = 16
_COUNT = re.compile(r"(?:(\d{1,6})-)?(\d{1,6})", re.ASCII)
_CONSTANT = re.compile(r"str\(([\w.*-]+)\)")


@dataclass(frozen=True)
class Pool:
    """One backend: its servers, and what its traffic is.

    ``carries`` is what clients speak through it (a member of ``model.PROTOCOLS``); ``passes_tls`` tells that TLS goes
    through it to the servers, unopened.
    """

    name: str
    mode: str
    carries: str
    passes_tls: bool
    upstreams: tuple[Upstream, ...]
    unmet: tuple[Unmet, ...] = ()


@dataclass(frozen=True)
class _Server:
    """One ``server`` or ``server-template`` line: where it is, what else it says, and what was said for all."""

    line: Line
    label: str
    at: Where
    settings: Settings
    duty: str = "serving"
    """Where its settings do not say another."""


def mode_of(section: Section) -> str:
    """``http`` or ``tcp`` (or what else is said): the section's own, else the inherited one."""
    values = [line.values[0] for line in section.inherited("mode") if line.values]
    return values[-1] if values else "tcp"


def read_pool(section: Section, doors: Sequence[int], inspects_tls: bool, place: Callable[[Word], Place]) -> Pool:
    """The pool that a ``backend`` or ``listen`` section is.

    ``doors`` are the ports that its traffic comes in at; ``inspects_tls`` tells that a frontend in front of it reads
    the TLS hello of connections that it passes on.
    """
    servers = list(_servers(section))
    checks = checks_of(section)
    mode = mode_of(section)
    ports = [port for one in servers for port in one.at.ports] or list(doors)
    carries, tls = "http", False
    aside = _asked_aside(servers, checks)
    asked_in = checks.speaks
    if mode == "tcp":
        if aside:
            # What is asked at a place of its own (a program that watches a database, say) tells nothing of the traffic.
            checks = replace(checks, speaks="", hello=False)
        web = any(port in _WEB_PORTS for port in [*ports, *doors])
        tls = (
            inspects_tls
            or checks.hello
            or any("check-ssl" in one.settings for one in servers)
            or any(port in _TLS_PORTS for port in ports)
        ) and not checks.speaks
        carries = checks.speaks or ("http" if tls or web else "tcp")
        tls = tls and not any("ssl" in one.settings for one in servers)
    app = section.inherited("use-fcgi-app")
    upstreams: list[Upstream] = []
    unmet: list[Unmet] = []
    for one in servers:
        spoken = "fastcgi" if app and one.settings.get("proto") == "fcgi" else carries
        if _speaks_h2(one.settings):
            spoken = "h2c"
        given = _Given(
            section.name,
            spoken,
            (aside and asked_in) or spoken,
            tls,
            tuple(doors),
            checks.ports,
            place(one.line.words[0]),
        )
        upstreams += given.upstreams(one)
        unmet += given.unmet(one)
    if any("check" in one.settings for one in servers):
        demands = demands_of(section)
        upstreams = [replace(upstream, says=demands.says) for upstream in upstreams]
        unmet += [
            Unmet(place(line.words[0]), " ".join(word.text for word in line.words), why, fails=True)
            for line, why in demands.beyond
        ]
    return Pool(section.name, mode, carries, tls, tuple(upstreams), tuple(unmet))


def _asked_aside(servers: Sequence[_Server], checks: Checks) -> bool:
    """Whether every server that is checked is checked at another place than its traffic goes to."""
    asked = [one for one in servers if "check" in one.settings]
    own = [{str(port) for port in one.at.ports} for one in asked]
    ports = [[str(port) for port in checks.ports] or [one.settings.get("port")] for one in asked]
    return bool(asked) and all(
        "addr" in one.settings or (any(said) and not mine & {*said})
        for one, mine, said in zip(asked, own, ports, strict=True)
    )


def _speaks_h2(settings: Settings) -> bool:
    return settings.get("proto") == "h2" or ("ssl" in settings and settings.get("alpn").split(",")[0] == "h2")


def _servers(section: Section) -> Iterator[_Server]:
    """Servers in order, each with the ``default-server`` settings above it; those of templates as many as we make."""
    # The words of default-server add up, those of the defaults section first.
    given = [line.values for line in section.defaults.inherited("default-server")] if section.defaults else []
    for line in section.lines:
        values = line.values
        if line.name == "default-server":
            given.append(values)
        elif line.name == "server" and len(values) >= 2:
            settings = Settings([*given, values[2:]], SERVER_WORDS)
            yield _Server(line, values[0], where(values[1]), settings)
        elif line.name == "server-template" and len(values) >= 3 and (count := _COUNT.fullmatch(values[1])):
            settings = Settings([*given, values[3:]], SERVER_WORDS)
            first, last = int(count[1] or 1), int(count[2])
            for number in range(first, min(last, first + TEMPLATE_LIMIT - 1) + 1):
                yield _Server(line, f"{values[0]}{number}", where(values[2]), settings)
    for line in section.named("dispatch"):
        if line.values:
            yield _Server(line, "dispatch", where(line.values[0]), Settings([], SERVER_WORDS), _dispatched(section))


def _dispatched(section: Section) -> str:
    """What `dispatch` is for, as a duty: where requests are balanced, HAProxy does not use it (4.2-dispatch)."""
    if section.inherited("balance"):
        return "checked"
    # Cookies that nobody here sets: another balancer chooses, and this one only keeps to it.
    kept = any("cookie" in Settings([line.values[2:]], SERVER_WORDS) for line in section.named("server"))
    return "elsewhere" if kept and section.inherited("cookie") else "serving"


@dataclass(frozen=True)
class _Given:
    """What the servers of one line have from their pool."""

    pool: str
    speaks: str
    asked_in: str
    tls: bool
    doors: tuple[int, ...]
    checked: tuple[int, ...]
    place: Place

    def upstreams(self, one: _Server) -> list[Upstream]:
        """A stand-in for each port that the server is reached at, and for one that only its checks go to."""
        settings = one.settings
        if one.at.kind not in ("tcp", "unix") or one.at.host in ("", "::"):
            return []
        # Without a port the server is reached at the one that the client came to; where a service is looked up
        # (`_http._tcp.shop.example`), at the one that the answer says: the twin's name server says 80.
        ports = one.at.ports[:1] or tuple(port + one.at.shift for port in self.doors) or (80,)
        if one.at.host.startswith("_"):
            ports = (80,)
        if one.at.kind == "unix":
            ports = (0,)
        tls = self.tls or "ssl" in settings
        duty = one.duty
        if "disabled" in settings or settings.get("weight") == "0":
            duty = "down"
        elif "backup" in settings:
            duty = "backup"
        elif one.line.name == "server-template" or (not literal(one.at.host) and "resolvers" in settings):
            duty = "resolved"
        elif one.line.conditional and duty == "serving":
            duty = "perhaps"
        whole = Upstream(
            self.place, self.pool, one.label, one.at.host, 0, self.speaks, tls, _verified_as(settings), duty,
            _weight(settings),
        )  # fmt: skip
        found = [replace(whole, port=port) for port in ports[:_MANY_PORTS] if 0 <= port <= 65535]
        if len(found) > 1:
            found = [replace(each, label=f"{each.label}:{each.port}") for each in found]
        return found + self._checked_elsewhere(one, whole, set(ports))

    def _checked_elsewhere(self, one: _Server, whole: Upstream, ports: set[int]) -> list[Upstream]:
        settings = one.settings
        if "check" not in settings:
            return []
        other = where(settings.get("addr")) if "addr" in settings else one.at
        text = settings.get("port")
        said = (int(text),) if text.isascii() and text.isdecimal() and len(text) < 6 else ()
        asked = self.checked or said or (other.ports[:1] if "addr" in settings else ()) or tuple(sorted(ports))[:1]
        # A check of a place of its own is plain unless it is said not to be.
        aside = replace(
            whole,
            label=f"{one.label} (check)",
            host=other.host,
            speaks=self.asked_in,
            duty="checked",
            tls="check-ssl" in settings,
        )
        return [
            replace(aside, port=port)
            for port in dict.fromkeys(asked)
            if 0 < port <= 65535 and not (other.host == one.at.host and port in ports)
        ]

    def unmet(self, one: _Server) -> list[Unmet]:
        """What of one line the twin cannot honour."""
        found = []
        said = f"server {one.label}"
        if one.at.kind not in ("tcp", "unix"):
            found.append((one.at.kind + "@", "no server can be stood in for at such an address"))
        elif one.at.host in ("", "::"):
            found.append(("0.0.0.0", "where this sends to is known only when a request comes; nobody stands there"))
        if "agent-check" in one.settings:
            found.append(("agent-check", "no agent runs beside the stand-ins: weights and states stay as written"))
        if "namespace" in one.settings:
            found.append(("namespace", "there are no network namespaces of this name; HAProxy may refuse to start"))
        if "usesrc" in one.settings:
            found.append(("usesrc", "sending from a client's address needs rights that the twin does not give"))
        if one.settings.get("ca-file").startswith("@"):
            found.append(
                ("ca-file @system-ca", "stand-ins have certificates of the twin's own authority: none is trusted")
            )
        return [Unmet(self.place, f"{said} {what}", why, fails=what != "agent-check") for what, why in found]


def _verified_as(settings: Settings) -> str:
    """The name that the certificate of a server is checked for; empty if it is not checked, or for no name."""
    if "ssl" not in settings or settings.get("verify") == "none":
        return ""
    constant = _CONSTANT.fullmatch(settings.get("sni"))
    return settings.get("verifyhost") or (constant[1] if constant else "")


def _weight(settings: Settings) -> float:
    text = settings.get("weight", "1")
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 4 else 1.0
