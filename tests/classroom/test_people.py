"""Who is in a class, and what can be chosen for it: what is taken, and what is said of what is not."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from autograder.classroom import people, settings
from autograder.classroom.people import Person
from autograder.errors import ManyHandsError

EXAMPLES = Path(__file__).resolve().parents[2] / "docker" / "classroom" / "examples"


def test_a_list_as_a_spreadsheet_writes_it() -> None:
    text = "Name, Role, Password\r\nAda,,\r\nGrace,instructor,correct horse battery\r\n,,\r\nalan@example.org,,\r\n"
    assert people.parse(text, "users.csv") == (
        Person("ada"),
        Person("grace", "instructor", "correct horse battery"),
        Person("alan@example.org"),
    )
    assert people.parse("name\nada\n", "users.csv") == (Person("ada"),)


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("", "users.csv", "no column called name"),
        ("user,role\nada,learner\n", "users.csv", "no column called name"),
        ("name,rolle\nada,learner\n", "users.csv", "'rolle' is not known"),
        ("name,role\n", "users.csv", "nobody is in the list"),
        ("name,role\nada,learner\nADA,learner\n", "users.csv:3", "ada is there twice"),
        ("name,role\nada,teacher\n", "users.csv:2", "'teacher' is no role"),
        ("name,role\nada\n", "users.csv:2", "another number of columns"),
        ("name,role\n../ada,learner\n", "users.csv:2", "cannot be a name"),
        ("name,role\nada+b,learner\n", "users.csv:2", "cannot be a name"),
        ("name,password\nada,short\n", "users.csv:2", "too short"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, where: str, what: str) -> None:
    with pytest.raises(ManyHandsError) as caught:
        people.parse(text, "users.csv")
    assert caught.value.where == where
    assert what in caught.value.what


def test_the_example_says_the_defaults() -> None:
    assert settings.load_settings(EXAMPLES / "classroom.toml") == settings.Settings()
    assert people.read_people(EXAMPLES / "users.csv")[0] == Person("grace", "instructor")


@pytest.mark.parametrize("kind", ["oidc", "lti13"])
def test_examples_of_other_sign_ins_are_whole(kind: str) -> None:
    chosen = settings.load_settings(EXAMPLES / f"{kind}.toml")
    assert chosen.sign_in.kind == kind
    assert chosen.url == "https://hands.example.org/"
    assert chosen.for_hub()["sign_in"]["options"] == chosen.sign_in.options != {}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("prot = 1", "prot is not known"),
        ('labs = "spread-the-load"', "list of words"),
        ("port = 0", "port has to be"),
        ('port = "8443"', "port is '8443'"),
        ('name = "A B"', "name has to be"),
        ('address = "http://x"', "https://"),
        ("[quota]\ncpu = 1", "quota.cpu is not known"),
        ('[quota]\nmemory = "lots"', "quota.memory"),
        ("[quota]\nprocesses = 10", "quota.processes"),
        ('[rooms]\naddresses = "10.0.0.0/24"', "too small"),
        ('[rooms]\naddresses = "everywhere"', "no network"),
        ('[sign_in]\nkind = "none"', "sign_in.kind"),
    ],
)
def test_settings_that_cannot_be_are_named(text: str, what: str) -> None:
    with pytest.raises(ManyHandsError, match=what):
        settings.parse(tomllib.loads(text), "classroom.toml")
