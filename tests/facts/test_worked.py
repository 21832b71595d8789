"""The worked examples that say what the balancers do: their configs are taken from the pages and run."""

from __future__ import annotations

import re
from pathlib import Path

from tests.facts.shop import Shop, nginx, words_of

COURSE = Path(__file__).parents[2] / "course"
ANY_CERTIFICATE = re.compile(r"ssl_certificate\w* .*;|listen 443 ssl;")


def example(page: str) -> str:
    """The first config under "A worked example"."""
    told = (COURSE / page).read_text("utf-8").partition("## A worked example\n")[2]
    found = re.search(r"```(?:nginx|haproxy)\n(.*?)```", told, re.DOTALL)
    assert found
    return found[1]


def pool(page: str) -> str:
    """What stands in the pool of a worked example."""
    return example(page).partition("upstream shop {\n")[2].partition("\n}")[0]


def test_a_weight_is_no_per_cent(by_nginx: Shop) -> None:
    page = "incident.md"
    assert by_nginx.run(nginx(pool(page)), requests=102).counts() == {"app1": 100, "app2": 1, "app3": 1}
    assert "98 %, 1 % and 1 %" in words_of(COURSE / page)


def test_a_weight_that_came_a_week_early(by_nginx: Shop) -> None:
    page = "modules/05-monitoring/share.md"
    shares = by_nginx.run(nginx(pool(page)), requests=1000).shares()
    assert [round(shares[f"app{number}"], 2) for number in (1, 2, 3)] == [0.8, 0.1, 0.1]
    largest = round(3 * max(shares.values()), 1)
    assert largest == 2.4
    said = words_of(COURSE / page)
    assert f"30 % × {largest} = {0.3 * largest:.0%}".replace("72%", "72 %") in said
    assert f"{2 * 0.3 * largest:.0%}".replace("%", " %") in said


def test_a_restore_is_refused_twice_and_then_succeeds_with_a_gap(by_nginx: Shop) -> None:
    page = "modules/10-recovery/backup.md"
    config, said = example(page), words_of(COURSE / page)
    first, *_ = by_nginx.running.check({"nginx.conf": config.encode()})
    assert 'host not found in upstream "legacy.internal:8080"' in first.message
    config = config.replace("legacy.internal", "app2")
    second, *_ = by_nginx.running.check({"nginx.conf": config.encode()})
    assert "cannot load certificate" in second.message
    assert '`host not found in upstream "legacy.internal:8080"`' in said
    config = ANY_CERTIFICATE.sub("", config)
    assert by_nginx.running.check({"nginx.conf": config.encode()}) == ()  # and nothing of conf.d is there


def test_when_a_queue_that_grows_begins_to_refuse() -> None:
    """People come every 1/90 s to 8 workers of 0.1 s, and leave who would wait longer than 2 s."""
    config = example("modules/06-load/knee.md")
    assert config.count("maxconn 4") == 3
    assert "timeout queue 2s" in config
    free, refused = [0.0] * 8, []
    for number in range(90 * 60):
        now = number / 90
        start = max(now, min(free))
        if start - now > 2:
            refused.append(now)
        else:
            free[free.index(min(free))] = start + 0.1
    assert 15.5 < refused[0] < 16.5
    later = sum(moment >= 20 for moment in refused) / (90 * 40)
    assert abs(later - 1 / 9) < 0.01
    said = words_of(COURSE / "modules/06-load/knee.md")
    assert "160 ÷ 10 = **16 seconds**" in said
    assert "one of nine is refused" in said
