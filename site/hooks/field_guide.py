"""The field guide: a page for each mistake of the catalogue, and lists by symptom, balancer and directive.

Nothing is written down twice: the words, configs and shares are those of ``autograder/mistakes``, where tests run
every example on the real balancers.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parents[2]))  # `mkdocs build` may be run by itself

from shares_picture import picture

from autograder.mistakes.catalogue import mistakes
from autograder.mistakes.episode import Episode
from autograder.mistakes.mistake import ANY_ONE, Example, Mistake

FOLDER = "field-guide"
BALANCERS = {"nginx": "nginx", "haproxy": "HAProxy"}
CLIENTS = {
    "many": "many clients",
    "office": "one office, one address",
    "subnet": "one network of 250 addresses",
    "few": "five clients",
    "behind-cdn": "clients behind a CDN",
    "kept-alive": "kept-alive connections",
    "zipf": "fifty addresses, some far busier",
    "streaming": "long streams",
}
STATES = {
    "all-up": "all servers up",
    "one-down": "one server down",
    "one-slow": "one server slow",
    "one-failing-fast": "one server answers errors at once",
    "just-reloaded": "just reloaded",
    "fresh-start": "just started",
    "overloaded": "too much work for all servers together",
    "recovering": "a server just came back",
}
"""Words for populations and states; one that is not here is told by its name."""
HEADINGS = {
    "one-server": "Nearly everything reaches one server",
    "errors": "Clients see errors",
    "skewed": "One server has far more than its part",
    "silent": "A server gets nothing, or next to it",
    "change-undone": "You changed it back, and it goes on",
}
"""Symptom → how a reader who has an incident now would say it, the worst first."""


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages."""
    for path, text in pages():
        files.append(File.generated(config, path, content=text))
    return files


def pages() -> Iterable[tuple[str, str]]:
    """Path below the docs folder → Markdown, for every page of the guide."""
    yield f"{FOLDER}/index.md", _by_symptom(mistakes())
    yield f"{FOLDER}/directives.md", _by_directive(mistakes())
    for mistake in mistakes():
        yield f"{FOLDER}/{mistake.slug}.md", _page(mistake)


def _by_symptom(entries: Sequence[Mistake]) -> str:
    parts = [
        _head("Every mistake of the catalogue that sends traffic where nobody meant it to go, by what you see."),
        "# Field guide to mistakes",
        f"*{len(entries)} mistakes that send traffic where nobody meant it to go. Each was run on the real balancers: "
        "the shares on its page were counted at the servers.*",
        "Start from what you see. Or look it up [by directive](directives.md). If you have the config at hand, let it "
        "be tried instead: [inspect a config](../reference/inspect.md).",
    ]
    for symptom, heading in HEADINGS.items():
        shows = [entry for entry in entries if symptom in entry.symptoms]
        own = [entry for entry in shows if _main_symptom(entry) == symptom]
        also = [entry for entry in shows if _main_symptom(entry) != symptom]
        if own:
            parts += [f"## {heading}", _listing(own)]
        # One that has it all has more than its part, and the others have nothing: that goes without saying.
        if also and symptom in ("errors", "change-undone"):
            parts.append(f"In some cases also: {_listed(_link(entry, names=False) for entry in also)}.")
    unseen = [entry for entry in entries if not entry.symptoms]
    if unseen:
        parts += ["## Nobody sees it, until somebody uses it", _listing(unseen)]
    return "\n\n".join(parts) + "\n"


def _listing(entries: Iterable[Mistake]) -> str:
    return "\n".join(f"- {_link(entry)}" for entry in sorted(entries, key=lambda entry: entry.title))


def _main_symptom(mistake: Mistake) -> str:
    """The first of :data:`HEADINGS` that it can show as strongly as any."""
    found = mistake.symptoms
    return max(found, key=lambda symptom: (found[symptom] >= 0.9 * max(found.values()), -[*HEADINGS].index(symptom)))


def _by_directive(entries: Sequence[Mistake]) -> str:
    parts = [
        _head("Every directive of nginx and HAProxy that the catalogue knows a trap of, in alphabetical order."),
        "# Mistakes by directive",
        "*Look up a line that you are about to change. For what you see on a graph, go [by symptom](index.md).*",
    ]
    for proxy, name in BALANCERS.items():
        rows: dict[str, list[Mistake]] = {}
        for entry in entries:
            if proxy in entry.proxies:
                for directive in entry.directives:
                    if _belongs(directive, proxy, entry):
                        rows.setdefault(directive, []).append(entry)
        table = [
            f"| `{directive}` | {_listed(_link(entry, names=False) for entry in found)} |"
            for directive, found in sorted(rows.items())
        ]
        parts += [f"## {name}", "\n".join(["| directive | what can go wrong |", "| --- | --- |", *table])]
    return "\n\n".join(parts) + "\n"


def _belongs(directive: str, proxy: str, mistake: Mistake) -> bool:
    """Whether a directive stands in one of the mistake's configs for this balancer."""
    words = directive.split()
    configs = [shown.config for shown in mistake.shown if shown.proxy == proxy]
    configs += [mistake.instead] if mistake.proxy == proxy else []
    return any(all(re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", config) for word in words) for config in configs)


def _link(mistake: Mistake, *, names: bool = True) -> str:
    return f"[{mistake.title}]({mistake.slug}.md)" + (f" ({_names(mistake)})" if names else "")


def _head(description: str) -> str:
    return f"---\ndescription: >-\n  {description}\n---"


def _page(mistake: Mistake) -> str:
    shown = _shown(mistake)
    parts = [
        _head(_description(mistake)),
        f"# {mistake.title}",
        f"*Field guide: `{mistake.slug}`. {_names(mistake)}: {mistake.versions}.*",
        mistake.what,
        "## What traffic shows",
        *[part for number, example in enumerate(shown) for part in _seen(mistake, number, example)],
        f"**How to see it.** {mistake.seen}",
        f"## Why it hurts\n\n{mistake.why}",
        "## Before and after",
        *[_before(example) for example in shown],
        f"**Mend.** {mistake.mend}",
        f"After, in {BALANCERS[mistake.proxy]}:\n\n{_code(mistake.proxy, mistake.instead)}",
        "## When it shows",
        f"Clients: {_listed(CLIENTS.get(name, name) for name in mistake.clients)}.\n\n"
        f"State: {_listed(STATES.get(name, name.replace('-', ' ')) for name in mistake.states)}.",
    ]
    if mistake.look_alikes:
        parts += [
            "## Looks like it, and is right",
            "\n".join(
                f"- **{like.name.replace('-', ' ')}** ({BALANCERS[like.proxy]}): {_sentence(like.why)}"
                for like in mistake.look_alikes
            ),
        ]
    parts += [
        "## Try it on your own config",
        "```sh\n./manyhands inspect nginx.conf\n```"
        if mistake.proxy == "nginx"
        else "```sh\n./manyhands inspect haproxy.cfg\n```",
        "[Inspect a config](../reference/inspect.md) says how. [All mistakes](index.md).",
        "## Sources",
        "\n".join(f"- {_source(source)}" for source in mistake.sources),
    ]
    return "\n\n".join(parts) + "\n"


def _shown(mistake: Mistake) -> list[Example | Episode]:
    """The first example for each balancer: one picture and one config a balancer are enough."""
    first: dict[str, Example | Episode] = {}
    for example in mistake.shown:
        first.setdefault(example.proxy, example)
    return list(first.values())


def _seen(mistake: Mistake, number: int, example: Example | Episode) -> Iterator[str]:
    if isinstance(example, Episode):
        yield _sentence(example.told)
    yield _figure(mistake, number, example)


def _figure(mistake: Mistake, number: int, example: Example | Episode) -> str:
    clients, claimed = next(iter(example.share.items()), ("many", {}))
    failed = 0.0 if isinstance(example, Episode) else example.failed
    if isinstance(example, Episode) and (example.returning or example.kept):
        clients, claimed = "those who were here before", example.returning or example.kept
    shares = {_server(server): claimed[server] for server in sorted(claimed)}
    rest = 1 - sum(claimed.values()) - failed
    if rest > 0.001:
        shares["all others"] = rest
    if not shares and not failed:
        return f"*{BALANCERS[example.proxy]}, {CLIENTS.get(clients, clients)}: see the tests of this entry.*"
    state = STATES.get(example.state, example.state.replace("-", " "))
    drawn = picture(
        f"{mistake.slug}-{number}",
        f"{BALANCERS[example.proxy]}: {CLIENTS.get(clients, clients)}",
        shares,
        failed,
    )
    caption = f"Counted at the servers; {state}. A test sends this traffic through the real {BALANCERS[example.proxy]}."
    return f"<figure>\n{drawn}\n<figcaption>{caption}</figcaption>\n</figure>"


def _server(name: str) -> str:
    return "one of them" if name == ANY_ONE else name


def _before(example: Example | Episode) -> str:
    lines = example.config.splitlines()
    words = "" if isinstance(example, Episode) else example.guilty
    guilty = [number for number, line in enumerate(lines, 1) if words and words in line]
    return f"Before, in {BALANCERS[example.proxy]}:\n\n{_code(example.proxy, example.config, guilty[:1])}"


def _code(proxy: str, text: str, marked: list[int] | None = None) -> str:
    lights = f' hl_lines="{" ".join(map(str, marked))}"' if marked else ""
    language = "nginx" if proxy == "nginx" else "haproxy"
    return f"``` {{.{language}{lights}}}\n{text.rstrip()}\n```" if lights else f"```{language}\n{text.rstrip()}\n```"


def _description(mistake: Mistake) -> str:
    """At most 160 characters for a search engine: the beginning of what it is."""
    plain = re.sub(r"[`*]", "", " ".join(mistake.what.split()))
    if len(plain) <= 155:
        return plain if len(plain) >= 40 else f"{plain} How to see it, and the mend."
    return plain[:150].rsplit(" ", 1)[0].rstrip(",;:") + " …"


def _names(mistake: Mistake) -> str:
    return " and ".join(BALANCERS[proxy] for proxy in mistake.proxies)


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _source(source: str) -> str:
    if source.startswith("https://"):
        return f"<{source}>"
    return f"Our own measurement {source}"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
