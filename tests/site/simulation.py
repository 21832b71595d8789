"""Run the simulations of the playground without a browser, in the Node that Playwright brings."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import playwright

from tests.site.pages import ROOT, hook

NODE = Path(playwright.__file__).parent / "driver/node"
SCRIPTS = ROOT / "site/theme/assets/playground"


def simulated(name: str, expression: str, given: object = None) -> Any:
    """What ``expression`` gives, with ``play`` (the functions behind that simulation) and ``given``."""
    scripts = [script for script in hook("playground").SCRIPTS[name] if script != "scenarios"]
    texts = [hook("playground").scenarios(), *((SCRIPTS / f"{script}.js").read_text("utf-8") for script in scripts)]
    asked = f"const [play, given] = [manyHandsPlay, {json.dumps(given)}]; console.log(JSON.stringify({expression}));"
    done = subprocess.run(
        [NODE, "-"], input="\n".join([*texts, asked]), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
