"""A file that brings the bad state back at each reload."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autograder.mistakes.change_example import EVEN, SKEWED
from autograder.mistakes.episode import Apply, Episode, SaveState, Say, Signal
from autograder.mistakes.haproxy_example import CHECKED, haproxy, servers
from autograder.mistakes.mistake import Example, LookAlike, Mistake, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autograder.mistakes.finding import Finding
    from autograder.mistakes.haproxy_config import HaproxyConfig, Pool
    from autograder.mistakes.mistake import Capacity

_FORCED = 0x01 | 0x08
"""Administrative states that somebody set by hand: maintenance and drain (management guide, ``show servers state``)."""


def in_haproxy(config: HaproxyConfig, capacity: Capacity | None) -> Iterator[Finding]:
    """Pools that load a saved state with a weight that nobody configured, or a server that somebody took out."""
    del capacity  # The state wins over what is configured, whatever the machines are.
    for pool in config.pools:
        for line in pool.lines("load-server-state-from-file")[-1:] if pool.used else ():
            left = sorted(_left(config, pool)) if line.values[0] != "none" else []
            if left:
                message = (
                    f"At each reload this line brings back a saved state: {', '.join(left)}. What the config says does "
                    "not count."
                )
                yield finding(MISTAKE.slug, pool.name, line.words[:2], message, MISTAKE.mend)


def _left(config: HaproxyConfig, pool: Pool) -> Iterator[str]:
    configured = {server.name: server for server in pool.servers}
    for row in _rows(config):
        server = configured.get(row.get("srv_name", ""))
        if row.get("be_name") != pool.name or server is None:
            continue
        name = pool.label(server)
        if row["srv_uweight"] != row["srv_iweight"] and row["srv_iweight"] == str(server.number("weight", 1)):
            yield f"weight {row['srv_uweight']} for {name}"
        if row["srv_admin_state"].isdecimal() and int(row["srv_admin_state"]) & _FORCED:
            yield f"{name} taken out"


def _rows(config: HaproxyConfig) -> Iterator[dict[str, str]]:
    """The rows of the state files that lie in the config folder."""
    named = [
        line.values[0].rpartition("/")[2]
        for section in config.sections.of_kind("global")
        for line in section.named("server-state-file")
        if line.values
    ]
    for path, content in config.files.items():
        if path.rpartition("/")[2] not in named:
            continue
        head: list[str] = []
        for text in content.decode("utf-8", "replace").splitlines():
            if text.startswith("# be_id"):
                head = text[2:].split()
            elif {"srv_uweight", "srv_iweight", "srv_admin_state"} <= set(head):
                values = text.split()
                if len(values) == len(head):
                    yield dict(zip(head, values, strict=True))


_GLOBAL = "global\n    server-state-file /etc/haproxy/servers.state\n"
_LOADS = "load-server-state-from-file global"
_HEAD = (
    "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state "
    "bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr "
    "srv_agent_addr srv_agent_port\n"
)


def _config(first: str = "", loads: str = _LOADS) -> str:
    return _GLOBAL + haproxy(servers(f"{CHECKED} {first}".rstrip(), CHECKED, CHECKED), defaults=loads)


def _state(*changed: tuple[int, int]) -> dict[str, str]:
    """A saved state with weight and administrative state of each server."""
    rows = "".join(
        f"3 shop {n} web{n} 198.18.0.{10 + n} 2 {admin} {weight} 1 1 6 3 1 6 0 0 0 app{n} 8080 - 0 0 - - 0\n"
        for n, (weight, admin) in enumerate(changed, 1)
    )
    return {"servers.state": _HEAD + rows}


_HEAVY = _state((100, 0), (1, 0), (1, 0))
_UNTOUCHED = _state((1, 0), (1, 0), (1, 0))
_WEIGHT = Say("set server shop/web1 weight 100")

MISTAKE = Mistake(
    slug="state-file-returns",
    title="The state file brings it back",
    what="`load-server-state-from-file` loads what was saved of the servers, and the file holds weights or states that "
    "somebody set by hand: they win over the config, at each reload and each start.",
    why="The config is rolled back, checked and loaded, `git diff` is empty, and one server still has nearly all the "
    "traffic, or none. The state file is written by the reload script, so every attempt saves the bad state again.",
    clients=("many",),
    states=("all-up", "just-reloaded", "fresh-start"),
    seen="`show servers state`: `srv_uweight` differs from `srv_iweight`, or `srv_admin_state` is not 0.",
    mend="Delete the state file as a step of the rollback, and set weights in the config, not by hand.",
    instead=haproxy(servers(CHECKED, CHECKED, CHECKED)),
    versions="HAProxy since 1.6; a weight that the config changes wins since 1.7; measured with 2.8.25",
    sources=(
        "https://docs.haproxy.org/2.8/configuration.html#4.2-load-server-state-from-file",
        "https://docs.haproxy.org/2.8/management.html#9.3-show%20servers%20state",
        "RB-07",
    ),
    decides="change",
    directives=("load-server-state-from-file", "server-state-file"),
    readers={"haproxy": in_haproxy},
    examples=(
        Example("weight", _config(), guilty=_LOADS, share={"many": SKEWED}, proxy="haproxy", files=_HEAVY),
        Example(
            "maintenance",
            _config(),
            guilty=_LOADS,
            share={"many": {"app1": 0.5, "app2": 0.0, "app3": 0.5}},
            proxy="haproxy",
            files=_state((1, 0), (1, 1), (1, 0)),
        ),
    ),
    look_alikes=(
        LookAlike(
            "as-configured",
            _config(),
            "the state is what the config says",
            {"many": EVEN},
            proxy="haproxy",
            files=_UNTOUCHED,
        ),
        LookAlike(
            "not-loaded", _config(loads=""), "nothing loads the file", {"many": EVEN}, proxy="haproxy", files=_HEAVY
        ),
        LookAlike(
            "other-weight",
            _config("weight 2"),
            "the config has another weight than when it was saved, and that wins",
            {"many": {"app1": 0.5}},
            proxy="haproxy",
            files=_HEAVY,
        ),
    ),
    episodes=(
        Episode(
            name="saved-by-the-script",
            told="Somebody tries a weight over the Runtime API, the reload script saves the state, and the config that "
            "never had this weight is loaded again.",
            deeds=(Apply(_config()), _WEIGHT, SaveState("servers.state"), Signal()),
            outcome="not-spread",
            share={"many": SKEWED},
            proxy="haproxy",
        ),
    ),
    done_right=(
        Episode(
            name="deleted",
            told="The same, and the rollback removes the state file.",
            deeds=(Apply(_config()), _WEIGHT, SaveState("servers.state"), Apply(_config())),
            outcome="restored",
            share={"many": EVEN},
            proxy="haproxy",
        ),
    ),
)
