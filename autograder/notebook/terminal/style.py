"""How the full screen is laid out, and the keys it names."""

from __future__ import annotations

from typing import Final

_MACHINES: Final = "↑↓ pick k kill l slow x cut b back  +- load p who"
KEYS_LINES: Final = (
    "a apply  s syntax  r roll back  c check  h hint  g guess  e edit  S submit  Tab",
    f"{_MACHINES}  w look t task  ? help q quit",
)
"""The two lines at the bottom; 80 places at most. The page behind ? has the rest."""
KEYS_ON_CALL: Final = (
    "t task  o on call  w look  r roll back  c check  h hint  e edit  S submit  Tab",
    f"{_MACHINES}  a apply  ? help  q quit",
)
"""The same where the learner has a shift."""

STYLE: Final = """
Screen { layout: vertical; }
#heading { height: 1; background: $panel; color: $text; padding: 0 0 0 1; }
#verdict { height: 1; padding: 0 0 0 1; }
#servers, #numbers, #marks { height: auto; }
#heading, #verdict, #servers, #numbers, #marks, #said, #keys { text-wrap: nowrap; text-overflow: ellipsis; }
#config-text { text-wrap: nowrap; text-overflow: ellipsis; }
#panes { height: 1fr; grid-size: 1 1; }
#panes.-wide { grid-size: 2 2; grid-columns: 1fr 1fr; grid-rows: 2fr 1fr; }
#panes.-wide #config { row-span: 2; }
#panes.-wide.-on-call { grid-size: 2 3; grid-rows: 2fr 2fr 1fr; }
.pane { border-top: solid $foreground-muted; padding: 0 1; border-title-color: $text; scrollbar-size: 1 1; }
.pane.-chosen { border-top: heavy $primary; border-title-style: bold; }
#said { height: 1; padding: 0 0 0 1; background: $surface; }
#keys { height: 2; background: $panel; color: $text; }
Choice, Typed, Agreed, Help { align: center middle; }
.dialog { width: auto; max-width: 100%; height: auto; max-height: 100%; padding: 0 1; }
.dialog { border: round $primary; background: $surface; }
.dialog > * { width: auto; max-width: 100%; }
.dialog OptionList { height: auto; max-height: 16; min-width: 40; }
.dialog Input { width: 72; }
.pale { color: $text-muted; }
"""
