"""The API of the package: a page for each floor, read from the source at build time. Nothing is imported or run.

Griffe, the reader inside mkdocstrings, does the parsing. mkdocstrings itself took more than five seconds to draw the
same 300 modules, and every ``up`` builds the site; so the drawing is done here, as plain HTML.
"""

from __future__ import annotations

import functools
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import griffe
import markdown
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parents[2]))  # `mkdocs build` may be run by itself

from autograder.whereabouts import PACKAGE, ROOT

FOLDER = "reference/api"
_CONTRACT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"][0]
FLOORS = tuple(floor for floor in reversed(_CONTRACT["layers"]) if floor not in ("verbs", "cli", "__main__"))
"""Ground first. What the verbs above them take, ``./manyhands VERB --help`` says."""
ENTRY = "MISTAKE"
"""A module of ``mistakes`` that has one is an entry of the catalogue: its page is in the field guide."""
_WIDE = 100
_ROLE = re.compile(r":[a-z]+:`~?([^`]+)`")
_SENTENCES = re.compile(r"(?:[^\W\d_`][^\n]*|`[^\n]*)(?:\n(?![ \t#>|:=*+-]|\d+[.)])[^\n]+)*\n?")
"""A paragraph with nothing else in it: no list, heading, block, or second paragraph."""
_IDS = re.compile(r' id="([^"]+)"')
_CODE = re.compile(r"(``.+?``|`[^`]+`)", re.DOTALL)

Member = griffe.Class | griffe.Function | griffe.Attribute


def on_config(config: Any) -> Any:
    """Put the pages under Reference."""
    for entry in config["nav"]:
        if "Reference" in entry:
            pages = [{floor: f"{FOLDER}/{floor}.md"} for floor in FLOORS]
            entry["Reference"].append({"API": [{"All floors": f"{FOLDER}/index.md"}, *pages]})
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages."""
    files.append(File.generated(config, f"{FOLDER}/index.md", content=overview()))
    for floor in FLOORS:
        files.append(File.generated(config, f"{FOLDER}/{floor}.md", content=_head(floor)))
    return files


def on_page_content(html: str, page: Page, **_: Any) -> str:
    """Draw a floor below its heading."""
    folder, _, name = page.file.src_uri.removesuffix(".md").rpartition("/")
    if folder != FOLDER or name not in FLOORS:
        return html
    drawn = "\n".join(_drawn(module) for module in modules(name))
    if page.present_anchor_ids is not None:  # MkDocs looked for them before this was drawn
        page.present_anchor_ids.update(_IDS.findall(drawn))
    return html + drawn


@functools.cache
def package() -> griffe.Module:
    """The whole package, parsed."""
    return _parsed(PACKAGE, None)


def _parsed(path: Path, parent: griffe.Module | None) -> griffe.Module:
    """A module or a package, with what is in it; entries of the catalogue and what is private are not even read."""
    file = path / "__init__.py" if path.is_dir() else path
    module = griffe.visit(path.stem, file, file.read_text(encoding="utf-8"), parent=parent)
    for inner in sorted(path.iterdir()) if path.is_dir() else ():
        if _is_shown(inner):
            module.set_member(inner.stem, _parsed(inner, module))
    return module


def _is_shown(path: Path) -> bool:
    if path.name.startswith("_"):
        return False
    if path.is_dir():
        return (path / "__init__.py").is_file()
    return path.suffix == ".py" and f"\n{ENTRY} = " not in path.read_text(encoding="utf-8")


@functools.cache
def modules(floor: str) -> tuple[griffe.Module, ...]:
    """The modules of a floor that have something for others, in order of their names."""
    return tuple(sorted(_below(package().modules[floor]), key=lambda module: module.path))


def _below(module: griffe.Module) -> Iterator[griffe.Module]:
    if public(module):
        yield module
    for inner in module.modules.values():
        yield from _below(inner)


def public(parent: griffe.Module | griffe.Class) -> list[Member]:
    """Members that others may use, in the order of the source; imported names belong to where they come from."""
    found = [
        member
        for name, member in parent.members.items()
        if not name.startswith("_") and not member.is_alias and not isinstance(member, griffe.Module)
    ]
    return [member for member in found if not isinstance(member, griffe.Attribute) or _tells(member)]


def _tells(attribute: griffe.Attribute) -> bool:
    """Constants are shown when somebody explained them, fields always."""
    return bool(attribute.docstring) or (isinstance(attribute.parent, griffe.Class) and bool(attribute.annotation))


def first_line(thing: griffe.Object) -> str:
    """The first sentence of a docstring, on one line."""
    return " ".join(thing.docstring.value.split("\n\n")[0].split()) if thing.docstring else ""


def overview() -> str:
    """The page that lists every floor and its modules, with the names in them: what the search finds."""
    parts = [
        "---\ndescription: The floors of the autograder package, ground first, and what each module of them offers "
        "to others.\nsearch:\n  boost: 0.2\n---",
        "# API",
        "The package `autograder` is a house. A floor uses only the floors below it. Each has a page here, made from "
        "the source when the site is built.",
    ]
    for floor in FLOORS:
        said = first_line(package().modules[floor])
        parts.append(f"## [`{floor}`]({floor}.md)\n\n{_inline(said)}\n")
        rows = []
        for module in modules(floor):
            names = ", ".join(
                f"`{member.name}`" for member in public(module) if not isinstance(member, griffe.Attribute)
            )
            rows.append(f"- [`{_short(module)}`]({floor}.md#{module.path}): {names or _inline(first_line(module))}")
        parts.append("\n".join(rows))
    return "\n\n".join(parts) + "\n"


def _short(module: griffe.Module) -> str:
    return module.path.removeprefix("autograder.")


def _head(floor: str) -> str:
    said = first_line(package().modules[floor]).replace('"', "'")
    described = f"API of the floor {floor}: {re.sub('[`:]', '', said)}"[:155].ljust(40, ".")
    return (
        f"---\ndescription: >-\n  {described}\nsearch:\n  exclude: true\n---\n\n# {floor}\n\n"
        f"{_inline(said)} [All floors](index.md).\n"
    )


def _drawn(module: griffe.Module) -> str:
    parts = [f'<h2 id="{module.path}"><code>{module.path}</code></h2>', _text(module)]
    parts += [_member(member) for member in public(module)]
    return "\n".join(parts)


def _member(member: Member) -> str:
    if isinstance(member, griffe.Attribute):
        return _attribute(member)
    level = 3 if isinstance(member.parent, griffe.Module) else 4
    parts = [f'<h{level} id="{member.path}"><code>{member.name}</code></h{level}>', _signature(member), _text(member)]
    if isinstance(member, griffe.Class):
        parts += [_member(inner) for inner in public(member)]
    return "\n".join(parts)


def _attribute(attribute: griffe.Attribute) -> str:
    said = attribute.name + (f": {attribute.annotation}" if attribute.annotation else "")
    value = str(attribute.value) if attribute.value is not None else ""
    said += f" = {value}" if value and len(value) <= _WIDE - len(said) else ""
    text = _text(attribute).removeprefix("<p>").removesuffix("</p>")
    return f'<p class="mh-field"><code>{escape(said)}</code> {text}</p>' if "<p>" not in text else _code(said) + text


def _signature(member: griffe.Class | griffe.Function) -> str:
    marks = [str(mark.value).removeprefix("dataclasses.") for mark in member.decorators]
    head = "".join(
        f"@{mark}\n" for mark in marks if mark.startswith(("dataclass", "property", "cached", "classm", "static"))
    )
    if isinstance(member, griffe.Class):
        bases = ", ".join(map(str, member.bases))
        return _code(f"{head}class {member.name}" + (f"({bases})" if bases else ""))
    given = [_parameter(one) for one in member.parameters]
    result = f" -> {member.returns}" if member.returns is not None else ""
    line = f"{member.name}({', '.join(given)}){result}"
    if len(line) > _WIDE:
        line = f"{member.name}(\n" + "".join(f"    {one},\n" for one in given) + f"){result}"
    return _code(head + line)


def _parameter(one: griffe.Parameter) -> str:
    stars = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}.get(one.kind, "")
    typed = f": {one.annotation}" if one.annotation is not None else ""
    default = "" if stars or one.default is None else f"{' = ' if typed else '='}{one.default}"
    return f"{stars}{one.name}{typed}{default}"


def _code(text: str) -> str:
    return f"<pre><code>{escape(text)}</code></pre>"


def _text(thing: griffe.Object) -> str:
    """A docstring as HTML: its prose, then what goes in, comes out, and goes wrong."""
    if not thing.docstring:
        return ""
    parts = []
    for section in thing.docstring.parse("google", warnings=False):
        if section.kind is griffe.DocstringSectionKind.text:
            parts.append(_html(str(section.value)))
        elif isinstance(section.value, Sequence) and not isinstance(section.value, str):
            parts.append(f"<p>{section.kind.value.capitalize()}:</p>\n<ul>{''.join(map(_item, section.value))}</ul>")
        else:
            parts.append(_html(str(getattr(section.value, "description", section.value))))
    return "\n".join(parts)


def _item(item: Any) -> str:
    """A parameter, a result or an error: its name or type, and what is said of it."""
    name = getattr(item, "name", "") or getattr(item, "annotation", "") or ""
    said = item[1] if isinstance(item, tuple) else getattr(item, "description", "")
    words = _html(str(said)).removeprefix("<p>").removesuffix("</p>")
    return f"<li><code>{escape(str(name))}</code>: {words}</li>" if name else f"<li>{words}</li>"


def _html(text: str) -> str:
    if _SENTENCES.fullmatch(text):  # most docstrings, and Markdown takes its time for each
        plain = escape(_ROLE.sub(r"`\1`", text), quote=False)
        return f"<p>{_CODE.sub(_as_code, plain)}</p>"
    return _writer().reset().convert(_plain(text))


@functools.cache
def _writer() -> markdown.Markdown:
    return markdown.Markdown()


def _plain(text: str) -> str:
    """Markdown of a docstring: no roles, examples as code, nothing that looks like a tag."""
    blocks = []
    for block in _ROLE.sub(r"`\1`", text).split("\n\n"):
        if block.lstrip().startswith(">>>"):
            blocks.append("\n".join(f"    {line}" for line in block.splitlines()))
        elif block.startswith("    "):
            blocks.append(block)
        else:
            blocks.append(_inline(block))
    return "\n\n".join(blocks)


def _as_code(found: re.Match[str]) -> str:
    return f"<code>{found[0].strip('`').strip()}</code>"


def _inline(text: str) -> str:
    parts = _CODE.split(_ROLE.sub(r"`\1`", text))
    parts[::2] = [
        re.sub(r"([<*_\[])", lambda found: {"<": "&lt;"}.get(found[1], f"\\{found[1]}"), part) for part in parts[::2]
    ]
    return "".join(parts)
