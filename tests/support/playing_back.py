"""A recipe whose messages an Ollama writes, what a good one answers, and a split with its messages beside it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from support.fake_ollama import tweet_of
from support.small_runs import write_tweets

from tweetstyle.dataset.threads import Message, messages_path, write_messages
from tweetstyle.records import Tweet

RECIPE = """\
data:
  source: archive.csv
prompt:
  style: Nimzo
  format: chat
  message: playback
playback:
  ollama: small
  url: {url}
  train_tweets: 30
  held_out_tweets: 3
model:
  base: {base}
  method: lora
"""


def asks_back(body: dict, number: int) -> str:
    """A message of the kind and in the language that the request asks for, with a word of the tweet."""
    instruction = body["messages"][0]["content"]
    word = max(tweet_of(body).split(), key=len).strip('"\\')
    if "d'un ami" in instruction:
        forms = {"la question": f"Tu penses quoi de {word} ?", "la remarque": f"Je connais bien {word}.", "": f"Écris un tweet sur {word}."}
    else:
        forms = {"the question": f"What do you think of {word}?", "the remark": f"I know {word} well.", "": f"Write a tweet about {word}."}
    return next(message for kind, message in forms.items() if kind in instruction)


def write_answers(directory: Path, split: str, tweets: Sequence[Tweet], messages: Mapping[str, str]) -> Path:
    """directory/<split>.jsonl and its messages: id → message."""
    write_messages(messages_path(directory, split), [Message(id, text, "question") for id, text in messages.items()])
    return write_tweets(directory / f"{split}.jsonl", list(tweets))
