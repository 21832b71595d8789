"""The choices for a classroom: ``classroom.toml``, every key of which has a default that holds on one machine."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

from autograder.errors import ManyHandsError, suggestion

if TYPE_CHECKING:
    from pathlib import Path

KINDS: Final = ("native", "oidc", "lti13", "dummy")
_SIZE: Final = re.compile(r"[1-9][0-9]*[mMgG]")


@dataclass(frozen=True)
class Quota:
    """What one room may use.

    ``memory``, ``scratch`` (/tmp, which is memory) and ``disk`` (its owner's files) are in bytes: ``512m``, ``2g``.
    """

    cpus: float = 1.0
    memory: str = "1536m"
    scratch: str = "512m"
    disk: str = "2g"
    processes: int = 1024
    idle_minutes: int = 60


@dataclass(frozen=True)
class Rooms:
    """How many rooms may be open at once, how many may be starting (others wait), and where networks are taken from."""

    at_once: int = 60
    starting: int = 4
    addresses: str = "100.127.0.0/16"


@dataclass(frozen=True)
class SignIn:
    """How people sign in. ``options`` are those of the hub's authenticator for OIDC and LTI, and may hold secrets."""

    kind: str = "native"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """A whole classroom. ``address`` is what browsers see; empty for loopback and the port. ``graders`` are workers.

    ``labs`` are the slugs of those that are released when it opens; empty for all.
    """

    name: str = "manyhands-classroom"
    port: int = 8443
    address: str = ""
    announcement: str = ""
    graders: int = 1
    labs: tuple[str, ...] = ()
    quota: Quota = field(default_factory=Quota)
    rooms: Rooms = field(default_factory=Rooms)
    sign_in: SignIn = field(default_factory=SignIn)

    @property
    def url(self) -> str:
        """What browsers see, with a slash at its end."""
        return (self.address or f"https://127.0.0.1:{self.port}").rstrip("/") + "/"

    def for_hub(self) -> dict[str, Any]:
        """What the hub is told, as plain data for JSON."""
        return {**asdict(self), "address": self.url}


def bytes_of(size: str) -> int:
    """Bytes of a size as it is written in the settings: ``512m``, ``2g``."""
    return int(size[:-1]) * {"m": 2**20, "g": 2**30}[size[-1].lower()]


def load_settings(file: Path | None) -> Settings:
    """Read ``classroom.toml``; the defaults without one.

    Raises:
        ManyHandsError: the file cannot be read, or says what is not known or cannot be.
    """
    if file is None:
        return Settings()
    try:
        told = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ManyHandsError("the classroom's settings cannot be read", where=str(file), why=str(error)) from error
    return parse(told, str(file))


def parse(told: Mapping[str, Any], where: str) -> Settings:
    """The settings that a TOML table says. Raises as :func:`load_settings`."""
    parts = {"quota": Quota, "rooms": Rooms, "sign_in": SignIn}
    made = {key: _table(parts[key], told[key], where, f"{key}.") for key in parts if key in told}
    settings: Settings = _table(Settings, {**told, **made}, where, "")
    _check(settings, where)
    return settings


def _table(kind: Any, told: Any, where: str, prefix: str) -> Any:
    if not isinstance(told, Mapping):
        raise ManyHandsError(f"{prefix.rstrip('.')} is not a table", where=where)
    known = {one.name: one for one in fields(kind)}
    made = dict(told)
    for key, value in told.items():
        if key not in known:
            raise ManyHandsError(f"{prefix}{key} is not known", where=where, remedy=suggestion(key, known))
        usual = getattr(kind(), key)
        if usual == ():
            made[key] = _words(value, f"{prefix}{key}", where)
            continue
        right = isinstance(value, (int, float) if isinstance(usual, float) else type(usual) if usual != {} else Mapping)
        if not right or isinstance(value, bool):
            raise ManyHandsError(
                f"{prefix}{key} is {value!r}",
                where=where,
                why=f"it has to be a {type(usual).__name__}, such as {usual!r}",
            )
    return kind(**made)


def _words(value: Any, name: str, where: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        raise ManyHandsError(f"{name} is {value!r}", where=where, why="it has to be a list of words")
    return tuple(value)


def _check(settings: Settings, where: str) -> None:
    quota, rooms = settings.quota, settings.rooms
    try:
        networks = ipaddress.ip_network(rooms.addresses)
    except ValueError as error:
        raise ManyHandsError("rooms.addresses is no network", where=where, why=str(error)) from error
    wrong = {
        "name has to be lower-case letters, digits and hyphens": not re.fullmatch(
            r"[a-z][a-z0-9-]{2,40}", settings.name
        ),
        "port has to be from 1 to 65535": not 0 < settings.port < 65536,
        "address has to begin with https://": bool(settings.address) and not settings.address.startswith("https://"),
        "announcement has to be one line": "\n" in settings.announcement,
        "quota.memory has to look like 1536m or 2g": not _SIZE.fullmatch(quota.memory),
        "quota.scratch has to look like 512m or 1g": not _SIZE.fullmatch(quota.scratch),
        "quota.disk has to look like 500m or 2g": not _SIZE.fullmatch(quota.disk),
        "quota.cpus has to be more than 0": quota.cpus <= 0,
        "quota.processes has to be at least 64: JupyterLab and a stack need them": quota.processes < 64,
        "quota.idle_minutes has to be at least 1": quota.idle_minutes < 1,
        "rooms.at_once and rooms.starting have to be at least 1": min(rooms.at_once, rooms.starting) < 1,
        "graders cannot be less than 0": settings.graders < 0,
        f"sign_in.kind has to be one of {', '.join(KINDS[:-1])}": settings.sign_in.kind not in KINDS,
        "rooms.addresses is too small for rooms.at_once": networks.version != 4
        or networks.num_addresses < 8 * rooms.at_once,
    }
    for what, is_wrong in wrong.items():
        if is_wrong:
            raise ManyHandsError(what, where=where)
