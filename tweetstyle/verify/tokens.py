"""Whether a prompt and a tweet become the ids of training in llama.cpp and in Ollama."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tweetstyle.errors import TweetstyleError
from tweetstyle.inference.llama_cpp import Logits, usable_threads
from tweetstyle.inference.ollama import OllamaClient
from tweetstyle.model.tokenizer import Tokenizer
from tweetstyle.prompt.chat_template import Turn
from tweetstyle.prompt.template import NO_TOPIC, Template
from tweetstyle.records import Tweet
from tweetstyle.verify.checks import Check
from tweetstyle.verify.hard_strings import HARD_STRINGS

IN_HISTORY = 4
"""One hard string in so many is also asked on a second turn: each is one more question to Ollama."""
SHOWN = 60
"""Characters of a string that is shown where it comes apart."""


def tokens_in_llama_cpp(logits: Logits, type: str, template: Template, tokenizer: Tokenizer, tweets: Iterable[Tweet]) -> Check:
    """Prompts, whose special tokens are read, and tweets, whose are not; and that llama.cpp ends an answer where training did."""
    different, count = [], 0
    for message, history in asked(template, tweets):
        prompt, count = template.prompt(message, history=history), count + 1
        if logits.tokenize(prompt, add_special=True, parse_special=True) != tokenizer.prompt_ids(prompt, add_bos=template.add_bos):
            different.append(message)
    for text in (*(tweet.text for tweet in tweets), *HARD_STRINGS):
        answer, count = template.answer(text), count + 1
        if logits.tokenize(answer, add_special=False, parse_special=False) != tokenizer.text_ids(answer):
            different.append(text)
    ends = logits.ends_generation(tokenizer.end_id(template))
    return _check("tokens", type, count, different, "" if ends else f"llama.cpp does not end an answer at {template.end}")


def tokens_in_ollama(
    modelfile: Path, type: str, template: Template, tokenizer: Tokenizer, tweets: Iterable[Tweet], advance: Callable[[int], None]
) -> Check:
    """The same prompts asked of the running Ollama, under a name that is removed again; not made where none runs.

    Each is read by the model, whole, and one token written: some hundreds of prompts on a processor take minutes. On two cores that others
    used too, Ollama's own count of threads took four times as long as `usable_threads`; on two idle ones, two thirds of it.
    advance: called with the prompts done.
    """
    try:
        client = OllamaClient()
        version = client.version()
    except TweetstyleError as error:
        return Check("tokens in Ollama", type, None, {}, why=str(error).splitlines()[0])
    name = f"tweetstyle-verify-{os.getpid()}"
    client.create(name, modelfile)
    different, count, options = [], 0, {"num_predict": 1, "num_thread": usable_threads()}
    try:
        # An empty prompt (raw text begun at nothing) only loads the model in Ollama.
        for message, history in asked(template, tweets):
            prompt = template.prompt(message, history=history)
            advance(1)
            if not prompt:
                continue
            ids, count = tokenizer.prompt_ids(prompt, add_bos=template.add_bos), count + 1
            if history:
                fed = client.chat(name, [*history, (message, None)], **options)["prompt_eval_count"] == len(ids)
            else:
                fed = _fed(client.generate(name, message, **options), ids, template.add_bos)
            if not fed:
                different.append(message)
    finally:
        client.delete(name)
    found = _check("tokens in Ollama", type, count, different, "")
    return Check(found.name, type, found.passed, found.figures | {"Ollama": version}, found.limits, found.why)


def asked(template: Template, tweets: Iterable[Tweet]) -> Iterator[tuple[str, list[Turn]]]:
    """What is typed, and what was said before: a held-out tweet's topic, or the message it answers, none, and each hard string.

    A conversation has hard strings on a second turn too, asked and answered before; and held-out tweets up to the third, each of them
    once among what was said (but for the last one or two).
    """
    topics = {tweet.topic for tweet in tweets if tweet.topic} if template.takes_message else set()
    yield from ((message, []) for message in (NO_TOPIC, *sorted(topics), *HARD_STRINGS))
    if template.turns:
        said = [(tweet.topic, tweet.text) for tweet in tweets if tweet.topic]
        yield from ((text, [(text, text)]) for text in HARD_STRINGS[::IN_HISTORY])
        places = range(2, len(said), 2) or range(1, len(said))
        yield from ((said[place][0], said[max(0, place - 2) : place]) for place in places)


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
