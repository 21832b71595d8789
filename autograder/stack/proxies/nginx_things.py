"""What an nginx config expects to find beside itself: certificates and keys, files, folders, accounts, names."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autograder.stack.proxies.nginx_addresses import joined, listen_addresses, literal, split_address
from autograder.stack.proxies.nginx_scopes import place
from autograder.stack.proxies.nginx_syntax import HOME
from autograder.stack.proxies.reading import Expected, Unmet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from autograder.stack.proxies.nginx_scopes import Constants, Said
    from autograder.stack.proxies.reading import Place, Upstream

PREFIX = "/var/lib/nginx"
"""What relative paths of logs, caches and pid files are relative to: nginx's ``-p``."""
_ONE_FILE = {
    **dict.fromkeys(("ssl_trusted_certificate", "ssl_client_certificate"), "authority"),
    **{f"{kind}_ssl_trusted_certificate": "authority" for kind in ("proxy", "grpc", "uwsgi")},
    **dict.fromkeys(("ssl_crl", "proxy_ssl_crl", "grpc_ssl_crl", "uwsgi_ssl_crl"), "revocations"),
    "ssl_dhparam": "dhparam",
    "auth_basic_user_file": "passwords",
    **dict.fromkeys(("ssl_password_file", "ssl_stapling_file", "js_import", "js_include", "auth_jwt_key_file"), "file"),
}
_CERTIFICATES = ("ssl", "proxy_ssl", "grpc_ssl", "uwsgi_ssl")
_LOGS = ("error_log", "access_log")
_FOLDERS = {
    **{f"{kind}_temp_path": "itself" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")},
    **{f"{kind}_cache_path": "itself" for kind in ("proxy", "fastcgi", "uwsgi", "scgi")},
    "pid": "parent",
    "lock_file": "parent",
    "working_directory": "itself",
    "keyval_zone": "state",
}
_NOT_FILES = ("off", "stderr", "none")
_FILE_MEANS = "it is not in the config folder; an empty file stands in for it"


@dataclass
class Things:
    """What one reading found."""

    expected: list[Expected]
    unmet: list[Unmet]


class ThingsReader:
    """Finds what is expected, given the files that are there (relative to the config folder)."""

    def __init__(self, said: Sequence[Said], constants: Constants, files: Mapping[str, bytes], folder: str) -> None:
        self.said = said
        self.constants = constants
        self.files = files
        self.folder = folder
        self.found: dict[tuple[str, str], Expected] = {}
        self.unmet: list[Unmet] = []
        self._names_of: dict[int, list[str]] = {}
        for one in said:
            if one.name == "server_name":
                self._names_of.setdefault(one.server, []).extend(one.values)

    def read(self) -> Things:
        """Everything but the names of servers, which :meth:`names` adds."""
        for one in self.said:
            if not one.values:
                continue
            where = place(one.statement.word, self.folder)
            if one.name in _ONE_FILE:
                self._file(one, where, _ONE_FILE[one.name])
            elif one.name == "ssl_session_ticket_key":
                self._add(where, "ticket-key", self._path(one.values[0], HOME), ("80", "raw"))
            elif one.name in _LOGS:
                self._log(one, where)
            elif one.name in _FOLDERS:
                self._folder(one, where, _FOLDERS[one.name])
            elif one.name == "user":
                for account in one.values[:2]:
                    self._add(where, "account", account)
            elif one.name == "root" and one.values[0].startswith("/") and "$" not in one.values[0]:
                self._add(where, "folder", one.values[0])
            elif one.name == "resolver":
                self._resolvers(one, where)
            elif one.name in ("listen", "proxy_bind", "fastcgi_bind", "grpc_bind"):
                self._own_address(one, where)
        self._certificates()
        self._scripts()
        return Things(list(self.found.values()), self.unmet)

    def names(self, upstreams: Iterable[Upstream]) -> None:
        """Names of servers must resolve: at start, or at a name server while it runs."""
        for upstream in upstreams:
            host = upstream.host
            if host.startswith("unix:"):
                self._add(upstream.place, "folder", posixpath.dirname(host[5:]))
            elif not literal(host) and host != "localhost":
                self._add(upstream.place, "name", host)

    def missing_includes(self, words: Iterable[tuple[Place, str]]) -> None:
        """Includes that name one file, which is not there."""
        for where, text in words:
            self._add(where, "file", self._path(text, HOME))

    def _add(self, where: Place, kind: str, what: str, with_: tuple[str, ...] = ()) -> None:
        if what and (kind, what) not in self.found:
            self.found[kind, what] = Expected(where, kind, what, with_)

    def _path(self, text: str, base: str) -> str:
        return posixpath.normpath(posixpath.join(base, text))

    def _there(self, path: str) -> bool:
        return path.removeprefix(f"{HOME}/") in self.files

    def _paths(self, one: Said, text: str, base: str) -> list[str]:
        """The paths that ``text`` can mean; what depends on the request is said to be unmet."""
        names = [name for name in self._names_of.get(one.server, []) if name[:1] not in "~*._"]
        also = {"server_name": names[:1], "ssl_server_name": names, "host": names}
        texts, whole = self.constants.expand(text, also)
        if not whole:
            why = "which file this is is known only when a request comes; none stands there"
            self.unmet.append(Unmet(place(one.statement.word, self.folder), f"{one.name} {text}", why))
        return [self._path(each, base) for each in texts if each]

    def _file(self, one: Said, where: Place, kind: str) -> None:
        text = one.values[-1].partition(" from ")[0]
        if one.name == "js_import" and len(one.values) == 3:  # name from file
            text = one.values[2]
        if text in _NOT_FILES or text.startswith("data:"):
            return
        for path in self._paths(one, text, HOME):
            # What servers are checked against has to know the stand-ins' authority, too.
            if not self._there(path) or one.name.endswith("_ssl_trusted_certificate"):
                self._add(where, kind, path)

    def _certificates(self) -> None:
        """Certificates go with the key that is written in the same block, in the same order."""
        keys: dict[tuple[int, str], list[Said]] = {}
        for one in self.said:
            for kind in _CERTIFICATES:
                if one.name == f"{kind}_certificate_key" and one.values:
                    keys.setdefault((one.scope, kind), []).append(one)
        used: dict[tuple[int, str], int] = {}
        for one in self.said:
            kind = one.name.removesuffix("_certificate")
            if kind not in _CERTIFICATES or one.name == kind or not one.values or one.values[0].startswith("data:"):
                continue
            number = used.get((one.scope, kind), 0)
            used[one.scope, kind] = number + 1
            own = keys.get((one.scope, kind), [])
            key = own[number] if number < len(own) else None
            self._certificate(one, key)

    def _certificate(self, one: Said, key: Said | None) -> None:
        where = place(one.statement.word, self.folder)
        keys = self._paths(key, key.values[0], HOME) if key and ":" not in key.values[0] else []
        for number, path in enumerate(self._paths(one, one.values[0], HOME)):
            beside = keys[number] if number < len(keys) else keys[0] if keys else path
            if self._there(path) and self._there(beside):
                continue
            if self._there(path) or (beside != path and self._there(beside)):
                why = "its other half is not in the config folder, so both are replaced by new ones"
                self.unmet.append(Unmet(where, f"{one.name} {one.values[0]}", why))
            self._add(where, "certificate" if beside != path else "certificate-and-key", path, (beside,))

    def _log(self, one: Said, where: Place) -> None:
        text = one.values[0]
        if text.startswith("syslog:"):
            server = next((w[7:] for part in one.values for w in part[7:].split(",") if w.startswith("server=")), "")
            host, _ = split_address(server, 514)
            if host.startswith("unix:"):
                self._add(where, "folder", posixpath.dirname(host[5:]))
            elif host and not literal(host) and host != "localhost":
                self._add(where, "name", host)
            self.unmet.append(Unmet(where, f"{one.name} {text}", "nobody takes these messages"))
        elif text not in _NOT_FILES and not text.startswith("memory:"):
            path = self._path(text, PREFIX)
            fixed = path.partition("$")[0]
            self._add(where, "folder", posixpath.dirname(fixed))

    def _folder(self, one: Said, where: Place, which: str) -> None:
        text = one.values[0]
        if which == "state":
            text = next((v.removeprefix("state=") for v in one.values if v.startswith("state=")), "off")
            which = "parent"
        if text not in _NOT_FILES and "$" not in text:
            path = self._path(text, PREFIX)
            self._add(where, "folder", path if which == "itself" else posixpath.dirname(path))

    def _resolvers(self, one: Said, where: Place) -> None:
        for text in one.values:
            if "=" in text:
                continue
            host, port = split_address(text, 53)
            if not literal(host):
                self._add(where, "name", host)
            self._add(where, "resolver", joined(host, port))

    def _own_address(self, one: Said, where: Place) -> None:
        if one.name != "listen":
            host, _ = split_address(one.values[0], 0)
            if literal(host):
                self._add(where, "address", host)
            return
        for host, _ in listen_addresses(one.values[0], 80):
            if host.startswith("unix:"):
                self._add(where, "folder", posixpath.dirname(host[5:]))
            elif host and not literal(host) and host != "localhost":
                self._add(where, "own-name", host)

    def _scripts(self) -> None:
        """Where PHP is behind it, ``try_files`` asks whether the script is there."""
        passing = {one.server: one for one in self.said if one.name == "fastcgi_pass"}
        for server, one in passing.items():
            roots = [s for s in self.said if s.name == "root" and s.values and s.server == server]
            text = roots[0].values[0] if roots else one.setting("root")
            if text.startswith("/") and "$" not in text:
                self._add(place(one.statement.word, self.folder), "script", f"{text.rstrip('/')}/index.php")
