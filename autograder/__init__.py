"""Many Hands: labs on load balancing, graded by what the stack did.

A house of floors, from ``errors`` on the ground to ``cli`` at the top; pyproject.toml lists them. Each imports only
floors below it, and its ``__init__`` says what it is and where to start reading.
ARCHITECTURE.md walks one request, one check and one grade through them.
"""

from __future__ import annotations

__version__ = "0.1.0"
"""The one place the version is written; ``pyproject.toml`` reads it from here."""
