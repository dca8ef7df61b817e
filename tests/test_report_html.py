"""report.html, read as a browser reads it: what is on the page, and what can never be."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from support.html_page import Page

from tweetstyle.cleaning.dropped import REASONS
from tweetstyle.console import bar, percent
from tweetstyle.pages.charts import THINNEST
from tweetstyle.pages.render import asset
from tweetstyle.prepare.report import REASONS as EXPLAINED
from tweetstyle.prepare.report import Prepared
from tweetstyle.prepare.report_html import LONGEST_SAMPLE, PURPOSE, report_html
from tweetstyle.prepare.report_times import LONG_TWEET
from tweetstyle.recipe import Data
from tweetstyle.records import SPLITS, Dropped, Tweet, by_year
from tweetstyle.text.visible import visible

HOSTILE = "</p><script>alert(1)</script><img src=https://evil.example/x onerror=\"alert('2')\"> & \x00\x1b[31m \ud800 a\u202eb\u2066c\u200b"


def prepared(**changes) -> Prepared:
    dropped = {reason: 10 * place for place, reason in enumerate(REASONS)}
    samples = {
        reason: [Dropped("17" + str(place), reason, f"texte de {reason}", "2021-03-04T10:11:12Z", f"vu par {reason}")]
        for place, reason in enumerate(REASONS)
        if dropped[reason]
    }
    kept = 2000 - sum(dropped.values())
    plain = Prepared(
        read=2000, kept=kept, dropped=dropped, splits={"train": kept - 134, "mini-train": 100, "validation": 67, "test": 67},
        with_topic=900, first_day="2021-03-01", last_day="2022-02-03", outputs=[],
        sources=[("data/raw/moi.zip", "X's archive (zip)", 2000)],
        notices=["X says 2,100 tweets"], warnings=["few test days"], scrubbed={"e-mail": 12, "IBAN": 0}, threads=7, twin_clusters=1,
        months={"2021-03": (1500, 1000), "2022-02": (500, 340)}, lengths={20: 700, 120: 600, 280: 20, 4000: 20},
        languages={"fr": 1000, "en": 300, "": 40}, samples=samples, kept_samples=[Tweet("1", "gardé tel quel", "2021-05-06T07:08:09Z")],
        split_days={"test": ("2022-01-10", "2022-02-03")},
    )  # fmt: skip
    return replace(plain, **changes)


def page(**changes) -> Page:
    return Page(report_html(prepared(**changes), "Titre"))


EMPTY = {
    "read": 0, "kept": 0, "dropped": {}, "splits": dict.fromkeys(SPLITS, 0), "with_topic": 0, "first_day": "", "last_day": "",
    "sources": [], "notices": [], "warnings": [], "scrubbed": {}, "months": {}, "lengths": {}, "languages": {}, "samples": {},
    "kept_samples": [],
}  # fmt: skip
TWELVE_YEARS = {f"{2012 + n // 12}-{n % 12 + 1:02}": (n + 1, n) for n in range(144)}


@pytest.mark.parametrize(
    "changes",
    [{}, EMPTY, {"months": TWELVE_YEARS}, {"months": {"2021-03": (1, 1)}}, {"months": {"": (2000, 1300)}},
     {"dropped": dict.fromkeys(REASONS, 0)},  {"months": {"0001-01": (1, 1), "9999-12": (1, 1)}},
     {"samples": {"retweet": [Dropped("1", "retweet", HOSTILE, "", HOSTILE)]}}],
    ids=["usual", "empty", "144 months", "one month", "undated", "nothing dropped", "far years", "hostile"],
)  # fmt: skip
def test_the_page_is_well_formed_whatever_was_prepared(changes):
    found = page(**changes)
    assert not found.errors
    assert [name for name, _ in found.elements].count("h1") == 1
    assert found.elements[0] == ("html", {"lang": "en"})
    anchors = [attributes["href"].removeprefix("#") for attributes in found.all("a")]
    assert anchors == [attributes["id"] for attributes in found.all("section")]


def test_the_check_of_form_sees_a_tag_that_is_not_closed():
    assert Page("<p><b>x</p>").errors


def test_every_reason_is_on_the_page_with_its_count_its_sample_and_its_setting():
    found = page()
    cells = [data for path, data in found.texts if "td" in path]
    for reason, count in prepared().dropped.items():
        if not count:
            assert f"nothing to drop: {reason}." in found.text
            continue
        assert reason in cells and str(count) in cells
        assert f"{reason}: 1 of {count}" in found.inside("summary")
        assert f"texte de {reason}" in found.inside("blockquote") and f"vu par {reason}" in found.inside("bdi")
        for key in EXPLAINED[reason].settings:
            assert f"data.{key}" in found.inside("code")
    assert "2021-03-04 10:11:12 UTC" in found.text


def test_every_reason_that_prepare_has_is_explained_with_settings_that_the_recipe_has():
    assert set(EXPLAINED) == set(REASONS)
    for explained in EXPLAINED.values():
        assert explained.meaning.endswith(".") and explained.advice.endswith(".")
        assert set(explained.settings) <= set(Data.model_fields)


def test_every_setting_that_drops_tweets_is_named_for_its_reason():
    """The settings of Data that are none of these change what is read, how a kept text looks, or how it is split."""
    others = {
        "source", "processed", "expected_count", "separator", "personal_data", "handles", "validation_fraction", "test_fraction",
        "mini_train", "seed",
    }  # fmt: skip
    assert {key for explained in EXPLAINED.values() for key in explained.settings} == set(Data.model_fields) - others


def test_a_reason_that_the_table_does_not_have_is_shown_all_the_same():
    found = page(dropped={"new rule": 5}, samples={"new rule": [Dropped("1", "new rule", "texte")]})
    assert "new rule: 1 of 5" in found.inside("summary") and "texte" in found.inside("blockquote")


HOSTILE_EVERYWHERE = {
    "samples": {"retweet": [Dropped(HOSTILE, "retweet", HOSTILE, HOSTILE, HOSTILE)]}, "notices": [HOSTILE], "warnings": [HOSTILE],
    "kept_samples": [Tweet("1", HOSTILE, "", topic=HOSTILE, language='fr" onclick="x')], "sources": [(HOSTILE, HOSTILE, 3)],
    "scrubbed": {HOSTILE: 3}, "languages": {HOSTILE: 3},
}  # fmt: skip


def test_no_text_of_an_archive_becomes_part_of_the_page():
    source = report_html(prepared(**HOSTILE_EVERYWHERE), HOSTILE)
    found = Page(source)
    assert not found.errors
    assert {name for name, _ in found.elements} <= {name for name, _ in page().elements}
    assert not any(name.startswith("on") for _, attributes in found.elements for name in attributes)
    assert found.text.count("<script>alert(1)</script>") >= 9
    source.encode("utf-8")


def test_what_hides_or_turns_text_is_written_out():
    source = report_html(prepared(**HOSTILE_EVERYWHERE), HOSTILE)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]", source)
    assert "a‹U+202E›b‹U+2066›c‹U+200B›" in source and "‹U+0000›‹U+001B›[31m ‹U+D800›" in source


@pytest.mark.parametrize(
    "text", ["👩🏽‍🚀 ❤️ 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "« ça\u202f! » l’été\u00a0… ™ ﬁ\tx\ny", "می‌خواهم"]
)
def test_style_is_shown_as_it_is(text):
    assert visible(text) == text


def test_every_invisible_character_of_unicode_is_made_visible():
    """By Python's own table of categories."""
    import unicodedata

    hidden = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in "\n\t"]
    assert len(hidden) > 2000
    assert [c for c in hidden if visible(f"a{c}b") != f"a‹U+{ord(c):04X}›b"] == []


def test_nothing_comes_from_the_network_and_nothing_runs():
    found = page(**HOSTILE_EVERYWHERE)
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form", "audio", "video"} & {
        name for name, _ in found.elements
    }
    for _, attributes in found.elements:
        assert all(attributes[name].startswith("#") for name in ("href", "src", "xlink:href", "action", "style") if name in attributes)
    sheet = asset("pages/style.css")
    assert "url(" not in sheet and "@import" not in sheet and "//" not in sheet
    policy = next(attributes["content"] for attributes in found.all("meta") if "http-equiv" in attributes)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_a_leak_of_nothing_is_said_in_words_and_a_leak_is_a_warning():
    assert "Leak: 0. No held-out tweet has the same" in page().text
    found = page(leak=3)
    assert "Leak: 3. 3 held-out tweets have a near-duplicate in another split" in found.text and "Leak: 0" not in found.text


def test_the_funnel_leaves_what_was_kept():
    """The bars' widths against the counts."""
    found = Page(report_html(prepared(months={}, lengths={}, languages={}), "x"))
    left = [float(a["width"].rstrip("%")) for a in found.all("rect") if a["class"] == "front"]
    lost = [float(a["width"].rstrip("%")) for a in found.all("rect") if a["class"] == "lost"]
    losses = [count for count in prepared().dropped.values() if count]
    assert len(left) == len(losses) + 2 and left[0] == 100 and left[-1] == left[-2] == round(100 * prepared().kept / 2000, 2)
    assert lost == [round(100 * count / 2000, 2) for count in losses] and min(lost) > THINNEST


def test_a_silent_year_is_a_gap_of_columns_and_long_periods_have_few_labels():
    assert len([t for t in page().inside("title") if re.match(r"\d{4}-\d\d:", t)]) == 12
    found = page(months=TWELVE_YEARS)
    assert len([t for t in found.inside("title") if re.match(r"\d{4}-\d\d:", t)]) == 144
    labels = [data for path, data in found.texts if path[-1:] == ("text",) and re.fullmatch(r"20\d\d", data)]
    assert labels == ["2012", "2014", "2016", "2018", "2020", "2022"]


def test_many_years_become_columns_of_years_with_the_same_sums():
    months = {f"{1990 + n // 12}-{n % 12 + 1:02}": (2, 1) for n in range(300)}
    found = page(months=months)
    assert "1990: 24 read, 12 kept" in found.inside("title") and by_year(months)["2014"] == (24, 12)


def test_long_tweets_share_a_column_and_the_median_is_right():
    found = page()
    assert f"{LONG_TWEET}+ characters: 20 (1.5%)" in found.inside("title")
    assert "Median length: 20–39 characters." in found.text
    assert "Median length: 120–139 characters." in page(lengths={20: 600, 120: 700}).text


def test_the_parts_stand_with_their_days_and_what_they_are_for():
    found = page()
    assert "2022-01-10 to 2022-02-03" in found.inside("td")
    assert set(PURPOSE) == set(SPLITS) and set(PURPOSE.values()) <= set(found.inside("td"))
    assert "Kept whole: 7 threads and 1 group of near-duplicates." in found.text


def test_each_text_has_its_own_direction_and_language():
    found = page(kept_samples=[Tweet("1", "שלום", "", language="he"), Tweet("2", "ok", "")])
    texts = [attributes for attributes in found.all("p") if attributes.get("class") == "text"]
    assert {attributes["dir"] for attributes in texts} == {"auto"}
    assert [attributes["lang"] for attributes in texts][:2] == ["he", ""]


def test_a_long_text_is_cut_and_says_so():
    found = page(kept_samples=[Tweet("1", "x" * (LONGEST_SAMPLE + 1500), "")])
    assert "x" * LONGEST_SAMPLE in map(str.strip, found.inside("blockquote")) and "[1,500 more characters]" in found.text


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_can_be_read(scheme):
    """WCAG 2: 4.5 for letters, 3 for shapes, against what is behind them."""
    sheet = asset("pages/style.css").split("@media (prefers-color-scheme: dark)")[scheme]
    colours = {name: luminance(value) for name, value in re.findall(r"--([a-z-]+): #([0-9a-f]{6})", sheet)}
    for letters, ground, least in [
        ("ink", "page", 7), ("ink", "box", 7), ("soft", "page", 4.5), ("soft", "box", 4.5), ("good", "page", 4.5),
        ("warn", "warn-box", 4.5), ("front", "page", 4.5), ("lost", "page", 3),
    ]:  # fmt: skip
        light, dark = sorted((colours[letters], colours[ground]), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= least, (letters, ground)


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_share_is_never_rounded_to_nothing_or_to_all():
    assert [percent(share) for share in (0, 1e-6, 0.001, 0.5, 0.9999, 1)] == ["0.0%", "<0.1%", "0.1%", "50.0%", ">99.9%", "100.0%"]
    assert [bar(share, 4) for share in (0, 1e-6, 0.5, 1)] == ["", "▏", "██", "████"]


def test_the_same_figures_give_the_same_bytes():
    assert report_html(prepared(), "x") == report_html(prepared(), "x")
