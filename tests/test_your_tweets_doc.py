"""docs/your-tweets.md says what the program does: every rule, every setting with its default, every form that is read."""

import re
from pathlib import Path

import pytest
from support.cleaning import cleaned, reason

from tweetstyle.cleaning.archive_rules import REASONS
from tweetstyle.cleaning.clean import RULES
from tweetstyle.recipe import Data
from tweetstyle.sources import open_archive
from tweetstyle.sources.dates import read_date

DOCUMENT = Path(__file__).parents[1] / "docs" / "your-tweets.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")


def table_below(heading: str) -> list[list[str]]:
    """Cells of the first table behind a heading, its head left out."""
    lines = TEXT.split(f"## {heading}")[1].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    width = next(place for place, line in enumerate(lines) if line.startswith("|"))
    end = next(place for place, line in enumerate(lines[width:]) if not line.startswith("|"))
    return rows[2:end]


DROPPED = table_below("What is dropped")


def test_every_reason_stands_there_in_its_order():
    assert [row[0].strip("*") for row in DROPPED] == list(REASONS)


def test_every_example_is_dropped_by_its_rule():
    examples = {row[0].strip("*"): found[1] for row in DROPPED if (found := re.fullmatch(r"`(.+)`", row[2]))}
    assert len(examples) == 5 and set(examples) < set(RULES)
    assert {name: reason(example) for name, example in examples.items()} == {name: name for name in examples}


@pytest.mark.parametrize("name", Data.model_fields)
def test_every_setting_is_named_with_its_default(name):
    stated = re.findall(rf"`{name}: ([^`]+)`", TEXT)
    default = Data.model_fields[name].default
    if name in ("source", "processed"):
        assert f"`{name}`" in TEXT
    elif name in ("separator", "expected_count", "since", "until"):
        assert default is None and stated
    else:
        assert stated and stated[0] == (f"[{', '.join(default)}]" if isinstance(default, tuple) else str(default))


def test_the_dates_that_are_promised_are_read():
    promised = TEXT.split("Dates may look like ")[1].split("X's numbers")[0]
    forms = re.findall(r"`([^`]+)`", promised)
    assert len(forms) == 9
    assert [read_date(form, None).isoformat()[:10] for form in forms] == ["2021-03-05"] * 9


def test_what_becomes_of_a_text_is_true():
    assert cleaned("@bob cafe\u0301 &amp; thé « ! » ’… https://t.co/a d'après @lise").text == "café & thé « ! » ’… d'après @…"
    private = "lise@exemple.org, 418-555-0123, FR7630006000011234567890189, 4111 1111 1111 1111, ghp_" + "a1" * 18
    placeholders = re.findall(r"`(\[\w+\])`", TEXT.split("access keys of programs")[1].splitlines()[0])
    found = cleaned(f"voici {private}").text
    assert len(placeholders) == 5 and all(placeholder in found for placeholder in placeholders), found


def test_the_examples_of_files_are_read(tmp_path):
    for ending, fence in (("csv", r"((?:    id_tweet.*\n)(?:    .*\n)+)"), ("jsonl", r'(    \{"id".*\n)')):
        path = tmp_path / f"a.{ending}"
        path.write_text(re.sub("(?m)^    ", "", re.search(fence, TEXT)[1]), encoding="utf-8")
        (tweet,) = open_archive([path]).tweets()
        assert tweet[:3] == ("1774156516295706344", "on s'est rendus à la fin mars", "2024-03-30T19:27:30Z")
