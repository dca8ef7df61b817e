"""blind.html as it is written: what is in it, what is left out of it, and what in it cannot tell the answer."""

import base64
import hashlib
import json
import re

import pytest
from support.html_page import Page

from tweetstyle.report.blind import FEWEST, Text, bare, level, write_blind

WORDS = "train late coffee rain winter bread stairs window keys market garden noise river bridge paper lamp".split()


def tweets(name: str, count: int, topics: int = 0) -> list[Text]:
    """Distinct texts of different lengths that say who wrote them."""
    words = [" ".join(WORDS[(i * 7 + j) % len(WORDS)] for j in range(2 + i % 9)) for i in range(count)]
    return [Text(f"{name}{i} {text}", f"subject {i % topics}" if topics else None) for i, text in enumerate(words)]


def written(path, real, others, language="en", seed=1, **more):
    assert write_blind(path, {"real": real} | others, language, seed, **more) == path
    return path.read_text(encoding="utf-8")


def data_of(source: str) -> dict:
    return json.loads(base64.b64decode(re.search(r'id="data">([^<]*)</script>', source)[1]))


@pytest.fixture
def page(tmp_path) -> str:
    return written(tmp_path / "blind.html", tweets("own", 60, 30), {"tuned": tweets("made", 60, 30), "examples": tweets("shown", 60, 30)})


def test_the_bytes_follow_from_the_seed(tmp_path):
    one, other, again = (
        written(tmp_path / f"{i}.html", tweets("own", 40), {"tuned": tweets("made", 40)}, seed=seed) for i, seed in enumerate((1, 2, 1))
    )
    assert one == again != other


def test_twenty_questions_of_one_subject_under_the_names_of_who_wrote_their_texts_on_either_side(page):
    tests, prefix = data_of(page)["tests"], {"real": "own", "tuned": "made", "examples": "shown"}
    assert {name: len(test["items"]) for name, test in tests.items()} == {"tuned": 20, "examples": 20, "tuned-examples": 20}
    for test in tests.values():
        assert 0 < sum(item["sources"][0] == test["aim"] for item in test["items"]) < 20
        for item in test["items"]:
            assert item["topic"] and all(text.startswith(prefix[of]) for text, of in zip(item["texts"], item["sources"], strict=True))
        assert len({text for item in test["items"] for text in item["texts"]}) == 40


def test_what_two_texts_share_is_called_what_it_is(tmp_path):
    sides = tweets("own", 40, 20), {"tuned": tweets("made", 40, 20)}
    for language, message, subject, introduction in (
        ("en", "playback", "In answer to: {topic}", "pairs answer one message and are of nearly equal length"),
        ("en", "first-words", "Begun with: {topic}", "pairs begin alike and are of nearly equal length"),
        ("fr", "topic", "Sujet\u00a0: {topic}", "les paires sont du même sujet et de longueur voisine"),
    ):
        source = written(tmp_path / "b.html", *sides, language=language, message=message)
        assert introduction in source and data_of(source)["words"]["subject"] == subject


@pytest.mark.parametrize(
    ("text", "shown"),
    [("see https://a.example/x?y=1 and www.b.example/z", "see [link] and [link]"), ("cut off https:", "cut off [link]"),
     ("cut off https://t.", "cut off [link]"), ("look [lien]", "look [link]"), ("hi @someone and @…", "hi @… and @…"),
     ("mail a@b.example", "mail a@b.example"), ("a &amp; b  ", "a & b"), ("a\u200bb\u202ec", "abc"), ("a\r\n\r\n\r\n\r\nb", "a\n\nb")],
)  # fmt: skip
def test_what_would_give_a_text_away_is_levelled(text, shown):
    assert level(text, "en") == shown


def test_copies_of_real_tweets_and_texts_that_say_nothing_are_left_out(tmp_path):
    real, made = tweets("own", 8), tweets("made", 8)
    copies = [Text(real[0].text.upper() + " !"), Text("Learned it by HEART."), Text("https://t.co/abc @someone"), Text(" "), made[0]]
    source = written(tmp_path / "b.html", real, {"tuned": made + copies}, learned=["learned it by heart"])
    items = data_of(source)["tests"]["tuned"]["items"]
    shown = {text: name for item in items for text, name in zip(item["texts"], item["sources"], strict=True)}
    assert sorted(text for text, name in shown.items() if name == "tuned") == sorted(text.text for text in made)
    assert bare("Learned it by HEART.") == bare("learned it by heart")


def test_with_too_few_texts_nothing_is_written_and_no_older_page_stays(tmp_path):
    path = tmp_path / "blind.html"
    assert write_blind(path, {"real": tweets("own", FEWEST - 1), "tuned": tweets("made", 30)}, "en", 1) is None
    assert not path.exists()
    written(path, tweets("own", FEWEST), {"tuned": tweets("made", 30)})
    assert write_blind(path, {"real": tweets("own", 30), "tuned": [], "examples": tweets("shown", 4)}, "en", 1) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_page_is_well_formed_and_its_policy_names_its_one_script_and_sheet(tmp_path, language):
    source = written(tmp_path / "b.html", tweets("own", 9), {"tuned": tweets("made", 9)}, language)
    found = Page(re.sub(r"<input([^>]*)>", r"<input\1/>", source))
    assert not found.errors
    assert found.elements[0] == ("html", {"lang": language})
    policy = found.all("meta")[1]["content"]
    (script,), (sheet,) = re.findall(r"<script>(.*?)</script>", source, re.S), re.findall(r"<style>(.*?)</style>", source, re.S)
    for kind, content in (("script", script), ("style", sheet)):
        assert f"{kind}-src 'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    assert not re.search(r"(?:src|href)=\"(?!#)|url\(|@import|\son\w+=\"", source)


def test_no_text_and_no_answer_can_be_read_from_the_source(page):
    assert not re.search(r"own\d|made\d|shown\d", page)
