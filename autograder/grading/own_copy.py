"""Making a copy of a released lab somebody's own: their names, their numbers, their mistakes, in files and notebook.

The release is one folder for the whole class. What a student gets of it is made when they get it, wherever that is (our
hand-out, nbgrader's fetch, a lab that is opened), and made again when their notebook is graded.
"""

from __future__ import annotations

import os
import pwd
import shutil
from copy import deepcopy
from pathlib import Path
from typing import Any

from autograder.grading.record import write_whole
from autograder.grading.settings import Places
from autograder.grading.variants import variant_of
from autograder.labs.catalogue import load_lab
from autograder.labs.handed_out import CLASS_NOTE, OWN_NOTE, own_note, seed_in, variant_in
from autograder.labs.lab import Lab, Variant


def copy_for(student: str, released: Path, dest: Path) -> None:
    """Copy the released lab to ``dest``, which is not there yet, as ``student`` has it.

    A release without a class note, or of a lab that is the same for everybody, is copied as it is.

    Raises:
        ManyHandsError: the lab is not known here, or its variants cannot be made.
        OSError: something cannot be copied.
    """
    shutil.copytree(released, dest)
    for path in dest.rglob("*"):
        path.chmod(path.stat().st_mode | 0o200)
    seed = seed_in(released)
    lab = load_lab(released.name, Variant(seed, student)) if seed else None
    if lab is None or lab.rules is None or lab.variant is None:
        return
    plain = load_lab(released.name)
    for path in [path for path in dest.rglob("*") if path.is_file()]:
        if path.suffix == ".ipynb":
            path.write_text(_nbformat().writes(own_notebook(_read(path), lab)) + "\n", encoding="utf-8")
        elif path != dest / CLASS_NOTE:
            path.write_bytes(lab.rewriting.file(path.read_bytes()))
    if lab.start != plain.start:
        for name, data in _start_files(lab).items():  # whatever they are called in the lab as it was released
            (dest / name).parent.mkdir(parents=True, exist_ok=True)
            (dest / name).write_bytes(lab.rewriting.file(data))
    (dest / OWN_NOTE).write_bytes(own_note(lab.variant))


def own_notebook(released: Any, lab: Lab) -> Any:
    """The released notebook as the student of ``lab.variant`` has it, with nbgrader's checksums of the new text."""
    from nbgrader.utils import compute_checksum

    notebook = deepcopy(released)
    for cell in notebook.cells:
        source = lab.rewriting.text(cell.source)
        ours = cell.metadata.get("nbgrader", {})
        if source != cell.source:
            cell.source = source
            if "checksum" in ours:
                ours["checksum"] = compute_checksum(cell)
    return notebook


def released_to(places: Places, slug: str, student: str) -> Any:
    """The notebook of a lab as the class released it to ``student``.

    Raises:
        OSError: the lab is not released in this class.
        ManyHandsError: the class's seed or the lab's variants cannot be read.
    """
    notebook = _read(places.release(slug) / f"{slug}.ipynb")
    variant = variant_of(places, student)
    return notebook if variant is None else own_notebook(notebook, load_lab(slug, variant))


def make_own(folder: Path, slug: str) -> Variant | None:
    """Whose copy of the lab ``folder`` is; one that a plain fetch left as the class's is made the user's own first.

    Only files that nobody edited are exchanged. The notebook stays as it is: it is open. The instructor's folders,
    which are the class's, stay so.
    """
    known, seed = variant_in(folder), seed_in(folder)
    if known or not seed or (folder.parent.parent / "nbgrader_config.py").exists():
        return known
    variant = Variant(seed, own_name())
    for name, (released, own) in _released_and_own(load_lab(slug), load_lab(slug, variant)).items():
        path = folder / name
        if not path.exists() or (path.is_file() and path.read_bytes() == released):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(own)
    write_whole(folder / OWN_NOTE, own_note(variant))
    return variant


def _released_and_own(plain: Lab, lab: Lab) -> dict[str, tuple[bytes | None, bytes]]:
    """Every file to start with, also those that are not handed in: as the class has it, if it has, and as one's own."""
    released, own = _start_files(plain), _start_files(lab)
    return {
        name: (released.get(name), lab.rewriting.file(own[name] if name in own else released[name]))
        for name in released | own
    }


def _start_files(lab: Lab) -> dict[str, bytes]:
    """As they are written."""
    return {
        str(path.relative_to(lab.start)): path.read_bytes()
        for path in lab.start.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def own_name() -> str:
    """The name by which nbgrader knows who runs this; as its ``get_username``, which takes a second to import."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without an account; nbgrader cannot submit for such a one
        name = os.environ.get("USER", "learner")
    return os.environ.get("JUPYTERHUB_USER", name) if name == "jovyan" else name


def _read(path: Path) -> Any:
    return _nbformat().read(path, as_version=4)


def _nbformat() -> Any:
    """nbformat, which carries no types, and which opening a lab need not wait for."""
    import nbformat

    return nbformat
