"""A page for each lab, made from what the lab says of itself, and a way to it from its module.

A lab whose page was written by hand (``course/labs/<slug>.md``) keeps that page.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

sys.path.insert(0, str(Path(__file__).parents[2]))  # `mkdocs build` may be run by itself

from autograder.labs.catalogue import all_labs
from autograder.labs.lab import Lab

_TOP = re.compile(r"</h1>\s*<p>.*?</p>", re.DOTALL)
_BALANCERS = {"nginx": "nginx", "haproxy": "HAProxy"}

_VARIANTS = """In a class, your shop may have other names, another number of servers, and other mistakes. Then read
this page for the idea: the notebook tells you about your own.

"""


@cache
def labs() -> tuple[Lab, ...]:
    """Every lab, in the order of the course."""
    return all_labs()


def on_config(config: Any) -> Any:
    """Put the list of labs, and each lab, under Labs."""
    for entry in config["nav"]:
        if "Labs" in entry:
            entry["Labs"] = ["labs/index.md", *({lab.title: f"labs/{lab.slug}.md"} for lab in labs())]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the list, and the pages that nobody wrote."""
    files.append(File.generated(config, "labs/index.md", content=listed()))
    for lab in labs():
        if files.get_file_from_path(f"labs/{lab.slug}.md") is None:
            files.append(File.generated(config, f"labs/{lab.slug}.md", content=page_of(lab)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Lead from a module's first page to its labs."""
    folder = page.file.src_uri.removesuffix("/index.md")
    mine = [lab for lab in labs() if lab.module == folder]
    before, next_, after = markdown.rpartition("\n## Next\n")
    if not mine or not next_:
        return markdown
    lines = [f"- [{lab.title}](../../labs/{lab.slug}.md), about {lab.minutes} minutes" for lab in mine]
    return f"{before}\n## Practise\n\nOn a real stack that is yours alone:\n\n" + "\n".join(lines) + f"\n{next_}{after}"


def on_page_content(html: str, page: Page, **_: Any) -> str:
    """Put the button that opens a lab below the first line of its page."""
    slug = page.file.src_uri.removeprefix("labs/").removesuffix(".md")
    if page.file.src_uri != f"labs/{slug}.md" or slug not in {lab.slug for lab in labs()}:
        return html
    root = get_relative_url("assets/", page.url).removesuffix("assets/")
    place = f'\n<div class="mh-open" data-open-lab="{slug}" data-root="{root}"></div>'
    script = f'\n<script src="{root}assets/open_lab.js" defer></script>'
    return _TOP.sub(lambda top: top.group() + place, html, count=1) + script


def on_post_build(config: Any, **_: Any) -> None:
    """A site from a plain web host knows of no JupyterLab; `up` answers this file itself."""
    Path(config["site_dir"], "lab.json").write_text("{}\n", encoding="utf-8")


def listed() -> str:
    """The page that lists all labs, as Markdown."""
    rows = [
        f"| [{lab.title}]({lab.slug}.md) | {_objective(lab.objectives[0])} | {lab.minutes} | {lab.points:g} |"
        for lab in labs()
    ]
    return f"""---
description: >-
  {len(labs())} labs on real nginx and HAProxy stacks, in the order of the course, with minutes and points.
---

# Labs

Real balancers, in a closed box on your own machine. Nothing you do in one can reach another machine. Break it, roll it
back, reset it, as often as you like.

```sh
./manyhands up
```

opens all of them in JupyterLab. `./manyhands lab NAME` opens one in the terminal.

| lab | among other things you will | minutes | points |
| --- | --- | --- | --- |
{chr(10).join(rows)}

The points matter only in a class. Without one, `lab.check(...)` answers as the grader would.
"""


def page_of(lab: Lab) -> str:
    """A lab's page, as Markdown."""
    programs = " and ".join(dict.fromkeys(_BALANCERS[one.proxy] for one in lab.stack.balancers))
    fair = lab.stack.fair_shares()
    least = min(fair.values())
    servers = [f"| {name} | {share / least:.3g} | {100 * share:.0f} % |" for name, share in fair.items()]
    checks = [f"| `{check.name}` | {_sentence(check.title)} | {check.points:g} |" for check in lab.checks]
    module = f"../{lab.module}/index.md"
    return f"""---
description: >-
  Lab: {lab.title}. About {lab.minutes} minutes on a real {programs} stack, judged by what its traffic does.
---

# {lab.title}

*Lab for [this module]({module}). About {lab.minutes} minutes. {lab.points:g} points.*

After this lab you can:

{_objectives(lab.objectives)}

## The shop

{_sentence(_plural(len(lab.stack.balancers), "balancer"))} ({programs}), {_plural(len(fair), "server")}.

| server | size | fair share |
| --- | --- | --- |
{chr(10).join(servers)}

{_VARIANTS if lab.rules else ""}## Start

```sh
./manyhands up                 # in JupyterLab: the folder labs/{lab.slug}
./manyhands lab {lab.slug}
```

The second line is the same lab in the terminal. Both work on the same files, so you can change over.

## What you hand in

{chr(10).join(f"- `{name}`" for name in lab.files)}

The notebook beside them is your guide and your logbook. It is kept, and never run by the grader.

## The checks

| check | what must be true | points |
| --- | --- | --- |
{chr(10).join(checks)}

Run a check as often as you like: nobody counts your tries against you. It tells what was *observed*, *why*, and what to
*try next*. The hints grow, and never hand you the answer. The grader asks the same, with some traffic that you have not
seen.
"""


def _objectives(lines: Sequence[str]) -> str:
    words = [line.partition(" ") for line in lines]
    return "\n".join(f"- **{verb.lower()}** {rest};" for verb, _, rest in words).removesuffix(";") + "."


def _objective(line: str) -> str:
    return line[0].lower() + line[1:]


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _plural(count: int, word: str) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    number = words[count] if count < len(words) else str(count)
    return f"{number} {word}{'s' if count != 1 else ''}"
