"""The baselines: what each is asked is what its name says, and the best of them is not chosen on the tweets that judge it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from support.tiny_llama import write_adapter, write_llama

from tweetstyle.evaluate import ModelPair, evaluate
from tweetstyle.evaluate.baselines import IN_WORDS, Examples, base_readings, few_examples, tuned_readings
from tweetstyle.inference.likelihood import TunedModel, score_readings
from tweetstyle.model.base import BaseModel
from tweetstyle.model.tokenizer import Encoded
from tweetstyle.prompt.template import Template, build_template
from tweetstyle.recipe import Evaluation, Sampling
from tweetstyle.records import Tweet, write_split

TRAIN = [Tweet(str(i), text, f"2023-05-{i + 1:02}T08:00:00Z") for i, text in enumerate(("neige encore", "ok 😂", "café froid", "là là"))]
HELD_OUT = [
    Tweet("9", "la neige tombe", "2024-01-01T08:00:00Z", topic="neige"),
    Tweet("10", "un café au marché, pis une longue marche au bord du fleuve gelé", "2024-01-02T08:00:00Z", type="Réponse"),
    Tweet("11", "é", "2024-01-03T08:00:00Z"),
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    return write_llama(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def adapter(tiny: BaseModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_adapter(tmp_path_factory.mktemp("adapter"), tiny)


@pytest.fixture(params=["inst", "text"])
def template(request: pytest.FixtureRequest, tiny: BaseModel) -> Template:
    return build_template(request.param, "Nimzo", tiny.tokens)


def encoded(tiny: BaseModel, template: Template, tweets: list[Tweet]) -> list[Encoded]:
    return [tiny.tokenizer.encode(template, tweet.text, None, tweet.type) for tweet in tweets]


def plain_sum(path: Path, ids: list[int], scored: int) -> float:
    """Nats of the last `scored` ids by transformers' own loss, the whole text in one row."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
    labels = [-100] * (len(ids) - scored) + ids[-scored:]
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids]), labels=torch.tensor([labels])).loss.item() * scored


def test_tweets_shown_before_the_prompt_count_as_if_all_stood_in_one_row(tiny: BaseModel, adapter: Path, template: Template) -> None:
    documents = encoded(tiny, template, HELD_OUT)
    examples = few_examples(tiny, template, TRAIN, documents, 3, seed=1)
    asked = base_readings(tiny, template, HELD_OUT, documents, examples)["examples"]
    read, _ = score_readings(TunedModel(tiny, adapter, "lora"), {"examples": asked}, {})
    for nats, document in zip(read["examples"], documents, strict=True):
        row = examples.ids + document.ids[1:]  # BOS stands once
        assert nats == pytest.approx(plain_sum(tiny.path, row, len(document.ids) - max(document.prompt_length, 1)), rel=1e-5)


def test_the_examples_are_whole_training_tweets_and_leave_room(tiny: BaseModel, template: Template) -> None:
    tiny = replace(tiny, config=tiny.config | {"max_position_embeddings": 2000})
    documents = encoded(tiny, template, HELD_OUT)
    lines = [document.ids for document in encoded(tiny, template, TRAIN)]
    bos = lines[0][0]
    for count in range(6):
        examples = few_examples(tiny, template, TRAIN, documents, count, seed=3)
        assert examples.count == min(count, len(TRAIN))
        assert examples.ids.count(bos) == min(examples.count, 1)
        assert sum(line[1:] == examples.ids[i : i + len(line) - 1] for line in lines for i in range(len(examples.ids))) == examples.count
    assert few_examples(tiny, template, TRAIN, documents, 2, seed=3) == few_examples(tiny, template, TRAIN, documents, 2, seed=3)
    room = max(len(document.ids) for document in documents) + len(few_examples(tiny, template, TRAIN, documents, 4, seed=3).ids) - 1
    narrow = replace(tiny, config=tiny.config | {"max_position_embeddings": room})
    fewer = few_examples(narrow, template, TRAIN, documents, 4, seed=3)
    assert fewer.count == 3
    assert len(fewer.ids) + max(len(document.ids) for document in documents) <= room


def test_raw_text_has_no_prompt_and_every_token_is_scored(tiny: BaseModel) -> None:
    template = build_template("inst", "Nimzo", tiny.tokens)
    raw = base_readings(tiny, template, HELD_OUT, encoded(tiny, template, HELD_OUT), Examples(0, []))["raw text"]
    for document, tweet in zip(raw.documents, HELD_OUT, strict=True):
        assert document.prompt_length == 1
        assert document.ids[1:-1] == tiny.tokenizer.text_ids(tweet.text)
    assert "raw text" not in base_readings(
        tiny, build_template("text", "X", tiny.tokens), HELD_OUT, encoded(tiny, template, HELD_OUT), Examples(0, [])
    )


def test_only_what_has_topics_is_asked_with_them(tiny: BaseModel) -> None:
    named, bare = (build_template(format, "Nimzo", tiny.tokens) for format in ("inst", "text"))
    documents = encoded(tiny, named, HELD_OUT)
    with_topic = tuned_readings(tiny, named, HELD_OUT, documents)["with topic"].documents
    prompt = named.training_prompt("neige", "Tweet")
    assert "Sujet: neige" in prompt
    assert with_topic[0].ids[: with_topic[0].prompt_length] == tiny.tokenizer.prompt_ids(prompt, add_bos=True)
    assert with_topic[1:] == documents[1:]
    assert "with topic" not in tuned_readings(tiny, bare, HELD_OUT, encoded(tiny, bare, HELD_OUT))


def test_the_headline_is_held_against_the_best_on_validation(tiny: BaseModel, adapter: Path, tmp_path: Path) -> None:
    """The letters of the training tweets are those of the validation tweets here, so that n-grams predict these best by far."""
    template = build_template("inst", "Nimzo", tiny.tokens)
    days = [f"2024-01-{1 + i:02}T08:00:00Z" for i in range(28)]
    texts = {"train": "des mots de tous les jours {}", "validation": "des mots de tous les jours {}!", "test": "ZXQ WVK {} %%%"}
    files = {}
    for name, text in texts.items():
        files[name] = tmp_path / f"{name}.jsonl"
        with files[name].open("w", encoding="utf-8") as stream:
            write_split(stream, [Tweet(f"{name}{i}", text.format(i), day) for i, day in enumerate(days)], lambda tweet: tweet.text)
    found = evaluate(ModelPair(tiny, adapter, "lora", template), files, Evaluation(examples=2, samples=0), Sampling(), tmp_path)
    for split in found.splits.values():
        assert split.best == IN_WORDS["n-grams"]
        best = split.baselines[split.best]
        assert split.over_best.estimate == pytest.approx(best.bits_per_byte - split.tuned.bits_per_byte)
    assert "base, shown 2 of your tweets" in found.splits["test"].baselines
    letters = found.splits["validation"].baselines[IN_WORDS["n-grams"]]
    assert letters.bits_per_byte == pytest.approx(letters.nats / math.log(2) / found.splits["validation"].bytes)
