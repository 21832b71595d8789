"""The image of the nodes: made once, made again when something changes, and honest when it cannot be made."""

from __future__ import annotations

import os
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from autograder.stack import docker_image
from autograder.stack.docker_daemon import connect
from autograder.stack.docker_image import BASE, ensure_image, node_files
from autograder.stack.docker_owner import one_at_a_time
from autograder.stack.engine import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def api() -> Iterator[Any]:
    client = connect()
    yield client
    client.close()


def remove(api: Any, *tags: str) -> None:
    """Remove images while nobody builds: their layers go along, and a build that had found one there would fail."""
    with one_at_a_time():
        for tag in tags:
            api.remove_image(tag)


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Tags that were built during the test, with the real builder."""
    built: list[str] = []
    real = docker_image._build

    def counted(api: Any, recipe: bytes, files: Any, tag: str, *rest: Any) -> None:
        built.append(tag)
        real(api, recipe, files, tag, *rest)

    monkeypatch.setattr(docker_image, "_build", counted)
    return built


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch) -> str:
    """Make the package look as if somebody had added a file; returns its content."""
    content = os.urandom(8).hex()
    files = {**node_files(), "opt/lib/autograder/added.py": f"# {content}\n".encode()}
    monkeypatch.setattr(docker_image, "node_files", lambda: files)
    return content


@pytest.mark.docker
def test_an_image_is_built_once_and_then_used(api: Any, builds: list[str]) -> None:
    # Files of the package may change while tests run, so both answers are about the same files.
    files = node_files()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(docker_image, "node_files", lambda: files)
        first = ensure_image(api)
        builds.clear()
        assert ensure_image(api) == first
    assert builds == []


@pytest.mark.docker
def test_a_changed_file_costs_two_small_layers(
    api: Any, builds: list[str], changed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Both are made here: one that was built a while ago may be removed as old when the next is built.
    before = ensure_image(api)
    more = {**docker_image.node_files(), "opt/lib/autograder/more.py": f"# {changed}\n".encode()}
    monkeypatch.setattr(docker_image, "node_files", lambda: more)
    after = ensure_image(api)
    try:
        assert builds == [before, after]
        # Everything under the package's own two layers, source and bytecode, is shared.
        first, second = (api.inspect_image(tag)["RootFS"]["Layers"] for tag in (before, after))
        assert first[:-2] == second[:-2]
        assert first[-2:] != second[-2:]
    finally:
        remove(api, after, before)


@pytest.mark.docker
def test_two_who_need_the_same_image_at_once_build_it_once(api: Any, builds: list[str], changed: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        tags = list(pool.map(lambda _: ensure_image(api), range(2)))
    try:
        assert builds == [tags[0]]
        assert tags[0] == tags[1]
    finally:
        remove(api, tags[0])


@pytest.mark.docker
def test_a_build_that_fails_is_told_with_its_last_lines(api: Any) -> None:
    ensure_image(api)
    recipe = f"FROM {BASE}\nRUN echo this went wrong && exit 7\n".encode()
    with pytest.raises(EngineError, match="could not be built") as caught:
        docker_image._build(api, recipe, {}, "manyhands/broken:test", {})
    assert "this went wrong" in caught.value.why
    assert "7" in caught.value.why


@pytest.mark.docker
def test_nothing_of_this_machine_is_baked_in(api: Any) -> None:
    made = api.inspect_image(ensure_image(api))
    assert not [line for line in made["Config"]["Env"] if "_proxy=" in line.lower() or "CERT" in line]
    container = api.create_container(made["Id"], ["true"])["Id"]
    try:
        names = {"/etc/resolv.conf", "/etc/hostname", "/authorities.pem", "/root", "/etc/ssl/certs/ca-certificates.crt"}
        found = {name for name in names if _size(api, container, name)}
    finally:
        api.remove_container(container)
    assert found == set()


def _size(api: Any, container: str, path: str) -> int:
    import docker.errors

    try:
        chunks, about = api.get_archive(container, path)
    except docker.errors.NotFound:
        return 0
    for _ in chunks:
        pass  # read to the end, so that the connection can be used again
    return int(about["size"])


def test_only_what_runs_on_nodes_goes_in() -> None:
    code = {name.removeprefix("opt/lib/autograder/") for name in node_files() if name.startswith("opt/lib/")}
    assert {"__init__.py", "errors.py", "stack/shop.py", "stack/proxies/nginx.py"} <= code
    assert {name.split("/")[0] for name in code} <= {"__init__.py", "errors.py", "stack", "traffic"}


def test_the_libraries_of_servers_go_in_without_what_only_their_makers_need() -> None:
    names = [name for name in node_files() if name.startswith("opt/libraries/")]
    assert {"h2", "hpack", "hyperframe", "dnslib"} <= {name.split("/")[2] for name in names}
    assert {name.rpartition(".")[2] for name in names} <= {"py", "so"}


def test_a_library_compiled_for_another_python_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_image, "_PYTHON", (3, 1))
    docker_image._libraries.cache_clear()
    try:
        names = docker_image._libraries()
    finally:
        docker_image._libraries.cache_clear()
    assert "opt/libraries/h2/__init__.py" in names
    assert not [name for name in names if "uvloop" in name]


@pytest.mark.docker
def test_libraries_and_bytecode_are_there(api: Any) -> None:
    code = """
import sys
sys.path.insert(0, "/opt/manyhands/lib")
import uvloop, h2.connection, dnslib
from autograder.stack import shop
print(shop.__cached__)
"""
    container = api.create_container(ensure_image(api), ["python3", "-I", "-S", "-c", code])["Id"]
    try:
        api.start(container)
        assert api.wait(container)["StatusCode"] == 0, api.logs(container)
        compiled = api.logs(container).decode().strip()
        assert _size(api, container, compiled) > 1000
    finally:
        api.remove_container(container)


@pytest.mark.docker
def test_images_of_this_clone_that_nobody_uses_go_when_a_new_one_is_made(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Images of a clone of our own, so that nobody else's tests lose one.
    monkeypatch.setattr(docker_image, "_clone", lambda: "0123456789abcdef")
    made: list[str] = []
    containers: list[str] = []

    def make() -> str:
        files = {**node_files(), "opt/lib/autograder/added.py": f"# {os.urandom(8).hex()}".encode()}
        monkeypatch.setattr(docker_image, "node_files", lambda: files)
        made.append(ensure_image(api))
        return made[-1]

    def there(tag: str) -> bool:
        return docker_image._image_id(api, tag) is not None

    try:
        used, unused = make(), make()
        assert there(used)  # it is young
        containers.append(api.create_container(used, ["true"])["Id"])
        monkeypatch.setattr(docker_image, "_YOUNG_SECONDS", -60.0)
        last = make()
        assert [there(tag) for tag in (used, unused, last)] == [True, False, True]
    finally:
        for container in containers:
            api.remove_container(container)
        remove(api, *filter(there, made))


def test_without_a_base_somebody_who_is_not_root_is_told_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_image.os, "geteuid", lambda: 1000)
    with pytest.raises(EngineError, match="no base image") as caught:
        docker_image._base_from_packages(None)
    *words, script = shlex.split(caught.value.remedy)  # as a shell reads it: the clone's folder may have a space
    assert words == ["run", "once:", "sudo"]
    assert os.access(script, os.X_OK)


def test_a_machine_without_mmdebstrap_is_told_to_install_it(tmp_path: Path) -> None:
    ran = subprocess.run(
        [docker_image._RECIPES / "make-base"], env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert ran.returncode == 2
    assert "apt install mmdebstrap" in ran.stderr


def test_a_base_that_cannot_be_made_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "make-base"
    script.write_text("#!/bin/sh\necho 'E: no mirror answers' >&2\nexit 25\n")
    script.chmod(0o755)
    monkeypatch.setattr(docker_image, "_RECIPES", tmp_path)
    monkeypatch.setattr(docker_image.os, "geteuid", lambda: 0)
    with pytest.raises(EngineError, match="could not be made") as caught:
        docker_image._base_from_packages(None)
    assert "no mirror answers" in caught.value.why
