"""The two glossaries say the same terms in the same order, and the settings that they name are the recipe's."""

import re
from pathlib import Path

import pytest

from tweetstyle.recipe import Lora, Sampling, Training

DOCS = Path(__file__).parents[1] / "docs"
ENGLISH, FRENCH = ((DOCS / name).read_text(encoding="utf-8") for name in ("glossary.md", "glossary.fr.md"))


def terms(page: str) -> list[list[str]]:
    return [re.findall(r"(?m)^\*\*(.+?)\*\*", section) for section in page.split("\n## ")[1:]]


def test_each_section_has_the_same_number_of_terms_in_both_languages():
    assert [len(section) for section in terms(ENGLISH)] == [len(section) for section in terms(FRENCH)]
    assert ENGLISH.count("\n| ") == FRENCH.count("\n| ") > 15


@pytest.mark.parametrize("page", [ENGLISH, FRENCH], ids=["en", "fr"])
def test_settings_and_recipes_that_it_names_are_there(page):
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)\b", page))
    assert named - {"load_dataset", "final_model"} <= {*Training.model_fields, *Lora.model_fields, *Sampling.model_fields}
    recipes = re.findall(r"recipes/[\w.-]+\.yaml", page)
    assert recipes and all((DOCS.parent / recipe).is_file() for recipe in recipes)
