"""Do sampled answers end by themselves, without the prompt's own text?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tweetstyle.inference.chat import ChatModel
from tweetstyle.inference.llama_cpp import usable_threads
from tweetstyle.progress import Bar
from tweetstyle.prompt.chat_template import Turn
from tweetstyle.prompt.template import NO_TOPIC, Literally, Template
from tweetstyle.recipe import Sampling
from tweetstyle.records import Tweet
from tweetstyle.verify.checks import GateCheck, within
from tweetstyle.wording.words import Note

SEED = 20
CUT_IN = 20
"""One answer in this many may be cut: a model that ends 99 of 100 would else be refused one time in five (1 − 0.99^20)."""
SHORTEST_MARK = 4
"""A shorter text of the prompt ("|", "=>") may well be in a tweet."""


def stops(gguf: Path, type: str, template: Template, sampling: Sampling, tweets: Sequence[Tweet], answers: int) -> GateCheck:
    """Sampled as the recipe says, seeded, half of them on held-out tweets' topics; in a conversation all on held-out messages, half of
    them as a second turn. Without the Modelfile's stop texts, so that it is the model which ends. More than one in CUT_IN cut at
    num_predict, or one that holds a text of the prompt, fails."""
    speaker = ChatModel(gguf, replace(template, stops=()), sampling, threads=usable_threads())
    cut, telling = 0, []
    with Bar(f"gate: {type} answers", answers, "answers") as bar:
        for number in range(answers):
            speaker.sampling = sampling.model_copy(update={"seed": SEED + number})
            message, history = _asked(template, tweets, number)
            answer = speaker.answer(message, history=history)
            cut += not speaker.ended
            telling += [mark for mark in marks(template) if mark in answer]
            bar.advance(1)
    limits = {"cut": answers // CUT_IN, "with template text": 0}
    found = within("stop", type, {"answers": answers, "cut": cut, "with template text": len(telling)}, limits)
    why = [Note("cut", {"cut": cut, "answers": answers, "num_predict": sampling.num_predict})] if cut else []
    why += [Note("prompt_in_answer", {"text": repr(telling[0])})] if telling else []
    return replace(found, why=[] if found.passed else why)


def judged_by_training(stop: GateCheck, training: GateCheck) -> GateCheck:
    """The check `stops` where the file predicts held-out tweets, their ends included, as the trained model does.

    Answers that do not end, or hold the prompt's text, are then no fault of the export: the model was trained too little. The file
    passes, with that remark.
    """
    if stop.passed is False and training.passed:
        return replace(stop, passed=True, why=[*stop.why, Note("training_too_short", {})])
    return stop


def _asked(template: Template, tweets: Sequence[Tweet], number: int) -> tuple[str, list[Turn]]:
    """The message of the answer `number`, and what was said before it."""
    asking = [tweet for tweet in tweets if tweet.topic] if template.takes_message else []
    if not asking or (number % 2 and not template.turns):
        return NO_TOPIC, []
    tweet, before = (asking[place % len(asking)] for place in (number // 2, number // 2 + 1))
    return tweet.topic or NO_TOPIC, [(before.topic or NO_TOPIC, before.text)] if number % 2 else []


def marks(template: Template) -> set[str]:
    """Texts that belong to the prompt and to no answer: its own pieces, the style line, the stops and the end."""
    pieces = [piece.text for piece in template.pieces if isinstance(piece, Literally)]
    texts = {text.strip() for text in (*pieces, template.system_line(), *template.stops, template.end)}
    return {text for text in texts if len(text) >= SHORTEST_MARK}
