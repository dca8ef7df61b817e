"""Tweets that the models write, kept on disk and resumed after a kill."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tweetstyle.console import say
from tweetstyle.dataset.held_out import clusters
from tweetstyle.evaluate.baselines import Examples, ModelPair, own_lines
from tweetstyle.files import clear_os_errors, complete_file, fingerprints, read_json_lines
from tweetstyle.inference.clean_process import run_in_clean_process
from tweetstyle.inference.generate import as_read, generate, read_beginning
from tweetstyle.manifest import settings_digest
from tweetstyle.model.base import BaseModel
from tweetstyle.plan.memory import MOST_ROWS, cache_bytes
from tweetstyle.prompt.chat_template import Turn
from tweetstyle.prompt.template import NO_TOPIC, Template
from tweetstyle.records import TWEET, Tweet

if TYPE_CHECKING:
    from tweetstyle.recipe import Sampling

BASE, EXAMPLES, TUNED = "base", "examples", "tuned"
LANGUAGES = ("fr", "en")
"""Of the questions and openings that come with the program."""
SHOWN = 60
"""Prompts kept with all answers: what the report shows and the blind test uses."""
MANY_ON_A_CPU = 150
"""Answers, of all models together, from which a warning says that they take long."""


@dataclass(frozen=True)
class WritingPrompt:
    """One prompt. topic: a subject or message, None prompts for anything; cluster: its group, for intervals; number: its
    place, and its seed; history: what was said before, in a conversation."""

    number: int
    topic: str | None
    type: str
    cluster: str
    history: tuple[Turn, ...] = ()


@dataclass(frozen=True)
class Written:
    """One answer, as a person reads it. ended: by itself, and not cut at num_predict."""

    number: int
    text: str
    ended: bool


Answers = Mapping[str, Sequence[Written]]
"""Who wrote → answers, in the prompts' order."""


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

    The base model shown tweets writes too where any fit its context. Questions are used where prompts have a topic, openings where a
    message is answered with what was said before in mind.
    """
    template = writing.model.template
    prompts = prompts_of(test, clusters(test), count, writing.seed)
    questions = question_prompts(train, len(prompts)) if template.has_topic else []
    say(f"          {_precision(len(prompts), len(test))}")
    starts = first_prompts(len(prompts)) if template.turns else []
    wanted = {BASE: [*prompts, *questions, *starts], TUNED: [*prompts, *questions, *starts]}
    if writing.examples.count:
        wanted[EXAMPLES] = prompts
    answers = writing.answers(wanted, directory)
    first, last = len(prompts), len(prompts) + len(questions)
    source = "gguf" if writing.model.gguf else "hf"
    written = {who: answers[who][:first] for who in (BASE, EXAMPLES, TUNED) if who in answers}
    samples = WrittenSamples(prompts, written, questions, {who: answers[who][first:last] for who in (BASE, TUNED)}, source)
    if not starts:
        return samples, []
    opened = {who: answers[who][last:] for who in (BASE, TUNED)}
    then = writing.answers({who: second_prompts(of) for who, of in opened.items()}, directory / "second-turns")
    return samples, as_openings(opened, then)


def side_by_side(test: Sequence[Tweet], written: WrittenSamples, seed: int) -> list[Sample]:
    """At most SHOWN prompts, drawn by lot, each test tweet once, so that nobody chose the prettiest."""
    order = random.Random(seed).sample(range(len(test)), len(test))
    found = []
    for place in range(min(SHOWN, len(written.prompts), len(order))):
        tweet, texts = test[order[place]], {who: of[place].text for who, of in written.answers.items()}
        found.append(Sample(tweet.topic, tweet.type, tweet.text, texts[BASE], texts.get(EXAMPLES), texts[TUNED]))
    return found


def _precision(written: int, real: int) -> str:
    """Printed before the time is spent: half the interval's width of a 50% share, and of a distance to as many real tweets."""
    points = 100 * 1.96 * math.sqrt(0.25 / written)
    area = 1.5 * 1.96 * math.sqrt(1 / (6 * min(written, real)))
    return f"each model writes {written} tweets (percentages accurate to about ±{points:.0f} points, the style distance to ±{area:.2f})"


# -- prompts ------------------------------------------------------------------------------------------------


def prompts_of(tweets: Sequence[Tweet], clusters: Sequence[str], count: int, seed: int) -> list[WritingPrompt]:
    """`count` prompts with the tweets' own topics, in a seeded order; where there are fewer tweets, each comes again."""
    order = random.Random(seed).sample(range(len(tweets)), len(tweets))
    places = [order[number % len(order)] for number in range(count)] if tweets else []
    return [WritingPrompt(number, tweets[i].topic, tweets[i].type, clusters[i]) for number, i in enumerate(places)]


def question_prompts(train: Sequence[Tweet], start: int) -> list[WritingPrompt]:
    """Whole questions, as a person may type them, in the author's languages; numbered from `start`.

    The prompts of training name key words, so these are harder.
    """
    spoken = sorted({tweet.language for tweet in train} & set(LANGUAGES)) or ["en"]
    questions = [question for language in spoken for question in own_lines(f"questions_{language}.txt")]
    return [WritingPrompt(start + number, question, TWEET, f"question {number}") for number, question in enumerate(questions)]


def scripts() -> list[tuple[str, str, str]]:
    """The openings that come with the program: language, first message, and the second one, which depends on no answer."""
    lines = [(language, line) for language in LANGUAGES for line in own_lines(f"openings_{language}.txt")]
    return [(language, *(part.strip() for part in line.split("|"))) for language, line in lines]


def first_prompts(start: int) -> list[WritingPrompt]:
    """The first messages, numbered from `start`."""
    return [WritingPrompt(start + place, first, TWEET, f"opening {place}") for place, (_, first, _) in enumerate(scripts())]


def second_prompts(answers: Sequence[Written]) -> list[WritingPrompt]:
    """The second messages, each after the first and its answer."""
    return [
        WritingPrompt(answer.number, then, TWEET, f"opening {place}", ((first, answer.text),))
        for place, ((_, first, then), answer) in enumerate(zip(scripts(), answers, strict=True))
    ]


def as_openings(first: Answers, second: Answers) -> list[Opening]:
    """Side by side. first, second: answers to the first and to the second messages, in the scripts' order."""
    both = {who: list(zip((a.text for a in first[who]), (b.text for b in second[who]), strict=True)) for who in (BASE, TUNED)}
    return [
        Opening(language, (message, then), both[BASE][place], both[TUNED][place])
        for place, (language, message, then) in enumerate(scripts())
    ]


def prompt_ids(base: BaseModel, template: Template, prompts: Sequence[WritingPrompt], beginning: Sequence[int] = ()) -> list[list[int]]:
    """Ids of each prompt; a beginning has its BOS already."""
    tokenizer = base.tokenizer
    add_bos = template.add_bos and not beginning
    encoded = [tokenizer.prompt_ids(_prompt(template, prompt), add_bos=add_bos) for prompt in prompts]
    if not (template.add_bos or beginning):
        # Raw text of a model without a BOS: an answer begins after an end, as its training documents did in their packs.
        encoded = [ids or [tokenizer.end_id(template)] for ids in encoded]
    return [[*beginning, *ids] for ids in encoded]


def _prompt(template: Template, prompt: WritingPrompt) -> str:
    """The prompt of an answer: as trained and, where something was said before, with that in it."""
    if prompt.history:
        return template.prompt(prompt.topic or NO_TOPIC, type=prompt.type, history=prompt.history)
    return template.training_prompt(prompt.topic, prompt.type)


# -- answers on the disk ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AnswerFile:
    """Answers on the disk, one a line under a line that says what they were made by; of something else it counts as empty."""

    path: Path
    made_by: str

    def answers(self) -> dict[int, Written]:
        """number → answer, up to the first damaged line."""
        heading, *rows = read_json_lines(self.path) or [{}]
        found: dict[int, Written] = {}
        for row in rows if heading.get("made_by") == self.made_by else ():
            if row.keys() != {"number", "text", "ended"}:
                break
            found[row["number"]] = Written(**row)
        return found

    def missing(self, prompts: Sequence[WritingPrompt]) -> list[int]:
        """Places of the prompts without an answer."""
        known = self.answers()
        return [place for place, prompt in enumerate(prompts) if prompt.number not in known]

    def begin(self) -> None:
        """Keeps the whole lines of these answers and removes anything else."""
        kept = self.answers()
        with complete_file(self.path) as stream:
            stream.write(json.dumps({"made_by": self.made_by}) + "\n")
            stream.writelines(json.dumps(asdict(answer), ensure_ascii=False) + "\n" for answer in kept.values())

    def append(self, answers: Sequence[Written]) -> None:
        with clear_os_errors(self.path), self.path.open("a", encoding="utf-8") as stream:
            stream.writelines(json.dumps(asdict(answer), ensure_ascii=False) + "\n" for answer in answers)


@dataclass(frozen=True)
class Writing:
    """What answers are made by. weights: file → fingerprint of the models."""

    model: ModelPair
    examples: Examples
    sampling: Sampling
    seed: int
    weights: Mapping[str, str]

    @classmethod
    def of(cls, model: ModelPair, examples: Examples, sampling: Sampling, seed: int) -> Writing:
        tuned = fingerprints(sorted(path for path in model.path.rglob("*") if path.is_file()))
        return cls(model, examples, sampling, seed, tuned | model.base.fingerprints)

    def answers(self, wanted: Mapping[str, Sequence[WritingPrompt]], directory: Path) -> dict[str, list[Written]]:
        """Answers in the order of the prompts; those in `directory` that were made by the same are not written again.

        Each batch is on the disk before the next begins; a batch has its own seed, so that a run that was cut off writes what it
        would have written. Where there is a GGUF, it writes in the tuned model's place.

        Args:
            wanted: who → prompts.
        """
        by_file = {TUNED: wanted[TUNED]} if self.model.gguf and TUNED in wanted else {}
        by_model = {who: prompts for who, prompts in wanted.items() if who not in by_file}
        files = {who: AnswerFile(directory / f"{who}.jsonl", self._made_by(who, prompts)) for who, prompts in by_model.items()}
        missing = {who: files[who].missing(prompts) for who, prompts in by_model.items()}
        if count := sum(map(len, missing.values())):
            _warn_of_a_long_time(count)
            run_in_clean_process(_generate_missing, self, by_model, missing, files)
        found = {who: _in_order(files[who], prompts) for who, prompts in by_model.items()}
        return found | {who: _write_from_gguf(self, prompts, directory) for who, prompts in by_file.items()}

    def before(self, who: str) -> tuple[Template, list[int]]:
        """The template of a writer's prompts, and the ids that precede each of them."""
        if who == EXAMPLES:
            return self.examples.after or self.model.template, self.examples.ids
        return self.model.template, []

    def _made_by(self, who: str, prompts: Sequence[WritingPrompt]) -> str:
        template, ids = self.before(who)
        weights = dict(self.weights if who == TUNED else self.model.base.fingerprints)
        return self.digest([weights, ids, repr(template), self.seed], prompts)

    def digest(self, own: list[Any], prompts: Sequence[WritingPrompt]) -> str:
        return settings_digest([*own, self.sampling.model_dump(mode="json"), [asdict(prompt) for prompt in prompts]])


def _in_order(file: AnswerFile, prompts: Sequence[WritingPrompt]) -> list[Written]:
    known = file.answers()
    return [known[prompt.number] for prompt in prompts]


def _warn_of_a_long_time(count: int) -> None:
    """Some hundred answers take a card a minute, and a CPU the longest part of an evaluation."""
    import torch

    if count > MANY_ON_A_CPU and not torch.cuda.is_available():
        say(f"          writing {count:,} tweets without a GPU can take an hour; smaller evaluation.samples take less", fg="yellow")


def _write_from_gguf(writing: Writing, prompts: Sequence[WritingPrompt], directory: Path) -> list[Written]:
    """By llama.cpp from the exported file, which is what will run; one after the other, each with its own seed."""
    from tweetstyle.inference.chat import ChatModel
    from tweetstyle.progress import Bar

    gguf, template, sampling = writing.model.gguf, writing.model.template, writing.sampling
    made_by = writing.digest([writing.seed, fingerprints([gguf]), repr(template)], prompts)
    file = AnswerFile(directory / "tuned-gguf.jsonl", made_by)
    if missing := file.missing(prompts):
        file.begin()
        speaker = ChatModel(gguf, template, sampling)
        with Bar("writing tweets (GGUF)", len(missing), "tweets") as bar:
            bar.advance(0)
            for prompt in (prompts[place] for place in missing):
                speaker.sampling = sampling.model_copy(update={"seed": writing.seed + prompt.number})
                topic = prompt.topic if prompt.topic and template.takes_message else NO_TOPIC
                text = speaker.answer(topic, system=template.system_line(prompt.type) or None, history=prompt.history)
                file.append([Written(prompt.number, text.strip(), speaker.ended)])
                bar.advance()
    return _in_order(file, prompts)


# -- where the models run -----------------------------------------------------------------------------------


def _generate_missing(
    writing: Writing,
    wanted: Mapping[str, Sequence[WritingPrompt]],
    missing: Mapping[str, list[int]],
    files: Mapping[str, AnswerFile],
) -> None:
    from tweetstyle.inference.likelihood import quiet_libraries
    from tweetstyle.progress import Bar

    base, template, sampling = writing.model.base, writing.model.template, writing.sampling
    ends = [base.tokenizer.end_id(template)]
    total = sum(map(len, missing.values()))
    with quiet_libraries(), Bar("writing tweets", total, "tweets", loading="loading the models") as bar:
        for who, model in _models(writing.model, [who for who in wanted if missing[who]]):
            files[who].begin()
            bar.advance(0)
            under, before = writing.before(who)
            ids = prompt_ids(base, under, wanted[who], before)
            beginning = read_beginning(model, ids)
            for batch in generation_batches(ids, _rows(model, max(map(len, ids)) + sampling.num_predict)):
                if not set(batch) & set(missing[who]):
                    continue
                numbers = [wanted[who][place].number for place in batch]
                seed = writing.seed + min(numbers)
                answers = generate(model, [ids[place] for place in batch], sampling, ends, seed, beginning)
                done = [
                    Written(number, as_read(base, template, answer), answer.ended)
                    for place, number, answer in zip(batch, numbers, answers, strict=True)
                    if place in missing[who]
                ]
                files[who].append(done)
                bar.advance(len(done))


def generation_batches(prompts: Sequence[Sequence[int]], rows: int) -> Iterator[list[int]]:
    """Indices in groups of `rows`, of like length, the longest first: what does not fit the memory fails at once, not at the end."""
    order = sorted(range(len(prompts)), key=lambda index: -len(prompts[index]))
    for start in range(0, len(order), rows):
        yield order[start : start + rows]


def _rows(model: Any, width: int) -> int:
    """How many answers are written at a time. By the size of the card and not by what is free of it, so that a resumed run has the same."""
    import torch

    config = model.config
    heads = getattr(config, "num_key_value_heads", config.num_attention_heads)
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    per_row = 2 * config.num_hidden_layers * heads * size * width * model.dtype.itemsize
    card = torch.cuda.get_device_properties(0).total_memory if torch.cuda.is_available() else None
    return max(1, min(MOST_ROWS, cache_bytes(card) // per_row))


def _models(pair: ModelPair, wanted: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Who → the model that answers for it; each is loaded once."""
    from tweetstyle.inference.likelihood import keep_weights_as_trained, load_adapter, load_model

    if pair.method == "full":
        for path, of in ((pair.base.path, (BASE, EXAMPLES)), (pair.path, (TUNED,))):
            here = [who for who in wanted if who in of]
            if here:
                model = load_model(path, pair.method)
                yield from ((who, model) for who in here)
                del model  # two 8B models at once would not fit the card
        return
    adapted = load_adapter(load_model(pair.base.path, pair.method), pair.path)
    if pair.method == "qlora":
        keep_weights_as_trained(adapted)
    for who in wanted:
        with nullcontext() if who == TUNED else adapted.disable_adapter():
            yield who, adapted.get_base_model()
