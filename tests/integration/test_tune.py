"""Learning rates on a real training: each as if it were alone, and scored as the run that fit would make of it."""

from pathlib import Path

import numpy as np
import pytest
from support.likelihood import score
from support.small_runs import inst_template, invented_tweets, run_fit, small_training, write_tweets
from support.tiny_llama import write_llama

from tweetstyle.dataset.held_out import held_out
from tweetstyle.model.base import read_base_model
from tweetstyle.recipe import Lora, Model
from tweetstyle.train import FitInputs, train_rates

pytestmark = pytest.mark.slow

STEPS = 6


@pytest.mark.parametrize("method", ["lora", "full"])
def test_each_rate_begins_with_the_first_weights_and_ends_where_fit_does(tmp_path, method):
    base = write_llama(tmp_path / "base", max_position_embeddings=512, dtype="float32")
    train, validation = (write_tweets(tmp_path / f"{name}.jsonl", invented_tweets(n, n)) for name, n in (("train", 24), ("validation", 6)))
    template = inst_template(base.path)
    sample = held_out(validation, template, base.tokenizer, 128, 500, 42)

    def nats_of(*rates: float) -> dict[float, np.ndarray | None]:
        found = {}
        directory = tmp_path / "-".join(map(str, rates))
        directory.mkdir()
        model = Model(base=base.path, method=method, lora=Lora(r=4, lora_alpha=8, lora_dropout=0.1))
        inputs = FitInputs(read_base_model(base.path), template, model, small_training(max_steps=STEPS), (train, validation))
        train_rates(inputs, sample, iter(rates), found.__setitem__, directory)
        assert [path.name for path in directory.glob("checkpoint-*")] == []
        return found

    several, alone = nats_of(3e-2, 1e38, 2e-3), nats_of(2e-3)
    assert np.array_equal(several[2e-3], alone[2e-3]) and several[1e38] is None
    assert np.abs(several[3e-2] - several[2e-3]).max() > 1e-2
    run_fit(base.path, tmp_path, tmp_path / "run", method=method, max_steps=STEPS, eval_steps=STEPS, save_steps=STEPS, learning_rate=2e-3)
    expected = score(base, Path(tmp_path / "run" / "final_model"), method, sample.documents).tuned
    assert np.allclose(alone[2e-3], expected, rtol=2e-3)
