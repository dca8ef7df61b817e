"""Every rule's threshold: what one value drops, another keeps. The rules for single tweets first, then those for the whole archive."""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from support.cleaning import cleaned, reason

from tweetstyle.cleaning.archive_rules import Candidate, apply
from tweetstyle.recipe import Data

WORDS = "neige vélo café métro fleuve jardin piano nuage tramway raquette sapin marmotte".split()
OWN = [
    f"{WORDS[n % 12]} et {WORDS[(n * 5 + 1) % 12]} : {['jamais', 'toujours', 'parfois'][n % 3]} sans mon {WORDS[(n * 7 + 2) % 12]}"
    for n in range(12)
]
RUNS = [f"ma sortie à vélo de {n},{n % 7} km ce matin sur la piste en {40 + n} minutes" for n in range(10, 22)]
STOCK = ["Bonjour", "Merci !", "Bonne nuit", "Merci beaucoup", "Joyeux Noël", "Bonsoir à tous"]
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
    "stock reply": ("Merci beaucoup !", {}, {"stock_replies": "keep"}),
    "too short": ("neuf sign", {}, {"min_characters": 9}),
}
"""Rule → a text, settings that drop it (on 2021-03-05), settings that keep it."""

FRENCH_OR_SPANISH, CAPPED = {"likely_languages": ("fr", "es")}, {"stock_replies": "cap"}
WHOLE = {
    "automatic post, by repeats": ("automatic post", RUNS, {}, {"automatic_repeats": 13}, 12, 0),
    "automatic post, kept": ("automatic post", RUNS, {}, {"automatic_posts": "keep"}, 12, 0),
    "stock reply, by cap": ("stock reply", STOCK, CAPPED | {"stock_replies_cap": 2}, CAPPED | {"stock_replies_cap": 5}, 4, 1),
    "other language, if asked": ("other language", [SPANISH], FRENCH_OR_SPANISH | {"languages": ("fr",)}, FRENCH_OR_SPANISH, 1, 0),
    "other language, by how sure": (
        "other language", [MIXED], {"languages": ("fr",), "language_confidence": 0.7}, {"languages": ("fr",), "language_confidence": 0.95},
        1, 0,
    ),
    "duplicate, kept": ("duplicate", EQUAL, {}, {"duplicates": "keep"}, 1, 0),
    "near duplicate, kept": ("near duplicate", NEAR, {}, {"duplicates": "keep"}, 1, 0),
    "near duplicate, by likeness": ("near duplicate", NEAR, {}, {"near_duplicate_jaccard": 0.95}, 1, 0),
}  # fmt: skip
"""Claim → reason, texts, settings that drop more of them, settings that drop fewer, how many by each."""


@pytest.mark.parametrize("rule", SINGLE)
def test_a_rule_for_single_tweets_follows_its_setting(rule):
    text, dropping, keeping = SINGLE[rule]
    assert reason(text, **dropping) == rule
    assert cleaned(text, **keeping).reason == "" and cleaned(text, **keeping).text


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


def test_capped_stock_replies_are_no_duplicates_of_each_other():
    assert dropped(["Merci !", "Merci !!", "merci"], stock_replies="cap") == Counter()
