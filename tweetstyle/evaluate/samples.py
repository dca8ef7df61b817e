"""Tweets that the models write, kept on disk and resumed after a kill."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tweetstyle.console import say
from tweetstyle.evaluate.baselines import Examples
from tweetstyle.files import clear_os_errors, complete_file, read_json_lines
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
MANY_ON_A_CPU = 150
"""Answers, of all models together, from which it is said that they take long."""


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


def prompts_of(tweets: Sequence[Tweet], clusters: Sequence[str], count: int, seed: int) -> list[WritingPrompt]:
    """`count` prompts with the tweets' own topics, in a seeded order; where there are fewer tweets, each comes again."""
    order = random.Random(seed).sample(range(len(tweets)), len(tweets))
    places = [order[number % len(order)] for number in range(count)] if tweets else []
    return [WritingPrompt(number, tweets[i].topic, tweets[i].type, clusters[i]) for number, i in enumerate(places)]


def question_prompts(questions: Sequence[str], start: int) -> list[WritingPrompt]:
    """Whole questions, as a person may type them; numbered from `start`."""
    return [WritingPrompt(start + number, question, TWEET, f"question {number}") for number, question in enumerate(questions)]


def write(
    base: BaseModel,
    final_model: Path,
    method: str,
    template: Template,
    wanted: Mapping[str, Sequence[WritingPrompt]],
    examples: Examples,
    sampling: Sampling,
    seed: int,
    of_weights: Mapping[str, str],
    directory: Path,
) -> dict[str, list[Written]]:
    """Answers of base, base shown examples, and tuned model: wanted: who → prompts. In the order of the prompts.

    of_weights: file → fingerprint, which shows that the answers in `directory` are of the same models. Each batch is on the disk
    before the next begins; a batch has its own seed, so that a run that was cut off writes what it would have written.
    """
    files, ids = {}, {}
    for who, prompts in wanted.items():
        before = examples.ids if who == EXAMPLES else []
        under = examples.after or template if who == EXAMPLES else template
        ids[who] = prompt_ids(base, under, prompts, before)
        made_by = [dict(of_weights) if who == TUNED else dict(base.fingerprints), before, under.__repr__(), seed]
        made_by += [sampling.model_dump(mode="json"), [asdict(prompt) for prompt in prompts]]
        files[who] = AnswerFile(directory / f"{who}.jsonl", settings_digest(made_by))
    missing = {who: [n for n in range(len(wanted[who])) if wanted[who][n].number not in files[who].answers()] for who in wanted}
    if count := sum(map(len, missing.values())):
        _say_what_takes_long(count)
        run_in_clean_process(_generate_missing, base, final_model, method, template, wanted, ids, missing, files, sampling, seed)
    return {who: [files[who].answers()[prompt.number] for prompt in wanted[who]] for who in wanted}


def _say_what_takes_long(count: int) -> None:
    """Some hundred answers take a card a minute, and a CPU the longest part of an evaluation."""
    import torch

    if count > MANY_ON_A_CPU and not torch.cuda.is_available():
        say(f"          writing {count:,} tweets without a GPU can take an hour; smaller evaluation.samples take less", fg="yellow")


def prompt_ids(base: BaseModel, template: Template, prompts: Sequence[WritingPrompt], beginning: Sequence[int] = ()) -> list[list[int]]:
    """Ids of each prompt; a beginning has its BOS already."""
    tokenizer = base.tokenizer
    add_bos = template.add_bos and not beginning
    encoded = [tokenizer.prompt_ids(_prompt(template, prompt), add_bos=add_bos) for prompt in prompts]
    if not (template.add_bos or beginning) and any(not ids for ids in encoded):
        # Raw text of a model without a BOS: an answer begins after an end, as its training documents did in their packs.
        encoded = [ids or [tokenizer.end_id(template)] for ids in encoded]
    return [[*beginning, *ids] for ids in encoded]


def _prompt(template: Template, prompt: WritingPrompt) -> str:
    """The prompt of an answer: as trained and, where something was said before, with that in it."""
    if prompt.history:
        return template.prompt(prompt.topic or NO_TOPIC, type=prompt.type, history=prompt.history)
    return template.training_prompt(prompt.topic, prompt.type)


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

    def begin(self) -> None:
        """Keeps the whole lines of these answers; anything else makes room."""
        kept = self.answers()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with complete_file(self.path) as stream:
            stream.write(json.dumps({"made_by": self.made_by}) + "\n")
            stream.writelines(json.dumps(asdict(answer), ensure_ascii=False) + "\n" for answer in kept.values())

    def append(self, answers: Sequence[Written]) -> None:
        with clear_os_errors(self.path), self.path.open("a", encoding="utf-8") as stream:
            stream.writelines(json.dumps(asdict(answer), ensure_ascii=False) + "\n" for answer in answers)


# -- where the models run -----------------------------------------------------------------------------------


def _generate_missing(
    base: BaseModel,
    final_model: Path,
    method: str,
    template: Template,
    wanted: Mapping[str, Sequence[WritingPrompt]],
    ids: Mapping[str, list[list[int]]],
    missing: Mapping[str, list[int]],
    files: Mapping[str, AnswerFile],
    sampling: Sampling,
    seed: int,
) -> None:
    from tweetstyle.inference.likelihood import quiet_libraries
    from tweetstyle.progress import Bar

    ends = [base.tokenizer.end_id(template)]
    total = sum(map(len, missing.values()))
    with quiet_libraries(), Bar("writing tweets", total, "tweets", loading="loading the models") as bar:
        for who, model in _models(base, final_model, method, [who for who in wanted if missing[who]]):
            files[who].begin()
            bar.advance(0)
            beginning = read_beginning(model, ids[who])
            for batch in generation_batches(ids[who], _rows(model, max(map(len, ids[who])) + sampling.num_predict)):
                if not set(batch) & set(missing[who]):
                    continue
                numbers = [wanted[who][place].number for place in batch]
                prompts = [ids[who][place] for place in batch]
                answers = generate(model, prompts, sampling, ends, seed + min(numbers), beginning)
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


def _models(base: BaseModel, final_model: Path, method: str, wanted: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Who → the model that answers for it; each is loaded once."""
    from tweetstyle.inference.likelihood import keep_weights_as_trained, load_adapter, load_model

    if method == "full":
        for path, of in ((base.path, (BASE, EXAMPLES)), (final_model, (TUNED,))):
            here = [who for who in wanted if who in of]
            if here:
                model = load_model(path, method)
                yield from ((who, model) for who in here)
                del model  # two 8B models at once would not fit the card
        return
    adapted = load_adapter(load_model(base.path, method), final_model)
    if method == "qlora":
        keep_weights_as_trained(adapted)
    for who in wanted:
        with nullcontext() if who == TUNED else adapted.disable_adapter():
            yield who, adapted.get_base_model()


def write_from_gguf(
    gguf: Path,
    digest: Mapping[str, str],
    template: Template,
    prompts: Sequence[WritingPrompt],
    sampling: Sampling,
    seed: int,
    directory: Path,
) -> list[Written]:
    """The tuned model's answers by llama.cpp from an exported file, which is what will run. digest: the file's fingerprint.

    One after the other, each with its own seed.
    """
    from tweetstyle.inference.chat import ChatModel
    from tweetstyle.progress import Bar

    made_by = [seed, dict(digest), template.__repr__(), sampling.model_dump(mode="json"), [asdict(prompt) for prompt in prompts]]
    file = AnswerFile(directory / "tuned-gguf.jsonl", settings_digest(made_by))
    missing = [prompt for prompt in prompts if prompt.number not in file.answers()]
    if missing:
        file.begin()
        speaker = ChatModel(gguf, template, sampling)
        with Bar("writing tweets (GGUF)", len(missing), "tweets") as bar:
            bar.advance(0)
            for prompt in missing:
                speaker.sampling = sampling.model_copy(update={"seed": seed + prompt.number})
                topic = prompt.topic if prompt.topic and template.takes_message else NO_TOPIC
                text = speaker.answer(topic, system=template.system_line(prompt.type) or None, history=prompt.history)
                file.append([Written(prompt.number, text.strip(), speaker.ended)])
                bar.advance()
    return [file.answers()[prompt.number] for prompt in prompts]
