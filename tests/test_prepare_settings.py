"""Every rule's threshold: what one value drops, another keeps. The rules for single tweets first, then those for the whole archive."""

from collections import Counter, defaultdict
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cleaning import cleaned, reason

from tweetstyle.cleaning.archive_rules import Candidate, apply, cap_repeats
from tweetstyle.cleaning.near_duplicates import folded, near_duplicates
from tweetstyle.recipe import Data

WORDS = "neige vélo café métro fleuve jardin piano nuage tramway raquette sapin marmotte".split()
OWN = [
    f"{WORDS[n % 12]} et {WORDS[(n * 5 + 1) % 12]} : {['jamais', 'toujours', 'parfois'][n % 3]} sans mon {WORDS[(n * 7 + 2) % 12]}"
    for n in range(12)
]
RUNS = [f"ma sortie à vélo de {n},{n % 7} km ce matin sur la piste en {40 + n} minutes" for n in range(10, 22)]
SPANISH = "No sé por qué la nieve siempre llega cuando más falta me hace el sol de mi tierra"
MIXED = "Important meeting, long weekend, grand hotel international"
EQUAL = ["la neige est tombée toute la nuit sur le jardin", "la neige est tombée toute la nuit sur le jardin !"]
NEAR = ["la neige est tombée toute la nuit sur le jardin de ma voisine", "la neige est tombée toute la nuit sur le jardin de mon voisin"]

SINGLE = {
    "outside the period": ("un tweet assez long", {"since": date(2021, 3, 6)}, {"since": date(2021, 3, 5)}),
    "retweet": ("RT @bob: leurs mots à eux", {}, {"retweets": "keep"}),
    "automatic post": ("I just posted a photo @ Québec https://t.co/a", {}, {"automatic_posts": "keep"}),
    "media only": ("https://twitter.com/bob/status/12/photo/1", {}, {"media_only": "keep"}),
    "link only": ("https://exemple.org/page", {}, {"link_only": "keep"}),
    "too short": ("neuf sign", {"min_characters": 10}, {"min_characters": 9}),
}
"""Rule → a text, settings that drop it (on 2021-03-05), settings that keep it."""

SHORT = ["mdr", "MDR !!", "mdr 😂", "Merci !", "merci", "Bonjour", "Bonjour", "Bonjour"]
HABIT = ["Bon matin tout le monde, je vous souhaite à chacun une belle journée !"] * 12
SAYS_OTHERWISE = [
    text.format(word)
    for text, *words in (
        ("j'ai vu le film hier soir avec ma soeur et franchement c'est {}bon", "", "pas "),
        ("ça fait {} ans que je marche dans cette forêt avec mon vieux chien", "12", "13"),
        ("i have been walking in this old forest with {} of my dogs today", "three", "four"),
        ("je te dis que c'est tout à fait {}possible de trouver une place ici le samedi", "", "im"),
        ("my neighbours were so {}happy with the new colour of the old ferry this year", "", "un"),
        ("we do{} want to see that movie again with the whole family next week", "", "n't"),
    )
    for word in words
]
YEARS = [SAYS_OTHERWISE[2].replace("12", str(years)) for years in range(12, 42)]
FRENCH_OR_SPANISH = {"likely_languages": ("fr", "es")}
WHOLE = {
    "automatic post, by repeats": ("automatic post", RUNS, {"automatic_repeats": 4}, {}, 8, 2),
    "automatic post, kept": ("automatic post", RUNS, {}, {"automatic_posts": "keep"}, 2, 0),
    "other language, if asked": ("other language", [SPANISH], FRENCH_OR_SPANISH | {"languages": ("fr",)}, FRENCH_OR_SPANISH, 1, 0),
    "other language, by how sure": (
        "other language", [MIXED], {"languages": ("fr",), "language_confidence": 0.7}, {"languages": ("fr",), "language_confidence": 0.95},
        1, 0,
    ),
    "duplicate, kept": ("duplicate", EQUAL, {}, {"repeats": "keep"}, 1, 0),
    "short texts written again": ("duplicate", SHORT, {"repeats": "drop"}, {}, 5, 0),
    "a habit": ("duplicate", HABIT, {"repeats": "drop"}, {}, 11, 6),
    "a long text, fewer times": ("duplicate", HABIT[:9], {}, {"repeats": "keep"}, 4, 0),
    "another number or a negation": ("near duplicate", SAYS_OTHERWISE, {"repeats": "drop"}, {}, 0, 0),
    "another number, ever again": ("near duplicate", YEARS, {"repeats": "drop", "automatic_repeats": 99}, {"automatic_repeats": 99}, 0, 0),
    "near duplicate, kept": ("near duplicate", NEAR, {}, {"repeats": "keep"}, 1, 0),
    "near duplicate, by likeness": ("near duplicate", NEAR, {}, {"near_duplicate_jaccard": 0.95}, 1, 0),
}  # fmt: skip
"""Claim → reason, texts, settings that drop more of them, settings that drop fewer, how many by each."""


@pytest.mark.parametrize("rule", SINGLE)
def test_a_rule_for_single_tweets_follows_its_setting(rule):
    text, dropping, keeping = SINGLE[rule]
    assert reason(text, **dropping) == rule
    assert cleaned(text, **keeping).reason == "" and cleaned(text, **keeping).text


def test_texts_that_say_otherwise_are_near_duplicates_by_their_letters():
    assert [pair[:2] for pair in near_duplicates(SAYS_OTHERWISE, 0.75).pairs] == [
        (place + 1, place) for place in range(0, len(SAYS_OTHERWISE), 2)
    ]


def dropped(texts: list[str], **settings) -> Counter[str]:
    """What the rules for the whole archive say of these texts among others of one's own."""
    candidates = [Candidate(place, str(place), text, text) for place, text in enumerate([*OWN, *texts])]
    apply(candidates, Data(source=Path("x.csv"), **settings))
    assert not any(candidate.reason for candidate in candidates[: len(OWN)])
    return Counter(candidate.reason for candidate in candidates if candidate.reason)


@pytest.mark.parametrize("claim", WHOLE)
def test_a_rule_for_the_whole_archive_follows_its_setting(claim):
    rule, texts, one, other, by_one, by_other = WHOLE[claim]
    assert dropped(texts, **one) == Counter({rule: by_one})
    assert dropped(texts, **other) == +Counter({rule: by_other})


def kept_of(lines: list[str], repeats: str = "cap") -> tuple[Counter[str], Counter[str]]:
    """How often each text was written, and how often it is kept, among others of one's own."""
    candidates = [Candidate(place, str(place), text, text) for place, text in enumerate([*lines, *OWN])]
    cap_repeats(candidates, Data(source=Path("x.csv"), repeats=repeats))
    clusters = defaultdict(set)
    for candidate in candidates:
        clusters[folded(candidate.text)].add(candidate.cluster)
    assert all(len(found) == 1 for found in clusters.values()), "all copies are in one cluster"
    return Counter(folded(c.text) for c in candidates), Counter(folded(c.text) for c in candidates if not c.reason)


def is_short(text: str) -> bool:
    return len(text) < 50 and len(text.split()) < 8


LINES = [*SHORT, *HABIT[:1], *NEAR, *SAYS_OTHERWISE, "c'est ça", "une semaine de plus !"]


@given(st.lists(st.sampled_from(LINES), max_size=120), st.sampled_from(["cap", "drop", "keep"]))
@settings(max_examples=60, deadline=None)
def test_the_share_of_every_text_stays_within_a_factor_of_two(lines, repeats):
    """And that of the short ones together; a text that could be recited keeps at most half of its copies."""
    written, kept = kept_of(lines, repeats)
    if repeats == "keep":
        assert kept == written
    elif repeats == "drop":
        assert max(kept.values()) == 1
    else:
        alone = written.keys() - {folded(text) for text in NEAR}
        for text in alone:
            assert kept[text] == (written[text] if is_short(text) else (written[text] + 1) // 2)
            assert 0.5 <= (kept[text] / kept.total()) / (written[text] / written.total()) <= 2
        shares = [sum(of[text] for text in of if is_short(text)) / of.total() for of in (written, kept)]
        assert 0.5 <= (shares[1] + 1e-9) / (shares[0] + 1e-9) <= 2
        assert 2 * kept.total() >= written.total()


@given(st.lists(st.sampled_from(LINES), max_size=60), st.sampled_from(LINES), st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_more_copies_in_are_never_fewer_out_and_one_more_at_most(lines, line, at):
    before, after = kept_of(lines)[1], kept_of([*lines[:at], line, *lines[at:]])[1]
    assert 0 <= after.total() - before.total() <= 1
    if line not in NEAR:
        assert 0 <= after[folded(line)] - before[folded(line)] <= 1
