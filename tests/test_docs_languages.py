"""Pages in English and French have the same sections, commands and figures, and every link in the docs leads somewhere."""

import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FRENCH = sorted([*ROOT.glob("*.fr.md"), *ROOT.glob("docs/*.fr.md")])
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
FENCED = re.compile(r"(?ms)^```.*?^```$")
INDENTED = re.compile(r"(?m)(?<=\n\n)(?: {4,}(?![-*] |\d+\. )\S.*\n(?:(?: {4}.*)?\n(?= {4}))*)+")
COMMAND = re.compile(r" +(?:tweetstyle|make|ollama|hf|docker|rclone|sudo|git|cd|source|python)\b(?!/)")
OF_DEVELOPERS = {"CHANGELOG.md", "CONTRIBUTING.md", "architecture.md"}


def english_of(french: Path) -> Path:
    return french.with_name(french.name.replace(".fr.md", ".md"))


def blocks(text: str) -> list[str]:
    return FENCED.findall(text) + INDENTED.findall(FENCED.sub("", text))


def prose(text: str) -> str:
    """Without code, link targets and pictures."""
    text = INDENTED.sub("", FENCED.sub("", text))
    return re.sub(r"`[^`]*`|<[^>]*>|\]\([^)]*\)", " ", text)


def figures(text: str, *, french: bool) -> Counter:
    """Numbers without the signs that group thousands, with a decimal point."""
    if french:
        text = re.sub(r"(?<=\d)[\u202f\u00a0](?=\d{3}(?!\w))", "", text)
        text = re.sub(r"(?<=\d),(?=\d)", ".", text)
    else:
        text = re.sub(r"(?<=\d),(?=\d{3}(?!\w))", "", text)
    return Counter(re.findall(r"\d+(?:\.\d+)*", text))


def code(block: str) -> list[str]:
    """Its commands, or the whole of an example in a language; without comments."""
    lines = [re.sub(r"\s*# .*", "", line) for line in block.splitlines()]
    return lines if block.startswith("```") else [line for line in lines if COMMAND.match(line)]


def anchors(page: Path) -> set[str]:
    """Of the headings, as GitHub makes them."""
    headings = re.findall(r"(?m)^#+ (.+)$", FENCED.sub("", page.read_text(encoding="utf-8")))
    kept = lambda sign: sign in " -_" or unicodedata.category(sign)[0] in "LN"  # noqa: E731
    return {"".join(filter(kept, heading.lower())).replace(" ", "-") for heading in headings}


def test_every_page_for_users_exists_in_both_languages():
    assert {page.name for page in PAGES if ".fr." not in page.name} - {english_of(page).name for page in FRENCH} == OF_DEVELOPERS


@pytest.mark.parametrize("page", FRENCH, ids=lambda page: page.name)
def test_a_page_says_the_same_in_both_languages(page):
    french, english = page.read_text(encoding="utf-8"), english_of(page).read_text(encoding="utf-8")
    assert f"({english_of(page).name})" in french.split("\n## ")[0]
    assert f"({page.name})" in english.split("\n## ")[0]
    assert re.findall(r"(?m)^#+(?= )", FENCED.sub("", french)) == re.findall(r"(?m)^#+(?= )", FENCED.sub("", english))
    for part_french, part_english in zip(french.split("\n## "), english.split("\n## "), strict=True):
        name = part_english.splitlines()[0]
        assert len(blocks(part_french)) == len(blocks(part_english)), name
        for block_french, block_english in zip(blocks(part_french), blocks(part_english), strict=True):
            assert code(block_french) == code(block_english)
            if block_french != block_english:
                assert figures(block_french, french=True) == figures(block_english, french=False), name
        difference = figures(prose(part_english), french=False), figures(prose(part_french), french=True)
        assert difference[0] == difference[1], f"{name}: {difference[0] - difference[1]} {difference[1] - difference[0]}"
        assert part_french.count("\n|") == part_english.count("\n|"), name


def test_no_page_has_the_marks_of_an_unfinished_merge():
    assert [page.name for page in PAGES if re.search(r"(?m)^(?:<{7}|={7}|>{7})(?= |$)", page.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_prose_wraps_at_100_columns(page):
    lines = FENCED.sub("", page.read_text(encoding="utf-8")).splitlines()
    prose = [line for line in lines if "|" not in line[:6] and not line.startswith(" " * 4)]
    assert [line for line in prose if len(line) > 100 and " " in line] == []
    assert not [line for line in lines if line.startswith(("<<<<<<< ", ">>>>>>> "))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", page.read_text(encoding="utf-8"))):
        if not target.startswith("https://"):
            path, _, anchor = target.partition("#")
            assert (linked := page.parent / path if path else page).is_file(), target
            assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("page", FRENCH, ids=lambda page: page.name)
def test_french_has_its_signs(page):
    """No-break spaces before high punctuation and within « », typographic apostrophes."""
    wrong = re.findall(r".{,20}(?:\w'\w| [;:!?](?=\s)|« | »).{,20}", prose(page.read_text(encoding="utf-8")))
    assert wrong == []
