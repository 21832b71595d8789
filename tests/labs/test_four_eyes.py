"""Reviews: both errors count, each consequence is measured, and a policy may be anything without harm."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.labs.catalogue import load_lab
from autograder.labs.examiner import examine
from autograder.labs.kinds.reviews_changes import ChangeError, changes_of, patched
from autograder.labs.kinds.reviews_facts import Facts, facts_of
from autograder.labs.kinds.reviews_policy import MERGED, REFUSED, SECOND, PolicyError, read_policy
from autograder.labs.lab import Variant
from autograder.labs.verify import expectations, prove
from autograder.stack.running import open_stack

if TYPE_CHECKING:
    from autograder.labs.verdict import Verdict

LAB = load_lab("four-eyes")
CASES = {case.name: case for case in expectations(LAB)}
EVEN = Facts(True, (), {"many": "app1", "office": "app1"}, {"many": 1.0, "office": 1.0}, {"many": 0.3, "office": 0.3})
NAT = replace(EVEN, peak={"many": 1.1, "office": 3.0}, mistakes=("address-hash",))
FRAGILE = replace(EVEN, failed_percent=2.5)


@pytest.mark.slow
def test_the_lab_proves_itself() -> None:
    """In one test: what the changes do is measured once in a process."""
    faults = {name: prove(LAB, case, "local").faults for name, case in CASES.items()}
    assert faults == dict.fromkeys(CASES, ())


def test_the_twin_bears_out_what_the_lab_says_of_each_change() -> None:
    """No harmless change does anything, each harmful one shows in a number, and what is asked about is in between."""
    with open_stack(LAB.stack) as running:
        for change in (*changes_of(LAB, "start/changes"), *changes_of(LAB, "unseen")):
            facts = facts_of(running, change)
            assert facts.peak is not None
            worst = max(facts.peak.values())
            assert (worst >= 2 or facts.failed_percent >= 1) == (change.right == "reject"), change.name
            assert (1.25 <= worst < 2) == (change.right == "ask"), change.name


@pytest.mark.docker
def test_the_reference_on_docker() -> None:
    (verdict,) = examine(LAB, LAB.read(LAB.reference), checks=["policy-unseen"], engine="docker")
    assert verdict.points == verdict.max_points, verdict.observed


def _checked(check: str, **files: bytes) -> Verdict:
    named = {f"{name}.{'json' if name == 'answers' else 'toml'}": data for name, data in files.items()}
    (verdict,) = examine(LAB, {**LAB.read(LAB.reference), **named}, checks=[check])
    return verdict


def test_a_wrong_decision_is_told_with_its_consequence_and_line() -> None:
    right = LAB.read(LAB.reference)["answers.json"].decode()
    begins = right.index("07-lost-baskets")
    wrong = right[:begins] + right[begins:].replace("reject", "approve", 1)
    verdict = _checked("decisions", answers=wrong.encode())
    assert "you say approve; on the twin, 100% of the requests of one office reached" in verdict.observed
    line = wrong[: wrong.index("approve", begins)].count("\n") + 1
    assert verdict.why.startswith(f"answers.json:{line}: ")


def test_one_who_asks_about_harm_is_not_told_that_they_approved_it() -> None:
    right = LAB.read(LAB.reference)["answers.json"].decode()
    begins = right.index("07-lost-baskets")
    verdict = _checked("decisions", answers=(right[:begins] + right[begins:].replace("reject", "ask", 1)).encode())
    assert [cause.mistake for cause in verdict.causes] == ["asked-about-harm"]
    assert "approve" not in verdict.why


def test_a_reason_is_read_in_spite_of_its_hyphens_and_one_that_there_is_not_is_told_as_such() -> None:
    right = LAB.read(LAB.reference)["answers.json"]
    assert _checked("reasons", answers=right.replace(b"one-server", b"One server")).points == 2
    verdict = _checked("reasons", answers=right.replace(b"dead-server-shows", b"dead-server"))
    assert "03-no-double-payments.reason should be one of harmless, one-server, " in verdict.observed


def test_a_policy_that_merges_what_does_not_load_stops_too_little() -> None:
    policy = LAB.read(LAB.reference)["policy.toml"].replace(b"does_not_load = true", b"does_not_load = false")
    verdict = _checked("policy", policy=policy)
    assert "a change that the balancer does not load: merged" in verdict.observed
    assert [cause.mistake for cause in verdict.causes] == ["policy-lets-harm-through"]


@pytest.mark.parametrize(
    ("old", "new", "table"),
    [
        (b"server_dies = true", b"server_dies = false", "[measure]"),
        (b"failed_percent = 1", b"failed_percent = 50", "[refuse]"),
        (b"[second-person]\n", b"[second-person]\nfailed_percent = 0\npeak_to_fair = 1e6 # ", "[second-person]"),
    ],
)
def test_a_policy_is_told_where_to_look(old: bytes, new: bytes, table: str) -> None:
    policy = LAB.read(LAB.reference)["policy.toml"]
    assert old in policy
    verdict = _checked("policy", policy=policy.replace(old, new))
    assert {cause.quote for cause in verdict.causes} == {table}


def test_changes_that_nobody_has_seen_are_not_shown() -> None:
    verdict = _checked("policy-unseen", policy=b"")
    assert "a change that you have not seen: merged" in verdict.observed
    told = verdict.observed + verdict.why + verdict.next
    assert not any(change.name in told for change in changes_of(LAB, "unseen"))


def test_every_change_fits_every_variant() -> None:
    for student in ("ann", "bob", "cem"):
        lab = load_lab("four-eyes", Variant("seed", student))
        for folder in ("start/changes", "unseen"):
            assert all(b"app1" not in change.files["nginx.conf"] for change in changes_of(lab, folder))


@pytest.mark.parametrize(
    ("policy", "facts", "fate"),
    [
        ("", NAT, MERGED),
        ("[refuse]\npeak_to_fair = 2", NAT, MERGED),
        ('[measure]\nclients = ["many", "office"]\n[refuse]\npeak_to_fair = 2', NAT, REFUSED),
        ('[refuse]\nmistakes = ["address-hash"]', NAT, REFUSED),
        ('[second-person]\nmistakes = ["address-hash"]', NAT, SECOND),
        ("[refuse]\nfailed_percent = 1", FRAGILE, MERGED),
        ("[measure]\nserver_dies = true\n[refuse]\nfailed_percent = 1", FRAGILE, REFUSED),
        ("[measure]\nserver_dies = true\n[refuse]\nfailed_percent = 0", EVEN, MERGED),
        ("[refuse]\ndoes_not_load = true", Facts(loads=False), REFUSED),
        ("[second-person]\npeak_to_fair = 0", Facts(loads=False), MERGED),
    ],
)
def test_a_policy_decides_by_what_it_measures(policy: str, facts: Facts, fate: str) -> None:
    assert read_policy(policy.encode()).decide(facts) == fate


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (b"[refuse", "not TOML"),
        (b"\xff\xfe", "UTF-8"),
        (b"refuse = 3", "is a table"),
        (b"[refuse]\npeak_to_fair = nan", "a number"),
        (b"[refuse]\npeak_to_fair = inf", "a number"),
        (b"[refuse]\npeak_to_fair = true", "a number"),
        (b"[refuse]\npeak_to_fair = " + b"9" * 5000, "TOML|number"),
        (b"[refuse]\npeak_to_fare = 2", "peak_to_fair"),
        (b'[refuse]\nmistakes = ["adress-hash"]', "address-hash"),
        (b'[measure]\nclients = "all"', "many, office"),
        (b"[measure]\nserver_dies = 1", "true or false"),
        (b"x = " + b"[" * 50_000, "TOML"),
        (b"#" * 70_000, "bytes"),
    ],
)
def test_a_policy_that_cannot_be_followed_is_told_in_words(policy: bytes, said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        read_policy(policy)


_VALUES: Any = st.sampled_from(["2", "-1", "true", '"x"', "[]", '["many"]', "{}", "nan", "1979-05-27"])


@given(
    st.dictionaries(st.sampled_from(["peak_to_fair", "failed_percent", "does_not_load", "mistakes", "x"]), _VALUES),
    st.sampled_from(["measure", "refuse", "second-person", "y"]),
)
def test_any_policy_is_followed_or_refused(table: dict[str, str], name: str) -> None:
    text = "\n".join([f"[{name}]", *(f"{key} = {value}" for key, value in table.items())])
    try:
        policy = read_policy(text.encode())
    except PolicyError:
        return
    assert policy.decide(EVEN) in (MERGED, SECOND, REFUSED)


def test_a_diff_must_fit() -> None:
    with pytest.raises(ChangeError, match="does not fit"):
        patched("a\nb\n", "@@ -1,2 +1,2 @@\n a\n-x\n+c\n", "x.diff")
    with pytest.raises(ChangeError, match="no diff"):
        patched("a\n", "Just words.", "x.diff")
