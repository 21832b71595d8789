"""What the traffic itself says about a cause, where no line of the config is known to be one."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from autograder.labs.kinds.served import listed, unserved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograder.judge.spread import SpreadVerdict
    from autograder.traffic.sample import Sample

PLAINLY = 2.0
"""From this multiple of a fair share on, nobody needs a second look."""
_FEW_PAGES = 3
"""Pages that were asked for often must be so many before "each had a server of its own" says anything."""
_OFTEN = 8
"""So often must a page have been asked for; by chance it would not meet one server each time."""
_WORTH_TELLING = 1.2
"""A server with less above its fair share is not what a pool crashes of."""

NOT_SERVED = (
    "No server fell, and these requests still got no page. Some line of the config turns them away, limits how many go "
    "through, asks where nobody listens, or waits too short a time."
)


LEASTCONN = (
    "HAProxy's leastconn compares how many requests are open at each server. While few are under way, idle servers "
    "have none, and the next idle one is asked whatever its weight: weights count only once every server is busy."
)


def of_spread(verdict: SpreadVerdict, sample: Sample, paths: Sequence[str] = ()) -> str:
    """Why a spread is as it is, in a sentence; empty if the traffic does not tell.

    ``paths`` are those that were asked for, in the order of the sample's fates.
    """
    if unserved(sample) > sample.requests / 2:
        return NOT_SERVED
    if verdict.peak_to_fair >= PLAINLY and len({fate.address for fate in sample.fates}) == 1:
        return (
            "All these people come from one address, and it looks as if what chooses the server takes them for one. "
            "Whose address does it see, and do these people have one each?"
        )
    if _by_page(sample, paths):
        return (
            "Each page was answered by the same server every time, and a few pages are most of what people ask for: "
            "who chooses by the page cannot be even here."
        )
    if verdict.silent and verdict.peak_to_fair < PLAINLY:
        return (
            f"No line of the config is known to keep requests from {listed(verdict.silent)}. If one names it, look at "
            "each word of that line, and at what the balancer's log says of it: it may be asked where nobody listens."
        )
    return NOT_SERVED if unserved(sample) else ""


def of_crash(quiet: SpreadVerdict) -> str:
    """What quiet traffic showed of a pool that crashed under load; empty if that was as it should be."""
    if not quiet.units or quiet.peak_to_fair < _WORTH_TELLING:
        return ""
    part, fair = quiet.share[quiet.hottest], quiet.fair[quiet.hottest]
    return (
        f"In quiet traffic {quiet.hottest} got {part:.0%} of {quiet.units} requests; for its size {fair:.0%} would be "
        "right. A peak leaves no room for that."
    )


def _by_page(sample: Sample, paths: Sequence[str]) -> bool:
    """Whether each page that was asked for often met one server only, and not all of them the same."""
    met: defaultdict[str, list[str]] = defaultdict(list)
    for path, fate in zip(paths, sample.fates, strict=bool(paths)) if paths else ():
        if fate.server:
            met[path].append(fate.server)
    often = [servers for servers in met.values() if len(servers) >= _OFTEN]
    faithful = all(len({*servers}) == 1 for servers in often)
    return len(often) >= _FEW_PAGES and faithful and len({servers[0] for servers in often}) > 1
