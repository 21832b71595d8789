"""What process 1 of a balancer's container does until the balancer is started. Standard library only.

It waits for an order on standard input and then *becomes* the balancer. So programs can be run beside a balancer
that is not started yet, and the balancer's exit code is the container's. It imports next to nothing, because every
start of a balancer waits for it.
"""

from __future__ import annotations

import json
import os
import sys

_SKELETON = "/opt/manyhands/skeleton"
"""What a balancer's writable folders hold at first."""

_FOLDERS = ("etc", "run", "srv", "var")
_NOT_FOUND = 127


def main() -> None:
    """Wait for an order, a line of JSON with a command line, and become that program. Does not return."""
    _fill()
    line = sys.stdin.buffer.readline()
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    argv = json.loads(line)
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
        sys.exit(_NOT_FOUND)


def _fill() -> None:
    """Put what the image has into the writable folders, once: later they hold what the balancer made of them."""
    for folder in _FOLDERS:
        ready = f"/{folder}/.ready"
        if not os.path.lexists(ready):
            import shutil

            shutil.copytree(f"{_SKELETON}/{folder}", f"/{folder}", symlinks=True, dirs_exist_ok=True)
            os.close(os.open(ready, os.O_CREAT | os.O_WRONLY, 0o444))


if __name__ == "__main__":
    main()
