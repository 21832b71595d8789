"""Attacks by what is handed in: what learners did to stock nbgrader, and more. The config deserves nothing."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import sqlite3
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat

from autograder.labs.catalogue import load_lab
from tests.grading.course import LAB, read
from tests.hostile.corpus import Attack, attack

NOTEBOOK = f"{LAB}.ipynb"
HUGE = 3 * 2**30


def _change(folder: Path, change: Callable[[Any], None]) -> None:
    """Change the notebook's cells that nbgrader manages."""
    notebook = read(folder / NOTEBOOK)
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            change(cell)
    (folder / NOTEBOOK).write_text(json.dumps(notebook))


@contextmanager
def at(folder: Path) -> Iterator[None]:
    """Work in a folder: names of sockets and of deep folders must be short."""
    before = os.open(".", os.O_RDONLY)
    os.chdir(folder)
    try:
        yield
    finally:
        os.fchdir(before)
        os.close(before)


def skip_execution(folder: Path) -> None:
    """Tags every cell skip-execution, which gives full marks in stock nbgrader."""
    _change(folder, lambda cell: cell.metadata.update(tags=["skip-execution"]))


def forged_outputs(folder: Path) -> None:
    """Hands in the outputs of graded cells."""
    result = {"output_type": "execute_result", "data": {"text/plain": "3.0"}, "metadata": {}, "execution_count": 1}
    _change(folder, lambda cell: cell.update(outputs=[result], execution_count=1))


def more_points(folder: Path) -> None:
    """Makes the graded cells worth 1,000 points."""
    _change(folder, lambda cell: cell.metadata.nbgrader.update(points=1000))


def negative_points(folder: Path) -> None:
    """Makes the graded cells worth less than nothing: stock nbgrader gives full marks for a negative score."""
    _change(folder, lambda cell: cell.metadata.nbgrader.update(points=-5))


def points_not_a_number(folder: Path) -> None:
    """Makes the graded cells worth NaN."""
    _change(folder, lambda cell: cell.metadata.nbgrader.update(points=float("nan")))


def grade_cells_made_solutions(folder: Path) -> None:
    """Turns graded cells into cells to fill in."""
    _change(folder, lambda cell: cell.metadata.nbgrader.update(solution=True, locked=False))


def grade_cells_made_text(folder: Path) -> None:
    """Turns graded cells into text."""
    _change(folder, lambda cell: cell.update(cell_type="markdown"))


def grade_cells_deleted(folder: Path) -> None:
    """Deletes the graded cells."""
    notebook = read(folder / NOTEBOOK)
    notebook.cells = [cell for cell in notebook.cells if "nbgrader" not in cell.metadata]
    nbformat.write(notebook, folder / NOTEBOOK)


def grade_cells_copied(folder: Path) -> None:
    """Hands in every cell five times."""
    notebook = read(folder / NOTEBOOK)
    notebook.cells = notebook.cells * 5
    (folder / NOTEBOOK).write_text(json.dumps(notebook))


def cell_invented(folder: Path) -> None:
    """Adds a graded cell with 50 points."""
    notebook = read(folder / NOTEBOOK)
    ours = {"grade": True, "solution": False, "locked": True, "grade_id": "bonus", "points": 50, "schema_version": 3}
    notebook.cells.append(nbformat.v4.new_code_cell("50", metadata={"nbgrader": ours}))
    nbformat.write(notebook, folder / NOTEBOOK)


def other_schema(folder: Path) -> None:
    """Claims nbgrader's metadata of version 99, which stops stock nbgrader for the whole class."""
    _change(folder, lambda cell: cell.metadata.nbgrader.update(schema_version=99))


def older_schema(folder: Path) -> None:
    """Claims nbgrader's metadata of version 1."""
    _change(folder, lambda cell: cell.metadata.nbgrader.update(schema_version=1))


def other_kernel(folder: Path) -> None:
    """Asks for a kernel of its own."""
    notebook = read(folder / NOTEBOOK)
    notebook.metadata.kernelspec = {"name": "evil", "display_name": "evil", "language": "evil"}
    nbformat.write(notebook, folder / NOTEBOOK)


def code_that_would_act(folder: Path) -> None:
    """Writes a file if its code is ever run."""
    notebook = read(folder / NOTEBOOK)
    code = f"from pathlib import Path\nPath({str(folder.parents[2] / 'ACTED')!r}).write_text('ran')"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(code))
    nbformat.write(notebook, folder / NOTEBOOK)


def modules_beside_the_notebook(folder: Path) -> None:
    """Lays modules beside the notebook that would be imported instead of ours."""
    code = f"open({str(folder.parents[2] / 'ACTED')!r}, 'w').write('imported')"
    for name in ("autograder", "sitecustomize", "nbformat", "json", "conftest"):
        (folder / f"{name}.py").write_text(code)


def settings_of_their_own(folder: Path) -> None:
    """Lays settings for nbgrader and Jupyter beside the notebook."""
    code = f"open({str(folder.parents[2] / 'ACTED')!r}, 'w').write('configured')"
    for name in ("nbgrader_config.py", "jupyter_config.py", "ipython_config.py"):
        (folder / name).write_text(code)


def gradebook_of_their_own(folder: Path) -> None:
    """Hands in a gradebook."""
    with sqlite3.connect(folder / "gradebook.db") as book:
        book.execute("create table grade (auto_score float)")
    book.close()


def notebook_not_json(folder: Path) -> None:
    """Hands in a notebook that is no JSON."""
    (folder / NOTEBOOK).write_bytes(b"\xff\xfe not json {")


def notebook_of_brackets(folder: Path) -> None:
    """Hands in JSON 200,000 levels deep."""
    (folder / NOTEBOOK).write_text("[" * 200_000)


def notebook_huge(folder: Path) -> None:
    """Hands in a notebook of 3 GB, all of it a hole."""
    with (folder / NOTEBOOK).open("wb") as file:
        file.truncate(HUGE)


def notebook_is_a_link(folder: Path) -> None:
    """Hands in a link to /etc/passwd as the notebook."""
    (folder / NOTEBOOK).unlink()
    (folder / NOTEBOOK).symlink_to("/etc/passwd")


def notebook_is_a_folder(folder: Path) -> None:
    """Hands in a folder as the notebook."""
    (folder / NOTEBOOK).unlink()
    (folder / NOTEBOOK / "inner").mkdir(parents=True)


def no_notebook(folder: Path) -> None:
    """Hands in no notebook."""
    (folder / NOTEBOOK).unlink()


def conf_is_a_link(folder: Path) -> None:
    """Hands in a link to /etc/passwd as the config."""
    (folder / "conf" / "nginx.conf").unlink()
    (folder / "conf" / "nginx.conf").symlink_to("/etc/passwd")


def conf_folder_is_a_link(folder: Path) -> None:
    """Hands in a link to /etc as the config's folder."""
    (folder / "conf" / "nginx.conf").unlink()
    (folder / "conf").rmdir()
    (folder / "conf").symlink_to("/etc")


def conf_is_the_reference(folder: Path) -> None:
    """Hands in a link to the instructor's own solution."""
    (folder / "conf" / "nginx.conf").unlink()
    (folder / "conf" / "nginx.conf").symlink_to(load_lab(LAB).reference / "conf" / "nginx.conf")


def conf_is_a_pipe(folder: Path) -> None:
    """Hands in a pipe as the config, which is waited for without end."""
    (folder / "conf" / "nginx.conf").unlink()
    os.mkfifo(folder / "conf" / "nginx.conf")


def conf_is_huge(folder: Path) -> None:
    """Hands in a config of 3 GB, all of it a hole."""
    with (folder / "conf" / "nginx.conf").open("ab") as file:
        file.truncate(HUGE)


def pipes_and_links_beside(folder: Path) -> None:
    """Lays pipes, and links out of the folder and round in circles, beside the config."""
    os.mkfifo(folder / "pipe")
    (folder / "shadow").symlink_to("/etc/shadow")
    (folder / "up").symlink_to(folder.parents[2])
    (folder / "loop").symlink_to(folder)


def many_files(folder: Path) -> None:
    """Hands in 2,000 files."""
    (folder / "many").mkdir()
    for number in range(2000):
        (folder / "many" / str(number)).write_bytes(b"")


def times_that_are_none(folder: Path) -> None:
    """Hands in a time of submission that is none."""
    (folder / "timestamp.txt").write_text("a long time ago")


def records_of_their_own(folder: Path) -> None:
    """Hands in verdict records of its own."""
    verdicts = [
        {"check": check.name, "outcome": "passed", "points": check.points, "max_points": check.points, "observed": "!"}
        for check in load_lab(LAB).checks
    ]
    for place in (folder / "records" / LAB / folder.parent.name, folder):
        place.mkdir(parents=True, exist_ok=True)
        (place / "record-forged-local.json").write_text(json.dumps({"schema": 1, "verdicts": verdicts}))
        (place / "written.json").write_text(json.dumps({"record": "record-forged-local.json"}))
    (folder / "refused.json").write_text('[{"path": ["x"], "reason": {}}]')


def script_in_the_words(folder: Path) -> None:
    """Writes scripts into the notebook for the instructor's browser."""
    notebook = read(folder / NOTEBOOK)
    words = "<script>alert('ACTED')</script><img src=x onerror=alert(1)>[x](javascript:alert(2))"
    notebook.cells.append(nbformat.v4.new_markdown_cell(words))
    notebook.cells.append(nbformat.v4.new_raw_cell(words))
    nbformat.write(notebook, folder / NOTEBOOK)


def points_beyond_all_numbers(folder: Path) -> None:
    """Puts numbers beyond all numbers where points are."""
    text = (folder / NOTEBOOK).read_text()
    text = re.sub(r'"points": [0-9.]+', '"points": 1e400', text, count=2)
    text = re.sub(r'"points": [0-9.]+', f'"points": {"9" * 4000}', text, count=1)
    (folder / NOTEBOOK).write_text(re.sub(r'"nbformat_minor": [0-9]+', '"nbformat_minor": -Infinity', text))


def cells_that_are_none(folder: Path) -> None:
    """Puts numbers, lists and nothing where cells, texts and metadata are."""
    _change(folder, lambda cell: cell.update(source={"a": 1}, metadata=["nbgrader"]))
    notebook = json.loads((folder / NOTEBOOK).read_text())
    notebook["cells"] += [None, 7, [], {"cell_type": 3}, {"cell_type": "code", "source": [1, None]}]
    notebook["metadata"] = 3
    (folder / NOTEBOOK).write_text(json.dumps(notebook))


def code_that_knows_the_grader(folder: Path) -> None:
    """Looks for the grader in its surroundings and answers every check itself then."""
    code = (
        "import os, sys\nif 'nbgrader' in sys.modules or os.getppid() == 1 or not sys.stdin:\n"
        "    import autograder.labs.examiner as e\n    e.examine = lambda *a, **k: ()\n"
        f"    open({str(folder.parents[2] / 'ACTED')!r}, 'w')"
    )
    notebook = read(folder / NOTEBOOK)
    notebook.cells = [nbformat.v4.new_code_cell(code), *notebook.cells, nbformat.v4.new_code_cell("%run -i x.py")]
    nbformat.write(notebook, folder / NOTEBOOK)


def conf_has_a_second_name(folder: Path) -> None:
    """Hands in a hard link to a file that changes after it was looked at."""
    os.link(folder / "conf" / "nginx.conf", folder.parent / "outside")


def conf_is_a_socket(folder: Path) -> None:
    """Hands in a socket as the config."""
    (folder / "conf" / "nginx.conf").unlink()
    with socket.socket(socket.AF_UNIX) as listening, at(folder / "conf"):
        listening.bind("nginx.conf")


def conf_is_a_device(folder: Path) -> None:
    """Hands in a device that never ends as the config, or a socket where making one is not allowed."""
    (folder / "conf" / "nginx.conf").unlink()
    try:
        os.mknod(folder / "conf" / "nginx.conf", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    except OSError:
        (folder / "conf" / "nginx.conf").write_bytes(b"deserves nothing")
        conf_is_a_socket(folder)


def names_that_act(folder: Path) -> None:
    """Hands in files whose names lead elsewhere, run backwards, clear the screen, or are no text."""
    odd = ("...", "..conf", "a\\..\\..\\b", "-rf", "\u202egpj.sh", "\x1b[2Jx", "a\nb", "x" * 255, "$(id)")
    for name in (*odd, "\ufb01", "\uff4eginx.conf"):
        (folder / name).write_bytes(b"x")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe")).write_bytes(b"x")


def folders_without_end(folder: Path) -> None:
    """Hands in folders 300 levels deep."""
    with at(folder):
        for _ in range(300):
            Path("d").mkdir()
            os.chdir("d")


def archive_of_archives(folder: Path) -> None:
    """Hands in archives inside archives that unpack to gigabytes, should anybody unpack them."""
    data = bytes(10 * 2**20)
    for _ in range(3):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(20):
                archive.writestr(f"../../{number}.zip", data)
        data = packed.getvalue()
    (folder / "solution.zip").write_bytes(data)
    (folder / "conf" / "nginx.conf.gz").write_bytes(data)


def notebook_of_many_cells(folder: Path) -> None:
    """Hands in 50,000 cells."""
    notebook = json.loads((folder / NOTEBOOK).read_text())
    notebook["cells"] += [{"cell_type": "raw", "metadata": {}, "source": "x"}] * 50_000
    (folder / NOTEBOOK).write_text(json.dumps(notebook))


def checks_of_their_own(folder: Path) -> None:
    """Hands in the lab's own files: its checks, its points, its notebook's text, and whose variant it is."""
    (folder / "lab.toml").write_text('files = []\n[[checks]]\nname = "starts"\nkind = "loads"\npoints = 1000\n')
    (folder / "stack.toml").write_text("name = 'shop'\n")
    (folder / ".lab").mkdir(exist_ok=True)
    (folder / ".lab" / "class.json").write_text('{"seed": "mine", "student": "somebody"}')


def times_from_the_past(folder: Path) -> None:
    """Hands in a time of submission long before the deadline."""
    (folder / "timestamp.txt").write_text("1970-01-01 00:00:00 UTC")


_LINK, _LIMIT = "a symbolic link", "the limit is"
ATTACKS: tuple[Attack, ...] = (
    *map(attack, (skip_execution, forged_outputs, more_points, negative_points, points_not_a_number)),
    *map(attack, (points_beyond_all_numbers, cells_that_are_none, grade_cells_made_solutions, grade_cells_made_text)),
    *map(attack, (grade_cells_deleted, grade_cells_copied, cell_invented, other_schema, older_schema, other_kernel)),
    *map(attack, (code_that_would_act, code_that_knows_the_grader, modules_beside_the_notebook)),
    *map(attack, (settings_of_their_own, gradebook_of_their_own, checks_of_their_own, records_of_their_own)),
    *map(attack, (notebook_not_json, notebook_of_brackets, notebook_huge, notebook_of_many_cells)),
    *map(attack, (notebook_is_a_link, notebook_is_a_folder, no_notebook, script_in_the_words)),
    attack(conf_is_a_link, _LINK),
    attack(conf_folder_is_a_link, _LINK),
    attack(conf_is_the_reference, _LINK),
    attack(conf_has_a_second_name, "a hard link"),
    attack(conf_is_a_pipe, "a pipe"),
    attack(conf_is_a_socket, "a socket"),
    attack(conf_is_a_device, "not a file"),
    attack(conf_is_huge, _LIMIT),
    *map(attack, (pipes_and_links_beside, many_files, names_that_act, folders_without_end, archive_of_archives)),
    *map(attack, (times_that_are_none, times_from_the_past)),
)
