"""What runs in a room: bring the labs that are released, then be the person's JupyterLab until the hub ends it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from autograder.errors import ManyHandsError
from autograder.launch import jupyter, lablist
from autograder.launch.places import home as home_folder

if TYPE_CHECKING:
    from pathlib import Path


def main() -> None:
    """Lay out the folders, bring the labs, and become JupyterLab; what could not be brought is said and stays away."""
    from autograder.classroom.fetching import bring_labs, hand_out_released
    from autograder.grading.classroom import prepare_class
    from autograder.grading.settings import Places
    from autograder.labs.catalogue import all_labs

    home = home_folder()
    jupyter.prepare(home)
    places = Places(home)
    try:
        if os.environ.get("MANYHANDS_ROLE") == "instructor":
            prepare_class(home, [])
            hand_out_released(places, _say)
        else:
            prepare_class(home, [], seed="none")  # a learner's seed comes with the labs
            bring_labs(places, _say)
    except (OSError, ValueError, ManyHandsError) as error:
        _say(f"labs could not be brought: {error}")
    here = tuple(lab for lab in all_labs() if (places.learner / lab.slug).is_dir())
    lablist.write(home, here, os.environ.get("MANYHANDS_SITE", ""))
    jupyter.forget_servers(home)
    command = _command(home)
    os.execv(command[0], command)


def _command(home: Path) -> list[str]:
    return [
        *(sys.executable, "-P", "-m", "autograder.launch.program", "jupyterhub.singleuser"),
        f"--ServerApp.root_dir={home}",
        "--ServerApp.ip=0.0.0.0",  # a room's network has nobody but the proxy and the hub
        "--ServerApp.allow_remote_access=True",
    ]


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
