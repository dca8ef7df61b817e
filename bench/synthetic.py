"""Archives of invented tweets, of any size: French sentences and some English, with all that a real archive has in it.

The words are syllables strung together and drawn by Zipf's law, between real function words: nobody's text, and as varied as one.
About a tenth is retweets, a quarter answers; there are links, hashtags, emoji, entities, line breaks, stock replies, an app's
templates, others' personal data, exact and near twins, and threads that the CSV cannot tell.
"""

import csv
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

FUNCTION_WORDS = {
    "fr": "le la les un une des du de à dans pour sur avec et mais que qui je tu il on nous c'est pas plus bien très ce mon ma".split(),
    "en": "the a an of to in on at with and but that who i you he we it's not more very this my so just all for from is was".split(),
}
SYLLABLES = "ba bo bri cha cou dal dé fi fla gou gri hi ja lan li lou ma mé mi mou na nor o pa pé pli ra rou sa sel ti tor vi zé".split()
ENDINGS = ["🦊", "👩🏽\u200d🚀", "❄️", "😂😂", "🇨🇦", "…", "!!", " !", "\u00a0?", ".", "", "", ""]
STOCK = ["Bonjour", "Merci beaucoup !", "ok", "Bonne journée", "merci !"]
TEMPLATES = [
    "Ma journée en chiffres : {n} abonnés de plus, {m} de moins, vu par monappli",
    "I just ran {n} km in {m} minutes with an app #run",
    "Météo du jour : {n} degrés, vent de {m} km/h",
]
SECRETS = ["écris à {w}@exemple.org", "mon numéro c'est le 06 12 34 56 {n:02}", "514-555-01{n:02} en soirée"]
VOCABULARY = 40_000
PER_DAY = 55
"""Tweets a day at most: twelve years for the largest archives."""


class Author:
    """Invents texts, one after the other; the same seed gives the same."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        words = {"".join(self.dice.choices(SYLLABLES, k=self.dice.randint(2, 4))) for _ in range(VOCABULARY)}
        self.words = sorted(words)
        self.dice.shuffle(self.words)
        self.weights = list(accumulate(1 / (rank + 3) for rank in range(len(self.words))))
        self.earlier = ["un premier tweet de rien du tout"]

    def text(self) -> str:
        """A tweet, whatever its kind."""
        dice, chance = self.dice, self.dice.random()
        if chance < 0.025:
            return dice.choice(self.earlier)
        if chance < 0.04:
            return self._near(dice.choice(self.earlier))
        if chance < 0.06:
            return dice.choice(TEMPLATES).format(n=dice.randint(1, 99), m=dice.randint(1, 59))
        if chance < 0.08:
            return dice.choice(STOCK)
        if chance < 0.09:
            return self._link()
        text = self.sentence()
        if dice.random() < 0.05:
            self.earlier.append(text)
        return self._dressed(text)

    def sentence(self) -> str:
        """Words of their own, half of them after a function word."""
        dice = self.dice
        between = FUNCTION_WORDS["fr" if dice.random() < 0.8 else "en"]
        own = dice.choices(self.words, cum_weights=self.weights, k=dice.randint(3, 18))
        return " ".join(word if dice.random() < 0.5 else f"{dice.choice(between)} {word}" for word in own) + dice.choice(ENDINGS)

    def _dressed(self, text: str) -> str:
        dice, chance = self.dice, self.dice.random()
        if chance < 0.12:
            return f"RT @{dice.choice(self.words)[:15]}: {text}"
        if chance < 0.37:
            return f"@{dice.choice(self.words)[:15]} {text}"
        if chance < 0.47:
            return f"{text} {self._link()}"
        if chance < 0.57:
            return f"{text} #{dice.choice(self.words)}"
        if chance < 0.62:
            return text.replace(" ", "\n", 1) + " &amp; " + dice.choice(self.words)
        if chance < 0.63:
            return f"{text} " + dice.choice(SECRETS).format(w=dice.choice(self.words), n=dice.randint(10, 99))
        if chance < 0.66:
            return f"{text} avec @{dice.choice(self.words)[:15]}"
        return text

    def _near(self, text: str) -> str:
        return self.dice.choice([f"{text} !!", f"{text} encore", text.replace("a", "à", 1), f"bon {text}"])

    def _link(self) -> str:
        return f"https://t.co/{self.dice.getrandbits(56):x}"


def rows(count: int, seed: int = 7) -> Iterator[tuple[str, str, str]]:
    """id, text and date of so many tweets, in order of time; each id is a snowflake that holds its date."""
    author, moment = Author(seed), datetime(2010, 11, 10, tzinfo=UTC)
    for _ in range(count):
        moment += timedelta(seconds=author.dice.randint(60, 2 * 86_400 // PER_DAY))
        snowflake = (int(moment.timestamp() * 1000) - 1288834974657 << 22) + author.dice.getrandbits(12)
        yield str(snowflake), author.text(), moment.strftime("%Y-%m-%d %H:%M:%S")


def near_identical(count: int, seed: int = 7) -> Iterator[tuple[str, str, str]]:
    """Long tweets that all say nearly the same: of 38 words one to five are others, no two times alike."""
    author = Author(seed)
    said = author.dice.choices(author.words, k=38)
    for identifier, _, moment in rows(count, seed):
        words = list(said)
        for _ in range(author.dice.randint(1, 5)):
            words[author.dice.randrange(len(words))] = author.dice.choice(author.words)
        yield identifier, " ".join(words)[:280], moment


def long_posts(count: int, seed: int = 7) -> Iterator[tuple[str, str, str]]:
    """Posts of 15,000 characters each."""
    author = Author(seed)
    for identifier, _, moment in rows(count, seed):
        yield identifier, " ".join(author.dice.choices(author.words, cum_weights=author.weights, k=2_500))[:15_000], moment


SHAPES = {"tweets": rows, "near-identical": near_identical, "long posts": long_posts}


def write_csv(path: Path, count: int, seed: int = 7, shape: str = "tweets") -> None:
    """The seed format: id_tweet, texte, date_creation."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("id_tweet", "texte", "date_creation"))
        writer.writerows(SHAPES[shape](count, seed))
