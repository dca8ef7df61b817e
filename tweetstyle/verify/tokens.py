"""Whether a prompt and a tweet become the ids of training in llama.cpp and in Ollama."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from tweetstyle.errors import TweetstyleError
from tweetstyle.ollama import OllamaClient
from tweetstyle.records import Tweet
from tweetstyle.template import NO_TOPIC, Template
from tweetstyle.tokenizer import Tokenizer
from tweetstyle.verify.checks import Check
from tweetstyle.verify.hard_strings import HARD_STRINGS
from tweetstyle.verify.llama_cpp import Logits

SHOWN = 60
"""Characters of a string that is shown where it comes apart."""


def tokens_in_llama_cpp(logits: Logits, type: str, template: Template, tokenizer: Tokenizer, tweets: Iterable[Tweet]) -> Check:
    """Prompts, whose special tokens are read, and tweets, whose are not; and that llama.cpp ends an answer where training did."""
    different, count = [], 0
    for message in _messages(template, tweets):
        prompt, count = template.prompt(message), count + 1
        if logits.tokenize(prompt, add_special=True, parse_special=True) != tokenizer.prompt_ids(prompt, add_bos=template.add_bos):
            different.append(message)
    for text in (*(tweet.text for tweet in tweets), *HARD_STRINGS):
        answer, count = template.answer(text), count + 1
        if logits.tokenize(answer, add_special=False, parse_special=False) != tokenizer.text_ids(answer):
            different.append(text)
    ends = logits.ends_generation(tokenizer.end_id(template))
    return _check("tokens", type, count, different, "" if ends else f"llama.cpp does not end an answer at {template.end}")


def tokens_in_ollama(modelfile: Path, type: str, template: Template, tokenizer: Tokenizer, tweets: Iterable[Tweet]) -> Check:
    """The same prompts asked of the running Ollama, under a name that is removed again; not made where none runs."""
    try:
        client = OllamaClient()
        version = client.version()
    except TweetstyleError as error:
        return Check("tokens in Ollama", type, None, {}, why=str(error).splitlines()[0])
    name = f"tweetstyle-verify-{os.getpid()}"
    client.create(name, modelfile)
    different, count = [], 0
    try:
        # An empty prompt (raw text begun at nothing) only loads the model in Ollama.
        for message in filter(template.prompt, _messages(template, tweets)):
            ids = tokenizer.prompt_ids(template.prompt(message), add_bos=template.add_bos)
            answer, count = client.generate(name, message, num_predict=1), count + 1
            if not _fed(answer, ids, template.add_bos):
                different.append(message)
    finally:
        client.delete(name)
    found = _check("tokens in Ollama", type, count, different, "")
    return Check(found.name, type, found.passed, found.figures | {"Ollama": version}, found.limits, found.why)


def _messages(template: Template, tweets: Iterable[Tweet]) -> Iterator[str]:
    """What is typed: a held-out tweet's topic, none, and each hard string."""
    topics = {tweet.topic for tweet in tweets if tweet.topic} if template.has_topic else set()
    yield from (NO_TOPIC, *sorted(topics), *HARD_STRINGS)


def _fed(answer: dict, ids: list[int], add_bos: bool) -> bool:
    """Whether the runner counted the ids, and gave them back: `context` is made again of prompt and answer, without BOS.

    There the prompt's last token may have grown together with the answer's first character.
    """
    context, known = answer.get("context", []), ids[add_bos:]
    whole = len(known) if not answer["response"] else len(known) - 1
    return answer["prompt_eval_count"] == len(ids) and context[:whole] == known[:whole]


def _check(name: str, type: str, count: int, different: list[str], why: str) -> Check:
    figures = {"strings": count, "different": len(different)}
    if different:
        first = ascii(different[0][:SHOWN]) if different[0] in HARD_STRINGS else "a held-out tweet"
        why = f"{len(different)} of {count} strings have other ids than in training, first {first}"
    return Check(name, type, not why, figures, {"different": 0}, why)
