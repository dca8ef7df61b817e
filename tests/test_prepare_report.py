"""prepare's report.html, read as a browser reads it: what is on the page, and what can never be."""

import csv
import json
import re
import unicodedata
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from support.cleaning import cleaned
from support.html_page import Page
from support.two_languages import figures, left_in_english

from tweetstyle import locale
from tweetstyle.cleaning.archive_rules import REASONS
from tweetstyle.console import percent
from tweetstyle.locale import later
from tweetstyle.pages.render import asset
from tweetstyle.prepare import prepare
from tweetstyle.prepare.report import LONG_TWEET, QUOTING, Figures, Prepared, report_html
from tweetstyle.prepare.split import FEW_TWEETS
from tweetstyle.prompt.template import SpecialTokens, build_template
from tweetstyle.recipe import Data, Prompt
from tweetstyle.records import SPLITS, Dropped, Tweet
from tweetstyle.text.visible import visible
from tweetstyle.wording.words import Say

HOSTILE = "</p><script>alert(1)</script><img src=https://evil.example/x onerror=\"alert('2')\"> & \x00\x1b[31m \ud800 a\u202eb\u2066c\u200b"


def prepared(**changes) -> Prepared:
    """changes: of Prepared, or of its Figures."""
    dropped = {reason: 10 * place for place, reason in enumerate(REASONS)}
    samples = {
        reason: [Dropped("17" + str(place), reason, f"texte de {reason}", "2021-03-04T10:11:12Z", f"vu par {reason}")]
        for place, reason in enumerate(REASONS)
        if dropped[reason]
    }
    kept = 2000 - sum(dropped.values())
    figures = Figures(
        months={"2021-03": (1500, 1000), "2022-02": (500, 340)}, lengths=[30] * 700 + [130] * 600 + [290] * 20 + [4000] * 20,
        written=[5] * 90 + [30] * 800 + [130] * 700 + [290] * 20 + [4000] * 20,
        languages={"fr": 1000, "en": 300, "": 40}, samples=samples, kept_samples=[Tweet("1", "gardé tel quel", "2021-05-06T07:08:09Z")],
        split_days={"test": ("2022-01-10", "2022-02-03")},
    )  # fmt: skip
    plain = Prepared(
        read=2000, kept=kept, dropped=dropped, splits={"train": kept - 134, "mini-train": 100, "validation": 67, "test": 67},
        with_topic=900, first_day="2021-03-01", last_day="2022-02-03", sources=[("data/raw/moi.zip", "X's archive (zip)", 2000)],
        notices=["X says 2,100 tweets"], warnings=["few test days"], scrubbed={"e-mail": 12}, threads=7, duplicate_groups=1,
        figures=replace(figures, **{name: changes.pop(name) for name in list(changes) if name in Figures.__dataclass_fields__}),
    )  # fmt: skip
    return replace(plain, **changes)


def page(language="en", **changes) -> Page:
    return Page(report_html(prepared(**changes), language))


EMPTY = {
    "read": 0, "kept": 0, "dropped": {}, "splits": dict.fromkeys(SPLITS, 0), "with_topic": 0, "first_day": "", "last_day": "",
    "sources": [], "notices": [], "warnings": [], "scrubbed": {}, "months": {}, "lengths": [], "written": [], "languages": {},
    "samples": {},
    "kept_samples": [],
}  # fmt: skip
HOSTILE_EVERYWHERE = {
    "samples": {"retweet": [Dropped(HOSTILE, "retweet", HOSTILE, HOSTILE, HOSTILE)]}, "notices": [HOSTILE], "warnings": [HOSTILE],
    "kept_samples": [Tweet("1", HOSTILE, "", topic=HOSTILE, language='fr" onclick="x')], "sources": [(HOSTILE, HOSTILE, 3)],
    "scrubbed": {HOSTILE: 3}, "languages": {HOSTILE: 3},
}  # fmt: skip
TWELVE_YEARS = {f"{2012 + n // 12}-{n % 12 + 1:02}": (n + 1, n) for n in range(144)}


@pytest.mark.parametrize(
    "changes",
    [{}, EMPTY, {"months": TWELVE_YEARS}, {"months": {"": (2000, 1300)}}, HOSTILE_EVERYWHERE],
    ids=["usual", "empty", "144 months", "undated", "hostile"],
)  # fmt: skip
def test_the_page_is_well_formed_whatever_was_prepared(changes):
    found = page(**changes)
    assert not found.errors
    assert [name for name, _ in found.elements].count("h1") == 1
    assert found.elements[0] == ("html", {"lang": "en"})
    anchors = [attributes["href"].removeprefix("#") for attributes in found.all("a")]
    assert anchors == [attributes["id"] for attributes in found.all("section")]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_reason_is_on_the_page_with_its_count_its_sample_and_its_setting(language):
    found, say = page(language), Say(language)
    cells = [data for path, data in found.texts if "td" in path]
    named = {code.removeprefix("data.") for code in found.inside("code") if code.startswith("data.")}
    for reason, count in prepared().dropped.items():
        name = say.named("reasons", reason)
        if not count:
            assert " ".join(say("data_found_nothing", rules=name).split()) in found.text
            continue
        assert name in cells and str(count) in cells
        assert say("data_some", reason=name, shown=1, count=count) in found.inside("summary")
        assert f"texte de {reason}" in found.inside("blockquote") and f"vu par {reason}" in found.inside("bdi")
    assert "2021-03-04 10:11:12 UTC" in found.text
    # The other settings of Data change what is read, how a kept text looks, or how it is split.
    others = {"source", "author", "processed", "expected_count", "separator", "validation_fraction", "test_fraction", "mini_train", "seed"}
    assert named == set(Data.model_fields) - others


def test_the_page_in_french_has_the_same_figures_and_nothing_left_in_english():
    seen = [
        *(cleaned(text, min_characters=3).evidence for text in ("https://t.co/a https://t.co/b", "https://t.co/a", "ab", "a")),
        cleaned("texte", "", since="2020-01-01").evidence,
        *(cleaned("", archive={says: True}).evidence for says in ("is_retweet", "has_media")),
        *(later(text, id="17", text="texte", jaccard=0.85) for text in QUOTING.values()),
    ]
    samples = {"too short": [Dropped("17", "too short", "texte", "", evidence) for evidence in seen]}
    pages = [page(language, samples=samples, notices=[], warnings=[later(FEW_TWEETS, count=1200)]) for language in ("en", "fr")]
    texts = [" ".join(data for path, data in found.texts if "style" not in path) for found in pages]
    given = "gardé tel quel prepare drop placeholder dropped " + " ".join(pages[0].inside("code"))
    both = {"date", "dates", "tweetstyle", "archive", "photo", "version", "sites", "minimum", "gain", "raw", "moi"}
    assert left_in_english(*texts, given) <= both
    assert figures(texts[0]) == figures(texts[1])


def test_no_text_of_an_archive_becomes_part_of_the_page_and_what_hides_or_turns_text_is_written_out():
    source = report_html(prepared(**HOSTILE_EVERYWHERE))
    found = Page(source)
    assert {name for name, _ in found.elements} <= {name for name, _ in page().elements}
    assert not any(name.startswith("on") for _, attributes in found.elements for name in attributes)
    assert found.text.count("<script>alert(1)</script>") >= 9
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]", source)
    assert "a‹U+202E›b‹U+2066›c‹U+200B›" in source and "‹U+0000›‹U+001B›[31m ‹U+D800›" in source


def test_every_invisible_character_of_unicode_is_made_visible_and_style_stays():
    """By Python's own table of categories."""
    style = "👩🏽‍🚀 ❤️ 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f « ça\u202f! » l’été\u00a0… ™ ﬁ\tx\ny می‌خواهم"
    assert visible(style) == style
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


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Path, Path, Page]:
    """Source, output and page of prepare over the sample archive, with one of its tweets again and one with personal data."""
    directory = tmp_path_factory.mktemp("whole")
    sample = (Path(__file__).parents[1] / "data" / "sample" / "tweets.csv").read_text(encoding="utf-8-sig")
    source = directory / "mine.csv"
    lines = sample.splitlines(keepends=True)
    one = next(line for line in lines[1:] if '"' not in line)
    private = "1772496787282594562,écris-moi donc à lise@exemple.org ou au 418-555-0123,2024-03-26 05:32:20\n"
    source.write_text("".join([*lines, one, private]), encoding="utf-8")
    template = build_template("inst", "Someone", SpecialTokens("<s>", "</s>"))
    settings = Data(source=source, languages=("fr",), min_characters=10)
    prepare(settings, Prompt(style="Someone"), template, directory / "out")
    return source, directory / "out", Page((directory / "out" / "report.html").read_text(encoding="utf-8"))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_whole_run_s_figures_are_those_of_its_files(whole):
    source, out, found = whole
    read, dropped, kept = rows_of(source), rows_of(out / "dropped.csv"), rows_of(out / "tweets_tous_nettoyes.csv")
    assert f"Of {len(read):,} tweets, {len(dropped):,} were dropped and {len(kept):,} kept." in found.text
    reasons = Counter(row["reason"] for row in dropped)
    assert {"retweet", "duplicate id", "other language", "near duplicate", "too short"} <= set(reasons)
    for reason, count in reasons.items():
        name = Say("en").named("reasons", reason)
        titles = [title for title in found.inside("summary") if title.startswith(f"{name}: ")]
        assert len(titles) == 1 and re.fullmatch(rf"{name}: (all of them|\d of {count:,})", titles[0])
        assert f"−{count:,} ({percent(count / len(read))})" in found.inside("text")
    cells = [data.strip() for path, data in found.texts if "td" in path and data.strip()]
    splits = {name: [json.loads(line) for line in (out / f"{name}.jsonl").open(encoding="utf-8")] for name in SPLITS}
    for name, rows in splits.items():
        days = sorted(row["created_at"][:10] for row in rows)
        assert cells[cells.index(name) + 1 :][:3:2] == [f"{len(rows):,}", f"{days[0]} to {days[-1]}"]
    tweets = [row for name, rows in splits.items() if name != "mini-train" for row in rows]
    months, months_kept = Counter(row["date_creation"][:7] for row in read), Counter(row["created_at"][:7] for row in tweets)
    assert [t for t in found.inside("title") if re.match(r"\d{4}-\d\d:", t)] == [
        f"{month}: {months[month]:,} read, {months_kept[month]:,} kept" for month in sorted(months)
    ]
    lengths = Counter(min(len(row["tweet"]) // 20 * 20, LONG_TWEET) for row in tweets)
    for start, count in lengths.items():
        name = f"{start}+" if start == LONG_TWEET else f"{start} to {start + 19}"
        title = next(title for title in found.inside("title") if title.startswith(f"{name} characters: "))
        assert title.startswith(f"{name} characters: {count:,} kept ({percent(count / len(tweets))}, before ")
    # What is drawn above the kept: without min_characters these are the short ones, so that their share was larger before.
    short = re.search(r"0 to 19 characters: \d+ kept \((.*)%, before (.*)%\)", "\n".join(found.inside("title")))
    assert float(short[1]) < float(short[2])
    assert "the rules change how long the tweets are: of your own, " in found.text and " have 0 to 19 characters" in found.text
    french = sum(row["language"] == "fr" for row in tweets)
    assert f"{french:,} ({percent(french / len(tweets))})" in found.inside("text")
    assert cells[cells.index("e-mail") + 1] == cells[cells.index("telephone") + 1] == "1"
    assert "exemple.org" not in found.text


@pytest.mark.parametrize(
    "line",
    ["jour {n} : {m} pages, pis encore un café avant de dormir", "défi {n} sur 400 : {m} pompes ce matin avant le déjeuner, ouf",
     "day {n} of my diary: {m} pages and one more coffee before bed"],
)  # fmt: skip
def test_capped_lines_of_a_person_s_own_form_count_among_the_written_ones(tmp_path, line):
    words = "neige tempête soupe chandail métro fleuve voisine patinoire tuque érable".split()
    texts = [line.format(n=n, m=n * 7 % 90 + 10) for n in range(100, 400)]
    texts += [" ".join(words[(n // 10**k + k) % 10] for k in range(12)) + f" {words[n % 10]}{n}" for n in range(300)]
    days = [date(2020, 1, 1) + timedelta(days=n) for n in range(len(texts))]
    source = tmp_path / "t.csv"
    with source.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(
            [("id", "text", "date"), *((n + 1, text, day) for n, (text, day) in enumerate(zip(texts, days, strict=True)))]
        )
    template = build_template("inst", "Someone", SpecialTokens("<s>", "</s>"))
    found = prepare(Data(source=source, likely_languages=("fr", "en")), Prompt(style="Someone"), template, tmp_path / "out")
    assert found.dropped["automatic post"] == 290
    assert len(found.figures.written) >= 300 + found.kept - 10
    assert any("the rules change how long the tweets are" in locale._(warning) for warning in found.warnings)


@pytest.mark.parametrize(
    ("language", "drawn"), [("en", "are drawn, from the whole archive"), ("fr", "tirés au sort, dans toute l’archive")]
)
def test_the_page_says_that_texts_written_again_are_drawn(language, drawn):
    assert drawn in page(language).text
