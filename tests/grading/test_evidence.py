from __future__ import annotations

from autograder.grading.evidence import as_html, as_text
from autograder.labs.verdict import Outcome, Verdict
from autograder.mistakes.finding import Finding

CAUSE = Finding(
    *("weight-skew", "shop", "conf/nginx.conf", 14, "server app1:80 weight=100; <script>", (15, 25)),
    *("takes 100 of 102 requests", "SECRET MEND"),
)
VERDICT = Verdict(
    *(
        "spread",
        Outcome.FAILED,
        0.0,
        3.0,
        "98 % reach <b>one</b> server\x1b[2J\u202e",
        "conf/nginx.conf:14",
        "Compare & see",
    ),
    share={"app1": 0.98, "app2": 0.02},
    fair={"app1": 0.5, "app2": 0.5},
    requests=300,
    causes=(CAUSE,),
)


def test_shows_what_was_seen_why_and_what_next() -> None:
    text = as_text(VERDICT)
    for part in (
        "not yet: 0 of 3 points",
        "98 % reach",
        "conf/nginx.conf:14",
        "Compare & see",
        "fair 50%",
        "300 requests",
    ):
        assert part in text
    assert "server app1:80 weight=100;" in text
    line = next(index for index, line in enumerate(text.splitlines()) if "weight=100" in line)
    quote, mark = text.splitlines()[line : line + 2]
    assert quote[mark.index("~") : len(mark)] == "weight=100"


def test_bars_are_as_long_as_the_shares() -> None:
    bars = {line.split()[0]: line.count("█") for line in as_text(VERDICT).splitlines() if line.startswith("app")}
    assert bars == {"app1": 39, "app2": 1}


def test_nothing_of_a_config_acts_in_the_page_or_the_terminal() -> None:
    html = as_html(VERDICT)
    assert "<script" not in html
    assert "<b>" not in html
    assert "&lt;b&gt;one" in html
    for text in (html, as_text(VERDICT)):
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_the_answer_itself_is_not_shown_to_learners() -> None:
    assert "SECRET MEND" not in as_html(VERDICT) + as_text(VERDICT)
