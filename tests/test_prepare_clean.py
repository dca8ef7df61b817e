"""Noise goes, each with its reason; style stays byte for byte."""

from __future__ import annotations

import unicodedata
from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tweetstyle.prepare.clean import RULES, read_tweet, reason_to_drop
from tweetstyle.recipe import Data

NOON = "2021-03-05T12:00:00Z"
STYLE = [
    "…", "’", "™", "ﬁn", "ﬂots", "...", "«\u00a0oui\u00a0»", "quoi\u202f?", "MAIS NON", "  deux espaces", "\t", "\n\n", "!!!", "①", "½",
    "👨‍👩‍👧‍👦", "👍🏽", "🏳️‍🌈", "🇨🇦", "❤️", "❤", "café", "œuf", "Å", "ſ", "№", "：",
    "\u200b", "\u2028", "http", "t.co", "a@b", "&", "R&D", "&copy", "#été",
]  # fmt: skip
KEPT = "https://t.co/aB3"


def kept(raw: str) -> str:
    return read_tweet(raw).kept


def reason(raw: str, created_at: str = NOON, **settings) -> str | None:
    return reason_to_drop(read_tweet(raw), created_at, Data(source=Path("x.csv"), **settings))


@given(st.lists(st.sampled_from(STYLE) | st.text("abcdeéèêñÀ ’'?!;:,.…-😂🦊\u00a0\u202f\n", max_size=12), min_size=1, max_size=12))
def test_style_survives_byte_for_byte(fragments):
    text = unicodedata.normalize("NFC", "x " + " ".join(fragments) + " x")
    assert kept(text).encode() == text.encode()


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="&@/\r"), max_size=80))
def test_any_text_without_links_mentions_and_entities_only_loses_its_outer_space(text):
    assert kept(text) == unicodedata.normalize("NFC", text).strip()


@settings(max_examples=300)
@given(st.lists(st.sampled_from([*STYLE, " ", "\n", KEPT, "https://", "t.co/", "pic.twitter.com/x1", "@bob", "(", ")", ","]), max_size=14))
@example(["https:/", KEPT, "/t.co/b"])
def test_no_link_of_x_is_left_and_reading_twice_changes_nothing(fragments):
    once = kept("mot " + "".join(fragments))
    assert "https://t.co/" not in once and "pic.twitter.com/x1" not in once
    assert kept(once) == once


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("A &amp; B &lt;3 &gt; &#39;x&#39; &eacute;", "A & B <3 > 'x' é"),
        ("&amp;lt; une seule fois", "&lt; une seule fois"),
        ("sans point-virgule : &copy &lt", "sans point-virgule : &copy &lt"),
        ("cafe\u0301", "café"),
        ("ligne\r\nautre&#13;fin", "ligne\nautre\nfin"),
        ("lis ça https://t.co/aB3 !", "lis ça !"),
        ("lis ça https://t.co/aB3.", "lis ça."),
        ("lis ça (https://t.co/aB3 ) vite", "lis ça () vite"),
        ("lis (ici https://t.co/aB3) vite", "lis (ici) vite"),
        ("quoi\u202fhttps://t.co/aB3\u202f?", "quoi\u202f?"),
        ("https://t.co/aB3 d'abord", "d'abord"),
        ("un\nhttps://t.co/aB3\n\ndeux", "un\n\ndeux"),
        ("un https://t.co/aB3 https://t.co/cD4\ndeux", "un\ndeux"),
        ("fin HTTPS://T.CO/aB3", "fin"),
        ("photopic.twitter.com/Ab12", "photo"),
        ("coupé https://t.co/aB…", "coupé"),
        ("voir https://exemple.org/t.co/x", "voir https://exemple.org/t.co/x"),
        ("@bob @Lise_2 salut @zoe", "salut @zoe"),
        ("@bob, salut", "@bob, salut"),
        ("salut @bob", "salut @bob"),
    ],
)
def test_what_is_kept_of_a_text(raw, expected):
    assert kept(raw) == expected


def test_leading_mentions_mark_a_reply():
    assert read_tweet("@bob salut").is_reply and read_tweet("@a\n@b").is_reply
    assert not any(read_tweet(text).is_reply for text in (".@bob salut", "salut @bob", "@bob's", "a@b.fr"))


EXAMPLES = {
    "retweet": [
        "RT @bob: leur texte", "rt @bob leur texte", "RT : @bob leur texte", '"@bob: leur texte" oui', "@bob: leur texte à eux",
        "@bob : leur texte à eux", "tellement vrai RT @bob: leur texte", "haha MT @bob leur texte", "“@bob: leur texte” exact",
    ],
    "automatic post": [
        "Just posted a photo @ Montréal https://t.co/a", "I just posted a new video https://t.co/a",
        "Je viens de publier une photo @ Limoilou https://t.co/a", "J’ai aimé une vidéo @YouTube de https://t.co/a",
        "I liked a @YouTube video https://t.co/a", "I'm at Café Bric (Québec, QC) https://t.co/a",
        "3 followers, 1 unfollowed. Stats for the week by https://t.co/a", "Un titre d'article https://t.co/a via @journal",
        "J'ai parcouru 42,3 km en 2:11:08 avec VeloTrace https://t.co/a", "Wordle 245 4/6\n⬛🟨⬛⬛🟩",
        "The Tech Daily is out! https://t.co/a", "Ma semaine sur Twitter : 14 mentions",
        "#NowPlaying Une chanson, Un groupe https://t.co/a", "Now playing: a song https://t.co/a",
    ],
    "media only": ["pic.twitter.com/Ab12", "@bob pic.twitter.com/Ab12", "https://twitter.com/bob/status/12/photo/1"],
    "link only": ["https://t.co/a", "@bob https://t.co/a", "https://exemple.org/page …",
                  ": https://t.co/a https://t.co/b", "www.exemple.org"],
    "stock reply": [
        "Bonjour", "bonjour à tous !", "Merci!!", "@bob Merci beaucoup 😊", "Bonne journée à vous", "Merci et bonne soirée",
        "Thank you so much!", "Good morning everyone", "Joyeux Noël!", "avec grand plaisir", "Bonjour https://t.co/a", "merci @bob",
    ],
    "too short": ["ok", "@bob @lise oui", "🦊 https://t.co/a", "", "@bob", "court", "mot https://exemple.org/un/long/chemin"],
}  # fmt: skip
NO_EXAMPLES = [
    "aujourd'hui RTL a parlé de nous", "l'ART @ Paris, quelle merveille", "@bob :) tu viens demain", "@bob :D tu viens demain",
    "il est 10:30, @bob: non",
    "j'ai posté une lettre ce matin", "I'm at the end of my rope", "mes followers sont partis, quel dommage", "via @bob j'ai su la chose",
    "regarde ça https://t.co/a", "😂 😂 😂 😂 😂 😂 https://t.co/a", "Merci pour le pain d'hier",
    "bonjour la neige est revenue", "Nuit blanche à lire",
    "Hello, is it me you're looking for?", "tout à fait d'accord avec toi sur ce point",
]  # fmt: skip


@pytest.mark.parametrize(("rule", "raw"), [(rule, raw) for rule, texts in EXAMPLES.items() for raw in texts])
def test_the_rule_that_drops(rule, raw):
    assert reason(raw) == rule


@pytest.mark.parametrize("raw", NO_EXAMPLES)
def test_what_no_rule_drops(raw):
    assert reason(raw) is None


def test_every_rule_has_an_example():
    assert set(RULES) == {*EXAMPLES, "outside the period"}


def test_min_characters_counts_neither_links_nor_leading_mentions():
    raw = "@bob douze lettres https://exemple.org"
    assert reason(raw, min_characters=13) is None
    assert reason(raw, min_characters=14) == "too short"


def test_stock_replies_stay_when_asked():
    assert reason("Merci beaucoup !", stock_replies="keep") is None


def test_the_period_has_its_first_and_last_day_inside():
    text, march = "un tweet assez long", {"since": date(2021, 3, 1), "until": date(2021, 3, 31)}
    inside = ["2021-03-01T00:00:00Z", "2021-03-31T23:59:59Z"]
    outside = ["2021-02-28T23:59:59Z", "2021-04-01T00:00:00Z"]
    assert [reason(text, day, **march) for day in inside + outside] == [None, None, "outside the period", "outside the period"]
    assert [reason(text, day) for day in outside] == [None, None]
