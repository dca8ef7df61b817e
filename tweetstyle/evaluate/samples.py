"""Tweets that the models write, kept on disk and resumed after a kill."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from tweetstyle.dataset.held_out import clusters
from tweetstyle.evaluate.baselines import Examples, ModelPair
from tweetstyle.evaluate.writing_prompts import (
    WritingPrompt,
    first_prompts,
    opening_scripts,
    prompt_ids,
    prompts_of,
    question_prompts,
    second_prompts,
)
from tweetstyle.files import clear_os_errors, complete_file, fingerprints, read_json_lines
from tweetstyle.inference.clean_process import run_in_clean_process
from tweetstyle.inference.generate import as_read, generate, read_shared_prefix
from tweetstyle.locale import _
from tweetstyle.manifest import settings_digest
from tweetstyle.model.base import BaseModel
from tweetstyle.model.config import read_shape
from tweetstyle.plan.memory import cache_bytes, rows_at_a_time
from tweetstyle.prompt.template import NO_TOPIC, Template
from tweetstyle.recipe import Sampling
from tweetstyle.records import Tweet

BASE, EXAMPLES, TUNED = "base", "examples", "tuned"
SHOWN = 60
"""Prompts kept with all answers: what the report shows and the blind test uses."""
Answers = Mapping[str, Sequence[str]]
"""Who wrote → answers as a person reads them, in the prompts' order."""


@dataclass(frozen=True)
class WrittenSamples:
    """answers: to the prompts, which have the test tweets' topics; replies: of base and tuned model to whole questions.

    source: "hf", or "gguf" where the exported file wrote for the tuned model.
    """

    prompts: Sequence[WritingPrompt]
    answers: Answers
    questions: Sequence[WritingPrompt] = ()
    replies: Answers = field(default_factory=dict)
    source: str = "hf"


@dataclass(frozen=True)
class Sample:
    """One prompt of a test tweet: what the author wrote, and the models. examples: the base model shown tweets, None where that is none."""

    topic: str | None
    type: str
    real: str
    base: str
    examples: str | None
    tuned: str


@dataclass(frozen=True)
class Opening:
    """A scripted beginning of a conversation: two messages, and what each model answered to them."""

    language: str
    messages: tuple[str, str]
    base: tuple[str, str]
    tuned: tuple[str, str]


def write_samples(
    writing: Writing, train: Sequence[Tweet], test: Sequence[Tweet], count: int, directory: Path
) -> tuple[WrittenSamples, list[Opening]]:
    """`count` tweets by each model. They are kept in `directory`, and writing resumes there after a kill.

    The base model shown tweets writes too where any fit its context. Prompts with a topic are followed by whole questions, prompts
    with a message by openings of two messages.
    """
    template = writing.model.template
    prompts = prompts_of(test, clusters(test), count, writing.seed)
    questions = question_prompts(train, count) if template.has_topic else []
    both = [*prompts, *questions, *(first_prompts(count) if template.turns else ())]
    wanted = {BASE: both} | ({EXAMPLES: prompts} if writing.examples.count else {}) | dict.fromkeys(writing.others, prompts) | {TUNED: both}
    answers = writing.answers(wanted, directory)
    written = {who: of[:count] for who, of in answers.items()}
    replies = {who: answers[who][count : count + len(questions)] for who in (BASE, TUNED)}
    samples = WrittenSamples(prompts, written, questions, replies, "gguf" if writing.model.gguf else "hf")
    return samples, _write_openings(writing, answers, count, directory) if template.turns else []


def _write_openings(writing: Writing, answers: Answers, start: int, directory: Path) -> list[Opening]:
    """answers: those to the openings' first messages are the last ones of each model; start: number of the first opening."""
    scripts = opening_scripts()
    first = {who: answers[who][-len(scripts) :] for who in (BASE, TUNED)}
    second = writing.answers({who: second_prompts(start, of) for who, of in first.items()}, directory / "second-turns")
    base, tuned = (zip(first[who], second[who], strict=True) for who in (BASE, TUNED))
    return [Opening(language, tuple(messages), *answered) for (language, *messages), *answered in zip(scripts, base, tuned, strict=True)]


def side_by_side(test: Sequence[Tweet], written: WrittenSamples, seed: int) -> list[Sample]:
    """At most SHOWN prompts, drawn by lot, each test tweet once, so that nobody chose the prettiest."""
    order = random.Random(seed).sample(range(len(test)), len(test))
    found = []
    for place, index in enumerate(order[: min(SHOWN, len(written.prompts))]):
        tweet, texts = test[index], {who: of[place] for who, of in written.answers.items()}
        found.append(Sample(tweet.topic, tweet.type, tweet.text, texts[BASE], texts.get(EXAMPLES), texts[TUNED]))
    return found


# -- answers on the disk ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AnswerFile:
    """Answers on the disk, one a line under a line that says what they were made by; of something else it counts as empty."""

    path: Path
    made_by: str

    def answers(self) -> dict[int, str]:
        """Number of the prompt → answer, up to the first damaged line."""
        heading, *rows = read_json_lines(self.path) or [{}]
        return {row["number"]: row["text"] for row in rows} if heading.get("made_by") == self.made_by else {}

    def begin(self) -> None:
        """Keeps the whole lines of these answers and removes anything else."""
        kept = self.answers()
        with complete_file(self.path) as stream:
            stream.write(json.dumps({"made_by": self.made_by}) + "\n")
            _write_lines(stream, kept)

    def append(self, answers: Mapping[int, str]) -> None:
        with clear_os_errors(self.path), self.path.open("a", encoding="utf-8") as stream:
            _write_lines(stream, answers)


def _write_lines(stream: IO[str], answers: Mapping[int, str]) -> None:
    stream.writelines(json.dumps({"number": n, "text": text}, ensure_ascii=False) + "\n" for n, text in answers.items())


@dataclass(frozen=True)
class Writing:
    """What answers are made by. weights: file → fingerprint of the tuned model's files, and the scale of its adapter; others: further
    writers, which are the tuned model with another sampling."""

    model: ModelPair
    examples: Examples
    sampling: Sampling
    seed: int
    weights: Mapping[str, str]
    others: Mapping[str, Sampling] = field(default_factory=dict)

    @classmethod
    def of(cls, model: ModelPair, examples: Examples, sampling: Sampling, seed: int) -> Writing:
        tuned = fingerprints(sorted(path for path in model.path.rglob("*") if path.is_file()))
        scaled = {} if model.adapter_scale == 1 else {"adapter scale": str(model.adapter_scale)}
        return cls(model, examples, sampling, seed, tuned | model.base.fingerprints | scaled)

    def answers(self, wanted: Mapping[str, Sequence[WritingPrompt]], directory: Path) -> dict[str, list[str]]:
        """Answers in the order of the prompts; those in `directory` that were made by the same are not written again.

        Each batch is on the disk before the next begins, and each answer has its own seed. A batch that was cut off is written again as a
        whole: in other company a row's sums are rounded otherwise. Where there is a GGUF, it writes in the tuned model's place.

        Args:
            wanted: who → prompts.
        """
        files = {who: self._file(who, prompts, directory) for who, prompts in wanted.items()}
        known = {who: file.answers() for who, file in files.items()}
        numbers = {who: {prompt.number for prompt in of} - known[who].keys() for who, of in wanted.items()}
        missing = {who: of for who, of in numbers.items() if of}
        for who in [who for who in missing if self.model.gguf and model_of(who) == TUNED]:
            new = missing.pop(who)
            _write_by_gguf(self, who, [prompt for prompt in wanted[who] if prompt.number in new], files[who])
        if missing:
            run_in_clean_process(_write_by_models, self, wanted, missing, files)
        known = {who: file.answers() for who, file in files.items()}
        return {who: [known[who][prompt.number] for prompt in prompts] for who, prompts in wanted.items()}

    def before(self, who: str) -> tuple[Template, list[int]]:
        """The template of a writer's prompts, and the ids that precede each of them."""
        if who == EXAMPLES:
            return self.examples.after or self.model.template, self.examples.ids
        return self.model.template, []

    def sampling_of(self, who: str) -> Sampling:
        return self.others.get(who, self.sampling)

    def _file(self, who: str, prompts: Sequence[WritingPrompt], directory: Path) -> AnswerFile:
        template, ids = self.before(who)
        tuned, sampling = model_of(who) == TUNED, self.sampling_of(who).model_dump(mode="json")
        name, weights = who, dict(self.weights if tuned else self.model.base.fingerprints)
        if tuned and self.model.gguf:
            name, weights = f"{who}-gguf", fingerprints([self.model.gguf])
        settings = [weights, ids, repr(template), self.seed, sampling, [asdict(prompt) for prompt in prompts]]
        return AnswerFile(directory / f"{name}.jsonl", settings_digest(settings))


def model_of(who: str) -> str:
    """The writer whose model and prompts this writer has: with other sampling the tuned model goes by other names."""
    return who if who in (BASE, EXAMPLES) else TUNED


# -- where the models run -----------------------------------------------------------------------------------


def _write_by_gguf(writing: Writing, who: str, prompts: Sequence[WritingPrompt], file: AnswerFile) -> None:
    """By llama.cpp from the exported file, which is what will run; one after the other, each with its own seed."""
    from tweetstyle.inference.chat import ChatModel
    from tweetstyle.progress import Bar

    template = writing.model.template
    file.begin()
    chat_model = ChatModel(writing.model.gguf, template, writing.sampling_of(who))
    with Bar(_("writing tweets (GGUF)"), len(prompts), "tweets") as bar:
        bar.advance(0)
        for prompt in prompts:
            topic = prompt.topic if prompt.topic and template.takes_message else NO_TOPIC
            system, seed = template.system_line(prompt.type) or None, writing.seed + prompt.number
            text = chat_model.answer(topic, system=system, history=prompt.history, seed=seed)
            file.append({prompt.number: text.strip()})
            bar.advance()


def _write_by_models(
    writing: Writing, wanted: Mapping[str, Sequence[WritingPrompt]], missing: Mapping[str, set[int]], files: Mapping[str, AnswerFile]
) -> None:
    """missing: who → numbers of the prompts to answer. Writers that have the same model share its batches."""
    from tweetstyle.inference.likelihood import quiet_libraries
    from tweetstyle.progress import Bar

    base, ends, total = writing.model.base, [writing.model.base.tokenizer.end_id(writing.model.template)], sum(map(len, missing.values()))
    with quiet_libraries(), Bar(_("writing tweets"), total, "tweets", loading=_("loading the models")) as bar:
        for name, model in _models(writing.model, list(dict.fromkeys(map(model_of, missing)))):
            for who in missing:
                if model_of(who) == name:
                    files[who].begin()
            bar.advance(0)
            # Also of writers that are done: an answer is written in the same company again.
            rows = [(who, prompt) for who, prompts in wanted.items() if model_of(who) == name for prompt in prompts]
            ids = prompt_ids(base, writing.before(name)[0], [prompt for _who, prompt in rows], writing.before(name)[1])
            prefix = read_shared_prefix(model, ids)
            shown = len(prefix.ids) if prefix else 0
            width = max(map(len, ids)) - shown + max(writing.sampling_of(who).num_predict for who, _prompt in rows)
            for batch in _batches(ids, _rows(base, model, shown, width)):
                here = [rows[index] for index in batch]
                if not (new := sum(prompt.number in missing.get(who, ()) for who, prompt in here)):
                    continue
                samplings = [writing.sampling_of(who) for who, _prompt in here]
                seeds = [(writing.seed, prompt.number) for _who, prompt in here]
                found = generate(model, [ids[index] for index in batch], samplings, ends, seeds, prefix)
                for who in missing.keys() & {who for who, _prompt in here}:
                    own = ((prompt, answer) for (of, prompt), answer in zip(here, found, strict=True) if of == who)
                    files[who].append({prompt.number: as_read(base, writing.model.template, answer) for prompt, answer in own})
                bar.advance(new)


def _batches(prompts: Sequence[Sequence[int]], rows: int) -> Iterator[list[int]]:
    """Indices in groups of `rows`, of like length, the longest first: what does not fit the memory fails at once, not at the end."""
    order = sorted(range(len(prompts)), key=lambda index: -len(prompts[index]))
    yield from (order[start : start + rows] for start in range(0, len(order), rows))


def _rows(base: BaseModel, model: Any, shown: int, width: int) -> int:
    """How many answers are written at a time. By the size of the card and not by what is free of it, so that a resumed run has the same."""
    import torch

    shape = read_shape(base.config)
    per_token = 2 * shape.layers * shape.key * model.dtype.itemsize
    card = torch.cuda.get_device_properties(0).total_memory if torch.cuda.is_available() else None
    return rows_at_a_time(cache_bytes(card), per_token, shown, width)


def _models(pair: ModelPair, wanted: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Who → the model that answers for it; each is loaded once."""
    from tweetstyle.inference.likelihood import load_adapted, load_model, tuned_model

    if pair.method == "full":
        for path, of in ((pair.base.path, (BASE, EXAMPLES)), (pair.path, (TUNED,))):
            here = [who for who in wanted if who in of]
            if here:
                model = load_model(path, pair.method)
                yield from ((who, model) for who in here)
                del model  # two 8B models at once would not fit the card
        return
    adapted = load_adapted(pair)
    with adapted.disable_adapter():
        yield from ((who, adapted.get_base_model()) for who in wanted if who != TUNED)
    if TUNED in wanted:
        yield TUNED, tuned_model(adapted, pair.method)
