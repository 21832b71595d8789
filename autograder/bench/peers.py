"""Other people's linters of nginx configs, run on the same files in the same run: gixy-ng and gixy-next.

Both call their package and their program ``gixy``, so that each gets an environment of its own, made once from a
hash-pinned list beside this file.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError
from autograder.launch.places import home

if TYPE_CHECKING:
    from collections.abc import Mapping

PEERS = ("gixy-ng", "gixy-next")
_PATIENCE_S = 300.0


class PeerError(ManyHandsError):
    """A peer that cannot be installed or does not work here."""


def findings(peer: str, configs: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Name → the rules that ``peer`` says are broken in that config. Raises :class:`PeerError`."""
    program = _installed(peer) / "bin" / "gixy"
    with tempfile.TemporaryDirectory(prefix="manyhands-peer-") as folder:
        paths = {str(Path(folder) / f"{number}.conf"): name for number, name in enumerate(configs)}
        for path, name in paths.items():
            Path(path).write_text(configs[name], encoding="utf-8")
        environment = {**os.environ, "HOME": folder}
        environment.pop("PYTHONPATH", None)
        try:
            ran = subprocess.run(
                [program, "--format", "json", *paths],
                capture_output=True,
                text=True,
                timeout=_PATIENCE_S,
                check=False,
                cwd=folder,
                env=environment,
            )
            said = json.loads(ran.stdout or "[]")
        except (OSError, subprocess.TimeoutExpired, ValueError) as error:
            raise PeerError(f"{peer} does not work here", why=str(error).splitlines()[0]) from None
    if ran.returncode > 1 and not said:
        raise PeerError(f"{peer} does not work here", why=(ran.stderr.strip().splitlines() or ["it says nothing"])[-1])
    found: dict[str, set[str]] = {name: set() for name in configs}
    for issue in said:
        found[paths[issue["path"]]].add(str(issue["plugin"]))
    return {name: frozenset(rules) for name, rules in found.items()}


def version(peer: str) -> str:
    """The version that the list pins."""
    for line in _list(peer).read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{peer}=="):
            return line.split("==")[1].split()[0]
    return ""


def _list(peer: str) -> Path:
    return Path(__file__).parent / f"{peer}.txt"


def _installed(peer: str) -> Path:
    """The peer's environment, made if it is not there. Another list makes another environment."""
    digest = hashlib.sha256(_list(peer).read_bytes() + sys.version.encode()).hexdigest()[:16]
    place = home() / "peers" / f"{peer}-{digest}"
    if (place / "bin" / "gixy").exists():
        return place
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None:
        raise PeerError(f"{peer} cannot be installed", why="there is no uv")
    place.parent.mkdir(exist_ok=True)
    # Made beside its place and put there whole: two runs may want it at once. Paths in it are relative.
    fresh = Path(tempfile.mkdtemp(prefix=f".{peer}-", dir=place.parent))
    try:
        _run(peer, uv, "venv", "--quiet", "--relocatable", "--allow-existing", "--python", sys.executable, str(fresh))
        python = str(fresh / "bin" / "python")
        _run(peer, uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", str(_list(peer)))
        fresh.rename(place)
    except OSError:
        if not place.exists():
            raise
        shutil.rmtree(fresh, ignore_errors=True)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return place


def _run(peer: str, *command: str) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False, env=environment)
        why = (ran.stderr.strip().splitlines() or [f"it ended with code {ran.returncode}"])[-1]
        if ran.returncode == 0:
            return
    except subprocess.TimeoutExpired:
        why = f"nothing came within {_PATIENCE_S:.0f} s"
    raise PeerError(f"{peer} cannot be installed", why=why)
