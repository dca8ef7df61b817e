"""The baselines: what each is asked is what its name says, and the best of them is not chosen on the tweets that judge it."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from support.likelihood import plain_sums
from support.small_runs import write_tweets

from tweetstyle.evaluate import ModelPair, evaluate
from tweetstyle.evaluate.baselines import NGRAMS, Examples, base_readings, few_examples
from tweetstyle.inference.likelihood import TunedModel, score_readings
from tweetstyle.model.base import BaseModel
from tweetstyle.model.tokenizer import Encoded
from tweetstyle.prompt.template import Template, build_template
from tweetstyle.recipe import Evaluation, Sampling
from tweetstyle.records import Tweet

TRAIN = [Tweet(str(i), text, f"2023-05-{i + 1:02}T08:00:00Z") for i, text in enumerate(("neige encore", "ok 😂", "café froid", "là là"))]
HELD_OUT = [
    Tweet("9", "la neige tombe", "2024-01-01T08:00:00Z", topic="neige"),
    Tweet("10", "un café au marché, pis une longue marche au bord du fleuve gelé", "2024-01-02T08:00:00Z", type="Réponse"),
    Tweet("11", "é", "2024-01-03T08:00:00Z"),
]


@pytest.fixture(params=["inst", "text"])
def template(request: pytest.FixtureRequest, tiny: BaseModel) -> Template:
    return build_template(request.param, "Nimzo", tiny.tokens)


def encoded(tiny: BaseModel, template: Template, tweets: list[Tweet]) -> list[Encoded]:
    return [tiny.tokenizer.encode(template, tweet.text, None, tweet.type) for tweet in tweets]


def test_tweets_shown_before_the_prompt_count_as_if_all_stood_in_one_row(tiny: BaseModel, adapter: Path, template: Template) -> None:
    documents = encoded(tiny, template, HELD_OUT)
    examples = few_examples(tiny, template, TRAIN, documents, 3, seed=1)
    asked = base_readings(tiny, template, HELD_OUT, documents, examples)["examples"]
    read, _ = score_readings(TunedModel(tiny, adapter, "lora"), {"examples": asked}, {})
    # BOS occurs once.
    rows = [Encoded(examples.ids + of.ids[1:], len(examples.ids) + max(of.prompt_length, 1) - 1) for of in documents]
    assert read["examples"] == pytest.approx(plain_sums(tiny.path, rows), rel=1e-5)


def test_the_examples_are_whole_training_tweets_and_leave_room(tiny: BaseModel, template: Template) -> None:
    tiny = replace(tiny, config=tiny.config | {"max_position_embeddings": 2000})
    documents = encoded(tiny, template, HELD_OUT)
    lines = [document.ids for document in encoded(tiny, template, TRAIN)]
    bos = lines[0][0]
    for count in (0, 2, 6):
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


def test_raw_text_has_no_prompt_and_only_what_has_topics_is_given_them(tiny: BaseModel) -> None:
    template, text = (build_template(form, "Nimzo", tiny.tokens) for form in ("inst", "text"))
    documents = encoded(tiny, template, HELD_OUT)
    readings = base_readings(tiny, template, HELD_OUT, documents, Examples(0, []))
    for document, tweet in zip(readings["raw"].documents, HELD_OUT, strict=True):
        assert document.prompt_length == 1 and document.ids[1:-1] == tiny.tokenizer.text_ids(tweet.text)
    with_topic = readings["with_topic"].documents
    prompt = template.training_prompt("neige", "Tweet")
    assert "Sujet: neige" in prompt and with_topic[1:] == documents[1:]
    assert with_topic[0].ids[: with_topic[0].prompt_length] == tiny.tokenizer.prompt_ids(prompt, add_bos=True)
    assert base_readings(tiny, text, HELD_OUT, encoded(tiny, text, HELD_OUT), Examples(0, [])).keys() == {"prompt"}


def test_the_headline_is_held_against_the_best_on_validation(tiny: BaseModel, adapter: Path, tmp_path: Path) -> None:
    """The letters of the training tweets are those of the validation tweets here, so that n-grams predict these best by far."""
    template = build_template("inst", "Nimzo", tiny.tokens)
    days = [f"2024-01-{1 + i:02}T08:00:00Z" for i in range(28)]
    texts = {"train": "des mots de tous les jours {}", "validation": "des mots de tous les jours {}!", "test": "ZXQ WVK {} %%%"}
    tweets = {name: [Tweet(f"{name}{i}", text.format(i), day) for i, day in enumerate(days)] for name, text in texts.items()}
    files = {name: write_tweets(tmp_path / f"{name}.jsonl", of) for name, of in tweets.items()}
    found = evaluate(ModelPair(tiny, adapter, "lora", template), files, Evaluation(examples=2, samples=0), Sampling(), tmp_path)
    for split in found.splits.values():
        assert split.best == NGRAMS
        best = split.baselines[split.best]
        assert split.over_best.estimate == pytest.approx(best.bits_per_byte - split.tuned.bits_per_byte)
    assert found.shown == 2 and "examples" in found.splits["test"].baselines
    letters = found.splits["validation"].baselines[NGRAMS]
    assert letters.bits_per_byte == pytest.approx(letters.nats / math.log(2) / found.splits["validation"].bytes)
