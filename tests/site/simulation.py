"""Run the simulations of the playground without a browser, in the Node that Playwright brings."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import playwright

from tests.site.pages import ROOT

NODE = Path(playwright.__file__).parent / "driver/node"
SCRIPTS = ROOT / "site/theme/assets/playground"


def hook() -> ModuleType:
    """The hook of the site that hands the labs' scenarios to the simulations."""
    name = "playground_hook"
    if name not in sys.modules:
        found = importlib.util.spec_from_file_location(name, ROOT / "site/hooks/playground.py")
        assert found
        assert found.loader
        sys.modules[name] = importlib.util.module_from_spec(found)
        found.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def simulated(name: str, expression: str, given: object = None) -> Any:
    """What ``expression`` gives, with ``play`` (the functions behind that simulation) and ``given``."""
    scripts = [script for script in hook().SCRIPTS[name] if script != "scenarios"]
    texts = [hook().scenarios(), *((SCRIPTS / f"{script}.js").read_text("utf-8") for script in scripts)]
    asked = f"const [play, given] = [manyHandsPlay, {json.dumps(given)}]; console.log(JSON.stringify({expression}));"
    done = subprocess.run(
        [NODE, "-"], input="\n".join([*texts, asked]), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
