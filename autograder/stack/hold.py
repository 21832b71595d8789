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
_FIRST_ID = 60000
_NOT_FOUND = 127


def main() -> None:
    """Wait for an order, a line of JSON with a command line, and become that program. Does not return.

    Its two arguments are lists in JSON: accounts that must be known, and folders that anybody must be able to write.
    """
    accounts, folders = (json.loads(words) for words in sys.argv[1:])
    _fill(accounts, folders)
    line = sys.stdin.buffer.readline()
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    argv = json.loads(line)
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
        sys.exit(_NOT_FOUND)


def _fill(accounts: list[str], folders: list[str]) -> None:
    """Put what the image has into the writable folders, once: later they hold what the balancer made of them.

    The mark on the last folder tells the others (a server with a socket in there) that all of it is done.
    """
    for folder in _FOLDERS:
        ready = f"/{folder}/.ready"
        if not os.path.lexists(ready):
            import shutil

            shutil.copytree(f"{_SKELETON}/{folder}", f"/{folder}", symlinks=True, dirs_exist_ok=True)
            if folder == "etc":
                _add_accounts(accounts)
            if folder == _FOLDERS[-1]:
                _make_folders(folders)
            os.close(os.open(ready, os.O_CREAT | os.O_WRONLY, 0o444))


def _add_accounts(accounts: list[str]) -> None:
    for path, line in (("/etc/passwd", "{0}:x:{1}:{1}::/:/bin/false\n"), ("/etc/group", "{0}:x:{1}:\n")):
        with open(path, "r+", encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs more than all of this
            known = {entry.partition(":")[0] for entry in file}
            for number, name in enumerate(accounts, _FIRST_ID):
                if name not in known:
                    file.write(line.format(name, number))


def _make_folders(folders: list[str]) -> None:
    for folder in folders:
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - the same
        os.chmod(folder, 0o777)  # noqa: PTH101 - the same


if __name__ == "__main__":
    main()
