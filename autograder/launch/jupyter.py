"""JupyterLab and nbgrader, set up for this clone; the user's own ``~/.jupyter`` is neither read nor written."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from autograder.launch import desk
from autograder.launch.ports import LOOPBACK, listen_address

_CONFIG = Path(__file__).parent / "jupyter_config"
"""Kept in the package: no news, no update checks, no extension store, Markdown shown as pages."""


def prepare(home: Path) -> None:
    """Make this process, and all it starts, see this clone's and this class's settings in place of the user's own."""
    from autograder.grading.settings import server_environment

    private = home / ".jupyter"
    (private / "runtime").mkdir(parents=True, exist_ok=True)
    for name in list(os.environ):
        # what a hub tells a room, such as who its person is, is none of their settings
        if name.startswith(("JUPYTER", "IPYTHON")) and not name.startswith("JUPYTERHUB_"):
            del os.environ[name]
    os.environ |= {
        "JUPYTER_CONFIG_DIR": str(private / "config"),
        "JUPYTER_CONFIG_PATH": f"{_CONFIG}{os.pathsep}{server_environment(home)['JUPYTER_CONFIG_PATH']}",
        "JUPYTER_DATA_DIR": str(private / "data"),
        "JUPYTER_RUNTIME_DIR": str(private / "runtime"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "IPYTHONDIR": str(private / "ipython"),
        "MANYHANDS_HOME": str(home),
        "PATH": f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }


def forget_servers(home: Path) -> None:
    """Remove what a killed server left, so that :func:`address` tells the new one's."""
    for left in (home / ".jupyter" / "runtime").iterdir():
        left.unlink()


def command(home: Path, port: int, *, exactly: bool) -> list[str]:
    """The command that serves ``home``; unless ``exactly``, JupyterLab goes to a free port if this one gets taken."""
    return [
        *(sys.executable, "-P", "-m", "autograder.launch.program", "jupyterlab"),
        f"--ServerApp.root_dir={home}",
        f"--ServerApp.port={port}",
        # beyond loopback, JupyterLab would no longer ask whether the browser meant this very machine
        *([f"--ServerApp.ip={listen_address()}", "--ServerApp.allow_remote_access=False"] if desk.inside() else []),
        f"--ServerApp.port_retries={0 if exactly else 50}",
        *(["--ServerApp.allow_root=True"] if os.geteuid() == 0 else []),
    ]


def address(home: Path) -> str | None:
    """The address of the server that runs, without the token; None until it has bound its port."""
    for file in (home / ".jupyter" / "runtime").glob("jpserver-*.json"):
        try:
            port = json.loads(file.read_text())["port"]
        except (ValueError, KeyError, FileNotFoundError):  # being written, or being removed
            return None
        return f"http://{LOOPBACK}:{port}/"
    return None
