"""What a HAProxy config expects to find beside itself: certificates, files, folders, accounts, names, machines."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from autograder.stack.proxies.haproxy_addresses import where
from autograder.stack.proxies.haproxy_words import BIND_WORDS, SERVER_WORDS, Settings
from autograder.stack.proxies.nginx_addresses import joined, literal
from autograder.stack.proxies.reading import Expected, Place, Unmet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from autograder.stack.proxies.haproxy_syntax import Config, Line, Section
    from autograder.stack.proxies.nginx_syntax import Word
    from autograder.stack.proxies.reading import Upstream

HOME = "/etc/haproxy"
"""Where the folder of the main file lies on a machine, and what relative paths start from."""
_MAP = re.compile(r"\bmap(?:_\w+)?\(([^,)]+)")
_LUA = ("lua-load", "lua-load-per-thread")
_HARMLESS_LOG = "nobody takes these messages; traffic is not affected"


class ThingsReader:
    """Finds what is expected.

    ``there`` tells whether a path is a file, or a folder of files, of the config; ``lookup`` gives a file's content.
    """

    def __init__(
        self,
        config: Config,
        there: Callable[[str], bool],
        lookup: Callable[[str], bytes | None],
        place: Callable[[Word], Place],
    ) -> None:
        self.expected: dict[tuple[str, str], Expected] = {}
        self.unmet: dict[tuple[str, str], Unmet] = {}
        self._config = config
        self._there = there
        self._lookup = lookup
        self._place = place
        self._base = {"crt-base": HOME, "ca-base": HOME}

    def read(self, names: Sequence[str]) -> None:
        """Everything but what servers need; ``names`` are the host names that certificates should carry."""
        for section in self._config.sections:
            for line in section.lines:
                if line.values and line.name in self._base:
                    self._base[line.name] = posixpath.join(HOME, line.values[0])
        for section in self._config.sections:
            for line in section.lines:
                self._line(section, line, names)

    def servers(self, upstreams: Iterable[Upstream]) -> None:
        """Names of servers must resolve, at start or while it runs; sockets need their folder."""
        for upstream in upstreams:
            if upstream.host.startswith("unix:"):
                self._expect(upstream.place, "folder", posixpath.dirname(upstream.host[5:]))
            elif not upstream.host.startswith("_"):
                self._host(upstream.place, upstream.host)

    def _line(self, section: Section, line: Line, names: Sequence[str]) -> None:
        kind, name = section.kind, line.name
        if name == "bind" and line.values:
            self._bind(line, names)
        elif name in ("server", "server-template", "default-server") and kind in ("defaults", "backend", "listen"):
            skipped = {"server": 2, "server-template": 3}.get(name, 0)
            self._server(line, Settings([line.values[skipped:]], SERVER_WORDS))
        elif name == "log" and line.values:
            self._log(line)
        elif name == "source" and line.values:
            self._own_address(self._at(line), line.values[0])
        elif kind == "global":
            self._global(line)
        elif kind == "resolvers":
            self._resolver(line)
        elif kind in ("peers", "mailers", "ring", "program"):
            self._others(kind, line)
        self._files(line)
        self._asks_clients(line)

    def _at(self, line: Line) -> Place:
        return self._place(line.words[0])

    def _expect(self, at: Place, kind: str, what: str, with_: tuple[str, ...] = ()) -> None:
        if what:
            self.expected.setdefault((kind, what), Expected(at, kind, what, with_))

    def _say(self, at: Place, what: str, why: str, *, fails: bool = False) -> None:
        self.unmet.setdefault((what, why), Unmet(at, what, why, fails))

    def _host(self, at: Place, host: str) -> None:
        if host and host != "::" and host != "localhost" and not literal(host):
            self._expect(at, "name", host)

    def _own_address(self, at: Place, text: str) -> None:
        host = where(text).host
        if literal(host) and host != "::":
            self._expect(at, "address", host)

    def _path(self, text: str, base: str = HOME) -> str:
        return posixpath.normpath(posixpath.join(base, text))

    def _file(self, at: Place, text: str, consequence: str = "", kind: str = "file") -> None:
        path = self._path(text)
        if text and not text.startswith(("virt@", "opt@", "/dev/")) and not self._there(path):
            self._expect(at, kind, path)
            if consequence:
                self._say(at, path, consequence)

    def _bind(self, line: Line, names: Sequence[str]) -> None:
        at = self._at(line)
        settings = Settings([line.values[1:]], BIND_WORDS)
        for text in line.values[0].split(","):
            place = where(text)
            if place.kind == "unix":
                self._expect(at, "folder", posixpath.dirname(place.host[5:]))
            elif place.host and place.host not in ("::", "localhost") and not literal(place.host):
                self._expect(at, "own-name", place.host)
        for word in ("user", "group"):
            self._account(at, settings.get(word))
        for text in (*settings.all("crt"), *settings.all("default-crt")):
            self._certificate(at, text, names)
        for text in settings.all("crt-list"):
            self._certificate_list(at, text, names)
        self._authorities(at, settings, of_servers=False)
        if keys := settings.get("tls-ticket-keys"):
            path = self._path(keys)
            if not self._there(path):
                self._expect(at, "ticket-key", path, ("48", "base64"))

    def _server(self, line: Line, settings: Settings) -> None:
        at = self._at(line)
        self._authorities(at, settings, of_servers=True)
        if text := settings.get("crt"):
            self._certificate(at, text, ())
        if "addr" in settings:
            self._host(at, where(settings.get("addr")).host)
        if "source" in settings:
            self._own_address(at, settings.get("source"))
        if "socks4" in settings:
            self._host(at, where(settings.get("socks4")).host)
            self._say(
                at,
                f"socks4 {settings.get('socks4')}",
                "no SOCKS proxy stands there: servers are not reached",
                fails=True,
            )

    def _authorities(self, at: Place, settings: Settings, of_servers: bool) -> None:
        """What checks servers must know the authority of the stand-ins, also if it is there."""
        for word, kind in (("ca-file", "authority"), ("ca-verify-file", "authority"), ("crl-file", "revocations")):
            text = settings.get(word)
            path = self._path(text, self._base["ca-base"])
            if text and not text.startswith("@") and (of_servers or not self._there(path)):
                self._expect(at, kind, path)

    def _certificate(self, at: Place, text: str, names: Sequence[str]) -> None:
        path = self._path(text, self._base["crt-base"])
        if self._there(path) or not text or text.startswith("@"):
            return
        # HAProxy looks what it is; here the name has to tell.
        folder = text.endswith("/") or not posixpath.splitext(path)[1]
        self._expect(at, "certificate-folder" if folder else "certificate-and-key", path, tuple(names))

    def _certificate_list(self, at: Place, text: str, names: Sequence[str]) -> None:
        path = self._path(text)
        content = self._lookup(path)
        if content is None:
            # A list must name a certificate that is there: both are made.
            own = posixpath.join(posixpath.dirname(path), "stand-in.pem")
            self._expect(at, "certificate-and-key", own, tuple(names))
            self._expect(at, "file", path, (own,))
            self._say(at, path, "it is not in the config folder; a list of one new certificate stands in for it")
            return
        for entry in content.decode(errors="replace").splitlines():
            words = entry.split()
            if words and not words[0].startswith("#"):
                own_names = [word for word in words[1:] if re.fullmatch(r"[\w*-]+(\.[\w-]+)+", word)]
                self._certificate(at, words[0], own_names or names)

    def _account(self, at: Place, name: str) -> None:
        if name and name != "root":
            self._expect(at, "account", name)

    def _log(self, line: Line) -> None:
        at, text = self._at(line), line.values[0]
        place = where(text)
        if text in ("global", "stdout", "stderr") or place.kind in ("fd", "ring"):
            return
        if place.kind != "unix":
            self._host(at, place.host)
        self._say(at, f"log {text}", _HARMLESS_LOG)

    def _global(self, line: Line) -> None:
        at, values = self._at(line), line.values
        first = values[0] if values else ""
        if line.name in ("user", "group"):
            self._account(at, first)
        elif line.name in ("uid", "gid") and first not in ("", "0"):
            self._say(at, f"{line.name} {first}", "the twin has no such number; HAProxy may refuse to start")
        elif line.name == "chroot":
            self._expect(at, "folder", self._path(first, "/"))
        elif line.name == "pidfile":
            self._expect(at, "folder", posixpath.dirname(self._path(first)))
        elif line.name == "stats" and first == "socket" and len(values) > 1:
            self._stats_socket(at, values)
        elif line.name == "ssl-dh-param-file":
            self._file(at, first, kind="dhparam")
        elif line.name in _LUA:
            why = "an empty file stands in for it: actions, converters and services of its own are unknown to HAProxy"
            self._file(at, first, why)
        elif line.name in ("51degrees-data-file", "deviceatlas-json-file", "wurfl-data-file"):
            self._say(at, line.name, "this needs a build of HAProxy that the twin does not have")

    def _stats_socket(self, at: Place, values: Sequence[str]) -> None:
        place = where(values[1])
        settings = Settings([values[2:]], BIND_WORDS)
        for word in ("user", "group"):
            self._account(at, settings.get(word))
        if place.kind == "unix":
            self._expect(at, "folder", posixpath.dirname(place.host[5:]))
        else:
            self._own_address(at, values[1])

    def _resolver(self, line: Line) -> None:
        at = self._at(line)
        if line.name == "nameserver" and len(line.values) > 1:
            place = where(line.values[1])
            self._host(at, place.host)
            if place.host:
                self._expect(at, "resolver", joined(place.host, next(iter(place.ports), 53)))
        elif line.name == "parse-resolv-conf":
            self._expect(at, "resolver", "127.0.0.1:53")

    def _others(self, kind: str, line: Line) -> None:
        at = self._at(line)
        if kind == "program" and line.name == "command":
            self._say(at, f"command {' '.join(line.values)}"[:120], "this program is not in the twin")
        elif line.name in ("peer", "server", "mailer") and len(line.values) > 1:
            self._host(at, where(line.values[1]).host)
            if kind == "peers":
                self._say(at, "peers", "the twin is alone: stick tables are its own, and nobody else fills them")
            elif kind == "mailers":
                self._say(at, "mailers", "nobody takes these mails; traffic is not affected")

    def _files(self, line: Line) -> None:
        """Files that any line may name: maps, lists of patterns, error pages, answers."""
        at, words = self._at(line), [word.text for word in line.words]
        for number, word in enumerate(words):
            after = words[number + 1] if number + 1 < len(words) else ""
            for path in _MAP.findall(word) if "map" in word else ():
                self._file(at, path, "it is not in the config folder; an empty map stands in: defaults are taken")
            if word == "-f" and after:
                self._file(at, after, "it is not in the config folder; an empty list stands in: nothing matches it")
            elif word in ("file", "lf-file") and after.startswith("/") and line.name.startswith("http-"):
                self._file(at, after)
            elif word == "errorfile" and number + 2 < len(words):
                self._file(at, words[number + 2])
        if line.name == "filter" and "spoe" in line.values[:1]:
            settings = Settings([line.values[1:]], frozenset(("engine", "config")))
            self._file(at, settings.get("config"), "an empty file stands in for it, which HAProxy refuses")
            why = "no agent answers: what it decides in production is not decided here"
            self._say(at, "filter spoe", why, fails=True)

    def _asks_clients(self, line: Line) -> None:
        if line.name in ("http-request", "tcp-request") and line.values[:1] == ("auth",):
            why = "clients have no password to show: they may be turned away"
            self._say(self._at(line), "http-request auth", why, fails=True)
