"""Rules over the whole archive: templates, languages, repeated texts."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from tweetstyle.cleaning.clean import LONGEST_AUTOMATIC_POST
from tweetstyle.cleaning.clean import RULES as TWEET_RULES
from tweetstyle.cleaning.known_phrases import NEGATED, TELLING
from tweetstyle.cleaning.near_duplicates import DuplicatePair, folded, near_duplicates, to_drop
from tweetstyle.cleaning.normalise import LINK, normalise
from tweetstyle.errors import TweetstyleError
from tweetstyle.locale import N_, _, later, localised
from tweetstyle.recipe import Data
from tweetstyle.records import Dropped, seeded_bytes
from tweetstyle.text.languages import languages_of
from tweetstyle.wording.words import by_name

AUTOMATIC, OTHER_LANGUAGE, DUPLICATE, NEAR_DUPLICATE = "automatic post", "other language", "duplicate", "near duplicate"

FEWEST = 30
"""With fewer kept tweets nothing can be held out that says anything."""
OPENING = 5
"""Words of a text's beginning by which texts are put together whose rest varies."""
COMMON = 0.5
"""Share of a group's texts that must contain a word for it to belong to the template."""
LEAST_FIXED = 0.75
"""Share of a text's words that its group's template must explain: in what a person writes behind a liked opening, more varies."""
LEAST_FILLINGS = 3
"""Different numbers in a group: "24 h sur 24" and "#Rio2016" are no numbers that an app fills in."""

_LINK, _NUMBER, _NAME, _TAG = "⟨link⟩", "0", "@", "#"
_NUMBERS = re.compile(r"\d+")
_TOKEN = re.compile(
    r"""(?P<number>\d+(?:(?:[.,:/’'x×-]|[ \u00a0\u202f]?h[ \u00a0\u202f]?|[ \u00a0\u202f])\d+)*)   # 4/6, 2:11:08, 3 h 30, 12 000
      | (?P<link>⟨link⟩) | @\w+ | \#\w+ | [^\W\d]+(?:'[^\W\d]+)*""",
    re.X,
)
_WORD = re.compile(r"\w+")
_MAY_VARY = re.compile(r"\d|https?://|www\.|pic\.", re.I)


@dataclass(slots=True)
class Candidate:
    """A tweet that no rule for single tweets has dropped: place in the archive, id, text as read and as cleaned.

    reason, evidence: filled by the rule that drops it; language: ISO 639-1, empty where uncertain; cluster: equal for near-duplicates.
    """

    place: int
    id: str
    raw: str
    text: str
    reason: str = ""
    evidence: str = ""
    language: str = ""
    cluster: int = -1


def apply(candidates: list[Candidate], data: Data, say: Callable[[str], object] = lambda phase: None) -> None:
    """Fills in reason, evidence, language and cluster of the candidates, which are in order of time; `say` gets the name of each phase."""
    for phase, rule in RULES.items():
        say(_(phase))
        rule([candidate for candidate in candidates if not candidate.reason], data)


def cap_templates(tweets: list[Candidate], data: Data) -> None:
    """Of each template `automatic_repeats` texts stay, a seeded sample: what fills one in may be a program or a person day after day."""
    if data.automatic_posts == "keep":
        return
    of_template: defaultdict[str, list[Candidate]] = defaultdict(list)
    for place, template in automatic_templates([tweet.raw for tweet in tweets], data.automatic_repeats).items():
        of_template[template].append(tweets[place])
    for template, group in of_template.items():
        for gone in over_cap([tweet.id for tweet in group], data.automatic_repeats, data.seed):
            group[gone].reason, group[gone].evidence = AUTOMATIC, template


def drop_other_languages(tweets: list[Candidate], data: Data) -> None:
    """Tags all; drops only where languages are chosen and another one is sure."""
    found = languages_of([tweet.text for tweet in tweets], data.likely_languages)
    for tweet, (language, confidence) in zip(tweets, found, strict=True):
        tweet.language = language
        if data.languages and language and language not in data.languages and confidence >= data.language_confidence:
            tweet.reason, tweet.evidence = OTHER_LANGUAGE, f"{language} {confidence:.2f}"


def cap_repeats(tweets: list[Candidate], data: Data) -> None:
    """Marks the clusters, and drops the texts that say again what an earlier one said, as far as data.repeats has it."""
    texts = [tweet.text for tweet in tweets]
    found = near_duplicates(texts, data.near_duplicate_jaccard)
    for tweet, cluster in zip(tweets, found.clusters(len(tweets)), strict=True):
        tweet.cluster = cluster
    if data.repeats == "keep":
        return
    every_length = data.repeats == "drop"
    for place, pair in to_drop(repetitions(found.pairs, texts, every_length), every_second=not every_length).items():
        tweet, earlier = tweets[place], tweets[pair.earlier].id
        same = DUPLICATE, later("the same as {id}", id=earlier)
        near = NEAR_DUPLICATE, later("{jaccard:.2f} like {id}", jaccard=pair.jaccard, id=earlier)
        tweet.reason, tweet.evidence = same if pair.jaccard == 1 else near


def repetitions(pairs: Iterable[DuplicatePair], texts: Sequence[str], every_length: bool) -> Iterator[DuplicatePair]:
    """Those of the pairs whose later text says again what the earlier one says: two that differ in a number or a negation do not.

    Unless `every_length`, a text that no run of `text.copying` fits in repeats nothing: it cannot be recited, however often it was
    written, whatever its case and its end.
    """
    from tweetstyle.text.copying import is_recitable

    fold = lru_cache(4096)(lambda place: folded(texts[place]))
    says = lru_cache(4096)(lambda place: tuple(TELLING.findall(fold(place))))
    words = lru_cache(4096)(lambda place: frozenset(_WORD.findall(fold(place))))

    def same(one: int, other: int) -> bool:
        return says(one) == says(other) and not _negates(words(one), words(other))

    for pair in pairs:
        if (every_length or is_recitable(texts[pair.later])) and (pair.jaccard == 1 or same(pair.later, pair.earlier)):
            yield pair


def _negates(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether a word of one text alone is, behind a prefix that negates, a word of the other alone."""
    alone = one - other, other - one
    return any(
        (prefix := NEGATED.match(word)) and word[prefix.end() :] in plain for negated, plain in (alone, alone[::-1]) for word in negated
    )


RULES: dict[str, Callable[[list[Candidate], Data], None]] = {
    N_("finding automatic posts"): cap_templates,
    N_("finding languages"): drop_other_languages,
    N_("finding duplicates"): cap_repeats,
}


# -- the reasons, counted --------------------------------------------------------------------------------------

REASONS = ("duplicate id", "earlier edit", "truncated", "broken", *TWEET_RULES, OTHER_LANGUAGE, DUPLICATE, NEAR_DUPLICATE)
"""Every reason for which a tweet is dropped, in the order in which the rules are applied."""


def counts(dropped: list[Dropped]) -> dict[str, int]:
    """Reason → tweets, every reason in its order."""
    found = Counter(tweet.reason for tweet in dropped)
    return {reason: found[reason] for reason in REASONS}


def dropped_in_words(dropped: dict[str, int]) -> str:
    """The funnel in one line, the largest loss first: for messages."""
    losses = sorted(((count, rule) for rule, count in dropped.items() if count), key=lambda loss: -loss[0])
    return ", ".join(f"{by_name('reasons', rule)} {localised(f'{count:,}')}" for count, rule in losses) or _("nothing was dropped")


HINTS = {
    "outside the period": N_("widen data.since and data.until"),
    "media only": N_("set data.media_only: keep and data.links: placeholder"),
    "link only": N_("set data.link_only: keep and data.links: placeholder"),
    "too short": N_("lower data.min_characters"),
    "retweet": N_("set data.retweets: keep, or use the archive of the person who wrote them"),
    "automatic post": N_("set data.automatic_posts: keep"),
    "duplicate": N_("set data.repeats: keep"),
    "near duplicate": N_("raise data.near_duplicate_jaccard"),
    "other language": N_("add a language to data.languages"),
}
"""Commonest reason → what keeps more tweets."""


def check_enough(kept: int, dropped: list[Dropped], data: Data, fewest: int = FEWEST) -> None:
    """Raises TweetstyleError with the commonest reason where fewer than `fewest` tweets were kept."""
    if kept >= fewest:
        return
    read, losses = kept + len(dropped), counts(dropped)
    most = max(losses, key=losses.__getitem__)
    hint = _(HINTS[most]) if most in HINTS else _("learning a style takes some hundreds of your own tweets")
    empty = sum(tweet.evidence == "0 characters" for tweet in dropped)
    if most == "too short" and 2 * empty > losses[most]:
        hint = _("most of these texts are empty or only mentions: check that the text is in the column or field that is read")
    values = {"read": read, "kept": kept, "dropped": dropped_in_words(losses), "fewest": fewest}
    what = _("none of the {read:,} tweets was kept ({dropped})", **values)
    if kept:
        what = _("too few tweets to split: {kept:,} of {read:,} were kept ({dropped}), at least {fewest} are needed", **values)
    raise TweetstyleError(what, where=", ".join(map(str, data.source)), hint=hint)


# -- templates that apps fill in again and again --------------------------------------------------------------


class Masked(NamedTuple):
    """words: lower case, one sign for every link, number and @name; filling: the numbers that were masked."""

    words: tuple[str, ...]
    filling: tuple[str, ...]


def automatic_templates(texts: Sequence[str], fewest: int) -> dict[int, str]:
    """Index of each text that an app wrote → the template and how many texts have it.

    texts: as the archive holds them, with their links. Numbers (a hashtag's too), links and @names are masked; `fewest` texts
    or more with the same words, or with the same first words and little else that varies, are a template, provided numbers or
    links vary in it and its words are more than a habit. What a person likes to begin with is followed by something new.
    """
    masked = {i: mask(text) for i, text in enumerate(texts) if len(text) <= LONGEST_AUTOMATIC_POST and _MAY_VARY.search(text)}
    found: dict[int, str] = {}
    for group in _groups(masked, fewest, whole=True):
        if _is_filled_in(masked[group[0]].words, group, masked):
            found |= dict.fromkeys(group, _evidence(masked[group[0]].words, len(group)))
    rest = {i: text for i, text in masked.items() if i not in found}
    for group in _groups(rest, fewest, whole=False):
        fixed = [i for i in _explained(group, rest) if _is_filled_in(rest[i].words, group, rest)]
        if len(fixed) >= fewest:
            found |= dict.fromkeys(fixed, _evidence((*rest[fixed[0]].words[:OPENING], "…"), len(fixed)))
    return found


def mask(text: str) -> Masked:
    """The text's words without punctuation and emoji, and the numbers taken out of them, a hashtag's own not among these."""
    text = LINK.sub(f" {_LINK} ", normalise(text)).lower().replace("’", "'")
    words, filling = [], []
    for token in _TOKEN.finditer(text):
        word = token[0]
        if token["number"]:
            filling.append(word)
            word = _NUMBER
        elif word[0] == "@":
            word = _NAME
        elif word[0] == _TAG:
            word = _NUMBERS.sub(_NUMBER, word)
        words.append(word)
    return Masked(tuple(words), tuple(filling))


def over_cap(ids: Sequence[str], cap: int, seed: int) -> set[int]:
    """Index of each tweet beyond the first `cap` of a seeded order, in which a tweet's place does not depend on the others."""
    order = sorted(range(len(ids)), key=lambda i: seeded_bytes(seed, ids[i], b"template"))
    return set(order[cap:])


def _groups(masked: dict[int, Masked], fewest: int, whole: bool) -> list[list[int]]:
    """Indices with the same words, or with the same opening in which something is masked: groups of `fewest` and more."""
    groups: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, text in masked.items():
        opening = text.words if whole else text.words[:OPENING]
        if _NUMBER in opening or _LINK in opening:
            groups[opening].append(i)
    return [group for group in groups.values() if len(group) >= fewest]


def _is_filled_in(template: tuple[str, ...], group: list[int], masked: dict[int, Masked]) -> bool:
    """Whether numbers or links vary, among words enough that no habit ("il est 3 h", a slogan under a picture) explains them."""
    varied = len({masked[i].filling for i in group}) >= LEAST_FILLINGS
    numbers = template.count(_NUMBER) if varied else 0
    words = sum(word[0].isalpha() for word in template)
    if _LINK in template:
        return words >= (2 if numbers else 6)
    return words >= (4 if numbers > 1 else 7) if numbers else False


def _explained(group: list[int], masked: dict[int, Masked]) -> list[int]:
    """Those of the group whose words are nearly all the group's: apps vary a title or a name, people vary the sentence."""
    in_texts = Counter(word for i in group for word in set(masked[i].words))
    common = {word for word, count in in_texts.items() if count >= COMMON * len(group)}
    return [i for i in group if sum(word in common for word in masked[i].words) >= LEAST_FIXED * len(masked[i].words)]


def _evidence(template: tuple[str, ...], count: int) -> str:
    return f"{count:,} × {' '.join(template)}"
