"""The topic of a tweet: its own key words, as a person would name it."""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from tweetstyle.records import Tweet, seeded_bytes
from tweetstyle.text.words import Language, Word, words_of

FORMS = (("key words", 0.45), ("hashtag", 0.60), ("question", 0.75), ("request", 1.0))
"""Form → upper end of its part of [0, 1). A request without a known article becomes key words."""
KEY_WORDS = (0.5, 0.8)
"""Below the first one key word, below the second two, else three."""
BEGINNING = 1000
"""Characters in which the topic of a long post is sought."""
FEWEST, MOST = 2, 5
"""First words of a tweet, drawn evenly between the two; never all of them."""
LIKE_A_TOKEN = re.compile(r"<\|?[^<>\s]+\|?>|\[/?INST\]")
"""In a prompt such a text is read as the token that it names."""
HABIT_SHARE, HABIT_FEWEST = 0.15, 10
"""A word in more than 15% of the tweets (and in more than ten) is a habit of the author, not a subject."""


@dataclass(frozen=True)
class WordStatistics:
    """What the training tweets say of each word (by `Word.key`); a held-out tweet adds nothing to it.

    frequency: tweets that have it; determined: occurrences behind a determiner; capital: occurrences with a capital within a
    sentence, by surface; articles: proofs of each article.
    """

    tweets: int
    frequency: Counter[str] = field(default_factory=Counter)
    determined: Counter[str] = field(default_factory=Counter)
    capital: Counter[str] = field(default_factory=Counter)
    articles: dict[Language, dict[str, Counter[str]]] = field(default_factory=lambda: {"fr": {}, "en": {}})

    def idf(self, key: str) -> float:
        """Smoothed inverse document frequency, ln((1 + n) / (1 + df)) + 1, as in scikit-learn's TfidfTransformer."""
        return math.log((1 + self.tweets) / (1 + self.frequency[key])) + 1

    def is_habit(self, key: str) -> bool:
        return self.frequency[key] > max(HABIT_FEWEST, HABIT_SHARE * self.tweets)

    def weight(self, word: Word) -> float | None:
        """idf · how much the word is a noun, which the determiners before it tell, here and elsewhere; None for a habit."""
        if self.is_habit(word.key):
            return None
        return self.idf(word.key) * (0.5 + (self.determined[word.key] + word.determined) / (self.frequency[word.key] + 1))

    def article(self, key: str, language: Language) -> str | None:
        """The article most often proved, or None where there is no proof or there are two sides to it."""
        proofs = self.articles[language].get(key)
        if not proofs:
            return None
        article, count = min(proofs.items(), key=lambda proof: (-proof[1], proof[0]))
        return article if 4 * count >= 3 * proofs.total() else None

    def surface(self, word: Word) -> str:
        """The word as a person would type it: a capital stays within a sentence or where the author mostly writes one there."""
        typed = word.surface
        if word.is_hashtag:
            plain = typed.isalpha() and (typed.islower() or typed.istitle())
            return typed if plain else "#" + typed
        if typed.islower() or 2 * self.capital[typed] > self.frequency[word.key]:
            return typed
        return typed.lower() if word.begins or typed.isupper() else typed


def choose_topics(tweets: Iterable[Tweet], train: Iterable[Tweet], dropout: float, seed: int) -> dict[str, str | None]:
    """id → topic of each tweet; what a word weighs is learned on `train`, a part of the tweets, alone."""
    words = {tweet.id: words_of(tweet.text[:BEGINNING]) for tweet in tweets}
    archive = learn_archive([words[tweet.id] for tweet in train])
    return {id: topic_of(id, *found, archive, dropout, seed) for id, found in words.items()}


def learn_archive(tweets: Collection[tuple[Language, list[Word]]]) -> WordStatistics:
    """Counts over the training tweets, each as `words_of` gives it."""
    archive = WordStatistics(len(tweets))
    for language, words in tweets:
        archive.frequency.update({word.key for word in words})
        proofs = archive.articles[language]
        for key, surface, is_hashtag, begins, determined, article in words:
            if determined:
                archive.determined[key] += 1
            if not (begins or is_hashtag) and not surface.islower():
                archive.capital[surface] += 1
            if article is not None:
                proofs.setdefault(key, Counter())[article] += 1
    return archive


def key_words(words: list[Word], archive: WordStatistics) -> list[Word]:
    """The words by weight, hashtags first, the best occurrence of each.

    Term frequency · idf, and nouns before other words: see `Archive.weight`.
    """
    best: dict[str, tuple[bool, float, int]] = {}
    times = Counter(word.key for word in words)
    for place, word in enumerate(words):
        if weight := archive.weight(word):
            rank = (not word.is_hashtag, -times[word.key] * weight, place)
            if word.key not in best or rank < best[word.key]:
                best[word.key] = rank
    return [words[place] for _, _, place in sorted(best.values())]


def topic_of(id: str, language: Language, words: list[Word], archive: WordStatistics, dropout: float, seed: int) -> str | None:
    """The subject of a tweet with these words in one of the forms, or None for the share `dropout` and where there is no key word.

    Which form is drawn depends on seed and id alone, so that further tweets do not change it.
    """
    draw = seeded_bytes(seed, id, b"topic")
    left_out, form, count = (int.from_bytes(draw[i : i + 4], "big") / 2**32 for i in (0, 4, 8))
    if left_out < dropout:
        return None
    ranked = key_words(words, archive)
    if not ranked:
        return None
    name = next(name for name, end in FORMS if form < end)
    return _in_form(name, ranked, archive, language) or _listed(ranked, archive, count)


def _in_form(form: str, ranked: list[Word], archive: WordStatistics, language: Language) -> str | None:
    word = ranked[0]
    surface = archive.surface(word)
    if form == "hashtag":
        tag = word.surface if word.is_hashtag else surface
        return "#" + tag if word.is_hashtag or tag.isalpha() else None
    if form == "question":
        return surface + (" ?" if language == "fr" else "?")
    if form == "request":
        return _request(ranked, archive, language)
    return None


def _request(ranked: list[Word], archive: WordStatistics, language: Language) -> str | None:
    """The heaviest of the first three words whose article is known: "Parle-moi de l'hiver", "tell me about winter"."""
    for word in ranked[:3]:
        article = word.article if word.article is not None else archive.article(word.key, language)
        surface = archive.surface(word)
        if article is not None and surface[0] != "#":
            return f"Parle-moi {article}{surface}" if language == "fr" else f"tell me about {article}{surface}"
    return None


def _listed(ranked: list[Word], archive: WordStatistics, count: float) -> str:
    number = 1 if count < KEY_WORDS[0] else 2 if count < KEY_WORDS[1] else 3
    return ", ".join(archive.surface(word) for word in ranked[:number])


def first_words(id: str, text: str, dropout: float, seed: int) -> str | None:
    """The tweet's first words in one line, or None for the share `dropout`, for a tweet of one word, and for `*`, which means none.

    How many are drawn depends on seed and id alone, so that further tweets do not change it.
    """
    draw = seeded_bytes(seed, id, b"first words")
    left_out, count = (int.from_bytes(draw[i : i + 4], "big") / 2**32 for i in (0, 4))
    words = text.split()
    begun = " ".join(words[: min(FEWEST + int(count * (MOST - FEWEST + 1)), len(words) - 1)])
    return None if left_out < dropout or begun in ("", "*") or LIKE_A_TOKEN.search(begun) else begun
