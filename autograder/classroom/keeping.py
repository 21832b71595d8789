"""Saving a whole classroom in one file, and putting it back: databases, the class, the exchange, everybody's work.

The file holds everything about everybody: it is its owner's only. Secrets of the host are not in it; a classroom that
is put back on another machine gets new ones.
"""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from autograder import __version__
from autograder.classroom.host import LABEL, Host, docker
from autograder.errors import ManyHandsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_FORM: Final = 1
_DATABASES: Final = ("hub", "gradebook")
_NOT_FILES: Final = ("_database", "_prometheus")
"""Volumes that are saved in another way, or not at all."""
_RIGHTS: Final = ("--cap-drop", "ALL", "--cap-add", "DAC_OVERRIDE", "--cap-add", "CHOWN", "--cap-add", "FOWNER")


def save(host: Host, file: Path, say: Callable[[str], None]) -> int:
    """Write the classroom, which is open, to ``file``; how many volumes went in. People may go on working.

    Raises:
        ManyHandsError: it is not open, the file is there already, or something could not be read.
    """
    database = _database(host)
    if file.exists():
        raise ManyHandsError("this file is there already", where=str(file), remedy="choose another name")
    image = docker("inspect", "--format", "{{.Config.Image}}", database).strip()
    volumes = [name for name in host.volumes() if not name.endswith(_NOT_FILES)]
    partial = file.with_name(f".{file.name}.partial")
    try:
        with tarfile.open(partial, "w") as archive:
            partial.chmod(0o600)
            told = {
                "form": _FORM,
                "made_by": __version__,
                "volumes": [name.removeprefix(host.name) for name in volumes],
            }
            _add(archive, "classroom.json", io.BytesIO(json.dumps(told, indent=1).encode()))
            for name in _DATABASES:
                say(f"saving the database {name}")
                dump = ["docker", "exec", database, *("pg_dump", "--host", "/tmp", "--format", "custom", name)]
                _add_output(archive, f"{name}.dump", dump)
            for name in volumes:
                say(f"saving {name}")
                _add_output(archive, f"volume{name.removeprefix(host.name)}.tar", _pack(host, image, name))
        partial.rename(file)
    finally:
        partial.unlink(missing_ok=True)
    return len(volumes)


def put_back(host: Host, file: Path, image: str, start_database: Callable[[], None], say: Callable[[str], None]) -> int:
    """Put back what :func:`save` wrote, over what is there, into a classroom that is closed; how many volumes.

    ``start_database`` starts the database and nothing else. The classroom is closed afterwards, too.

    Raises:
        ManyHandsError: the classroom is open, the file is not one of ours, or something could not be written.
    """
    if host.container("hub") or host.rooms():
        raise ManyHandsError("this classroom is open", where=host.name, remedy="./manyhands classroom down")
    try:
        with tarfile.open(file, "r:") as archive:
            volumes = _volumes_in(archive, file)
            for suffix in volumes:
                say(f"putting {host.name}{suffix} back")
                _feed(archive, f"volume{suffix}.tar", _unpack(host, image, f"{host.name}{suffix}"))
            start_database()
            database = _database(host)
            _wait_for(database)
            for name in _DATABASES:
                say(f"putting the database {name} back")
                restore = ["pg_restore", "--host", "/tmp", "--clean", "--if-exists", "--exit-on-error"]
                _feed(
                    archive,
                    f"{name}.dump",
                    ["docker", "exec", "--interactive", database, *restore, "--dbname", name],
                )
    except (OSError, tarfile.TarError, KeyError) as error:
        raise ManyHandsError("this is no classroom that was saved", where=str(file), why=str(error)) from error
    return len(volumes)


def _volumes_in(archive: tarfile.TarFile, file: Path) -> Sequence[str]:
    stream = archive.extractfile("classroom.json")
    told = json.loads(stream.read()) if stream else {}
    if told.get("form") != _FORM:
        raise ManyHandsError("this was saved in a form that is not known here", where=str(file), why=f"{told}"[:200])
    volumes: list[str] = told["volumes"]
    return volumes


def _database(host: Host) -> str:
    found = host.container("database")
    if not found:
        raise ManyHandsError("this classroom is not open", where=host.name, remedy="./manyhands classroom up")
    return found


def _wait_for(database: str) -> None:
    """Until it takes connections over the network: at first it listens to nobody while it makes the accounts."""
    told = "for i in $(seq 600); do pg_isready -q -h 127.0.0.1 && exit 0; sleep 0.2; done; exit 1"
    docker("exec", database, "sh", "-c", told)


def _pack(host: Host, image: str, volume: str) -> list[str]:
    return [*_tool(host, image, f"{volume}:/volume:ro"), "tar", "-C", "/volume", "-cf", "-", "."]


def _unpack(host: Host, image: str, volume: str) -> list[str]:
    empty = "find /volume -mindepth 1 -delete && tar -C /volume -xpf -"
    return [*_tool(host, image, f"{volume}:/volume"), "sh", "-c", empty]


def _tool(host: Host, image: str, mount: str) -> list[str]:
    rights = [*_RIGHTS, "--security-opt", "no-new-privileges", "--read-only", "--user", "0:0", "--network", "none"]
    return [
        "docker",
        "run",
        "--rm",
        "--interactive",
        *rights,
        "--label",
        f"{LABEL}={host.name}",
        "--volume",
        mount,
        image,
    ]


def _add_output(archive: tarfile.TarFile, name: str, command: Sequence[str]) -> None:
    with tempfile.TemporaryFile(dir=Path(str(archive.name)).parent) as file:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.PIPE, check=False)
        if done.returncode:
            why = done.stderr.decode(errors="replace").strip()[-500:]
            raise ManyHandsError("a part of the classroom could not be saved", where=name, why=why)
        file.seek(0)
        _add(archive, name, file)


def _add(archive: tarfile.TarFile, name: str, file: IO[bytes]) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = file.seek(0, io.SEEK_END), 0o600
    file.seek(0)
    archive.addfile(entry, file)


def _feed(archive: tarfile.TarFile, name: str, command: Sequence[str]) -> None:
    stream = archive.extractfile(name)
    assert stream is not None
    with tempfile.TemporaryFile(dir=Path(str(archive.name)).parent) as file:
        while block := stream.read(1 << 20):
            file.write(block)
        file.seek(0)
        done = subprocess.run(command, stdin=file, capture_output=True, check=False)
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip()[-500:]
        raise ManyHandsError("a part of the classroom could not be put back", where=name, why=why)
