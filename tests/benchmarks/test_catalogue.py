"""The table of the catalogue, on a few examples: what it says of them, and of peers that are not there."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from autograder.bench import catalogue, peers
from autograder.bench.claims import Prover
from autograder.cli import main
from autograder.mistakes.catalogue import mistakes

if TYPE_CHECKING:
    from pathlib import Path

SKEW = next(one for one in mistakes() if one.slug == "weight-skew")
TYPO = next(one for one in SKEW.examples if one.name == "typo")


def silent(line: str) -> None:
    assert line


@pytest.fixture
def no_peers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that reaches no package index."""
    monkeypatch.setenv("MANYHANDS_HOME", str(tmp_path))
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_NO_CACHE", "1")


def test_the_table_shows_claims_beside_what_was_measured_and_goes_on_without_peers(no_peers: None) -> None:
    table = catalogue.measure(silent, ("weight-skew",), healthy=False)
    (row,) = [row for row in table.rows if row.example == "typo"]
    assert (row.verdict, row.observed, row.static, row.peers) == ("concentrated", True, True, {})
    assert row.claims[0].measured["app1"] == pytest.approx(row.claims[0].claimed["app1"], abs=0.05)
    assert all(claim.holds for row in table.rows for claim in row.claims)
    assert set(table.missing) == {"gixy-ng", "gixy-next"}
    assert all("cannot be installed" in why for why in table.missing.values())
    said = catalogue.report(table)
    assert f"claims that traffic bears out    {len([c for r in table.rows for c in r.claims])} of " in said
    assert "gixy-ng cannot be installed" in said
    json.dumps(table.to_dict())


def test_a_false_claim_is_told() -> None:
    with Prover() as prover:
        (claim,) = prover.claims(replace(TYPO, share={"many": {"app1": 1 / 3}}))
    assert not claim.holds
    row = catalogue.Row("weight-skew", "typo", "nginx", "all-up", (claim,), "concentrated", True, True)
    table = catalogue.Table((row,), (), {}, {})
    assert "NOT AS CLAIMED" in catalogue.report(table)
    assert "claims that traffic bears out    0 of 1" in catalogue.report(table)


def test_a_peer_gets_credit_only_for_what_it_does_not_say_of_the_mended_config(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def findings(peer: str, texts: dict[str, str]) -> dict[str, frozenset[str]]:
        more = {"weight-skew/typo": {"weights"}} if peer == "gixy-ng" else {}
        return {name: frozenset({"version", *more.get(name, ())}) for name in texts}

    monkeypatch.setattr(peers, "findings", findings)
    monkeypatch.setattr(catalogue, "mistakes", lambda: (replace(SKEW, examples=(TYPO,)),))
    table = catalogue.measure(silent, healthy=False)
    assert table.rows[0].peers == {"gixy-ng": True, "gixy-next": False}


def test_a_slip_in_the_name_of_a_mistake_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "catalogue", "--only", "weight-skw"]) == 2
    assert "did you mean 'weight-skew'?" in capsys.readouterr().err


@pytest.mark.parametrize("peer", peers.PEERS)
def test_a_peer_is_pinned_with_hashes(peer: str) -> None:
    assert peers.version(peer)
    lines = peers._list(peer).read_text(encoding="utf-8").splitlines()
    assert any(line.strip().startswith("--hash=sha256:") for line in lines)
    assert all("==" in line for line in lines if line and not line.startswith((" ", "#")))
