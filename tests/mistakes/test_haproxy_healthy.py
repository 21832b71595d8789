"""Real-life HAProxy configs that are right: the catalogue has nothing to say about any of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.mistakes.catalogue import find_mistakes
from autograder.mistakes.haproxy_config import read_haproxy_config

CONFIGS = sorted((Path(__file__).parent / "healthy" / "haproxy").glob("*.cfg"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_nothing_is_found_in_a_healthy_config(path: Path) -> None:
    files = {"haproxy.cfg": path.read_bytes()}
    config = read_haproxy_config(files, "haproxy.cfg")
    assert any(pool.used for pool in config.pools), "it was not read at all"
    assert config.sections.faults == ()
    found = find_mistakes(files, "haproxy.cfg", "haproxy")
    assert [f"{f.line}: {f.mistake}: {f.message}" for f in found] == []


def test_there_are_configs_of_many_kinds() -> None:
    assert len(CONFIGS) >= 15


@pytest.mark.parametrize(
    ("healthy", "written", "instead", "mistake"),
    [
        ("01-plain-round-robin", "balance roundrobin", "balance source", "address-hash"),
        ("01-plain-round-robin", "10.0.0.13:8080 check", "10.0.0.11:8080 check", "duplicate-server"),
        ("02-tls-site-with-acme", "option httpchk GET /healthz", "", "checks-without-questions"),
        ("03-capacity-weights", "weight 50", "weight 50 disabled", "left-down"),
        ("04-canary-by-weight", "weight 3", "weight 255", None),
        ("05-canary-by-dice-and-header", "rand(100) lt 5", "rand(100) gt 5", "canary-takes-most"),
        ("07-backup-tier-and-sorry", "option allbackups", "", "one-backup-used"),
        ("07-backup-tier-and-sorry", "nbsrv(first_site) lt 1", "nbsrv(first_site) lt 3", None),
        ("08-sticky-cookie", "cookie app2", "cookie app1", "same-cookie"),
        ("11-websockets", "^(101|2[0-9][0-9])$", ".", "any-answer-is-well"),
        ("14-discovered-by-dns", "resolvers consul resolve-prefer ipv4 init-addr none", "", "copies-of-one-address"),
        ("17-limits-and-queues", "timeout queue 8s", "timeout queue 8", "queue-gives-up"),
        ("18-scale-to-zero", " maxconn 30", "", "first-never-full"),
        ("22-move-to-new-machines", "req.cook(preview) -m found", "path_beg /", "pool-bypassed"),
    ],
)
def test_one_slip_in_a_healthy_config_is_found_and_no_other(
    healthy: str, written: str, instead: str, mistake: str | None
) -> None:
    path = next(path for path in CONFIGS if path.stem == healthy)
    text = path.read_text(encoding="utf-8")
    assert written in text
    files = {"haproxy.cfg": text.replace(written, instead).encode()}
    found = {finding.mistake for finding in find_mistakes(files, "haproxy.cfg", "haproxy")}
    assert found == ({mistake} if mistake else set())
