"""Every entry is whole, finds its examples, and leaves its look-alikes alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.mistakes import finding as finding_module
from autograder.mistakes.catalogue import entries, find_mistakes, mistakes
from autograder.mistakes.mistake import ANY_ONE, CLIENTS, DECIDES, STATES, SYMPTOMS, Example, LookAlike, Mistake

CATALOGUE = mistakes()
EXAMPLES = [pytest.param(m, e, id=f"{m.slug}-{e.name}") for m in CATALOGUE for e in m.examples]
MAIN = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg"}
LOOK_ALIKES = [pytest.param(m, e, id=f"{m.slug}-{e.name}") for m in CATALOGUE for e in m.look_alikes]


def folder(case: Example | LookAlike, main: str) -> dict[str, bytes]:
    beside = main.rpartition("/")[0]
    files = {f"{beside}/{path}".lstrip("/"): text.encode() for path, text in case.files.items()}
    return {main: case.config.encode(), **files}


@pytest.mark.parametrize("mistake", CATALOGUE, ids=lambda m: m.slug)
def test_an_entry_has_all_its_parts(mistake: Mistake) -> None:
    for part in (mistake.title, mistake.what, mistake.why, mistake.seen, mistake.mend, mistake.versions):
        assert len(part) > 5, f"{mistake.slug} leaves a part empty"
    if mistake.readers or not mistake.episodes:
        assert mistake.examples, f"{mistake.slug} has no example that must be found"
        assert mistake.look_alikes, f"{mistake.slug} has no look-alike that must not be found"
    assert bool(mistake.episodes) == bool(mistake.done_right), f"{mistake.slug} has episodes of one kind only"
    assert mistake.decides in DECIDES
    assert bool(mistake.directives) == bool(mistake.readers), "what is read in a config is written with directives"
    assert set(mistake.symptoms) <= set(SYMPTOMS)
    assert mistake.clients, f"{mistake.slug} does not say which clients it shows under"
    assert set(mistake.clients) <= set(CLIENTS)
    assert mistake.states
    assert set(mistake.states) <= set(STATES)
    assert mistake.mend.count(". ") == 0, "the mend is one sentence"


@pytest.mark.parametrize("mistake", CATALOGUE, ids=lambda m: m.slug)
def test_an_entry_names_its_sources(mistake: Mistake) -> None:
    official = {"nginx": "https://nginx.org/en/docs/", "haproxy": "https://docs.haproxy.org/"}
    for proxy in mistake.readers or mistake.proxies[:1]:
        assert any(source.startswith(official[proxy]) for source in mistake.sources), f"no page of {proxy}'s own manual"
    for source in mistake.sources:
        assert source.startswith(tuple(official.values())) or re.fullmatch(r"(NX|HA|EN|TR|CA|RB)-\d\d", source)


@pytest.mark.parametrize("mistake", CATALOGUE, ids=lambda m: m.slug)
def test_a_file_is_named_after_its_mistake(mistake: Mistake) -> None:
    folder = Path(finding_module.__file__).parent
    text = (folder / f"{mistake.slug.replace('-', '_')}.py").read_text(encoding="utf-8")
    assert f'slug="{mistake.slug}"' in text


@pytest.mark.parametrize("mistake", CATALOGUE, ids=lambda m: m.slug)
def test_an_entry_says_for_which_versions_it_holds(mistake: Mistake) -> None:
    names = {"nginx": "nginx", "haproxy": "HAProxy"}
    known = [names[proxy] for proxy in mistake.proxies if names[proxy] in mistake.versions]
    assert known or re.search(r"since \d", mistake.versions), mistake.versions
    assert len(mistake.what) > 60, "what it is takes a sentence or two"
    assert len(mistake.why) > 60, "so does why it hurts"
    assert len(mistake.seen) > 30, "and how to see it"


def test_directives_are_named_as_the_manuals_name_them() -> None:
    for mistake in CATALOGUE:
        for directive in mistake.directives:
            assert re.fullmatch(r"[a-z][a-z0-9_-]*( [a-z][a-z0-9_-]*)?", directive), f"{mistake.slug}: {directive}"


def test_everything_can_be_had_as_plain_data() -> None:
    told = entries()
    assert json.loads(json.dumps(told)) == told
    assert [one["slug"] for one in told] == [mistake.slug for mistake in CATALOGUE]
    skew = next(one for one in told if one["slug"] == "weight-skew")
    assert skew["proxies"] == ["nginx", "haproxy"]
    assert skew["directives"] == ["server weight"]
    assert skew["symptoms"]["one-server"] > 0.9
    assert skew["examples"][0]["share"]["many"]["app1"] > 0.8


def test_symptoms_are_what_examples_claim() -> None:
    known = {mistake.slug: mistake.symptoms for mistake in CATALOGUE}
    assert known["one-server-pool"]["one-server"] == 1.0
    assert known["no-retry"]["errors"] == pytest.approx(1 / 3)
    assert "silent" not in known["no-retry"], "a dead server that gets nothing is no symptom"
    assert known["restart-loses-requests"] == {"errors": 1.0}
    assert known["written-not-loaded"]["change-undone"] == 1.0


def test_an_index_by_symptom_leads_to_nearly_every_entry() -> None:
    hidden = [mistake.slug for mistake in CATALOGUE if not mistake.symptoms]
    assert hidden == ["trusts-every-address"], "it shows when somebody attacks"


def test_slugs_are_unique() -> None:
    slugs = [mistake.slug for mistake in CATALOGUE]
    assert len(slugs) == len(set(slugs))
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", slug) for slug in slugs)


def test_every_file_of_the_folder_that_claims_a_slug_is_in_the_catalogue() -> None:
    folder = Path(finding_module.__file__).parent
    claimed = {
        match for file in folder.glob("*.py") for match in re.findall(r'slug="([^"]+)"', file.read_text("utf-8"))
    }
    assert claimed == {mistake.slug for mistake in CATALOGUE}


@pytest.mark.parametrize(("mistake", "example"), EXAMPLES)
def test_an_example_is_found_where_it_is_guilty(mistake: Mistake, example: Example) -> None:
    main = f"conf/{MAIN[example.proxy]}"
    found = find_mistakes(folder(example, main), main, example.proxy, example.capacity)
    assert {f.mistake for f in found} == {mistake.slug, *example.also}, "an example shows the mistakes it says"
    own = [f for f in found if f.mistake == mistake.slug]
    assert example.guilty in {f.quote[slice(*f.column)] for f in own}
    for finding in own:
        assert finding.file == main
        assert finding.quote in example.config.splitlines()[finding.line - 1]
        assert finding.message.endswith(".")
        assert finding.mend == mistake.mend
        assert mistake.mend not in finding.message, "the message is for learners and does not give the answer"


@pytest.mark.parametrize(("mistake", "look_alike"), LOOK_ALIKES)
def test_a_look_alike_is_left_alone(mistake: Mistake, look_alike: LookAlike) -> None:
    main = MAIN[look_alike.proxy]
    found = find_mistakes(folder(look_alike, main), main, look_alike.proxy, look_alike.capacity)
    assert mistake.slug not in {f.mistake for f in found}, look_alike.why


@pytest.mark.parametrize("mistake", CATALOGUE, ids=lambda m: m.slug)
def test_what_to_write_instead_has_no_mistake(mistake: Mistake) -> None:
    main = MAIN[mistake.proxy]
    assert find_mistakes({main: mistake.instead.encode()}, main, mistake.proxy) == ()


@pytest.mark.parametrize("mistake", CATALOGUE, ids=lambda m: m.slug)
def test_every_reader_has_examples_of_both_kinds(mistake: Mistake) -> None:
    assert {example.proxy for example in mistake.examples} == set(mistake.readers)
    assert {look_alike.proxy for look_alike in mistake.look_alikes} == set(mistake.readers)


@pytest.mark.parametrize(("mistake", "example"), EXAMPLES)
def test_a_claim_can_be_true(mistake: Mistake, example: Example) -> None:
    assert example.share, f"{mistake.slug} {example.name} claims nothing, so nothing can be proved"
    assert example.state in mistake.states
    assert set(example.share) <= set(CLIENTS)
    for shares in example.share.values():
        # A server that answers errors answers them itself; other errors are nobody's share.
        failed = 0 if example.state == "one-failing-fast" else example.failed
        assert sum(shares.values()) <= 1 - failed + 0.01
        assert ANY_ONE not in shares or len(shares) == 1


def test_the_catalogue_is_not_read_before_somebody_asks() -> None:
    program = (
        "import sys; import autograder.mistakes.catalogue as c; before = set(sys.modules);"
        "assert 'crossplane' not in before; assert 'autograder.mistakes.weight_skew' not in before;"
        "assert len(c.MISTAKES) > 9; assert 'crossplane' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(finding_module.__file__).parents[2])


def test_an_unknown_name_is_an_attribute_error() -> None:
    from autograder.mistakes import catalogue

    with pytest.raises(AttributeError, match="MISTAKE"):
        _ = catalogue.MISTAKE
