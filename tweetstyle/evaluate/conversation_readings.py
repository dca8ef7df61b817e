"""How models are asked in a conversation: the untrained one told in words and shown examples, and tweets after others' messages."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tweetstyle.dataset.held_out import HeldOut, clusters
from tweetstyle.evaluate.baselines import TOLD, TOLD_EXAMPLES, Examples
from tweetstyle.evaluate.conversation import Trial, choose_trials
from tweetstyle.evaluate.habits import ALWAYS_ASKED, find_habits
from tweetstyle.inference.likelihood import Reading
from tweetstyle.model.base import BaseModel
from tweetstyle.model.tokenizer import Encoded
from tweetstyle.prompt.chat_template import Turn
from tweetstyle.prompt.template import Template
from tweetstyle.records import Tweet

TRIALS, UNRELATED = "trials", "unrelated messages"
"""Not baselines: tweets after five messages each, and after another tweet's message, as other people's tweets have to be read."""
USUAL = 0.5
"""A habit of so many of the author's tweets is named where the model is told how to write."""
MOST_HABITS = 8
FAIR_SHARE = 0.1
"""A language of so many of the author's tweets, among those whose language is known, is named there too."""
LANGUAGES = {"fr": "French", "en": "English"}
OF_THE_MESSAGE = "the language of the message"


@dataclass(frozen=True)
class Told:
    """The instruct model told in words, under `template`; `line`: the words; examples: that which comes before a message besides.

    After the examples' ids a message is put under `examples.after`. Without any that fit, `examples.count` is 0.
    """

    line: str
    template: Template
    examples: Examples


def told_line(style: str, answers: Sequence[Tweet]) -> str:
    """What one can tell a model of an author in words: the languages, the length and the habits of most of these tweets."""
    texts = [tweet.text for tweet in answers]
    short, long = (int(np.quantile([len(text) for text in texts], q)) for q in (0.25, 0.75))
    # What all tweets show tells nothing apart, and is no habit to count; a model has to be told it all the same.
    known = {habit.told: habit for habit in (*ALWAYS_ASKED, *find_habits(texts)) if habit.kind != "length"}
    usual = [name for name, habit in known.items() if np.mean([habit.holds(text) for text in texts]) >= USUAL][:MOST_HABITS]
    marks = f" Most of the tweets have this in common: {'; '.join(usual)}." if usual else ""
    return (
        f"You are {style}. Answer each message as {style} would in a tweet: in {_languages(answers)}, in {short} to {long} characters, "
        f"with nothing before or after it.{marks}"
    )


def _languages(answers: Sequence[Tweet]) -> str:
    """Those of a fair share of the tweets, the most frequent first; of several the message's. That alone where one has no name here."""
    counted = Counter(tweet.language for tweet in answers if tweet.language)
    names = [LANGUAGES.get(code) for code, count in counted.most_common() if count / counted.total() >= FAIR_SHARE]
    if not names or None in names:
        return OF_THE_MESSAGE
    named = " or ".join(name for name in names if name)
    return named if len(names) == 1 else f"{named}, {OF_THE_MESSAGE}"


def told_and_shown(
    base: BaseModel, template: Template, answers: Sequence[Tweet], documents: Sequence[Encoded], count: int, seed: int
) -> Told:
    """The words in the system message's place, and a seeded choice of `count` training tweets as turns, in order of time.

    Where the chat template has no place for a system message, the words open the first message. Fewer examples where they would leave
    a held-out tweet no room. documents: the held-out tweets as the run's own template puts them.
    """
    line = told_line(template.style, answers)
    turns = template.turns
    head = turns.head + line + "\n\n" if turns.around_system is None else turns.opening(line)
    told = replace(template, turns=replace(turns, head=head))
    after = replace(template, add_bos=False, turns=replace(turns, head=turns.again))
    longest = max(len(document.ids) for document in documents) + len(base.tokenizer.prompt_ids(turns.again, add_bos=False))
    order = random.Random(seed).sample(range(len(answers)), min(count, len(answers)))
    while order:
        pairs: list[Turn] = [(answers[place].topic or "", answers[place].text) for place in sorted(order)]
        ids, _ = base.tokenizer.encode_turns(told, pairs)
        if len(ids) + longest <= base.max_positions:
            return Told(line, told, Examples(len(order), ids, after))
        order.pop()
    return Told(line, told, Examples(0, []))


def told_readings(base: BaseModel, told: Told, tweets: Sequence[Tweet]) -> dict[str, Reading]:
    """The held-out tweets as answers of the instruct model that was told, and told and shown; without what it has no room for."""
    alone = [base.tokenizer.encode(told.template, tweet.text, tweet.topic, tweet.type) for tweet in tweets]
    if max(len(document.ids) for document in alone) > base.max_positions:
        return {}
    readings = {TOLD: Reading(alone)}
    if told.examples.after:
        after = [base.tokenizer.encode(told.examples.after, tweet.text, tweet.topic, tweet.type) for tweet in tweets]
        readings[TOLD_EXAMPLES] = Reading(after, told.examples.ids)
    return readings


def trial_readings(base: BaseModel, template: Template, sample: HeldOut, seed: int) -> tuple[list[Trial], dict[str, Reading]]:
    """The trials, and what tuned and base model read alike: TRIALS, five documents a trial, and UNRELATED, one for each tweet.

    A trial one of whose documents is longer than the model's context is left out.
    """
    tweets = sample.tweets
    trials, documents = [], []
    for trial in choose_trials(tweets, clusters(tweets), seed):
        asked = [_after(base, template, tweets[trial.tweet], tweets[place]) for place in trial.messages]
        if all(len(document.ids) <= base.max_positions for document in asked):
            trials.append(trial)
            documents += asked
    unrelated = [_after(base, template, tweet, other) for tweet, other in zip(tweets, _turned(tweets, seed), strict=True)]
    readings = {UNRELATED: Reading(unrelated)} | ({TRIALS: Reading(documents)} if documents else {})
    return trials, readings


def drawn_messages(tweets: Sequence[Tweet], count: int, seed: int) -> list[str | None]:
    """`count` messages of these tweets, drawn by lot, for texts that answer none of them."""
    return [tweet.topic for tweet in random.Random(seed).choices(tweets, k=count)]


def _after(base: BaseModel, template: Template, tweet: Tweet, other: Tweet) -> Encoded:
    return base.tokenizer.encode(template, tweet.text, other.topic, tweet.type)


def _turned(tweets: Sequence[Tweet], seed: int) -> list[Tweet]:
    """For each tweet another one, each once; a single tweet has only itself."""
    order = random.Random(seed).sample(range(len(tweets)), len(tweets))
    other = dict(zip(order, order[1:] + order[:1], strict=True))
    return [tweets[other[place]] for place in range(len(tweets))]
