"""gate.py OLD NEW: may this build go out? A first try: it runs, and it is fooled by nearly everything."""

import json
import sys
from pathlib import Path

old, new = (json.loads(Path(name).read_text()) for name in sys.argv[1:3])
if new["runs"][-1]["ms"]["mean"] > 1.02 * old["runs"][-1]["ms"]["mean"]:
    sys.exit(1)  # refused: slower
sys.exit(0)  # fine
