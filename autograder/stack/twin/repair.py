"""What a balancer lacks to start, read from its own words. What reading a config missed comes to light here."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from autograder.stack.proxies.reading import Expected, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from autograder.stack.proxies.proxy import ConfigFault


def _file(where: Place, path: str) -> Expected:
    name = posixpath.basename(path)
    if name.endswith((".log", ".pid", ".sock", ".lock")):
        return Expected(where, "folder", posixpath.dirname(path))
    return Expected(where, "file", path)


def _kind(kind: str) -> Callable[[Place, str], Expected]:
    return lambda where, what: Expected(where, kind, what)


def _both(where: Place, path: str) -> Expected:
    return Expected(where, "certificate-and-key", path, (path,))


def _parent(where: Place, path: str) -> Expected:
    return Expected(where, "folder", posixpath.dirname(path.rstrip("/")))


_CURES: dict[str, tuple[tuple[re.Pattern[str], Callable[[Place, str], Expected]], ...]] = {
    "nginx": (
        (re.compile(r'cannot load certificate(?: key)? "([^"]+)".*No such file'), _both),
        (re.compile(r'mkdir\(\) "([^"]+)" failed \(2'), _parent),
        (re.compile(r'open\(\) "([^"]+)" failed \(2'), _file),
        (re.compile(r'(?:BIO_new_file|SSL_CTX_load_verify_locations)\("([^"]+)"\).*No such file'), _kind("authority")),
        (re.compile(r'host not found in (?:[\w ]+ )?"([^"/]+?)(?::\d+)?(?:/[^"]*)?"'), _kind("name")),
        (re.compile(r'(?:getpwnam|getgrnam)\("([^"]+)"\) failed'), _kind("account")),
        (re.compile(r"bind\(\) to \[?([^\s\]]+?)\]?:\d+ failed \((?:99|EADDRNOTAVAIL)"), _kind("address")),
        (re.compile(r"bind\(\) to unix:(\S+) failed \(2"), _parent),
    ),
    "haproxy": (
        (re.compile(r"unable to (?:stat|load) SSL certificate(?: from)?(?: file)? '([^']+)'"), _both),
        (re.compile(r"(?:failed to open pattern file <|error opening file <|could not open file ')([^>']+)"), _file),
        (re.compile(r"could not resolve address '([^']+)'"), _kind("name")),
        (re.compile(r"[Cc]annot find (?:user|group) id for '([^']+)'"), _kind("account")),
        (re.compile(r"[Cc]annot chroot\(?\)?\s*(/\S+)"), _kind("folder")),
        (re.compile(r"unable to load (?:ca|CA)[- ]file '([^']+)'"), _kind("authority")),
        (re.compile(r"[Cc]annot bind (?:socket|UNIX socket) \(No such file or directory\).*\[(/[^\]]+)\]"), _parent),
    ),
}


def cures(proxy: str, faults: Sequence[ConfigFault], known: Iterable[Expected]) -> list[Expected]:
    """What would mend ``faults``, but for what was tried already; empty if nothing would."""
    had = {(expected.kind, expected.what) for expected in known}
    found: dict[tuple[str, str], Expected] = {}
    for fault in faults:
        for pattern, cure in _CURES[proxy]:
            if match := pattern.search(fault.message):
                expected = cure(Place(fault.file, fault.line), match[1])
                if (expected.kind, expected.what) not in had:
                    found[expected.kind, expected.what] = expected
                break
    return list(found.values())
