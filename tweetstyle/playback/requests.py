"""Which tweets get which kind of message, and the prompt for the message model."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from tweetstyle.dataset.threads import KINDS, Kind, goes_on_from, is_answerable
from tweetstyle.recipe import Playback
from tweetstyle.records import Tweet
from tweetstyle.wording.words import Say

MOST_CHARACTERS = 1_000
"""Of a long post the beginning is shown."""

Turn = dict[str, str]
"""role (system, user, assistant) and content."""

_SPECIAL = re.compile(r"<(?=[|/!\w｜][^<>\n]{0,60}>)|\[(?=/?[A-Z_]{2,20}\])")


@dataclass(frozen=True, slots=True)
class MessageRequest:
    """A tweet that a message is wanted for. language: of both, ISO 639-1; before: the author's own tweet before it
    in a conversation, or empty: a message that leans on what the model will not have seen would be a wrong one."""

    id: str
    text: str
    language: str
    kind: Kind
    before: str = ""


@dataclass(frozen=True)
class Chosen:
    """real: tweets with the message that the archive has; unknown_parent: replies to somebody whose words it has not; left_out: what the
    sample is smaller by."""

    requests: list[MessageRequest]
    real: list[Tweet]
    unknown_parent: int
    left_out: int


# -- which tweets -------------------------------------------------------------------------------------------


def choose(tweets: Sequence[Tweet], settings: Playback, most: int, otherwise: str) -> Chosen:
    """At most about `most` of a split's tweets without a message, in their order; a thread is in the sample whole or not at all.

    A reply has a message already, which nobody knows, unless it continues the author's own tweet. What is chosen and its kind
    depend on the seed and the id alone: further tweets change neither, and a resumed run requests the same.
    otherwise: the language of a tweet whose own is uncertain.
    """
    answerable = [tweet for tweet in tweets if is_answerable(tweet)]
    before = {id: tweet.text for id, tweet in goes_on_from(answerable).items()}
    threads: dict[str, int] = Counter(tweet.thread or tweet.id for tweet in answerable if not tweet.message)
    kept: set[str] = set()
    room = most
    for thread in sorted(threads, key=lambda name: fraction(settings.seed, name, b"sample")):
        if room <= 0:
            break
        kept.add(thread)
        room -= threads[thread]
    requests = [
        MessageRequest(tweet.id, tweet.text, tweet.language or otherwise, kind_of(tweet.id, settings), before.get(tweet.id, ""))
        for tweet in answerable
        if (tweet.thread or tweet.id) in kept and not tweet.message
    ]
    real = [tweet for tweet in answerable if tweet.message]
    return Chosen(requests, real, len(tweets) - len(answerable), len(answerable) - len(requests) - len(real))


def kind_of(id: str, settings: Playback) -> Kind:
    """The kind to request, by the recipe's shares."""
    place = fraction(settings.seed, id, b"kind")
    if place < settings.questions:
        return "question"
    return "remark" if place < settings.questions + settings.remarks else "request"


def fraction(seed: int, id: str, purpose: bytes) -> float:
    """A number in [0, 1) that depends on the seed, the tweet and the purpose alone."""
    digest = hashlib.blake2b(f"{seed}:{id}".encode("utf-8", "surrogatepass"), digest_size=8, person=purpose).digest()
    return int.from_bytes(digest, "big") / 2**64


def main_language(tweets: Sequence[Tweet], likely: Sequence[str]) -> str:
    """The language of most tweets; of none that is certain, the first likely one."""
    counts = Counter(tweet.language for tweet in tweets if tweet.language)
    return max(counts, key=lambda language: (counts[language], language)) if counts else likely[0]


# -- the prompt ---------------------------------------------------------------------------------------------


def turns(request: MessageRequest) -> list[Turn]:
    """The request as a chat. All but the last turn is the same for every tweet of a language and kind, so that servers read it once."""
    prompt = _prompt(request.language)
    chat = [{"role": "system", "content": _instruction(request.language, request.kind)}]
    for example in prompt["examples"]:
        chat += [{"role": "user", "content": _quoted(example["tweet"])}, {"role": "assistant", "content": example[request.kind]}]
    context = f"{prompt['before']}: {as_data(request.before)}\n" if request.before else ""
    return [*chat, {"role": "user", "content": context + _quoted(request.text)}]


def as_data(text: str) -> str:
    """The text on one line between double quotes, its own escaped, and what a tokenizer could take for a turn's end made harmless.

    Ollama and llama.cpp read special tokens anywhere in a prompt: a tweet with <|im_end|> in it would speak for itself.
    """
    line = " ".join(text[:MOST_CHARACTERS].split())
    return json.dumps(_SPECIAL.sub(lambda opened: "‹" if opened[0] == "<" else "(", line), ensure_ascii=False)


def instructions(language: str) -> list[str]:
    """The sentences of instruction in a language's prompt, to be recognised where a model gives them back."""
    return [_instruction(language, kind) for kind in KINDS]


def examples(language: str) -> list[str]:
    """The example messages in a language's prompt."""
    return [example[kind] for example in _prompt(language)["examples"] for kind in KINDS]


def _instruction(language: str, kind: Kind) -> str:
    prompt = _prompt(language)
    return prompt["instruction"].format(kind=prompt["kinds"][kind], language=Say("en").named("languages", language))


def _prompt(language: str) -> dict[str, Any]:
    return _prompts()["fr" if language == "fr" else "en"]


@cache
def _prompts() -> dict[str, dict[str, Any]]:
    return yaml.safe_load(files("tweetstyle").joinpath("playback/prompts.yaml").read_text(encoding="utf-8"))


def _quoted(text: str) -> str:
    return f"Tweet: {as_data(text)}"
