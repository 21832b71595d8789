"""What an nginx config names: read from memory, as far as it can be read. Never raises for what a config says."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from autograder.stack.proxies.insiders import of_nginx
from autograder.stack.proxies.nginx_builds import lacking
from autograder.stack.proxies.nginx_guards import guarded
from autograder.stack.proxies.nginx_listens import read_listens
from autograder.stack.proxies.nginx_passes import read_passes
from autograder.stack.proxies.nginx_scopes import Constants, flat, place
from autograder.stack.proxies.nginx_syntax import TooLargeError, read_text
from autograder.stack.proxies.nginx_things import ThingsReader
from autograder.stack.proxies.reading import Needs, Place, Unmet

if TYPE_CHECKING:
    from collections.abc import Mapping

_AT = re.compile(r"(?P<file>\S+):(?P<line>\d+): ")


def read_nginx(files: Mapping[str, bytes], main: str) -> Needs:
    """Everything the config ``main`` names; places are relative to its folder, which stands for ``/etc/nginx``."""
    folder = posixpath.dirname(main)
    home = Place(main.removeprefix(f"{folder}/") if folder else main, 0)
    try:
        text = read_text(files, main)
    except TooLargeError as error:
        return Needs(unmet=(Unmet(home, "the config is too large to be read", str(error)),))
    said = flat(text.statements)
    constants = Constants(said)
    passing = read_passes(said, constants, folder)
    listens, not_driven = read_listens(said, passing.pools_of, passing.upstreams, folder)
    own = {name.removeprefix(f"{folder}/") if folder else name: data for name, data in files.items()}
    reader = ThingsReader(said, constants, own, folder)
    reader.missing_includes((place(word, folder), word.text) for word in text.missing)
    reader.names(passing.upstreams)
    things = reader.read()
    unmet = [_broken(fault, home) for fault in text.broken]
    unmet += [*lacking(said, folder), *passing.unmet, *not_driven, *things.unmet, *guarded(said, folder)]
    whole = tuple(dict.fromkeys(unmet))
    switches, insiders = tuple(passing.switches), of_nginx(said)
    return Needs(listens, tuple(passing.upstreams), tuple(things.expected), whole, switches, insiders)


def _broken(fault: str, home: Place) -> Unmet:
    match = _AT.match(fault)
    where = Place(match["file"], int(match["line"])) if match else home
    return Unmet(where, "reading stopped", fault)
