"""The gate's checks of one file: token ids, the loss of training, answers that end."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from tweetstyle.dataset.held_out import HeldOut, clusters
from tweetstyle.errors import TweetstyleError
from tweetstyle.inference.chat import ChatModel
from tweetstyle.inference.llama_cpp import Logits, usable_threads
from tweetstyle.inference.ollama import OllamaClient, OllamaLost
from tweetstyle.locale import _, current_language
from tweetstyle.model.tokenizer import Tokenizer
from tweetstyle.pages.render import asset
from tweetstyle.progress import Bar
from tweetstyle.prompt.chat_template import Turn
from tweetstyle.prompt.template import NO_TOPIC, Literally, Template
from tweetstyle.recipe import Evaluation, Sampling
from tweetstyle.records import Tweet
from tweetstyle.statistics.intervals import bootstrap_t
from tweetstyle.wording.words import Note, Say

BITS_LIMITS = {"f32": 0.005, "f16": 0.005, "bf16": 0.01, "q8_0": 0.02, "q6_k": 0.04, "q5_k_m": 0.2, "q4_k_m": 0.12}
"""Bits per byte that a GGUF may lose against the model as it was trained, at the interval's upper end.

Measured on the demo's tuned SmolLM2-135M, which had learned 0.92: 0.0000, 0.0000, 0.0011, 0.0031, 0.0101, 0.0695, 0.0260. A larger model
loses less, a wrong weight costs whole nats. A qlora model computes in bfloat16 when it is scored as it was trained: up to 0.0023, where
llama.cpp's f16 held the very same weights."""
IN_HISTORY = 4
"""One hard string in this many is also sent as a second turn: each is one more request to Ollama."""
SHOWN = 60
"""Characters of a string that is shown where it comes apart."""
SEED = 20
CUT_IN = 20
"""One answer in this many may be cut: a model that ends 99 of 100 would else be refused one time in five (1 − 0.99^20)."""
SHORTEST_MARK = 4
"""A shorter text of the prompt ("|", "=>") may well be in a tweet."""
HARD_STRINGS: tuple[str, ...] = tuple(text for texts in json.loads(asset("verify/hard_strings.json")).values() for text in texts)
"""Texts that tokenizers are known to split in different ways."""


@dataclass(frozen=True)
class GateCheck:
    """name: tokens, tokens in Ollama, training or stop; type: of the GGUF that was checked.

    passed: None where it could not be made; why then says so, as it says what failed. limits: figure → the most that it may be.
    """

    name: str
    type: str
    passed: bool | None
    figures: dict[str, float | int | str]
    limits: dict[str, float] = field(default_factory=dict)
    why: list[Note] = field(default_factory=list)

    @property
    def reason(self) -> str:
        """`why`, in the language of the terminal."""
        return Say(current_language()).notes(self.why)


def within(name: str, type: str, figures: dict[str, float | int | str], limits: dict[str, float]) -> GateCheck:
    """A check whose figures may not be above their limits; one that is no number is above every limit."""
    above = [key for key, limit in limits.items() if not figures[key] <= limit]
    why = [Note("above", {"figure": key, "value": figures[key], "limit": limits[key]}) for key in above]
    return GateCheck(name, type, not above, figures, limits, why)


def training_loss(type: str, nats: np.ndarray, as_trained: np.ndarray, sample: HeldOut, evaluation: Evaluation) -> GateCheck:
    """Bits per byte that a GGUF loses against the model as it was trained; `evaluation` says how the interval is made.

    nats, as_trained: float64 [documents], summed losses of the held-out tweets, the GGUF's and the trained model's.
    """
    interval = bootstrap_t((nats - as_trained) / np.log(2), sample.bytes, clusters(sample.tweets), **evaluation.bootstrap)
    size = sample.bytes.sum() * np.log(2)
    figures = {
        "bits per byte": float(nats.sum() / size),
        "as trained": float(as_trained.sum() / size),
        "lost": interval.estimate,
        "lost at least": interval.estimate if interval.low is None else interval.low,
        "lost at most": interval.estimate if interval.high is None else interval.high,
        "confidence": interval.confidence,
        "clusters": interval.clusters,
        "tweets": len(sample.documents),
    }
    return within("training", type, figures, {"lost at most": BITS_LIMITS[type]})


# -- tokens -----------------------------------------------------------------------------------------------


def tokens_in_llama_cpp(logits: Logits, type: str, template: Template, tokenizer: Tokenizer, tweets: Iterable[Tweet]) -> GateCheck:
    """Prompts, whose special tokens are read, and tweets, whose are not; and that llama.cpp ends an answer where training did."""
    different, count = [], 0
    for message, history in gate_prompts(template, tweets):
        prompt, count = template.prompt(message, history=history), count + 1
        if logits.tokenize(prompt, add_special=True, parse_special=True) != tokenizer.prompt_ids(prompt, add_bos=template.add_bos):
            different.append(message)
    for text in (*(tweet.text for tweet in tweets), *HARD_STRINGS):
        answer, count = template.answer(text), count + 1
        if logits.tokenize(answer, add_special=False, parse_special=False) != tokenizer.text_ids(answer):
            different.append(text)
    ends = logits.ends_generation(tokenizer.end_id(template))
    return _check("tokens", type, count, different, [] if ends else [Note("no_end", {"end": template.end})])


def tokens_in_ollama(modelfile: Path, type: str, template: Template, tokenizer: Tokenizer, tweets: Sequence[Tweet]) -> GateCheck:
    """The same prompts sent to the running Ollama, under a name that is removed again; not made where none runs.

    Each is read by the model, whole, and one token written: some hundreds of prompts on a processor take minutes.
    """
    name, kind = f"tweetstyle-verify-{os.getpid()}", "tokens in Ollama"
    try:
        client = OllamaClient()
        version = client.version()
    except TweetstyleError as error:
        code, address = "ollama_off" if isinstance(error, OllamaLost) else "ollama_unusable", os.environ.get("OLLAMA_HOST")
        return GateCheck(kind, type, None, {}, why=[Note(code, {"address": address or "127.0.0.1:11434"})])
    client.create(name, modelfile)
    # An empty prompt (raw text begun at nothing) only loads the model in Ollama.
    prompts = [(message, history) for message, history in gate_prompts(template, tweets) if template.prompt(message, history=history)]
    different, options = [], {"num_predict": 1, "num_thread": usable_threads()}
    try:
        with Bar(_("gate: {type} in Ollama", type=type), len(prompts), _("prompts")) as bar:
            for message, history in prompts:
                ids = tokenizer.prompt_ids(template.prompt(message, history=history), add_bos=template.add_bos)
                if history:
                    pairs = [(role, text) for turn in history for role, text in zip(("user", "assistant"), turn, strict=True)]
                    messages = [{"role": role, "content": text} for role, text in [*pairs, ("user", message)]]
                    fed = client.chat(name, messages, options)["prompt_eval_count"] == len(ids)
                else:
                    fed = _fed(client.generate(name, message, options), ids, template.add_bos)
                if not fed:
                    different.append(message)
                bar.advance(1)
    finally:
        client.delete(name)
    found = _check(kind, type, len(prompts), different, [])
    return replace(found, figures=found.figures | {"Ollama": version})


def gate_prompts(template: Template, tweets: Iterable[Tweet]) -> Iterator[tuple[str, list[Turn]]]:
    """What is typed, and what was said before: a held-out tweet's topic, or the message it answers, none, and each hard string.

    A conversation has hard strings on a second turn too, after a first turn; and held-out tweets up to the third, each of them
    once among what was said (but for the last one or two).
    """
    topics = {tweet.topic for tweet in tweets if tweet.topic} if template.takes_message else set()
    yield from ((message, []) for message in (NO_TOPIC, *sorted(topics), *HARD_STRINGS))
    if template.turns:
        answered = [(tweet.topic, tweet.text) for tweet in tweets if tweet.topic]
        yield from ((text, [(text, text)]) for text in HARD_STRINGS[::IN_HISTORY])
        places = range(2, len(answered), 2) or range(1, len(answered))
        yield from ((answered[place][0], answered[max(0, place - 2) : place]) for place in places)


def _fed(answer: dict, ids: list[int], add_bos: bool) -> bool:
    """Whether the runner counted the ids, and gave them back: `context` is made again of prompt and answer, without BOS.

    There the prompt's last token may have grown together with the answer's first character.
    """
    context, known = answer.get("context", []), ids[add_bos:]
    whole = len(known) if not answer["response"] else len(known) - 1
    return answer["prompt_eval_count"] == len(ids) and context[:whole] == known[:whole]


def _check(name: str, type: str, count: int, different: list[str], why: list[Note]) -> GateCheck:
    figures = {"strings": count, "different": len(different)}
    if different:
        counts = {"different": len(different), "count": count}
        hard = different[0] in HARD_STRINGS
        why = [Note("other_ids", counts | {"first": ascii(different[0][:SHOWN])}) if hard else Note("other_ids_held_out", counts)]
    return GateCheck(name, type, not why, figures, {"different": 0}, why)


# -- answers ----------------------------------------------------------------------------------------------


def stops(gguf: Path, type: str, template: Template, sampling: Sampling, tweets: Sequence[Tweet], answers: int) -> GateCheck:
    """Sampled as the recipe says, seeded, half of them on held-out tweets' topics; in a conversation all on held-out messages, half of
    them as a second turn. Without the Modelfile's stop texts, so that it is the model which ends. More than one in CUT_IN cut at
    num_predict, or one that holds a text of the prompt, fails."""
    chat_model = ChatModel(gguf, replace(template, stops=()), sampling)
    cut, telling = 0, []
    with Bar(_("gate: {type} answers", type=type), answers, _("answers")) as bar:
        for number in range(answers):
            message, history = _asked(template, tweets, number)
            answer = chat_model.answer(message, history=history, seed=SEED + number)
            cut += not chat_model.ended
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
