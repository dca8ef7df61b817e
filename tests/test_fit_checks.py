"""What fit refuses before the first step, each with what to do."""

import dataclasses

import pytest
from support.small_runs import inst_template, invented_tweets, small_training, write_tweets

from tweetstyle.errors import TweetstyleError
from tweetstyle.model.base import read_base_model
from tweetstyle.prompt.template import build_template
from tweetstyle.recipe import Model
from tweetstyle.records import Tweet
from tweetstyle.train import FitInputs, fit, plan_fit


@pytest.fixture
def refused(base_model_dir, tmp_path):
    """Gives back the error of fit, after asserting that plan_fit says the same (but of validation) and nothing was written."""

    def run(tweets, *, held_out=None, base=None, template=None, **training):
        base = base or read_base_model(base_model_dir)
        template = template or inst_template(base_model_dir)
        train = write_tweets(tmp_path / "train.jsonl", tweets)
        validation = write_tweets(tmp_path / "validation.jsonl", invented_tweets(3) if held_out is None else held_out)
        inputs = FitInputs(base, template, Model(base=base.path, method="lora"), small_training(**training), (train, validation))
        with pytest.raises(TweetstyleError) as caught:
            fit(inputs, tmp_path / "run")
        assert not (tmp_path / "run").exists() and caught.value.hint and caught.value.where
        if held_out is None:
            with pytest.raises(TweetstyleError) as planned:
                plan_fit(inputs)
            assert str(planned.value) == str(caught.value)
        return str(caught.value)

    return run


def tweet(text):
    return Tweet("1", text, "2024-01-01T00:00:00Z")


def test_labels_that_are_all_masked(refused, base_model_dir):
    tokens = read_base_model(base_model_dir).tokens
    template = build_template("inst", "a style with a very long name " * 3, tokens)
    assert "the prompt alone fills every document" in refused(invented_tweets(5), template=template, max_length=32)


def test_an_end_token_that_is_hardly_ever_trained(refused):
    assert "only 20% of the tweets keep their end token" in refused([tweet("neige " * 100)] * 4 + [tweet("neige")], max_length=64)


def test_padding_with_the_end_token(refused, base_model_dir):
    base = read_base_model(base_model_dir)
    same = dataclasses.replace(base, pad_id=base.eos_id, pad_token=base.tokens.eos)
    assert "padding token '<|im_end|>' is also an end token" in refused(invented_tweets(5), base=same)


def test_no_validation_tweet(refused):
    assert "no validation tweet" in refused(invented_tweets(5), held_out=[])
    assert "no validation tweet" in refused(invented_tweets(5), held_out=[tweet("neige " * 100)], max_length=64)
