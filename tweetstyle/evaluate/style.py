"""Measures of generated tweets: style distance, habits, diversity, copying."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tweetstyle.evaluate.adherence import Obedience, obedience
from tweetstyle.evaluate.habits import find_habits, habit_shares
from tweetstyle.evaluate.matching import Texts
from tweetstyle.evaluate.samples import BASE, TUNED, WritingPrompt, Written
from tweetstyle.evaluate.two_sample import Separation, style_distance
from tweetstyle.statistics.intervals import Interval
from tweetstyle.text.copying import Copying, copying, words_of
from tweetstyle.wording.words import Note


@dataclass(frozen=True)
class Distance:
    """auc: chance that a classifier tells a real tweet from this side's, 0.5 where it cannot; texts: on each side."""

    auc: Interval
    accuracy: Interval
    texts: int


@dataclass(frozen=True)
class CountedHabit:
    """shares: "real", "floor", "base", "examples", "tuned" → share of the texts that show it, 0 to 1."""

    kind: str
    name: str
    example: str
    shares: dict[str, Interval]


@dataclass(frozen=True)
class CopiedSpan:
    """text: what the model wrote; source: the training tweet; span: their common text and its length in characters."""

    text: str
    source: str
    span: str
    characters: int


@dataclass(frozen=True)
class CopyingFound:
    generated: Interval
    held_out: Interval
    excess: Interval
    worst: list[CopiedSpan]


@dataclass(frozen=True)
class Style:
    """samples: tweets written by each model; source: "hf" or "gguf"; empty: share of the tuned model's that are empty.

    to: "floor", "base", "examples", "tuned" → distance to real test tweets, None where there are too few texts; gap_closed: "tuned"
    and "examples" → how much of the way from base to floor; whole: False where beginnings of equal length were compared. A part is
    None where it cannot be measured; notes say why.
    """

    samples: int
    source: str
    empty: float
    to: dict[str, Distance | None]
    gap_closed: dict[str, Interval | None]
    whole: bool
    habits: list[CountedHabit]
    diversity: dict[str, Diversity]
    copying: CopyingFound | None
    obedience: dict[str, Obedience]
    notes: list[Note]


@dataclass(frozen=True)
class Real:
    """Real tweets of a split and the cluster of each."""

    texts: Sequence[str]
    clusters: Sequence[str]


def measure(
    train: Sequence[str],
    real: Real,
    floor: Real,
    prompts: Sequence[WritingPrompt],
    written: Mapping[str, Sequence[Written]],
    questions: tuple[Sequence[WritingPrompt], Mapping[str, Sequence[Written]]],
    source: str,
    *,
    confidence: float,
    seed: int,
) -> Style:
    """real: test tweets, whose topics are in `prompts`; floor: validation tweets; written: who → answers, in the prompts' order.

    questions: whole questions and each model's answers to them. Nothing here reads a model.
    """
    clusters = [prompt.cluster for prompt in prompts]
    texts = {who: [answer.text for answer in answers] for who, answers in written.items()}
    found = style_distance(
        Texts(real.texts, real.clusters),
        Texts(floor.texts, floor.clusters),
        Texts(texts[BASE], clusters),
        {who: Texts(of, clusters) for who, of in texts.items() if who != BASE},
        confidence=confidence,
        seed=seed,
    )
    said = {TUNED: [text for text in texts[TUNED] if text], **{who: [t for t in of if t] for who, of in texts.items() if who != TUNED}}
    notes = []
    if any(distance is None for distance in found.to.values()):
        notes.append(Note("style_too_few", {"tests": len(real.texts), "written": len(said[TUNED])}))
    elif not found.whole:
        notes.append(Note("style_beginnings"))
    habits = counted_habits(train, {"real": real, "floor": floor} | {who: Real(of, clusters) for who, of in texts.items()}, confidence)
    if not habits:
        notes.append(Note("habits_too_few", {"tweets": len(train)}))
    return Style(
        samples=len(prompts),
        source=source,
        empty=sum(not text for text in texts[TUNED]) / len(prompts),
        to={who: distance and _distance(distance) for who, distance in found.to.items()},
        gap_closed=found.gap_closed,
        whole=found.whole,
        habits=habits,
        diversity={who: diversity(of, real.texts, seed=seed) for who, of in said.items() if of},
        copying=_copying(texts[TUNED], clusters, real, train, confidence),
        obedience=_obedience(prompts, texts, questions, confidence, seed),
        notes=notes,
    )


def counted_habits(train: Sequence[str], sides: Mapping[str, Real], confidence: float) -> list[CountedHabit]:
    """The training tweets' habits, with their share on each side."""
    habits = find_habits(train)
    counted = {who: habit_shares(habits, side.texts, side.clusters, confidence=confidence) for who, side in sides.items()}
    return [CountedHabit(h.kind, h.name, h.example, {who: of[place] for who, of in counted.items()}) for place, h in enumerate(habits)]


def _distance(separation: Separation) -> Distance:
    return Distance(separation.auc, separation.accuracy, separation.texts)


def _copying(texts: list[str], clusters: list[str], real: Real, train: Sequence[str], confidence: float) -> CopyingFound:
    found: Copying = copying(texts, clusters, real.texts, real.clusters, train, confidence=confidence)
    worst = [CopiedSpan(texts[c.text], train[c.source], c.span, c.characters) for c in found.worst]
    return CopyingFound(found.generated, found.held_out, found.excess, worst)


def _obedience(
    prompts: Sequence[WritingPrompt],
    texts: Mapping[str, list[str]],
    questions: tuple[Sequence[WritingPrompt], Mapping[str, Sequence[Written]]],
    confidence: float,
    seed: int,
) -> dict[str, Obedience]:
    """ "key words": the held-out tweets' own topics; "questions": whole ones. What names no content word is not there."""
    named = [place for place, prompt in enumerate(prompts) if prompt.topic]
    sides = {"key words": ([prompts[i] for i in named], {who: [of[i] for i in named] for who, of in texts.items()})}
    sides["questions"] = (questions[0], {who: [answer.text for answer in of] for who, of in questions[1].items()})
    found = {}
    for name, (of_side, said) in sides.items():
        if of_side:
            clusters = [prompt.cluster for prompt in of_side]
            topics = [prompt.topic or "" for prompt in of_side]
            found[name] = obedience(topics, said[BASE], said[TUNED], clusters, confidence=confidence, seed=seed)
    return {name: part for name, part in found.items() if part}


DRAWS = 20
DECILES = tuple(range(10, 100, 10))


@dataclass(frozen=True)
class Diversity:
    """Of a model's texts against real ones. distinct_2: ratio of distinct-2 at equal numbers of words, 1 as varied as the author;
    None where there are no two words. lengths, real_lengths: deciles 10 to 90 in characters; length_ratio: of the medians;
    empty: share of texts without a word.
    """

    distinct_2: float | None
    lengths: list[float]
    real_lengths: list[float]
    length_ratio: float | None
    empty: float


def diversity(texts: Sequence[str], real: Sequence[str], *, seed: int) -> Diversity:
    """Source of distinct-2: Li et al., A Diversity-Promoting Objective Function, NAACL 2016: distinct word bigrams over bigrams.

    It falls with the number of bigrams, so both sides are cut to the same number, in `DRAWS` seeded orders whose mean is taken.
    Raises ValueError for an empty side.
    """
    if not texts or not real:
        raise ValueError("diversity needs generated and real tweets")
    mine, theirs = ([_bigrams(text) for text in side] for side in (texts, real))
    size = min(sum(map(len, mine)), sum(map(len, theirs)))
    ratio = distinct(mine, size, seed) / distinct(theirs, size, seed) if size else None
    lengths = [[float(d) for d in np.percentile([len(text) for text in side], DECILES)] for side in (texts, real)]
    medians = [side[len(DECILES) // 2] for side in lengths]
    empty = sum(not words_of(text) for text in texts) / len(texts)
    return Diversity(ratio, lengths[0], lengths[1], medians[0] / medians[1] if medians[1] else None, empty)


def distinct(bigrams: Sequence[Sequence[tuple[str, str]]], size: int, seed: int) -> float:
    """Distinct bigrams over bigrams, 0 to 1, of the first `size` bigrams of the texts in a random order; mean over the orders."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(DRAWS):
        taken = [pair for place in random.permutation(len(bigrams)) for pair in bigrams[place]][:size]
        found.append(len(set(taken)) / size)
    return float(np.mean(found))


def _bigrams(text: str) -> list[tuple[str, str]]:
    words = words_of(text)
    return list(zip(words, words[1:], strict=False))
