"""What is in a new lab: its texts, and for each balancer the configs that are right and wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_PASSED, _FAILED, _UNJUDGED = "passed", "failed", "unjudged"


@dataclass(frozen=True)
class Wrong:
    """A plausible wrong mend: its config, what it must get, and the mistakes that must be named."""

    name: str
    story: str
    text: str
    checks: Mapping[str, str]
    diagnosis: tuple[str, ...]


@dataclass(frozen=True)
class Blank:
    """A new lab for one balancer. ``answers`` maps folder → config: ``start``, ``reference`` and other right ways."""

    proxy: str
    config: str
    diagnosis: str
    hint: str
    answers: Mapping[str, str]
    wrong: tuple[Wrong, ...]


STACK: Final = """\
# Three equal machines behind @proxy@. reference/stacks.md on the site tells what else can be said here.
name = "shop"

[[balancers]]
name = "lb"
proxy = "@proxy@"
port = 80

[[servers]]
name = "app1"

[[servers]]
name = "app2"

[[servers]]
name = "app3"
"""

LAB: Final = """\
order = 90                              # its place in the list of labs
title = "@title@"
minutes = 30
module = "modules/01-anatomy"           # the part of the course that teaches it
objectives = [
  "Predict each server's share from the config",
  "Mend what pushes traffic onto one server",
  "Verify the mend by traffic",
]
files = ["conf/@config@"]

# What the files that a learner begins with must get. A start that passes everything would be no lab.
[starts.start]
checks = { starts = "passed", spread = "failed", one-down = "passed" }
diagnosis = ["@diagnosis@"]

[[checks]]
name = "starts"
kind = "loads"
title = "@proxy@ accepts the config and runs it"
points = 1
hints = [
  "Read the message to its end: it names a file and a line.",
]

[[checks]]
name = "spread"
kind = "spread"
title = "every server gets its fair share"
points = 2
clients = ["many"]
hidden = ["kept-alive"]
requests = 300
page = "modules/01-anatomy/"
hints = [
  "Where to look: follow one request through the file. What decides which server it goes to?",
  "What to compare: the server lines with one another. Which word is on one of them only, and why?",
  "@mend@",
]

[[checks]]
name = "one-down"
kind = "one-down"
title = "one server dies: no client sees an error"
points = 2
clients = ["many"]
requests = 200
hints = [
  "One server was killed while clients were sending. What happens to a request whose server does not answer?",
  "Look for settings that stop @proxy@ from trying another server.",
]

# Every student gets other names and another port. Take this table out, and the lab is the same for everybody.
[variants]
names = [
  "ash birch cedar",
  "amber coral jade",
  "oslo lima quito",
]

[variants.draw]
port = [8080, 8000, 9000]

[variants.servers]
port = "port"

[variants.text]
":8080" = ":{{ port }}"
"""

_HEADER: Final = (
    '# %% [markdown] nbgrader={{"grade": false, "grade_id": "{id}", "locked": true, "schema_version": 3, '
    '"solution": false, "task": false, "cell_type": "markdown"}}'
)
_GRADE: Final = (
    '# %% nbgrader={{"grade": true, "grade_id": "{id}", "locked": true, "points": 1, "schema_version": 3, '
    '"solution": false, "task": false, "cell_type": "code"}}\nlab.check("{id}")'
)

NOTEBOOK: Final = "\n".join(
    (
        "# ---\n# jupyter:\n#   jupytext:\n#     text_representation:\n#       extension: .py\n"
        "#       format_name: percent\n#   kernelspec:\n#     display_name: Many Hands\n#     language: python\n"
        "#     name: python3\n# ---\n",
        _HEADER.format(id="intro"),
        "# # @title@\n#\n# Tell in three sentences what happened, and what the learner has in front of them.\n#\n"
        "# **By the end you can** predict each server's share from the config, mend what pushes traffic onto one\n"
        "# server, and verify the mend by traffic.\n#\n"
        "# Nothing here can hurt anybody. What is graded is the file `conf/@config@` in this folder.\n",
        '# %%\nfrom autograder.notebook import open_lab\n\nlab = open_lab("@slug@")\nlab\n',
        _HEADER.format(id="predict"),
        "# ## 1. Predict before you look\n#\n# Read [conf/@config@](conf/@config@). Of 100 requests, how many will "
        "each server get?\n",
        "# %%\nlab.predict(app1=34, app2=33, app3=33)  # change the numbers to what you expect\n",
        _HEADER.format(id="measure"),
        "# ## 2. Measure\n",
        "# %%\nlab.send(requests=300)\n",
        _HEADER.format(id="mend"),
        "# ## 3. Mend one thing, measure, look again\n#\n# Change the file, save it, apply it, and send again.\n",
        "# %%\nlab.apply()\n",
        "# %%\nlab.send(requests=300)\n",
        _HEADER.format(id="checks"),
        "# ## 4. Check your work\n",
        "\n\n".join(_GRADE.format(id=check) for check in ("starts", "spread", "one-down")) + "\n",
        _HEADER.format(id="debrief"),
        "# ## 5. Debrief\n#\n# Nobody in this story was careless. What would have shown it earlier? Who would have had "
        "to know?\n#\n# **Submit**: save your files, then *Nbgrader → Assignment List → Submit*.\n",
        "# %%\nlab.history()\n",
    )
)

_NGINX: Final = """\
worker_processes 1;

events {
    worker_connections 1024;
}

http {
    access_log /dev/stdout;

    upstream shop {
        zone shop 64k;
@pool@
    }

    server {
        listen 80;

        location / {
            proxy_pass http://shop;
            proxy_set_header Host $host;
            proxy_next_upstream @again@;
        }
    }
}
"""

_HAPROXY: Final = """\
defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 30s
@again@

frontend web
    bind :80
    default_backend shop

backend shop
@pool@
"""
_AGAIN: Final = "    retries 1\n    option redispatch"


def _nginx(*pool: str, again: str = "error timeout") -> str:
    return _NGINX.replace("@pool@", "\n".join(f"        {line}" for line in pool)).replace("@again@", again)


def _haproxy(*pool: str, again: str = _AGAIN) -> str:
    return _HAPROXY.replace("@pool@", "\n".join(f"    {line}" for line in pool)).replace("@again@", again)


_N = tuple(f"server app{number}:8080;" for number in (1, 2, 3))
_H = tuple(f"server app{number} app{number}:8080" for number in (1, 2, 3))
_TURNS = "balance roundrobin"
_UNEVEN = {"starts": _PASSED, "spread": _FAILED}

BLANKS: Final[Mapping[str, Blank]] = {
    "nginx": Blank(
        proxy="nginx",
        config="nginx.conf",
        diagnosis="weight-skew",
        hint="Elsewhere, `server web9:80 weight=50;` had served a test. 50 of every 52 requests went to web9, long "
        "after the test. They asked of every weight: which machine is that much larger?",
        answers={
            "start": _nginx("# 27 Feb: load test", "server app1:8080 weight=20;", *_N[1:]),
            "reference": _nginx(*_N),
            "reference/other-ways/least-conn": _nginx("least_conn;", *_N),
            "reference/other-ways/equal-weights": _nginx(*(line.replace(";", " weight=5;") for line in _N)),
        },
        wrong=(
            Wrong(
                "weight-moved",
                "The weight went to another machine.",
                _nginx(_N[0], "server app2:8080 weight=20;", _N[2]),
                _UNEVEN,
                ("weight-skew",),
            ),
            Wrong(
                "one-left",
                "Only one machine is left in the pool.",
                _nginx(_N[0]),
                {**_UNEVEN, "one-down": _FAILED},
                ("one-server-pool",),
            ),
            Wrong(
                "left-down",
                "A machine is out, and stays out.",
                _nginx(*_N[:2], "server app3:8080 down;"),
                _UNEVEN,
                ("left-down",),
            ),
            Wrong(
                "no-second-try",
                "Spread, and no request is tried again.",
                _nginx(*_N, again="off"),
                {"starts": _PASSED, "spread": _PASSED, "one-down": _FAILED},
                ("no-retry",),
            ),
            Wrong(
                "missing-semicolon",
                "The right idea, and nginx never ran it.",
                _nginx(_N[0], "server app2:8080", _N[2]),
                {"starts": _FAILED, "spread": _UNJUDGED, "one-down": _UNJUDGED},
                (),
            ),
        ),
    ),
    "haproxy": Blank(
        proxy="haproxy",
        config="haproxy.cfg",
        diagnosis="weight-skew",
        hint="Elsewhere, `server web9 web9:80 weight 50` had served a test. 50 of every 52 requests went to web9, long "
        "after the test. They asked of every weight: which machine is that much larger?",
        answers={
            "start": _haproxy(_TURNS, "# 27 Feb: load test", f"{_H[0]} weight 20", *_H[1:]),
            "reference": _haproxy(_TURNS, *_H),
            "reference/other-ways/least-conn": _haproxy("balance leastconn", *_H),
            "reference/other-ways/equal-weights": _haproxy(_TURNS, *(f"{line} weight 5" for line in _H)),
        },
        wrong=(
            Wrong(
                "weight-moved",
                "The weight went to another machine.",
                _haproxy(_TURNS, _H[0], f"{_H[1]} weight 20", _H[2]),
                _UNEVEN,
                ("weight-skew",),
            ),
            Wrong(
                "one-left",
                "Only one machine is left in the pool.",
                _haproxy(_TURNS, _H[0]),
                {**_UNEVEN, "one-down": _FAILED},
                ("one-server-pool",),
            ),
            Wrong(
                "left-down",
                "A machine is out, and stays out.",
                _haproxy(_TURNS, *_H[:2], f"{_H[2]} disabled"),
                _UNEVEN,
                ("left-down",),
            ),
            Wrong(
                "no-second-try",
                "Spread, and no request is tried again.",
                _haproxy(_TURNS, *_H, again="    retries 0"),
                {"starts": _PASSED, "spread": _PASSED, "one-down": _FAILED},
                ("no-retry",),
            ),
            Wrong(
                "no-such-word",
                "The right idea, and HAProxy never ran it.",
                _haproxy("balance roundrobbin", *_H),
                {"starts": _FAILED, "spread": _UNJUDGED, "one-down": _UNJUDGED},
                (),
            ),
        ),
    ),
}
"""Balancer → its new lab."""
