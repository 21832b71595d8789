"""How the traffic of a frame looks in letters: who gets how much, how fast, and what happened. Pure functions.

Colour only helps: everything it says is also said by a word, a sign or a length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from autograder.judge.spread import CONCENTRATED_AT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from autograder.notebook.frame import Frame, Mark, Second, ServerNow

_OPEN = ("undecided", "nobody")
"""How a verdict begins that is neither good nor bad."""
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_WIDEST_BAR = 60
_NARROWEST_BAR = 8
_FIXED = 54
"""Places that a server's line takes beside its name and its bar."""
_STYLES = {
    "refused": "bold red",
    "fault": "red",
    "crash": "bold red",
    "rollback": "cyan",
    "heal": "green",
    "recovery": "green",
    "apply": "cyan",
}


def heading(frame: Frame, width: int) -> Text:
    """The lab, who sends, through what, and what is going on: one line."""
    balancers = ", ".join(
        f"{one.name} {one.proxy} {one.digest}".rstrip() + ("" if one.up else " (down)") for one in frame.balancers
    )
    sending = f"{frame.clients} {frame.rate:g}/s" if frame.rate else "nobody sends"
    words = {"busy": f"[{frame.doing} …]", "starting": "[starting …]", "broken": "[BROKEN]", "closed": "[closed]"}
    text = Text(frame.title, style="bold")
    text.append(f"   {sending} → {balancers}", style="not bold")
    if frame.phase in words:
        text.append(f"  {words[frame.phase]}", style="bold red" if frame.phase == "broken" else "bold yellow")
    return _cut(text, width)


def verdict(frame: Frame, width: int) -> Text:
    """The sentence about the last seconds, or what is wrong with the stack."""
    if frame.trouble:
        return _cut(Text(f"✗ {' '.join(frame.trouble.split())}", style="bold red"), width)
    sign, style = ("▲", "bold red") if frame.alarm else ("●", "bold green")
    if not frame.alarm and frame.verdict.startswith(_OPEN):
        sign, style = "…", "bold"
    return _cut(Text(f"{sign} {frame.verdict}", style=style), width)


def servers(frame: Frame, width: int, chosen: str = "", *, bars: bool = True) -> Text:
    """A line for each server: share against fair share, rate, how busy, how many wait, and what is wrong with it.

    The stroke in a bar is the fair share. ``bars=False`` leaves the bars away, for who listens to the screen.
    """
    name_width = max((len(one.name) for one in frame.servers), default=6)
    name_width = max(name_width, 6)
    guessed = 6 if frame.predicted else 0
    room = max(_NARROWEST_BAR, min(_WIDEST_BAR, width - name_width - guessed - _FIXED)) if bars else 0
    text = Text(no_wrap=True, overflow="crop")
    head = f"   {'server':<{name_width}} {'share':<{room}}" if bars else f"{'server':<{name_width}}"
    head += f"{'' if bars else ' share':>6}  fair{' guess' if guessed else ''}   rate  busy queue  state"
    text.append(head, style="bold")
    sending = any(one.share for one in frame.servers)
    for number, one in enumerate(frame.servers, 1):
        word, style = state_of(one, sending)
        text.append("\n")
        if bars:
            text.append(f"{'▸' if one.name == chosen else ' '}{number} ", style="bold" if one.name == chosen else "")
        text.append(f"{one.name:<{name_width}} ", style="bold" if one.name == chosen else "")
        if bars:
            text.append(bar(one.share, one.fair, room), style=style)
        guess = f"{frame.predicted.get(one.name, 0.0):>6.0%}" if guessed else ""
        text.append(f"{one.share:>6.0%} {one.fair:>5.0%}{guess} {one.rate:>4.0f}/s {one.busy:>5.0%} {one.queue:>5}  ")
        text.append(word, style=style)
    return text


def state_of(server: ServerNow, sending: bool) -> tuple[str, str]:
    """What to say of a server, with a sign, and the style that goes with it."""
    if server.condition == "down":
        code = "" if server.exit_code is None else f" (exit {server.exit_code})"
        return f"✗ down{code}", "bold red"
    if server.condition != "up":
        return f"! {server.condition.replace('-', ' ')}", "yellow"
    again = f", started {server.starts}×" if server.starts > 1 else ""
    if sending and server.fair and server.share >= CONCENTRATED_AT * server.fair:
        return f"▲ too much{again}", "yellow"
    if sending and server.fair and not server.share:
        return f"○ gets nothing{again}", "yellow"
    return f"✓ up{again}", "green"


def bar(share: float, fair: float, width: int) -> str:
    """A bar of ``width`` places for ``share`` (0 to 1), with a stroke where the fair share ends."""
    filled = round(max(0.0, min(1.0, share)) * width)
    if share > 0 and not filled:
        filled = 1
    places = ["█"] * filled + ["·"] * (width - filled)
    places[min(width - 1, round(fair * width))] = "│"
    return "".join(places)


def numbers(frame: Frame, width: int) -> Text:
    """How much, how well and how fast, now and over time: two lines."""
    failing = f"failing {frame.failing:.1%}"
    now = f"{frame.throughput:.0f} answers/s   {failing}   p50 {frame.p50_ms:.0f} ms   p99 {frame.p99_ms:.0f} ms"
    text = Text(no_wrap=True, overflow="crop")
    text.append(f"  {now}"[:width], style="red" if frame.failing else "")
    part = max(10, (width - 38) // 2)
    late = [second.p99_ms for second in frame.seconds]
    lost = [float(second.failed) for second in frame.seconds]
    text.append(f"\n  p99 {spark(late, part)} to {max(late[-part:], default=0):.0f} ms")
    text.append(f"   failed {spark(lost, part)} to {max(lost[-part:], default=0):.0f}/s")
    return text


def spark(values: Sequence[float], width: int) -> str:
    """The newest ``width`` values as a line of little bars; the highest is a full one, none is a blank."""
    last = values[-width:]
    top = max(last, default=0.0)
    return "".join(_EIGHTHS[max(1, round(value / top * 8)) if value else 0] for value in last).rjust(width)


def marks(frame: Frame, width: int, most: int = 1) -> Text:
    """What was done and what happened last, newest first: as many as ``most`` lines hold, whole ones only."""
    text = Text(no_wrap=True, overflow="crop")
    for number, mark in enumerate(list(reversed(frame.marks))[: most * 4]):
        word = _mark(mark)
        line = text.plain.rpartition("\n")[2]
        if number and len(line) + 3 + len(word) <= width:
            text.append(" · ")
        elif number:
            if text.plain.count("\n") + 1 >= most:
                break
            text.append("\n")
        if not number or text.plain.endswith("\n"):
            text.append("  ")
        text.append(word[: width - 2], style=_STYLES.get(mark.kind, ""))
    return text


def clock(seconds: float) -> str:
    """Seconds since the lab was opened, as minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def past(seconds: Iterable[Second]) -> str:
    """The last seconds as a table of text, for who listens to the screen: newest last."""
    lines = [f"{'second':>6} {'sent':>5} {'answered':>8} {'failed':>6} {'p50 ms':>6} {'p99 ms':>6}"]
    lines += [
        f"{one.at:>6} {one.sent:>5} {one.answered:>8} {one.failed:>6} {one.p50_ms:>6.0f} {one.p99_ms:>6.0f}"
        for one in seconds
    ]
    return "\n".join(lines)


def _mark(mark: Mark) -> str:
    return f"{clock(mark.at)} {mark.kind} {mark.text}".rstrip()


def _cut(text: Text, width: int) -> Text:
    text.no_wrap = True
    text.truncate(width, overflow="ellipsis")
    return text
