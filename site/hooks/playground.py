"""The playground: a page with ``data-play="NAME"`` gets that simulation's scripts, and no other page gets any.

Simulations and labs have one source: the populations of ``autograder.traffic.clients`` and the stacks of the labs are
written out as a script, anew with each build. (Not as JSON: a page that was opened as a file may not fetch one.)
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

sys.path.insert(0, str(Path(__file__).parents[2]))  # `mkdocs build` may be run by itself

from autograder.labs.catalogue import load_lab
from autograder.traffic.clients import population

FOLDER = "assets/playground"
SCENARIOS = f"{FOLDER}/scenarios.js"
SCRIPTS = {
    "balancing": ("chance", "hashes", "methods", "balancing-model", "scenarios"),
    "rollback": ("rollback-model",),
    "burn": ("burn-model",),
    "ring": ("hashes", "scenarios", "ring-model"),
    "loops": ("chance", "loops-model"),
    "recovery": ("recovery-model",),
}
"""Simulation → what it needs besides the panel and its own picture, in the order of loading."""
_CROWDS = ("many", "office", "subnet", "few", "behind-cdn", "zipf")
_POOLS = ("spread-the-load", "one-address", "when-a-server-dies", "too-much")
"""Labs whose servers are all in one pool, each of another make; the first is shown first."""
_PLACE = re.compile(r'data-play="([a-z]+)"')


def on_files(files: Files, config: Any) -> Files:
    """Add the scenarios."""
    files.append(File.generated(config, SCENARIOS, content=scenarios()))
    return files


def on_page_content(html: str, page: Page, **_: Any) -> str:
    """Load what the simulation on a page needs, if there is one."""
    place = _PLACE.search(html)
    if place is None:
        return html
    name = place.group(1)
    scripts = ("picture", "panel", *SCRIPTS[name], name)
    lines = [f'<link rel="stylesheet" href="{_link("panel.css", page)}">']
    lines += [f'<script src="{_link(f"{script}.js", page)}" defer></script>' for script in scripts]
    return html + "\n" + "\n".join(lines)


def scenarios() -> str:
    """A classic script that hands on the populations and the pools of the labs."""
    data = {"crowds": [_crowd(name) for name in _CROWDS], "pools": _pools()}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return (
        f"// Made from the labs' own populations and stacks.\n(globalThis.manyHandsPlay ??= {{}}).scenarios = {text};\n"
    )


def _crowd(name: str) -> dict[str, Any]:
    kind = population(name)
    clients = [[one.address, int(one.cookies), round(one.weight, 6)] for one in kind.clients]
    return {"id": name, "described": kind.described, "clients": clients}


def _pools() -> list[dict[str, Any]]:
    return [_pool(slug) for slug in _POOLS]


def _pool(slug: str) -> dict[str, Any]:
    lab = load_lab(slug)
    fair = lab.stack.fair_shares()
    least = min(fair.values())
    servers = [
        {"name": one.name, "workers": one.workers, "page_ms": one.page_ms, "capacity": round(fair[one.name] / least)}
        for one in lab.stack.servers
    ]
    return {"id": slug, "title": lab.title, "servers": servers}


def _link(name: str, page: Page) -> str:
    return get_relative_url(f"{FOLDER}/{name}", page.url)
