"""What is learned of a text: noise goes, style stays byte for byte."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.cleaning import cleaned, kept

from tweetstyle.records import REPLY, TWEET

STYLE = [
    "…", "’", "™", "ﬁn", "ﬂots", "...", "«\u00a0oui\u00a0»", "quoi\u202f?", "MAIS NON", "  deux espaces", "\t", "\n\n", "!!!", "①", "½",
    "👨‍👩‍👧‍👦", "👍🏽", "🏳️‍🌈", "🇨🇦", "❤️", "❤", "☎︎", "🧑🏾‍🚀", "café", "œuf", "Å", "ſ", "№", "：", "\u200b", "\u2028",
    "http", "t.co", "a@b", "&", "R&D", "&copy", "&copyright;", "#été", "20 h 30", "3-2", "l'an 2000", "12 345 678 $",
]  # fmt: skip
LINK = "https://t.co/aB3"
KEY_BEGINS = "-----BEGIN PRIVATE KEY-----"


@given(st.lists(st.sampled_from(STYLE) | st.text("abcdeéèêñÀ ’'?!;:,.…-😂🦊\u00a0\u202f\n", max_size=12), min_size=1, max_size=12))
def test_style_survives_byte_for_byte(fragments):
    text = unicodedata.normalize("NFC", "x " + " ".join(fragments) + " x")
    assert kept(text).encode() == text.encode()


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="&@/\r"), max_size=80))
def test_any_text_without_links_mentions_and_entities_only_loses_its_outer_space(text):
    assert kept(text, personal_data="keep") == unicodedata.normalize("NFC", text).strip()


@settings(max_examples=300)
@given(st.lists(st.sampled_from([*STYLE, " ", "\n", LINK, "https://", "t.co/", "pic.twitter.com/x1", "@bob", "(", ")", ","]), max_size=14))
@example(["https:/", LINK, "/t.co/b"])
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
        ("&hellip; &rsquo;&nbsp;&#8239;&#x1F600; &copyright; &T;", "… ’\u00a0\u202f😀 &copyright; &T;"),
    ],
)
def test_what_is_kept_of_a_text(raw, expected):
    assert kept(raw) == expected


@pytest.mark.parametrize(
    ("archive", "expected"),
    [
        ({"is_reply": True, "reply_to": "7"}, (REPLY, "tu viens demain soir @…")),
        ({"is_reply": True}, (REPLY, "tu viens demain soir @…")),
        ({"is_reply": False, "reply_to": "7"}, (TWEET, "tu viens demain soir @…")),
        ({"is_reply": False}, (TWEET, "@… @… tu viens demain soir @…")),
        ({"is_reply": None}, (REPLY, "tu viens demain soir @…")),
    ],
)
def test_the_archive_s_word_decides_what_leading_mentions_are(archive, expected):
    found = cleaned("@bob @Lise_2 tu viens demain soir @zoe", archive=archive)
    assert (found.type, found.text) == expected


@pytest.mark.parametrize(
    ("raw", "removed", "replaced"),
    [
        ("lis ça https://t.co/aB3 !", "lis ça !", "lis ça [lien] !"),
        ("un https://t.co/aB3 https://t.co/cD4", "un", "un [lien] [lien]"),
        ("photopic.twitter.com/Ab12", "photo", "photo [lien]"),
        ("https://t.co/aB3\n\nd'abord", "d'abord", "[lien]\n\nd'abord"),
        ("voir https://exemple.org/x", "voir https://exemple.org/x", "voir https://exemple.org/x"),
    ],
)
def test_links_of_x_go_or_leave_a_placeholder_each(raw, removed, replaced):
    assert (kept(raw), kept(raw, links="placeholder")) == (removed, replaced)


@pytest.mark.parametrize(
    "raw",
    ["a" * 25_000, " " * 12_000 + "https://t.co/a", "@" * 25_000, "@a " * 8_000, "1 2 " * 6_000, "i'm at " + ",(" * 12_000, "&#38;" * 5_000,
     "followers " * 2_500, "http://t.c" * 2_500 + "t.co/", "sk-" * 8_000, "a.b@" * 6_000, "FR76 " * 5_000, KEY_BEGINS * 900,
     "RT @" * 6_000, "\n" * 25_000 + "t.co/", "bob (at) " * 3_000, "x" + " \n" * 12_000 + "pic."],
)  # fmt: skip
@pytest.mark.timeout(60)
def test_no_text_takes_quadratic_time(raw):
    """Each takes some hundredths of a second, and hours where an expression is tried from every character."""
    cleaned(raw)
