"""All mistakes of the catalogue, and reading a config for them.

>>> pool = "upstream shop { server app1:80 weight=20; server app2:80; }"
>>> text = f"events {{}} http {{ {pool} server {{ location / {{ proxy_pass http://shop; }} }} }}".encode()
>>> [finding.mistake for finding in find_mistakes({"nginx.conf": text}, "nginx.conf")]
['weight-skew']
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import pkgutil
from typing import TYPE_CHECKING, Any

from autograder.mistakes.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autograder.mistakes.mistake import Mistake

    MISTAKES: tuple[Mistake, ...]

_CONFIGS = {"nginx": ("nginx_config", "read_nginx"), "haproxy": ("haproxy_config", "read_haproxy_config")}
"""Balancer → the module beside this one, and its function, that read its config."""


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


def _read(files: Mapping[str, bytes], main: str, proxy: str) -> Any:
    """A config in the words that the readers of the catalogue ask for; None for a balancer that has none."""
    name, function = _CONFIGS.get(proxy, ("", ""))
    module = f"{__package__}.{name}"
    if not name or importlib.util.find_spec(module) is None:
        return None
    return getattr(importlib.import_module(module), function)(files, main)
