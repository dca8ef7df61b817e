"""evaluate of too little, or of the same again and again: a clear sentence, no crash, no figure that pretends."""

import json
from pathlib import Path

import pytest
from support.small_runs import write_tweets

from tweetstyle.dataset.held_out import clusters
from tweetstyle.errors import TweetstyleError
from tweetstyle.evaluate import Evaluated, ModelPair, evaluate
from tweetstyle.model.base import BaseModel
from tweetstyle.prompt.template import build_template
from tweetstyle.recipe import Evaluation, Sampling
from tweetstyle.records import Tweet
from tweetstyle.report import RunFiles, write_report
from tweetstyle.wording.verdict import answers

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
SNOW = [f"la neige tombe encore {i} sur Montréal, {i * 7 % 13} fois 😂" for i in range(120)]
TRAIN, VALIDATION, TEST = SNOW[:60], SNOW[60:90], SNOW[90:]


def evaluated(tiny: BaseModel, adapter: Path, room: Path, *splits: list[str], per_day: int = 1, samples: int = 24) -> Evaluated:
    """Through the real verb; what it wrote must be JSON without NaN, and the report must be made of it in both languages."""
    template, files = build_template("inst", "Nimzo", tiny.tokens), {}
    for name, texts in zip(("train", "validation", "test"), splits, strict=True):
        days = [(i // per_day // 28 % 12 + 1, i // per_day % 28 + 1) for i in range(len(texts))]
        rows = [
            Tweet(f"{name}{i}", text, f"2024-{month:02}-{day:02}T12:00:00Z", topic=text[:5] if i % 2 else None)
            for i, (text, (month, day)) in enumerate(zip(texts, days, strict=True))
        ]
        files[name] = write_tweets(room / f"{name}.jsonl", rows)
    settings = Evaluation(samples=samples, examples=2, bootstrap_resamples=200), Sampling(num_predict=12)
    found = evaluate(ModelPair(tiny, adapter, "lora", template), files, *settings, room / "run")
    for name in ("evaluation.json", "scores.json"):
        read = json.loads((room / "run" / name).read_text(encoding="utf-8"), parse_constant=pytest.fail)
    read = json.loads((room / "run" / "evaluation.json").read_text(encoding="utf-8"))
    for language in ("en", "fr"):
        assert all(answers(read, [], language))
        write_report(RunFiles(room / "run", room, room / "export", "", {}), language)
    return found


def test_five_test_tweets(tiny, adapter, tmp_path):
    found = evaluated(tiny, adapter, tmp_path, TRAIN, VALIDATION, TEST[:5])
    assert set(found.style.to.values()) == {None} and set(found.style.gap_closed.values()) == {None}
    assert "5 test tweets and 24 written ones are too few" in str(found.style.notes[0])
    assert any("test: the number of independent days is only 5" in str(warning) for warning in found.warnings)


def test_one_tweet_again_and_again_is_one_witness(tiny, adapter, tmp_path):
    found = evaluated(tiny, adapter, tmp_path, ["🦊"] * 60, ["🦊"] * 30, ["🦊"] * 30)
    for split in found.splits.values():
        assert split.gain.low is split.gain.high is None and split.over_best.low is None
    assert found.specificity.difference.low is None
    assert all(gap is None or gap.low is None for gap in found.style.gap_closed.values())
    assert any("the number of independent days is only 1 " in str(warning) for warning in found.warnings)


def test_more_samples_than_test_tweets_of_all_scripts(tiny, adapter, tmp_path):
    wild = [f"{text} {i}" for i in range(3) for text in ("\u202eabc\u2066 \x01 ok", "日本語のツイート", "مرحبا")]
    many = evaluated(tiny, adapter, tmp_path, TRAIN, wild, wild, samples=12)
    assert many.style.samples == 12 and {sample.real for sample in many.samples} == set(wild)


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        (([], VALIDATION, TEST), "train.jsonl: there is no tweet"),
        ((TRAIN, [], TEST), "validation.jsonl: there is no tweet"),
        ((TRAIN, VALIDATION, []), "test.jsonl: there is no tweet"),
        ((TRAIN, VALIDATION, ["x" * 10_000] * 10), "all 10 tweets are longer than the model's context"),
    ],
)
def test_nothing_to_work_on_is_one_clear_message(tiny, adapter, tmp_path, splits, said):
    with pytest.raises(TweetstyleError, match=said):
        evaluated(tiny, adapter, tmp_path, *splits)
    assert not (tmp_path / "run").exists()


def test_tweets_hang_together_by_thread_day_and_text():
    def tweet(number: int, day: int, text: str, thread: str | None = None) -> Tweet:
        return Tweet(str(number), text, f"2024-01-{day:02}T00:00:00Z", thread=thread)

    of = clusters([tweet(1, 1, "a"), tweet(2, 1, "b"), tweet(3, 2, "c"), tweet(4, 3, "b"), tweet(5, 3, "d"), tweet(6, 9, "e", "t")])
    # Days 1 and 3 share the text b; day 2 and the thread stand alone.
    assert len({of[0], of[1], of[3], of[4]}) == 1 and len(set(of)) == 3
