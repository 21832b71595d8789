"""All mistakes of the catalogue, and reading a config for them.

>>> pool = "upstream shop { server app1:80 weight=20; server app2:80; }"
>>> text = f"events {{}} http {{ {pool} server {{ location / {{ proxy_pass http://shop; }} }} }}".encode()
>>> [finding.mistake for finding in find_mistakes({"nginx.conf": text}, "nginx.conf")]
['weight-skew']
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

from autograder.mistakes.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.mistakes.mistake import Mistake

    MISTAKES: tuple[Mistake, ...]


@functools.cache
def mistakes() -> tuple[Mistake, ...]:
    """Every ``MISTAKE`` of the modules beside this one, by slug."""
    import autograder.mistakes as folder

    modules = (
        importlib.import_module(f"{folder.__name__}.{module.name}") for module in pkgutil.iter_modules(folder.__path__)
    )
    found: list[Mistake] = [module.MISTAKE for module in modules if hasattr(module, "MISTAKE")]
    return tuple(sorted(found, key=lambda mistake: mistake.slug))


def __getattr__(name: str) -> Any:
    # The catalogue is read when somebody asks for it: most commands never do.
    if name == "MISTAKES":
        return mistakes()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def find_mistakes(
    files: Mapping[str, bytes], main: str, proxy: str = "nginx", capacity: Mapping[str, float] | None = None
) -> tuple[Finding, ...]:
    """The mistakes of the catalogue that are written in a config, in the order of its lines.

    Args:
        files: Relative path → content. Includes are followed within these only.
        main: The file of ``files`` that the balancer is started with.
        proxy: Which balancer reads it.
        capacity: Server name (host, or host:port) → relative capacity, of the servers that should be serving. With
            it, weights are compared with the machines; without it, only what is wrong on any machines is found.

    Returns:
        Findings; none for a config that cannot be read (the balancer itself says better what is wrong with it).
    """
    from autograder.stack.proxies.nginx_syntax import UnreadableError

    try:
        config = _read(files, main, proxy)
    except UnreadableError:
        return ()
    if config is None:
        return ()
    found = {
        finding
        for mistake in mistakes()
        if proxy in mistake.readers
        for finding in mistake.readers[proxy](config, capacity)
    }
    return tuple(sorted(found, key=lambda f: (f.file != main, f.file, f.line, f.column, f.mistake)))


def entries() -> list[dict[str, Any]]:
    """Every entry as plain data that JSON can hold, for whatever shows or indexes them.

    Words, ``proxies``, ``directives``, ``symptoms`` (name → strength), ``decides``, and under ``examples``,
    ``look_alikes``, ``episodes`` and ``done_right`` what proves it: name, balancer, config, clients, state and shares.
    """
    return [_plain(mistake) for mistake in mistakes()]


def _plain(mistake: Mistake) -> dict[str, Any]:
    words = ("slug", "title", "what", "why", "seen", "mend", "instead", "versions", "decides", "proxy", "symptoms")
    lists = ("clients", "states", "sources", "directives", "proxies")
    cases = ("examples", "look_alikes", "episodes", "done_right")
    told = ("name", "proxy", "config", "files", "state", "share", "failed", "guilty", "why", "told", "outcome")
    return {
        **{word: getattr(mistake, word) for word in words},
        **{name: list(getattr(mistake, name)) for name in lists},
        **{
            kind: [
                {
                    word: _thawed(getattr(case, word))
                    for word in (*told, "returning", "kept", "also")
                    if getattr(case, word, None) not in (None, "", {}, ())
                }
                for case in getattr(mistake, kind)
            ]
            for kind in cases
        },
    }


def _thawed(value: Any) -> Any:
    """Mappings and tuples as JSON has them."""
    if isinstance(value, dict):
        return {key: _thawed(one) for key, one in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _read(files: Mapping[str, bytes], main: str, proxy: str) -> Any:
    """A config in the words that the readers of the catalogue ask for; None for a balancer that has none."""
    if proxy == "nginx":
        from autograder.mistakes.nginx_config import read_nginx

        return read_nginx(files, main)
    if proxy == "haproxy":
        from autograder.mistakes.haproxy_config import read_haproxy_config

        return read_haproxy_config(files, main)
    return None
