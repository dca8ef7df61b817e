"""The command write: tweets on subjects, by the exported model in llama.cpp or in Ollama."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tweetstyle.console import say
from tweetstyle.dataset.threads import read_tweets
from tweetstyle.files import fingerprint
from tweetstyle.inference.ollama import OllamaClient
from tweetstyle.locale import N_, _
from tweetstyle.manifest import settings_digest
from tweetstyle.prompt.template import NO_TOPIC
from tweetstyle.records import Tweet
from tweetstyle.stages.stage import exported_gguf, tweets_of

if TYPE_CHECKING:
    from tweetstyle.run import Run
    from tweetstyle.write import Request, Writer, WrittenTweet
    from tweetstyle.write.discriminator import Discriminator

LEARNED_FROM = 200
"""Tweets that the model writes so that the discriminator knows how it writes; as many times two of the author's, where there are."""
FEWER = N_("{subject}: {count} of {wanted} tweets; the others repeat training tweets or each other, or were cut: try more --candidates")
FEWEST = 50
"""Training tweets below which nothing is weighed: what a classifier learns from fewer is chance."""


def write_tweets(run: Run, request: Request, *, ollama: bool) -> Iterator[list[WrittenTweet]]:
    """Per subject the tweets that were drawn. The first time, the model writes 200 more, from which its discriminator learns.

    Raises TweetstyleError where nothing is exported, or Ollama has no such model.
    """
    from tweetstyle.progress import Bar
    from tweetstyle.write import write

    gguf = exported_gguf(run.recipe, run.path)
    tweets = list(read_tweets(run.split(run.recipe.training.split), run.template))
    writer = _ollama_writer(run) if ollama else gguf_writer(run, gguf)
    judge = discriminator(run, gguf, tweets, writer) if request.weighed and len(tweets) >= FEWEST else None
    with Bar(_("writing tweets"), len(request.subjects) * request.candidates, "tweets", delay=1) as bar:
        bar.advance(0)
        for subject, found in zip(
            request.subjects, write(request, writer, [tweet.text for tweet in tweets], judge, bar.advance), strict=True
        ):
            if len(found) < request.count:
                say(_(FEWER, count=len(found), wanted=request.count, subject=subject), fg="yellow")
            yield found


def discriminator(run: Run, gguf: Path, tweets: list[Tweet], writer: Writer) -> Discriminator:
    """export/NAME/discriminator.npz; made where it is not there, or model, tweets or sampling are others."""
    from tweetstyle.progress import Bar
    from tweetstyle.text.habits import find_habits
    from tweetstyle.write.discriminator import Discriminator

    habits = find_habits([tweet.text for tweet in tweets])
    path = run.recipe.export_directory / "discriminator.npz"
    made_from = [fingerprint(gguf), tweets_of(run, run.recipe.training.split), run.sampling.model_dump(mode="json"), LEARNED_FROM]
    made_by = settings_digest(made_from)
    if found := Discriminator.read(path, habits, made_by):
        return found
    order = random.Random(run.recipe.data.seed).sample(tweets, min(len(tweets), 2 * LEARNED_FROM))
    with Bar(_("once: learning how the model writes"), LEARNED_FROM, "tweets") as bar:
        bar.advance(0)
        written = []
        for number in range(LEARNED_FROM):
            tweet = order[number % len(order)]
            if text := writer(tweet.topic or NO_TOPIC, number):
                written.append(text)
            bar.advance()
    made = Discriminator.train([tweet.text for tweet in order], written, habits, made_by)
    made.save(path)
    return made


def gguf_writer(run: Run, gguf: Path) -> Writer:
    from tweetstyle.inference.chat import ChatModel

    model = ChatModel(gguf, run.template, run.sampling)

    def write(subject: str, seed: int) -> str | None:
        text = model.answer(subject, seed=seed)
        return _whole(run, subject, text) if model.ended else None

    return write


def _ollama_writer(run: Run) -> Writer:
    client, name = OllamaClient(), run.recipe.name
    client.digest(name)

    def write(subject: str, seed: int) -> str | None:
        answer = client.chat(name, [{"role": "user", "content": subject}], {"seed": seed})
        return _whole(run, subject, run.template.shown(answer["message"]["content"])) if answer["done_reason"] == "stop" else None

    return write


def _whole(run: Run, subject: str, text: str) -> str:
    """The tweet: in the `text` format the subject is its beginning."""
    beginning = "" if run.template.takes_message or subject == NO_TOPIC else subject
    return (beginning + text).strip()
