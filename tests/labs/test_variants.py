"""Every student's own version of a lab: drawn the same for ever, whole, and still the lab that its author wrote."""

from __future__ import annotations

import re
import shutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import jupytext
import pytest

from autograder.labs.catalogue import LABS, LabError, all_labs, load_lab
from autograder.labs.drawing import draw, shuffled
from autograder.labs.examiner import examine
from autograder.labs.lab import Variant
from autograder.labs.variants import VariantError, faults_of, vary
from autograder.labs.verdict import Outcome
from autograder.labs.verify import expectations, prove

if TYPE_CHECKING:
    from collections.abc import Callable

    from autograder.labs.lab import Lab

SLUG = "spread-the-load"
PLAIN = load_lab(SLUG)
MANY = 200
CONF = "conf/nginx.conf"


@cache
def many() -> tuple[Lab, ...]:
    return tuple(vary(PLAIN, Variant("a seed", f"student-{number}")) for number in range(MANY))


def with_servers(number: int) -> Lab:
    return next(lab for lab in many() if len(lab.stack.servers) == number)


def folders(lab: Lab) -> list[Path]:
    return [expected.folder for expected in expectations(lab)]


def names_in(config: str) -> set[str]:
    return set(re.findall(r"^\s*server ([\w-]+):", config, re.MULTILINE))


def test_what_is_drawn_is_pinned() -> None:
    # Other values would grade a class against labs that it was never given.
    ten = range(10)
    assert [draw(Variant("s", name), "lab", "count", ten) for name in ("ann", "ben", "Zoë", "")] == [9, 7, 1, 5]
    assert draw(Variant("t", "ann"), "lab", "count", range(10**6)) == 401629
    assert shuffled(Variant("s", "ann"), "lab", "order", "abcdef") == tuple("bcdafe")


def test_where_one_word_ends_makes_a_difference() -> None:
    wide = range(10**9)
    assert draw(Variant("s", "ann"), "lab", "b", wide) != draw(Variant("s", "annl"), "ab", "b", wide)
    assert draw(Variant("s", "ann"), "lab", "b", wide) != draw(Variant("sa", "nn"), "lab", "b", wide)


def test_the_same_student_has_the_same_lab_and_others_have_others() -> None:
    variant = Variant("a seed", "ann")
    once, again = load_lab(SLUG, variant), load_lab(SLUG, variant)
    assert once == again
    assert once.version == again.version
    assert [once.read(folder) for folder in folders(once)] == [again.read(folder) for folder in folders(again)]
    different = {str(sorted(lab.read(lab.reference).items())) for lab in many()}
    assert len(different) > 0.9 * MANY
    assert load_lab(SLUG, Variant("another seed", "ann")) != once


def test_everything_that_may_be_drawn_is_drawn() -> None:
    assert {len(lab.stack.servers) for lab in many()} == {3, 4, 5, 6}
    assert {lab.starts[0].folder for lab in many()} == {start.folder for start in PLAIN.starts}
    assert {lab.stack.servers[0].port for lab in many()} == {8080, 8000, 8081, 8888, 9000, 3000}
    largest = {max(range(len(s)), key=lambda n: s[n].capacity) for s in (lab.stack.servers for lab in many())}
    assert largest == set(range(6))


def test_the_plain_lab_is_byte_for_byte_what_is_in_the_folder() -> None:
    for lab in all_labs():
        assert lab.variant is None
        for folder in folders(lab):
            assert lab.read(folder) == {n: (folder / n).read_bytes() for n in lab.files if (folder / n).is_file()}


def test_every_template_gives_the_words_it_stands_for() -> None:
    for lab in all_labs():
        assert faults_of(lab) == ()


def test_every_variant_is_whole_and_says_its_own_names_only() -> None:
    strangers = {name for family in PLAIN.rules.families for name in family} if PLAIN.rules else set()
    for lab in many():
        own = {server.name for server in lab.stack.servers}
        texts = {str(folder): lab.read(folder)[CONF].decode() for folder in folders(lab)}
        said = "\n".join([lab.title, *lab.objectives, *(h for c in lab.checks for h in (c.title, *c.hints))])
        for place, text in {**texts, "words": said}.items():
            assert not set(re.findall(r"\w+", text)) & (strangers - own), (lab.variant, place)
            assert "{{" not in text
            assert "{%" not in text
        assert names_in(texts[str(lab.reference)]) == own
        assert all(names_in(text) <= own for text in texts.values())
        assert len(set(texts.values())) == len(texts)
        ports = {Path(place).name: set(re.findall(r"server [\w-]+:(\d+)", text)) for place, text in texts.items()}
        mine = {str(lab.stack.servers[0].port)}
        assert ports.pop("other-port") == mine | {"8808"}  # a typo, and in no variant the right one
        assert all(found == mine for found in ports.values())
        assert [(c.name, c.kind, c.points) for c in lab.checks] == [(c.name, c.kind, c.points) for c in PLAIN.checks]
        assert lab.starts[0].checks


def test_the_weight_in_the_reference_is_the_size_of_the_machine() -> None:
    for lab in many():
        config = lab.read(lab.reference)[CONF].decode()
        weights = {n: int(w or 1) for n, w in re.findall(r"server ([\w-]+):\d+ [^;]*?(?:weight=(\d+))?;", config)}
        total = sum(weights.values())
        assert {name: weight / total for name, weight in weights.items()} == pytest.approx(lab.stack.fair_shares())
        peak = lab.check("peak")
        assert f"{peak.concurrency} people" in peak.title


def test_the_notebook_speaks_of_the_students_own_servers() -> None:
    cells = [cell.source for cell in jupytext.read(PLAIN.notebook).cells]
    for lab in many():
        text = "\n".join(lab.rewriting.text(cell) for cell in cells)
        rows = re.findall(r"^\| (\S+) \| ([\d.]+) \| ([\d.]+) % \|$", text, re.MULTILINE)
        fair = {name: 100 * share for name, share in lab.stack.fair_shares().items()}
        assert {name: float(percent) for name, _, percent in rows} == pytest.approx(fair, abs=0.05)
        (guess,) = re.findall(r"lab\.predict\((.*)\)", text)
        guessed = dict(part.split("=") for part in guess.split(", "))
        assert {name: float(percent) for name, percent in guessed.items()} == pytest.approx(fair, abs=0.05)
        assert f"requests={lab.check('peak').requests}, checkout=True" in text
        assert "grade" not in text or 'lab.check("spread")' in text


@pytest.mark.parametrize("servers", [3, 6])
def test_on_a_real_stack_the_start_fails_and_the_reference_passes(servers: int) -> None:
    lab = with_servers(servers)
    start = examine(lab, lab.read(lab.start), checks=["starts", "spread"])
    assert [verdict.outcome for verdict in start] == [Outcome.PASSED, Outcome.FAILED]
    assert {verdict.outcome for verdict in examine(lab, lab.read(lab.reference))} == {Outcome.PASSED}


@pytest.mark.parametrize(("servers", "mend"), [(3, "app3-deleted"), (5, "no-weights"), (6, "address-hash")])
def test_a_wrong_mend_is_told_apart_however_many_servers_there_are(servers: int, mend: str) -> None:
    lab = with_servers(servers)
    (expected,) = (expected for expected in expectations(lab) if expected.name == mend)
    assert prove(lab, expected).faults == ()


def test_a_neighbours_files_are_judged_against_ones_own_lab_and_the_reason_is_said() -> None:
    own, other = with_servers(3), with_servers(6)
    assert not {s.name for s in own.stack.servers} & {s.name for s in other.stack.servers}
    starts, spread = examine(own, other.read(other.reference), checks=["starts", "spread"])
    assert (starts.outcome, spread.outcome) == (Outcome.FAILED, Outcome.UNJUDGED)
    assert "host not found in upstream" in starts.why
    assert "which other variants of this lab have; your servers are " in starts.observed
    assert all(server.name in starts.observed for server in (*own.stack.servers, *other.stack.servers))


def test_names_of_ones_own_choosing_are_fair() -> None:
    lab = with_servers(5)
    config = lab.read(lab.reference)[CONF].decode()
    own = config.replace("upstream shop", "upstream app1-and-others").replace("//shop;", "//app1-and-others;")
    assert own != config
    verdicts = examine(lab, {CONF: own.encode()}, checks=["starts", "spread"])
    assert {verdict.outcome for verdict in verdicts} == {Outcome.PASSED}


@pytest.fixture
def edited(tmp_path: Path) -> Callable[[str, str], Path]:
    """Edit lab.toml of a copy of the lab; the folder of labs."""

    def edit(old: str, new: str) -> Path:
        shutil.copytree(LABS / SLUG, tmp_path / SLUG)
        path = tmp_path / SLUG / "lab.toml"
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), encoding="utf-8")
        return tmp_path

    return edit


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('repeat = "app2"', 'repeet = "app2"', "did you mean 'repeat'?"),
        ('repeat = "app2"', 'repeat = "app9"', "the stack has no server called 'app9'"),
        ("counts = [3, 4, 5, 6]", "counts = [2, 4]", "2 servers are too few"),
        ("counts = [3, 4, 5, 6]", "counts = [4, 9]", "are too few names"),
        ("oslo lima", "Oslo lima", "'Oslo' cannot be a server's name"),
        ("oslo lima", "lb lima", "'lb' cannot be a server's name"),
        ("[variants.checks.peak]", "[variants.checks.peek]", "did you mean 'peak'?"),
        ('concurrency = "people"', 'concurency = "people"', "did you mean 'concurrency'?"),
        ('port = "port"', 'prot = "port"', "did you mean 'port'?"),
        ('units = "count - 1 + size"', "units = 5", "between"),
        ("port = [8080, 8000, 8081, 8888, 9000, 3000]", "port = []", "nothing to draw from"),
        ("[starts.start-copied]", "[starts.start-copid]", "no folder start-copid"),
        ('units = "count - 1 + size"', 'units = "count - 1 + siz"', "did you mean 'size'?"),
        ('units = "count - 1 + size"', 'units = "count - 1 + )"', "no value"),
    ],
)
def test_a_slip_in_the_rules_is_answered_with_the_line(
    edited: Callable[[str, str], Path], old: str, new: str, says: str
) -> None:
    folder = edited(old, new)
    with pytest.raises((LabError, VariantError)) as caught:
        load_lab(SLUG, Variant("s", "ann"), folder=folder)
    assert says in str(caught.value)
    line = next(n for n, text in enumerate((folder / SLUG / "lab.toml").read_text().splitlines(), 1) if new in text)
    assert re.search(rf"lab\.toml:({line}|{line + 1}):", str(caught.value)) or "names" in says


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"20 %" = "{{ small }} %"', '"20 %" = "{{ large }} %"', "gives '40 %' and must give '20 %'"),
        ('"14 Feb" = ', '"15 Feb" = ', "the lab says '15 Feb' nowhere"),
        ("oslo lima", "nginx lima", "the lab already says 'nginx'"),
        ("workers = \"4 * size if server.name == 'app4' else 4\"", 'workers = "4"', "other servers than stack.toml"),
        ('concurrency = "people"', 'concurrency = "people + 1"', "other numbers than the check has"),
        ('"app4 is twice as large', '"app2 is small and app4 is twice as large', "this names app2"),
    ],
)
def test_rules_that_contradict_the_lab_are_told(
    edited: Callable[[str, str], Path], old: str, new: str, says: str
) -> None:
    faults = faults_of(load_lab(SLUG, folder=edited(old, new)))
    assert any(says in fault and re.search(r"lab\.toml:\d+: ", fault) for fault in faults), faults
