"""A runbook to begin with, for each kind of drill and each balancer: printed when somebody has none yet."""

from __future__ import annotations

from typing import Final

_HEAD: Final = """\
# A runbook for ./manyhands drill {kind}. Put your own commands in its place.
# Each step runs in the twin's sandbox, on the balancer's machine, in a folder with the files beside this one.
# {given}
"""

_ROLLBACK: Final = """
[[step]]
name = "somebody is called, and looks"
takes = "3m"                      # what a person does is not run: its time is added

[[step]]
name = "revert the change"
run = "cd $DRILL_FOLDER && git revert --no-edit HEAD"

[[step]]
name = "ask {program} whether it takes that"
run = "{check}"

[[step]]
name = "load it"
run = "systemctl reload {program}"
within = "30s"
"""

_RESTORE: Final = """
[[step]]
name = "somebody is called, and starts a new machine"
takes = "10m"                     # what a person does is not run: its time is added

[[step]]
name = "put the newest backup in place"
run = "cp -R $DRILL_BACKUP/. $DRILL_FOLDER/"

[[step]]
name = "ask {program} whether it takes that"
run = "{check}"

[[step]]
name = "start it"
run = "systemctl start {program}"
within = "30s"
"""

_GIVEN: Final = {
    "rollback": "$DRILL_FOLDER is its config folder, a git repository; $DRILL_GOOD and $DRILL_BAD are commits there.",
    "restore": "$DRILL_FOLDER is its config folder, which is empty; $DRILL_BACKUP is a copy of your backup.",
}
_CHECK: Final = {"nginx": "nginx -t", "haproxy": "haproxy -c -f $DRILL_FOLDER/haproxy.cfg"}


def example(kind: str, program: str = "nginx") -> str:
    """A runbook (TOML) for a ``kind`` of drill, ``rollback`` or ``restore``, of ``nginx`` or ``haproxy``."""
    steps = (_ROLLBACK if kind == "rollback" else _RESTORE).format(program=program, check=_CHECK[program])
    return _HEAD.format(kind=kind, given=_GIVEN[kind]) + steps
