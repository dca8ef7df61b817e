"""Does it write about what it was asked? How often the subject's words come back in the answer."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from tweetstyle.evaluate.intervals import Interval
from tweetstyle.evaluate.shares import share, share_difference
from tweetstyle.prepare.words import words_of

REQUEST = re.compile(r"^(?:parle-moi (?:de |d'|du |des )?|tell me about )", re.I)
ENDINGS = re.compile(r"(?:ements?|ment|ations?|euses?|eurs?|ings?|ies|ed|es|er|ées?|ent|s|x|e)$")
SHORTEST_STEM = 4

QUESTIONS = {
    "fr": (
        "Qu'est-ce que tu penses de la pluie ?",
        "Comment s'est passée ta journée au travail ?",
        "Pourquoi les trains sont-ils toujours en retard ?",
        "Quel est ton avis sur le café du bureau ?",
        "Que cuisines-tu quand tu as peu de temps ?",
        "Tu préfères la montagne ou la mer ?",
        "Raconte-moi ton dernier voyage en bus.",
        "Que dirais-tu à un voisin trop bruyant ?",
        "Quelle musique écoutes-tu le matin ?",
        "As-tu un conseil pour mieux dormir ?",
    ),
    "en": (
        "What do you think about the rain?",
        "How was your day at work?",
        "Why are trains always late?",
        "What is your opinion of office coffee?",
        "What do you cook when time is short?",
        "Do you prefer mountains or the beach?",
        "Tell me about your last trip by bus.",
        "What would you say to a noisy neighbour?",
        "Which music do you play in the morning?",
        "Any advice for better sleep?",
    ),
}
"""Whole questions as a person may type them: the prompts of training name key words, so these are harder."""


@dataclass(frozen=True)
class Obedience:
    """Shares, 0 to 1, of answers in which a word of the subject comes back. chance: the same answers under shuffled subjects."""

    base: Interval
    tuned: Interval
    difference: Interval
    chance: float


def obedience(
    subjects: Sequence[str], base: Sequence[str], tuned: Sequence[str], clusters: Sequence[Hashable], *, confidence: float, seed: int
) -> Obedience | None:
    """Tuned against base on the same subjects (paired). Subjects without a content word are left out; None where that leaves none."""
    wanted = [stems(REQUEST.sub("", subject)) for subject in subjects]
    asked = [place for place, words in enumerate(wanted) if words]
    if not asked:
        return None
    said = {"base": [stems(base[i]) for i in asked], "tuned": [stems(tuned[i]) for i in asked]}
    hits = {who: [bool(wanted[i] & of) for i, of in zip(asked, texts, strict=True)] for who, texts in said.items()}
    groups = [clusters[i] for i in asked]
    # Turned round by every distance: what two subjects of one author have in common anyway.
    turns = np.random.default_rng(seed).permutation(np.arange(1, len(asked)))[:20].tolist()
    chance = [bool(wanted[asked[(k + turn) % len(asked)]] & of) for turn in turns for k, of in enumerate(said["tuned"])]
    shares = {who: share(of, groups, confidence=confidence) for who, of in hits.items()}
    difference = share_difference(hits["tuned"], groups, hits["base"], groups, confidence=confidence, paired=True)
    return Obedience(shares["base"], shares["tuned"], difference, float(np.mean(chance)) if chance else 0.0)


def stems(text: str) -> set[str]:
    """Content words without case, accents and the commonest French and English endings: rough, but the same on both sides."""
    return {_stem(word.key) for word in words_of(text)[1]}


def _stem(word: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
    shorter = ENDINGS.sub("", plain)
    return shorter if len(shorter) >= SHORTEST_STEM else plain
