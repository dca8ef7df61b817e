"""A validation: bits per byte within the memory that there is; tweets that the model writes, and what they recite."""

import pytest
import torch
from support.small_runs import write_tweets
from support.tiny_llama import write_llama
from transformers import AutoModelForCausalLM

from tweetstyle.dataset.examples import read_held_out
from tweetstyle.inference.generate import Completion
from tweetstyle.prompt.template import build_template
from tweetstyle.recipe import Training
from tweetstyle.records import Tweet
from tweetstyle.train import validation as module
from tweetstyle.train.validation import sample_writer, score

LEARNED = "un tweet assez long pour que cinquante signes de suite en soient reconnus sans aucun doute"


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    room = tmp_path_factory.mktemp("samples")
    base = write_llama(room / "base")
    template = build_template("inst", "x", base.tokens)
    train = write_tweets(room / "train.jsonl", [Tweet("1", LEARNED, "2024-01-01T00:00:00Z")])
    held = [Tweet(str(i), "x", "2024-01-02T00:00:00Z", topic=topic) for i, topic in enumerate((None, "neige", "neige", "vélo"))]
    return base, template, train, write_tweets(room / "validation.jsonl", held)


def test_the_prompts_name_nothing_first_and_then_the_validation_tweets_topics(parts):
    base, template, train, validation = parts
    model = AutoModelForCausalLM.from_pretrained(base.path)
    write = sample_writer(base, template, Training(samples=4), train, validation)
    line = write(model, 10)
    assert [sample["prompt"] for sample in line["samples"]] == ["", "neige", "vélo", ""]
    assert line["copied_share"] == 0
    assert write(model, 10) == line != write(model, 20)


def test_what_is_recited_is_counted(parts, monkeypatch):
    base, template, train, validation = parts
    said = [LEARNED, "rien de tel", f"eh bien, {LEARNED}", ""]
    # The small model's tokenizer has no decoder: each answer is one id, which means its text.
    monkeypatch.setattr(module, "generate", lambda *_: [Completion([place], True) for place in range(4)])
    monkeypatch.setattr(type(base.tokenizer), "decode", lambda self, ids: said[ids[0]])
    line = sample_writer(base, template, Training(samples=4), train, validation)(None, 1)
    assert line["copied_share"] == 0.5 and [sample["text"] for sample in line["samples"]] == said


def test_a_validation_that_does_not_fit_is_scored_in_smaller_parts(parts):
    """The figures are the same. What is too large even then is named as what it is."""
    base, template, _, validation = parts
    model, documents = AutoModelForCausalLM.from_pretrained(base.path), read_held_out(base, template, validation, 128)
    whole, failed = score(model, documents, base.pad_id), []

    def fails(module, arguments, named):
        if named["input_ids"].numel() > limit:
            failed.append(named["input_ids"].numel())
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    model.register_forward_pre_hook(fails, with_kwargs=True)
    limit = 64
    assert score(model, documents, base.pad_id).nll == pytest.approx(whole.nll, rel=1e-6) and failed
    limit = 1
    with pytest.raises(torch.OutOfMemoryError):
        score(model, documents, base.pad_id)
