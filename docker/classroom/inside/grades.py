"""What the host needs to send grades back: a lab's final scores, and what people's launches told. Prints JSON."""

from __future__ import annotations

import json
import os
import sys

from sign_in import LAUNCHES

from autograder.grading.export_scores import scores_in

lab = sys.argv[1]
book = os.environ["GRADEBOOK"].replace("postgresql://", "postgresql+psycopg://", 1)  # the driver that is here
scores = [
    {"student": one.student, "score": one.score, "most": one.most, "waiting": one.waiting}
    for one in scores_in(book, lab) or ()
]
launches = [json.loads(file.read_text()) for file in sorted(LAUNCHES.glob("*.json"))]
json.dump({"scores": scores, "launches": launches}, sys.stdout)
