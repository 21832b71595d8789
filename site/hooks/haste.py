"""Look for garbage seldom: nearly all that a build makes lives to its end, and looking took a fifth of its time."""

from __future__ import annotations

import gc
from typing import Any

MADE = 200_000
"""Things made between two looks, instead of 700. A build holds 135 MB instead of 118."""


def on_config(config: Any) -> Any:
    """Set that for this process."""
    gc.set_threshold(MADE, 20, 100)
    return config
