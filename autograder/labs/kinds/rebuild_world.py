"""Backups of a balancer that is gone, drawn anew for each run: some are of use, some are not, and none says so.

A set is what was saved at one time, in a folder that has this time for a name: config, certificate with its key, and
the run-time state of the servers. What a learner sees is the world of seed 0, which depends on where they start.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOST: Final = "lost"
"""The newest sets are of no use, an older one is."""
HOPELESS: Final = "hopeless"
"""No set is of any use."""
REFUSED: Final = ("another-key", "cut-short", "no-certificate")
"""What can be wrong with a set so that HAProxy refuses it."""
HARMFUL: Final = ("one-heavy", "one-key", "one-missing")
"""What can be wrong with a set that HAProxy takes. Only traffic shows it."""
CONFIG: Final = "haproxy.cfg"
CERTIFICATE: Final = "certs/shop.pem"
STATE: Final = "state/servers.state"
TIME: Final = "%Y-%m-%dT%H%M"
"""How a set's name, and the time of the loss, are written."""
WRITTEN: Final = {
    "start": ("", "cut-short", "", "another-key", "one-heavy"),
    "start-newest-refused": ("", "no-certificate", "", "one-heavy", "cut-short"),
}
"""Folder to start from → what is wrong with each of the sets in it."""
_WRITTEN_HOPELESS: Final = ("no-certificate", "one-missing", "another-key", "one-heavy")
_LOST_AT: Final = datetime(2023, 3, 1, 10, 50)
_HOURS_APART: Final = 6
_SERVER: Final = re.compile(rb"^\s*server (\S+) \S+:(\d+) check", re.MULTILINE)
_STATE_HEAD: Final = (
    "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state "
    "bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr "
    "srv_agent_addr srv_agent_port\n"
)


@dataclass(frozen=True)
class BackupSet:
    """One set: its name, which is its time, its files, what is wrong with it (or nothing), and who was out then."""

    name: str
    files: Mapping[str, bytes]
    fault: str
    out: str


@dataclass(frozen=True)
class World:
    """Sets from the oldest to the newest; ``lost_at`` is when the machine was lost, as a set's name says times."""

    sets: tuple[BackupSet, ...]
    lost_at: str
    servers: tuple[str, ...]

    @property
    def wanted(self) -> BackupSet | None:
        """The newest set that is of use."""
        return next((one for one in reversed(self.sets) if not one.fault), None)

    def minutes_lost(self, one: BackupSet) -> int:
        """Minutes from a set to the loss: what is lost by going back to it."""
        return int((datetime.strptime(self.lost_at, TIME) - datetime.strptime(one.name, TIME)).total_seconds()) // 60

    def given(self) -> dict[str, bytes]:
        """The sets as files, a folder each."""
        return {f"{one.name}/{path}": content for one in self.sets for path, content in one.files.items()}


def draw(parts: Mapping[str, bytes], scene: str, seed: int, start: str = "start") -> World:
    """The world of a scene: for ``seed`` 0 as the lab is written, else drawn; the same for the same seed.

    ``parts`` are a good config, a certificate with its key, and the key of another one. ``start`` is the folder that
    the learner starts from.
    """
    dice = random.Random(f"rebuild {seed} {scene}")
    faults = _faults(scene, dice) if seed else WRITTEN[start] if scene == LOST else _WRITTEN_HOPELESS
    at = _LOST_AT + timedelta(minutes=dice.randrange(2_000)) if seed else _LOST_AT
    servers = [name.decode() for name, _ in _SERVER.findall(parts[CONFIG])]
    now_out, once_out, heavy = dice.sample(servers, 3) if seed else (servers[-2], servers[0], servers[-1])
    sets: list[BackupSet] = []
    moment = at - timedelta(minutes=dice.randint(20, 50) if seed else 35)
    for number in reversed(range(len(faults))):
        out = now_out if number >= len(faults) - 3 else once_out
        files = _files(parts, servers, number, out, faults[number], heavy)
        sets.append(BackupSet(moment.strftime(TIME), files, faults[number], out))
        moment -= timedelta(minutes=_HOURS_APART * 60 + (dice.randint(-90, 90) if seed else 25))
        if seed and number == len(faults) - 2:
            # Nobody saw that a day's backups did not run: more than the hours and minutes of a clock are lost.
            moment -= timedelta(days=1)
    return World(tuple(reversed(sets)), at.strftime(TIME), tuple(servers))


def _faults(scene: str, dice: random.Random) -> tuple[str, ...]:
    """Two useless sets at the end, one that HAProxy refuses and one that it takes; older ones of both sorts."""
    newest = [dice.choice(REFUSED), dice.choice(HARMFUL)]
    dice.shuffle(newest)
    if scene == HOPELESS:
        return (dice.choice(REFUSED), dice.choice(HARMFUL), *newest)
    older = ["", dice.choice(REFUSED + HARMFUL)]
    dice.shuffle(older)
    return (*older, "", *newest)


def _files(
    parts: Mapping[str, bytes], servers: Sequence[str], number: int, out: str, fault: str, heavy: str
) -> dict[str, bytes]:
    # Somebody gave it more room now and then, so no two sets are the same.
    config = parts[CONFIG].replace(b"maxconn 2000", b"maxconn %d" % (2000 + 500 * number))
    port = _SERVER.findall(config)[0][1]
    line = b"server %b %b:%b check" % (heavy.encode(), heavy.encode(), port)
    if fault == "one-heavy":
        config = config.replace(line, line.replace(b" check", b" weight 100 check"))
    if fault == "one-key":
        config = config.replace(b"balance roundrobin", b"balance hdr(host)")
    if fault == "one-missing":
        config = b"".join(row for row in config.splitlines(keepends=True) if line not in row)
    if fault == "cut-short":
        config = config[: config.rindex(b":" + port)]
    key = parts["another.key" if fault == "another-key" else "shop.key"]
    state = _STATE_HEAD + "".join(
        f"3 shop {place} {name} - {0 if name == out else 2} {int(name == out)} 1 1 5400 6 3 4 6 0 0 0 "
        f"{name} {port.decode()} - 0 0 - - 0\n"
        for place, name in enumerate(servers, 1)
    )
    files = {CONFIG: config, CERTIFICATE: parts["shop.crt"] + key, STATE: state.encode()}
    if fault == "no-certificate":
        del files[CERTIFICATE]
    return files
