"""What only a card can show: its own out-of-memory errors, the probe's figures, and that a probe leaves no trace there either."""

import json

import pytest
from support.small_runs import invented_tweets, main_figures, run_fit, write_tweets
from support.tiny_llama import write_llama

from tweetstyle.plan.probe import read_probe

pytestmark = pytest.mark.gpu
# Scores of a trained qlora model need a tolerance here: bitsandbytes' fused four-bit product computes them, training dequantises.

WIDE = {"hidden_size": 512, "intermediate_size": 1408, "num_attention_heads": 8, "num_key_value_heads": 4, "vocab_size": 32000}
ADAPTER = "final_model/adapter_model.safetensors"


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    directory = tmp_path_factory.mktemp("toy")
    write_llama(directory / "base", num_hidden_layers=4, **WIDE)
    write_tweets(directory / "train.jsonl", invented_tweets(600))
    write_tweets(directory / "validation.jsonl", invented_tweets(4, seed=1))
    return directory / "base", directory


def test_a_real_out_of_memory_error_halves_the_batch_until_it_fits(toy, tmp_path):
    """torch is given so little of the card that 64 packs do not fit."""
    import torch

    run_fit(*toy, tmp_path / "first", method="qlora", max_steps=1, eval_steps=1, save_steps=1, probe="never")
    held = torch.cuda.memory_reserved()
    torch.cuda.set_per_process_memory_fraction((held + 300 * 2**20) / torch.cuda.mem_get_info()[1])
    try:
        batch = {"per_device_train_batch_size": 64, "gradient_accumulation_steps": 1, "max_steps": 3}
        result = run_fit(*toy, tmp_path / "run", method="qlora", **batch)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    fitted = json.loads((tmp_path / "run" / "backoff.json").read_text())
    assert result.steps == 3 and "out of memory" in fitted["because"]
    assert fitted["per_device_train_batch_size"] * fitted["gradient_accumulation_steps"] == 64


def test_a_probe_measures_the_card_and_leaves_no_trace_on_it(toy, tmp_path):
    for probe in ("always", "never"):
        run_fit(*toy, tmp_path / probe, method="qlora", probe=probe)
    seen = read_probe(tmp_path / "always")
    assert 0 < seen.peak_bytes <= seen.reserved_bytes and seen.predicted_bytes > 0 and seen.device != "CPU"
    assert main_figures(tmp_path / "always" / "metrics.jsonl") == main_figures(tmp_path / "never" / "metrics.jsonl")
    assert (tmp_path / "always" / ADAPTER).read_bytes() == (tmp_path / "never" / ADAPTER).read_bytes()
