"""What a ``guard.toml`` says, as frozen data. Errors name the file and the line."""

from __future__ import annotations

import re
import tomllib
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.errors import ManyHandsError, suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = ("local", "container", "commands")


class SettingsError(ManyHandsError):
    """A guard.toml that cannot be used."""


@dataclass(frozen=True)
class Git:
    """Where versions are. ``config`` is the main config's path in the repository; its folder is what is installed.

    ``remote`` names where the branch is fetched from before it is looked at, and a revert is pushed to; empty: nowhere.
    """

    repo: Path
    config: str
    branch: str = "main"
    remote: str = ""


@dataclass(frozen=True)
class BalancerAt:
    """One balancer and how to reach it; which keys count depends on ``kind`` and ``proxy``.

    ``folder`` is where its config lies. ``pid_file`` is its master's; ``stats`` is
    HAProxy's Runtime API (a path, or ``host:port``), ``master`` its master CLI; ``access_log`` nginx's log of JSON
    lines. The last six are commands, as lists of words; ``{folder}`` stands for a folder with the files. Of a
    ``container`` (its name), ``folder`` and commands are within it, and ``mount`` is the folder of this machine that
    it has there, if it has one; paths of sockets and logs are of this machine. Without ``access_log`` its output is
    read.
    """

    name: str
    proxy: str
    kind: str = "local"
    folder: str = ""
    program: str = ""
    pid_file: str = ""
    stats: str = ""
    master: str = ""
    access_log: str = ""
    check: tuple[str, ...] = ()
    install: tuple[str, ...] = ()
    reload: tuple[str, ...] = ()
    loaded: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()
    clear: tuple[str, ...] = ()
    container: str = ""
    mount: str = ""


@dataclass(frozen=True)
class Wanted:
    """What traffic should look like. ``shares`` is ``even`` or ``declared`` (the weights in the config are meant).

    ``capacity`` says what servers can do against the others, by name, ``host:port`` or host, where they differ.
    """

    shares: str = "even"
    capacity: Mapping[str, float] = field(default_factory=dict)
    error_budget: float = 0.001
    latency_ms: float = 0.0


@dataclass(frozen=True)
class Watch:
    """How long to look, in seconds: before a change, at the canary, at all of them, and for traffic to recover.

    Counts are looked at every ``every_s``, the branch every ``branch_s``.
    """

    before_s: float = 30.0
    canary_s: float = 60.0
    window_s: float = 120.0
    recover_s: float = 60.0
    every_s: float = 0.5
    branch_s: float = 10.0


@dataclass(frozen=True)
class Look:
    """How a change is inspected on a twin before it is installed. ``policy`` is a file of rules as ``review`` has."""

    run: bool = True
    clients: tuple[str, ...] = ("many", "office")
    states: tuple[str, ...] = ("all-up", "one-down")
    policy: Path | None = None
    approvals: int = 1


@dataclass(frozen=True)
class Revert:
    """What a revert does beside installing files. Sticky tables outlive a reload, and keep users where they are."""

    clear_sticky: bool = True


@dataclass(frozen=True)
class Webhook:
    """Where people are told. The address is a secret, so it stands in the environment, in the variable ``url_from``.

    ``format`` is ``json`` or ``slack``; ``events`` are kinds of events (none: all that a person should see).
    """

    url_from: str
    format: str = "json"
    events: tuple[str, ...] = ()


@dataclass(frozen=True)
class Metrics:
    """Where Prometheus finds numbers: a file for the node exporter's textfile collector, an address to listen at."""

    textfile: Path | None = None
    listen: str = ""


@dataclass(frozen=True)
class Settings:
    """All of it. ``state`` is the folder of the guard's own files, ``path`` the file this was read from."""

    path: Path
    git: Git
    balancers: tuple[BalancerAt, ...]
    state: Path
    intent: Wanted = Wanted()
    watch: Watch = Watch()
    inspect: Look = Look()
    revert: Revert = Revert()
    webhooks: tuple[Webhook, ...] = ()
    metrics: Metrics | None = None


_WORDS = {
    "proxy": ("nginx", "haproxy"),
    "kind": KINDS,
    "shares": ("even", "declared"),
    "format": ("json", "slack"),
}
_LEAST = {"every_s": 0.02, "before_s": 0.0, "canary_s": 0.0, "window_s": 0.0, "recover_s": 0.0, "approvals": 0}
_TABLES = ("git", "balancer", "intent", "watch", "inspect", "revert", "webhook", "metrics")


def load_settings(path: Path) -> Settings:
    """Read a ``guard.toml``; relative paths in it are relative to it. Raises :class:`SettingsError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            "cannot read the guard's settings",
            where=str(path),
            why=str(getattr(error, "strerror", "") or error),
            remedy="the documentation (reference/guard) has one to begin with",
        ) from None
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError("this is no TOML", where=str(path), why=str(error)) from None
    return _Reader(path, text).settings(data)


@dataclass(frozen=True)
class _Reader:
    path: Path
    text: str

    def settings(self, data: Mapping[str, Any]) -> Settings:
        for key in data:
            if key not in (*_TABLES, "state"):
                raise self.error(f"there is no {key!r} here", key, suggestion(key, (*_TABLES, "state")))
        git = self.table(Git, data, "git")
        balancers = self.tables(BalancerAt, data, "balancer")
        if not balancers:
            raise self.error("no balancer is named", "", "add a [[balancer]] table")
        seen: set[str] = set()
        for number, one in enumerate(balancers):
            self.complete(one, number)
            if one.name in seen:
                raise self.error(f"two balancers are called {one.name!r}", one.name, "give each a name of its own")
            seen.add(one.name)
        state = data.get("state", "guard-state")
        if not isinstance(state, str) or not state:
            raise self.error("state is the path of a folder", "state", 'write state = "guard-state"')
        return Settings(
            self.path,
            git,
            balancers,
            self.beside(state),
            self.table(Wanted, data, "intent"),
            self.table(Watch, data, "watch"),
            self.table(Look, data, "inspect"),
            self.table(Revert, data, "revert"),
            self.tables(Webhook, data, "webhook"),
            self.table(Metrics, data, "metrics") if "metrics" in data else None,
        )

    def complete(self, one: BalancerAt, number: int) -> None:
        """Whether a balancer of this kind has all it needs. Raises :class:`SettingsError`."""
        needed = {"local": ("folder",), "container": ("container", "folder"), "commands": _COMMANDS}[one.kind]
        if one.kind != "commands" and one.proxy == "haproxy":
            needed += ("stats",)
        elif one.kind == "local":
            needed += ("pid_file", "access_log")
        for key in needed:
            if not getattr(one, key):
                said = f"a {one.proxy} of kind {one.kind} needs {key}"
                raise self.error(said, "[[balancer]]", f"add {key} = … to it", number)
        if one.kind == "local" and one.proxy == "haproxy" and not (one.master or one.pid_file):
            raise self.error(
                "nobody says how this HAProxy is told to reload",
                "[[balancer]]",
                "add master = (the socket of haproxy -S) or pid_file =",
                number,
            )

    def tables(self, kind: type[Any], data: Mapping[str, Any], name: str) -> tuple[Any, ...]:
        rows = data.get(name, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self.error(f"{name} is a list of tables", f"{name}", f"write [[{name}]]")
        return tuple(self.fill(kind, row, f"[[{name}]]", number) for number, row in enumerate(rows))

    def table(self, kind: type[Any], data: Mapping[str, Any], name: str) -> Any:
        row = data.get(name, {})
        if not isinstance(row, dict):
            raise self.error(f"{name} is a table", name, f"write [{name}]")
        return self.fill(kind, row, f"[{name}]", 0)

    def fill(self, kind: type[Any], row: Mapping[str, Any], heading: str, number: int) -> Any:
        types = {one.name: str(one.type) for one in fields(kind)}
        for key in row:
            if key not in types:
                raise self.error(f"{heading} has no {key!r}", key, suggestion(key, types), number, heading)
        values = {key: self.value(key, value, types[key], heading, number) for key, value in row.items()}
        for one in fields(kind):
            if one.name not in values and one.default is MISSING and one.default_factory is MISSING:
                raise self.error(f"{heading} has no {one.name!r}", heading, f"add {one.name} = … to it", number)
        return kind(**values)

    def value(self, key: str, value: Any, kind: str, heading: str, number: int) -> Any:
        good: Any = None
        if kind.startswith("tuple"):
            if isinstance(value, list) and all(isinstance(one, str) for one in value):
                good = tuple(value)
        elif "Mapping" in kind:
            if isinstance(value, dict) and all(_number(one) and one > 0 for one in value.values()):
                good = {str(name): float(one) for name, one in value.items()}
        elif "Path" in kind:
            good = self.beside(value) if isinstance(value, str) and value else None
        elif "float" in kind:
            good = float(value) if _number(value) and value >= _LEAST.get(key, 0.0) else None
        elif "bool" in kind:
            good = value if isinstance(value, bool) else None
        elif "int" in kind:
            good = value if _number(value) and isinstance(value, int) and value >= 0 else None
        elif isinstance(value, str) and "\0" not in value:
            good = value
            if key in _WORDS and value not in _WORDS[key]:
                known = _WORDS[key]
                raise self.error(f"{key} = {value!r} is unknown", key, suggestion(value, known), number, heading)
        if good is None:
            wanted = next((said for word, said in _WANTED.items() if word in kind), "text")
            raise self.error(f"{key} = {value!r} makes no sense", key, f"write {wanted}", number, heading)
        return good

    def beside(self, word: str) -> Path:
        return (self.path.parent / Path(word).expanduser()).absolute()

    def error(self, what: str, token: str, remedy: str, number: int = 0, heading: str = "") -> SettingsError:
        """Names the line that has ``token``, in the ``number``-th table called ``heading`` if one is given."""
        lines = self.text.splitlines()
        first = 0
        if mark := heading or (token if token.startswith("[") else ""):
            starts = [n for n, line in enumerate(lines) if line.strip().startswith(mark)]
            first = starts[number] if number < len(starts) else 0
        word = re.compile(re.escape(token) if token.startswith("[") else rf"(?<![\w-]){re.escape(token)}(?![\w-])")
        line = next((n for n, text in enumerate(lines[first:], first + 1) if token and word.search(text)), first + 1)
        return SettingsError(what, where=f"{self.path}:{line}", remedy=remedy)


_COMMANDS = ("check", "install", "reload", "loaded", "counts")
_WANTED = {
    "tuple": "a list of words",
    "Mapping": "a table of numbers above 0",
    "Path": "the path of a file",
    "float": "a number that is large enough",
    "bool": "true or false",
    "int": "a whole number",
}


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
