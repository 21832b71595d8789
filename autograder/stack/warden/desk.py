"""What stands in for the balancer on a program's side: process 1, HAProxy's two sockets, and a few commands.

A program is to work as an operator does, on the balancer's own machine, and yet be in a pid namespace of its own,
which ends as a whole. So signals to process 1, and what is said to the sockets, are passed on to the real balancer
by the engine, which thereby knows of every reload.
"""

# On a node, importing pathlib would cost more than the work.
# ruff: noqa: PTH101, PTH103, PTH123, PTH211

from __future__ import annotations

import os
import signal
import socket
import sys

FOLDER = "/run/manyhands"
COMMANDS = f"{FOLDER}/bin"
SOCKETS = {f"{FOLDER}/{kind}.sock": kind for kind in ("master", "runtime", "service")}

SIGNALS = ("HUP", "USR1", "USR2", "TERM", "QUIT", "INT", "WINCH", "TTIN", "TTOU")
"""What balancers have a meaning for. KILL cannot be sent to process 1 from inside, as in any container."""

_LONGEST = 1 << 20
_PATIENCE_S = 5.0

_NGINX = """#!/bin/sh
# The twin's nginx, where it lies and with the config it runs. Without anything to check or to say, it is to start.
for word; do
    case $word in
        -c | -e | -g | -p) ;;
        -*[tTsvVhq?]*) exec /opt/manyhands/nginx/nginx -p /var/lib/nginx/ -c /etc/nginx/nginx.conf -e stderr "$@" ;;
    esac
done
exec systemctl start nginx
"""

_SYSTEMCTL = """#!{python} -IS
import socket, sys
words = [word for word in sys.argv[1:] if not word.startswith("-")]
if sys.argv[0].endswith("service"):
    words.reverse()
if len(words) != 2:
    sys.exit("systemctl: say what to do and with what: systemctl reload nginx")
with socket.socket(socket.AF_UNIX) as desk:
    desk.connect("{folder}/service.sock")
    desk.sendall(" ".join(words).encode() + b"\\n")
    answer = b"".join(iter(lambda: desk.recv(65536), b"")).decode(errors="replace")
code, _, text = answer.partition(" ")
if text.strip():
    print(text.strip(), file=sys.stdout if code == "0" else sys.stderr)
sys.exit(int(code) if code.isdigit() else 1)
"""


def make_commands() -> None:
    """Put the commands where a program's PATH begins. What it does to them it does to its own."""
    os.makedirs(COMMANDS, exist_ok=True)
    systemctl = _SYSTEMCTL.format(python=sys.executable, folder=FOLDER)
    for name, text in (("nginx", _NGINX), ("systemctl", systemctl), ("service", systemctl)):
        with open(f"{COMMANDS}/{name}", "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(f"{COMMANDS}/{name}", 0o755)
    if not os.path.lexists("/usr/bin/python3"):
        os.symlink(sys.executable, f"{COMMANDS}/python3")


def open_sockets() -> dict[int, tuple[socket.socket, str]]:
    """Listening sockets by descriptor, each with what it stands for."""
    listening = {}
    for path, kind in SOCKETS.items():
        one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        one.bind(path)
        one.listen(16)
        one.setblocking(False)
        listening[one.fileno()] = (one, kind)
    return listening


def note_signals(writing: int) -> None:
    """Have the number of every signal that is passed on written to a descriptor."""
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for name in SIGNALS:
        signal.signal(getattr(signal, f"SIG{name}"), _noted)
    signal.signal(signal.SIGCHLD, _noted)


def _noted(_number: int, _frame: object) -> None:
    """The wakeup descriptor has it."""


class Visitor:
    """Somebody who asks at one of the sockets: a command of one line, or of several where one says ``<<``."""

    def __init__(self, connection: socket.socket, kind: str) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.kind = kind
        self.asked = False
        self._text = b""

    def read(self) -> str | None:
        """What it asks, once it is complete; an empty string if it left without asking."""
        try:
            data = self.connection.recv(65536)
        except BlockingIOError:
            return None
        except OSError:
            return ""
        self._text += data
        line, ended, _ = self._text.partition(b"\n")
        if data and len(self._text) <= _LONGEST:
            whole = b"\n\n" in self._text if b"<<" in line else bool(ended)
            if not whole:
                return None
        self.asked = True
        return self._text.decode(errors="replace").strip()

    def answer(self, text: str) -> None:
        """Tell it and close. One that does not read is not waited for long."""
        try:
            self.connection.settimeout(_PATIENCE_S)
            self.connection.sendall(text.encode(errors="replace"))
        except OSError:
            pass
        self.connection.close()
