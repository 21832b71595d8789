"""A classroom for many, on one Docker host."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from autograder.verbs.verb import Json, say, show, verb

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autograder.classroom.opening import Opened
    from autograder.classroom.people import Person
    from autograder.classroom.settings import Settings

SERVICES = ("front", "proxy", "hub", "database", "exchange", "prometheus", "scheduler")
Action = Literal["up", "down", "status", "users", "grades", "backup", "restore", "plan"]


@verb
def classroom(
    action: Annotated[Action, Parameter(help="What to do.")],
    file: Annotated[
        Path | None, Parameter(show_default=False, help="For backup and restore: the file. For grades: the lab.")
    ] = None,
    /,
    *,
    users: Annotated[
        Path | None, Parameter(show_default=False, help="For up and users: a CSV file with name, role and password.")
    ] = None,
    settings: Annotated[
        Path | None, Parameter(show_default=False, help="Your classroom.toml: quotas, rooms, how people sign in.")
    ] = None,
    learners: Annotated[int, Parameter(help="For plan: how many people.")] = 30,
    values: Annotated[
        Path | None, Parameter(show_default=False, help="For plan: a folder for files that Kubernetes takes.")
    ] = None,
    dry_run: Annotated[
        bool, Parameter(negative="", show_default=False, help="For grades: show what would be sent, and send nothing.")
    ] = False,
    delete_work: Annotated[
        bool, Parameter(negative="", show_default=False, help="For down: delete everybody's work and all grades, too.")
    ] = False,
    dummy_sign_in_for_tests: Annotated[
        bool,
        Parameter(negative="", show_default=False, help="For up: let anybody in, under any name."),
    ] = False,
    json_: Annotated[Json, Parameter(name="--json")] = False,
) -> int:
    """Open a classroom on this machine's Docker: everybody signs in with a browser, and gets a room of their own.

    A hub starts a container for each person, with JupyterLab, the labs and the engine in it. Around it are the course
    pages, PostgreSQL, an exchange that takes submissions over HTTP, a cluster that grades, and Prometheus. All of it
    answers on this machine's loopback only. Passwords that were made are shown once. Work and grades outlive `down`.
    `grades` sends a lab's final scores to the learning platform that people came from (LTI 1.3), if they have changed.

    Examples:
      ./manyhands classroom up --users users.csv
      ./manyhands classroom users --users more.csv
      ./manyhands classroom status
      ./manyhands classroom grades spread-the-load --settings classroom.toml --dry-run
      ./manyhands classroom backup class.tar
      ./manyhands classroom plan --learners 300
      ./manyhands classroom plan --learners 3000 --settings classroom.toml --values cluster
      ./manyhands classroom down
    """
    if action == "plan":
        return _plan(learners, settings, values, json_)
    from autograder.classroom.settings import load_settings
    from autograder.launch.places import only_in_a_clone

    only_in_a_clone("classroom")  # its images are made from the clone
    chosen = load_settings(settings)
    if action == "up":
        return _up(chosen, users, dummy_sign_in_for_tests, json_)
    if action == "users":
        return _users(chosen, users, json_)
    if action == "status":
        return _status(chosen, json_)
    if action == "grades":
        return _grades(chosen, file, dry_run, json_)
    if action in ("backup", "restore"):
        return _keep(chosen, action, file)
    from autograder.classroom.opening import close_classroom

    close_classroom(chosen.name, delete_work=delete_work)
    show("closed; all work is deleted" if delete_work else "closed; work and grades are kept")
    return 0


def _up(settings: Settings, users: Path | None, dummy: bool, as_json: bool) -> int:
    from autograder.classroom.people import read_people
    from autograder.errors import ManyHandsError

    if settings.sign_in.kind == "dummy" and not dummy:
        raise ManyHandsError(
            "the dummy sign-in lets anybody in under any name",
            why="sign_in.kind is dummy, and --dummy-sign-in-for-tests was not given",
            remedy="choose native, oidc or lti13",
        )
    if dummy:
        from autograder.classroom.settings import SignIn

        settings = replace(settings, sign_in=SignIn("dummy"))
        say("anybody can sign in under any name: this is for tests only")
    if users is None and settings.sign_in.kind == "native":
        raise ManyHandsError("who is in the class?", remedy="./manyhands classroom up --users users.csv")
    opened = _open(settings, read_people(users) if users else ())
    told = {"address": opened.address, "new": [*opened.new], "passwords": {**opened.passwords}}
    if as_json:
        show(json.dumps(told, indent=2))
        return 0
    _show_passwords(opened.passwords)
    show(f"the classroom is open: {opened.address}")
    show("./manyhands classroom down ends it; work and grades are kept")
    return 0


def _open(settings: Settings, people: Sequence[Person]) -> Opened:
    """Open it with what its accounts need: a key to sign with, and the hub's way to them."""
    from autograder.classroom import sign_in
    from autograder.classroom.host import Host
    from autograder.classroom.opening import open_classroom
    from autograder.classroom.state import prepare
    from autograder.launch.places import home

    if settings.sign_in.kind == "lti13":
        sign_in.own_key(prepare(home(), settings))
    opened = open_classroom(settings, people, say)
    if settings.sign_in.kind in sign_in.ELSEWHERE:
        sign_in.open_way(Host(settings.name))
    else:
        sign_in.close_way(Host(settings.name))
    return opened


def _users(settings: Settings, users: Path | None, as_json: bool) -> int:
    from autograder.classroom.host import Host
    from autograder.classroom.opening import enrol
    from autograder.classroom.people import read_people
    from autograder.errors import ManyHandsError

    if users is None:
        raise ManyHandsError("who is to be added?", remedy="./manyhands classroom users --users users.csv")
    told = enrol(Host(settings.name), read_people(users), native=settings.sign_in.kind == "native")
    if as_json:
        show(json.dumps(told, indent=2))
        return 0
    _show_passwords(told["passwords"])
    show(f"{len(told['new'])} new; who was there before keeps their password, and has the role the file says")
    return 0


def _status(settings: Settings, as_json: bool) -> int:
    from autograder.classroom.disk import files_of_people
    from autograder.classroom.host import Host
    from autograder.classroom.settings import bytes_of

    host = Host(settings.name)
    running = {service: bool(host.container(service)) for service in SERVICES}
    rooms, files, limit = host.rooms(), files_of_people(host), bytes_of(settings.quota.disk)
    if as_json:
        show(json.dumps({"services": running, "rooms": rooms, "disk": {"limit": limit, "bytes": files}}, indent=2))
    else:
        for service, runs in running.items():
            show(f"  {service:<11} {'runs' if runs else 'does not run'}")
        show(f"  {len(rooms)} room{'' if len(rooms) == 1 else 's'} open")
        show(f"  {sum(files.values()) / 2**20:,.0f} MB are people's files; each may have {settings.quota.disk}")
        for name, held in files.items():
            if held > limit:
                show(f"  {name} has {held / 2**20:,.0f} MB: the room stays closed until some of it is deleted")
    return 0 if all(running.values()) else 1


def _grades(settings: Settings, lab: Path | None, dry_run: bool, as_json: bool) -> int:
    from autograder.classroom import passback, passback_service, sign_in
    from autograder.classroom.host import Host
    from autograder.classroom.state import state_of
    from autograder.errors import ManyHandsError
    from autograder.labs.catalogue import load_lab
    from autograder.launch.places import home

    if lab is None:
        raise ManyHandsError("grades of which lab?", remedy="./manyhands classroom grades spread-the-load --dry-run")
    chosen, options = load_lab(str(lab)), settings.sign_in.options
    if settings.sign_in.kind != "lti13" or not options.get("token_url"):
        raise ManyHandsError(
            "grades go back to the learning platform that people sign in from",
            why="the settings have no sign_in.kind lti13 with a token_url",
            remedy="--settings classroom.toml (docker/classroom/examples/lti13.toml), or report --export instead",
        )
    state = state_of(home(), settings.name)
    notes = passback.Notes(state.folder / "platform" / "sent", chosen.slug)
    rows = passback.decide(*passback.ask_hub(Host(settings.name), chosen.slug), notes)
    if not dry_run:
        import httpx

        key = sign_in.own_key(state)
        url, audience = str(options["token_url"]), str(options.get("token_audience", ""))
        with httpx.Client(timeout=30) as http:
            rows = passback.send(
                *(rows, chosen.slug, chosen.title, notes),
                lambda client: passback_service.Service(http, url, client, key, audience),
            )
    show(json.dumps([row.to_dict() for row in rows], indent=2) if as_json else passback.as_text(rows))
    return 1 if any(row.now == "failed" for row in rows) else 0


def _keep(settings: Settings, action: str, file: Path | None) -> int:
    from autograder.classroom.host import Host
    from autograder.classroom.keeping import save
    from autograder.classroom.opening import restore_classroom
    from autograder.errors import ManyHandsError

    if file is None:
        raise ManyHandsError("which file?", remedy=f"./manyhands classroom {action} class.tar")
    if action == "backup":
        count = save(Host(settings.name), file.absolute(), say)
        show(f"{file} holds both databases and {count} volumes; it is as secret as what is in it")
    else:
        count = restore_classroom(settings, file.absolute(), say)
        show(f"both databases and {count} volumes are back; ./manyhands classroom up opens it")
    return 0


def _plan(learners: int, settings: Path | None, values: Path | None, as_json: bool) -> int:
    from autograder.classroom.plan import Cost, as_text, plan

    made = plan(learners)
    if values is not None:
        from autograder.classroom import kubernetes
        from autograder.classroom.settings import load_settings

        kubernetes.write(kubernetes.render(made, load_settings(settings), Cost()), values)
    show(json.dumps(made.to_dict(), indent=2) if as_json else as_text(made))
    if values is not None:
        say(f"{', '.join(kubernetes.FILES)} are in {values}; docker/kubernetes/README.md says how to go on")
    return 0


def _show_passwords(passwords: Mapping[str, str]) -> None:
    if passwords:
        show("passwords, shown this once; nobody can look them up later:")
        for name, password in passwords.items():
            show(f"  {name:<24} {password}")
