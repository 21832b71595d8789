"""The field guide has a page for each mistake of the catalogue, and every list leads to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.bench.site.page import Page
from autograder.mistakes.catalogue import mistakes

SLUGS = [mistake.slug for mistake in mistakes()]


@pytest.mark.parametrize("name", ["index", "directives"])
def test_a_list_leads_to_every_mistake(site: Path, name: str) -> None:
    index = Page(site, f"field-guide/{name}.html")
    led_to = {Path(address).stem for address in index.links() if "/" not in address.removeprefix("./")}
    wanted = {mistake.slug for mistake in mistakes() if name == "index" or mistake.directives}
    assert wanted <= led_to


@pytest.mark.parametrize("slug", SLUGS)
def test_a_page_shows_words_config_and_shares(site: Path, slug: str) -> None:
    page = Page(site, f"field-guide/{slug}.html")
    mistake = next(one for one in mistakes() if one.slug == slug)
    assert page.article.h1 is not None
    assert page.article.h1.get_text().startswith(mistake.title.split("`")[0])
    assert page.article.select("figure svg title")
    code = [block.get_text() for block in page.article.select("pre code")]
    for config in {mistake.instead, mistake.shown[0].config}:
        assert any(config.strip() == text.strip() for text in code), config
    for source in mistake.sources:
        assert source in page.article.get_text()
