"""Measures of written tweets: style, habits, diversity, copying, prompt adherence."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tweetstyle.evaluate.samples import BASE, TUNED, WrittenSamples
from tweetstyle.evaluate.text_distance import word_pairs
from tweetstyle.evaluate.two_sample import Distance, Texts, style_distance
from tweetstyle.statistics.intervals import Hits, Interval, share, share_difference
from tweetstyle.text.copying import CopiedSpan, find_copies, longest_copies
from tweetstyle.text.habits import find_habits
from tweetstyle.text.words import words_of as topic_words
from tweetstyle.wording.words import Note

REQUEST = re.compile(r"^(?:parle-moi (?:de |d'|du |des )?|tell me about )", re.I)
ENDINGS = re.compile(r"(?:ements?|ment|ations?|euses?|eurs?|ings?|ies|ed|es|er|ées?|ent|s|x|e)$")
SHORTEST_STEM = 4
ORDERS = 20
"""Seeded orders of the texts over which distinct-2 is averaged."""
SHUFFLES = 20
"""Of the subjects, for the chance level of prompt adherence."""
DECILES = tuple(range(10, 100, 10))


@dataclass(frozen=True)
class CountedHabit:
    """shares: "real", "floor", "base", "examples", "tuned" → share of the texts that show it, 0 to 1."""

    kind: str
    name: str
    example: str
    shares: dict[str, Interval]


@dataclass(frozen=True)
class Diversity:
    """Of a model's texts against real ones. distinct_2: ratio of distinct-2 at equal numbers of words, 1 as varied as the author;
    None where there are no two words. lengths, real_lengths: deciles 10 to 90 in characters.
    """

    distinct_2: float | None
    lengths: list[float]
    real_lengths: list[float]


@dataclass(frozen=True)
class Copying:
    """Shares, 0 to 1, of the texts that hold a copied span; excess: generated minus held-out. worst: the longest copies first."""

    generated: Interval
    held_out: Interval
    excess: Interval
    worst: list[CopiedSpan]


@dataclass(frozen=True)
class PromptAdherence:
    """How often a model follows its prompt: shares, 0 to 1, of the tweets; difference: tuned minus base on the same tweets.

    chance: the share of a model that ignores its prompt.
    """

    tweets: int
    base: Interval
    tuned: Interval
    difference: Interval
    chance: float

    @classmethod
    def of(cls, base: Hits, tuned: Hits, clusters: Sequence[Hashable], chance: float, confidence: float) -> PromptAdherence:
        shares = [share(hits, clusters, confidence=confidence) for hits in (base, tuned)]
        difference = share_difference(tuned, clusters, base, clusters, confidence=confidence, paired=True)
        return cls(len(clusters), *shares, difference, chance)


@dataclass(frozen=True)
class Style:
    """samples: tweets written by each model; source: "hf" or "gguf"; empty: share of the tuned model's that are empty.

    to: "floor", "base", "examples", "tuned" → distance to real test tweets, None where there are too few texts; gap_closed: "tuned"
    and "examples" → (base − model) / (base − floor) of the areas, 1 where the model is no easier to tell apart than real tweets of
    another time, its ends None where base and floor do not clearly differ; whole: False where beginnings of equal length were
    compared. A part is None where it cannot be measured; notes say why.
    """

    samples: int
    source: str
    empty: float
    to: dict[str, Distance | None]
    gap_closed: dict[str, Interval | None]
    whole: bool
    habits: list[CountedHabit]
    diversity: dict[str, Diversity]
    copying: Copying
    prompt_adherence: dict[str, PromptAdherence]
    notes: list[Note]


def measure(train: Sequence[str], real: Texts, floor: Texts, written: WrittenSamples, *, confidence: float, seed: int) -> Style:
    """All measures of what the models wrote. Nothing here reads a model.

    Args:
        train: texts of the training tweets.
        real: test tweets, whose topics the prompts have.
        floor: validation tweets.
    """
    clusters = [prompt.cluster for prompt in written.prompts]
    sides = {who: Texts(of, clusters) for who, of in written.answers.items()}
    tuned = sides[TUNED]
    to, gaps, compared_whole_texts = style_distance(real, {"floor": floor} | sides, confidence=confidence, seed=seed)
    habits = counted_habits(train, {"real": real, "floor": floor} | sides, confidence)
    non_empty = {who: [text for text in sides[who].texts if text] for who in (TUNED, *(who for who in sides if who != TUNED))}
    empty_share = sum(not text for text in tuned.texts) / len(clusters)
    notes = []
    if None in to.values():
        notes.append(Note("style_too_few", {"tests": len(real.texts), "written": len(non_empty[TUNED])}))
    elif not compared_whole_texts:
        notes.append(Note("style_beginnings"))
    if not habits:
        notes.append(Note("habits_too_few", {"tweets": len(train)}))
    return Style(
        samples=len(clusters),
        source=written.source,
        empty=empty_share,
        to=to,
        gap_closed=gaps,
        whole=compared_whole_texts,
        habits=habits,
        diversity={who: diversity(of, real.texts, seed=seed) for who, of in non_empty.items() if of},
        copying=copying(tuned, real, train, confidence),
        prompt_adherence=_prompt_adherence(written, confidence, seed),
        notes=notes,
    )


def counted_habits(train: Sequence[str], sides: Mapping[str, Texts], confidence: float) -> list[CountedHabit]:
    """The training tweets' habits, with their share on each side."""
    return [
        CountedHabit(
            of.kind,
            of.name,
            of.example,
            {who: share([of.holds(text) for text in side.texts], side.clusters, confidence=confidence) for who, side in sides.items()},
        )
        for of in find_habits(train)
    ]


# -- copying ------------------------------------------------------------------------------------------------


def copying(generated: Texts, held_out: Texts, train: Sequence[str], confidence: float) -> Copying:
    """Share of generated tweets with a span of a training tweet, minus that of real held-out tweets.

    Stock phrases and quotations recur in real tweets too: their share is what remains where nobody recites.
    """
    found = find_copies([*generated.texts, *held_out.texts], train)
    holds = list(map(bool, found))
    sides = (holds[: len(generated.texts)], generated.clusters), (holds[len(generated.texts) :], held_out.clusters)
    shares = (share(*side, confidence=confidence) for side in sides)
    excess = share_difference(*sides[0], *sides[1], confidence=confidence)
    return Copying(*shares, excess, longest_copies(found, generated.texts, train))


# -- diversity ----------------------------------------------------------------------------------------------


def diversity(texts: Sequence[str], real: Sequence[str], *, seed: int) -> Diversity:
    """Source of distinct-2: Li et al., A Diversity-Promoting Objective Function, NAACL 2016: distinct word bigrams over bigrams.

    It falls with the number of bigrams, so both sides are cut to the same number.
    """
    mine, theirs = ([word_pairs(text) for text in side] for side in (texts, real))
    size = min(sum(map(len, mine)), sum(map(len, theirs)))
    ratio = distinct(mine, size, seed) / distinct(theirs, size, seed) if size else None
    return Diversity(ratio, *(np.percentile([len(text) for text in side], DECILES).tolist() for side in (texts, real)))


def distinct(bigrams: Sequence[Sequence[str]], size: int, seed: int) -> float:
    """Distinct bigrams over bigrams, 0 to 1, of the first `size` bigrams of the texts in a random order; mean over ORDERS orders."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(ORDERS):
        taken = [pair for place in random.permutation(len(bigrams)) for pair in bigrams[place]][:size]
        found.append(len(set(taken)) / size)
    return float(np.mean(found))


# -- prompt adherence ---------------------------------------------------------------------------------------


def _prompt_adherence(written: WrittenSamples, confidence: float, seed: int) -> dict[str, PromptAdherence]:
    """ "key words": the held-out tweets' own topics; "questions": whole ones. Prompts without a content word are left out."""
    parts = {"key words": (written.prompts, written.answers), "questions": (written.questions, written.replies)}
    found = {}
    for name, (prompts, answers) in parts.items():
        topics, clusters = [prompt.topic or "" for prompt in prompts], [prompt.cluster for prompt in prompts]
        texts = (answers.get(who, ()) for who in (BASE, TUNED))
        if part := prompt_adherence(topics, *texts, clusters, confidence=confidence, seed=seed):
            found[name] = part
    return found


def prompt_adherence(
    subjects: Sequence[str], base: Sequence[str], tuned: Sequence[str], clusters: Sequence[Hashable], *, confidence: float, seed: int
) -> PromptAdherence | None:
    """How often a word of the subject comes back; chance: the same answers under shuffled subjects.

    Subjects without a content word are left out; None where that leaves none.
    """
    wanted = {place: words for place, subject in enumerate(subjects) if (words := stems(REQUEST.sub("", subject)))}
    if not wanted:
        return None
    subject, written_stems = list(wanted.values()), [stems(tuned[place]) for place in wanted]
    # Shifted by several distances: what two subjects of one author have in common anyway.
    shifts = np.random.default_rng(seed).permutation(np.arange(1, len(wanted)))[:SHUFFLES].tolist()
    chance = [bool(subject[(k + shift) % len(wanted)] & of) for shift in shifts for k, of in enumerate(written_stems)]
    groups = [clusters[place] for place in wanted]
    hits = (_words_back(wanted, texts) for texts in (base, tuned))
    return PromptAdherence.of(*hits, groups, float(np.mean(chance)) if chance else 0.0, confidence)


def word_overlap(messages: Sequence[str], answers: Sequence[str], clusters: Sequence[Hashable], *, confidence: float) -> Interval | None:
    """Share of the answers in which a content word of their message comes back; None where no message has one."""
    wanted = {place: words for place, message in enumerate(messages) if (words := stems(message))}
    return share(_words_back(wanted, answers), [clusters[place] for place in wanted], confidence=confidence) if wanted else None


def _words_back(wanted: Mapping[int, set[str]], texts: Sequence[str]) -> list[bool]:
    return [bool(words & stems(texts[place])) for place, words in wanted.items()]


def stems(text: str) -> set[str]:
    """Content words without case, accents and the commonest French and English endings: rough, but the same on both sides."""
    return {_stem(word.key) for word in topic_words(text)[1]}


def _stem(word: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
    shorter = ENDINGS.sub("", plain)
    return shorter if len(shorter) >= SHORTEST_STEM else plain
