"""What a HAProxy config names: where it listens, whom it sends to, what it expects to find.

Reading only prepares a twin; what was missed shows when HAProxy refuses to start. A config that is broken is read as
far as it can be, one that is too large raises :class:`~autograder.stack.proxies.nginx_syntax.TooLargeError`.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from autograder.stack.proxies.haproxy_listens import Front, listenings, read_fronts
from autograder.stack.proxies.haproxy_pools import Pool, read_pool
from autograder.stack.proxies.haproxy_syntax import read_sections
from autograder.stack.proxies.haproxy_things import HOME, ThingsReader
from autograder.stack.proxies.insiders import of_haproxy
from autograder.stack.proxies.reading import Listening, Needs, Place, Unmet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.stack.proxies.nginx_syntax import Word

_OWN_VARIABLES = (
    "HAPROXY_LOCALPEER HAPROXY_CFGFILES HAPROXY_MWORKER HAPROXY_CLI HAPROXY_MASTER_CLI HAPROXY_HTTP_LOG_FMT"
    " HAPROXY_HTTP_CLF_LOG_FMT HAPROXY_HTTPS_LOG_FMT HAPROXY_TCP_LOG_FMT HAPROXY_BRANCH"
)
"""Variables that HAProxy sets for itself (docs.haproxy.org/2.8/configuration.html#2.4)."""


def read_haproxy(files: Mapping[str, bytes], main: str) -> Needs:
    """What ``main`` (a file, or a folder of ``.cfg`` files) and the files beside it name.

    Raises :class:`~autograder.stack.proxies.nginx_syntax.UnreadableError` if ``main`` is not there or too large.
    """
    folder = posixpath.dirname(main.rstrip("/"))
    config = read_sections(files, main, dict.fromkeys(_OWN_VARIABLES.split(), ""))

    def place(word: Word) -> Place:
        return Place(word.file.removeprefix(f"{folder}/") if folder else word.file, word.line)

    def inside(path: str) -> str:
        """Name in ``files`` of what a config calls ``path``; what lies elsewhere has none."""
        whole = posixpath.normpath(posixpath.join(HOME, path))
        return posixpath.join(folder, whole.removeprefix(f"{HOME}/")) if whole.startswith(f"{HOME}/") else ""

    def lookup(path: str) -> bytes | None:
        return files.get(inside(path))

    def there(path: str) -> bool:
        name = inside(path)
        return bool(name) and (name in files or any(file.startswith(f"{name}/") for file in files))

    fronts = read_fronts(config, lookup)
    pools: dict[str, Pool] = {}
    leading: dict[str, list[Front]] = {}
    for front in fronts:
        for backend in front.backends:
            leading.setdefault(backend, []).append(front)
    for section in config.of_kind("backend", "listen"):
        before = leading.get(section.name, [])
        doors = list(dict.fromkeys(port for front in before for port in front.ports))
        pools[section.name] = read_pool(section, doors, any(front.inspects_tls for front in before), place)
    upstreams = tuple(upstream for pool in pools.values() for upstream in pool.upstreams)
    listens: list[Listening] = []
    unmet: list[Unmet] = [
        Unmet(place(word), name, "this variable has no value in the twin, and HAProxy takes it for empty")
        for word, name in config.unset
    ]
    for front in fronts:
        for found in listenings(front, pools, place):
            if isinstance(found, Listening):
                listens.append(found)
            else:
                unmet.append(found)
    things = ThingsReader(config, there, lookup, place)
    things.read([name for front in fronts for name in front.names])
    things.servers(upstreams)
    unmet += [one for pool in pools.values() for one in pool.unmet]
    unmet += things.unmet.values()
    expected, whole = tuple(things.expected.values()), tuple(dict.fromkeys(unmet))
    return Needs(tuple(listens), upstreams, expected, whole, insiders=of_haproxy(config))
