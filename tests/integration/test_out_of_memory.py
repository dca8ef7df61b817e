"""Memory that runs out, through the real trainer over a toy model: an allocator that fails where a batch is too large, or at a step.

Real CUDA errors need a card (tests/gpu/); what happens after one is the same code, and needs none.
"""

import json
from contextlib import contextmanager

import pytest
from safetensors.numpy import load_file
from support.nvidia_smi import write_nvidia_smi
from support.small_runs import invented_tweets, main_figures, run_fit, write_tweets
from support.tiny_llama import write_llama

from tweetstyle.errors import TweetstyleError
from tweetstyle.plan.probe import read_probe
from tweetstyle.recipe import Model

pytestmark = pytest.mark.slow

LENGTH = 128
EXACT = {"lora": {"lora_dropout": 0.0}, "bf16": False}
"""Dropout falls otherwise in other batches, and bf16 rounds sums of other parts otherwise."""
EIGHT = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}
ADAPTER = "final_model/adapter_model.safetensors"


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """(base model's directory, data's): 40 tweets, and a number of packs that no batch of 4 × 2 divides."""
    directory = tmp_path_factory.mktemp("toy")
    write_llama(directory / "base")
    write_tweets(directory / "train.jsonl", invented_tweets(40))
    write_tweets(directory / "validation.jsonl", invented_tweets(4, seed=1))
    return directory / "base", directory


@pytest.fixture(scope="module")
def by_one(toy, tmp_path_factory):
    """The run as it should end: batch 1, eight of which are a step."""
    directory = tmp_path_factory.mktemp("by-one") / "run"
    run_fit(*toy, directory, **EXACT, per_device_train_batch_size=1, gradient_accumulation_steps=8)
    return directory


class Allocator:
    """Fails a forward pass of more than `limit` tokens while training, and the pass numbers in `fail_at`, as CUDA's would."""

    def __init__(self, limit=10**9, fail_at=()):
        self.limit, self.fail_at, self.passes, self.failed = limit, set(fail_at), 0, []

    def __call__(self, module, arguments, keywords):
        import torch

        if not module.training:
            return
        tokens, self.passes = keywords["input_ids"].numel(), self.passes + 1
        if tokens > self.limit or self.passes in self.fail_at:
            self.failed.append(tokens)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has a total capacity of 12.00 GiB")


@contextmanager
def failing(allocator):
    """Between the block's ends every model that the trainer loads asks this allocator."""
    from tweetstyle.train import trainer

    load = trainer.load_model

    def loads(*arguments):
        loaded, tokenizer = load(*arguments)
        loaded.register_forward_pre_hook(allocator, with_kwargs=True)
        return loaded, tokenizer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "load_model", loads)
        yield


def losses(directory):
    return {line["step"]: line["loss"] for line in main_figures(directory / "metrics.jsonl") if "loss" in line}


def backed_off(directory):
    lines = [line for line in main_figures(directory / "metrics.jsonl") if "out_of_memory" in line]
    return [(line["step"], line["batch"], line["accumulation"]) for line in lines]


def assert_same_learning(directory, expected):
    """As much is learned: the losses of all steps and the adapter to float noise, tokens and learning rates exactly."""
    ours, theirs = losses(directory), losses(expected)
    assert list(ours) == list(theirs) == list(range(1, 10))
    assert ours == pytest.approx(theirs, rel=1e-5)
    for name in ("tokens", "learning_rate"):
        figures = [[line[name] for line in main_figures(d / "metrics.jsonl") if "loss" in line] for d in (directory, expected)]
        assert figures[0] == figures[1]
    weights, wanted = load_file(directory / ADAPTER), load_file(expected / ADAPTER)
    assert all(weights[name] == pytest.approx(wanted[name], abs=1e-4) for name in wanted)


def test_a_batch_that_never_fits_is_halved_twice_and_as_much_is_learned(toy, by_one, tmp_path):
    """From the very first step: there is no checkpoint yet, so the beginning is made again."""
    allocator = Allocator(limit=LENGTH)
    with failing(allocator):
        run_fit(*toy, tmp_path, **EXACT, **EIGHT)
    assert len(allocator.failed) == 2 and backed_off(tmp_path) == [(0, 2, 4), (0, 1, 8)]
    assert_same_learning(tmp_path, by_one)
    assert (tmp_path / ADAPTER).read_bytes() == (by_one / ADAPTER).read_bytes(), "the beginning was the same to the bit"
    assert "out of memory in a training step with batch 4 × accumulation 2: CUDA out of memory." in (tmp_path / "log.txt").read_text()


def test_memory_that_is_gone_in_the_middle_costs_the_steps_since_the_last_checkpoint(toy, by_one, tmp_path, capsys):
    """Two batches a step: the twelfth is in step 6, after the checkpoint of step 3. Another program has taken the card."""
    with failing(Allocator(fail_at={12})):
        result = run_fit(*toy, tmp_path, **EXACT, **EIGHT)
    assert backed_off(tmp_path) == [(3, 2, 4)] and result.steps == 9
    assert_same_learning(tmp_path, by_one)
    said = capsys.readouterr().err
    assert "out of memory in a training step: continuing with batch 2 × accumulation 4" in said and "resuming from checkpoint-3" in said
    state = json.loads((tmp_path / "checkpoint-9" / "trainer_state.json").read_text())
    assert state["global_step"] == 9


def test_at_batch_one_it_ends_with_what_to_change_and_stays_resumable(toy, tmp_path):
    with failing(Allocator(limit=LENGTH // 2)), pytest.raises(TweetstyleError) as ended:
        run_fit(*toy, tmp_path, **EXACT, per_device_train_batch_size=2, gradient_accumulation_steps=4)
    assert "out of memory for one pack of 128 tokens at batch 1" in str(ended.value)
    assert "write a shorter training.max_length" in ended.value.hint and ended.value.__cause__ is None
    assert run_fit(*toy, tmp_path, **EXACT, per_device_train_batch_size=2, gradient_accumulation_steps=4).steps == 9


SHORT = {**EXACT, **EIGHT, "max_steps": 3}


def out_of_memory(*_):
    import torch

    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def test_the_optimizers_step_is_named_and_the_batch_is_not_halved(toy, tmp_path):
    from torch.optim.optimizer import register_optimizer_step_pre_hook

    hook = register_optimizer_step_pre_hook(out_of_memory)
    try:
        with pytest.raises(TweetstyleError, match="out of memory for the optimizer's step"):
            run_fit(*toy, tmp_path, **SHORT, probe="always")
    finally:
        hook.remove()
    assert backed_off(tmp_path) == []


def test_a_probe_leaves_no_trace_in_what_is_learned(toy, tmp_path):
    """With dropout, whose random numbers would tell, and bf16: the same losses, figures and bytes as without."""
    for name, probe in (("with", "always"), ("without", "never")):
        run_fit(*toy, tmp_path / name, probe=probe)
    for read in (lambda run: main_figures(run / "metrics.jsonl"), lambda run: (run / ADAPTER).read_bytes()):
        assert read(tmp_path / "with") == read(tmp_path / "without")
    seen = read_probe(tmp_path / "with")
    assert seen.tokens_per_second > 0 and seen.peak_bytes > 2**20 and seen.settings["max_length"] == LENGTH
    assert read_probe(tmp_path / "without") is None


def test_the_probe_finds_at_once_that_a_batch_does_not_fit(toy, by_one, tmp_path, capsys):
    """Packs of full length: the run itself, whose packs are shorter, is never asked for a batch that fails."""
    allocator = Allocator(limit=LENGTH)
    with failing(allocator):
        run_fit(*toy, tmp_path, **EXACT, **EIGHT, probe="always")
    assert allocator.failed == [4 * LENGTH, 2 * LENGTH] and backed_off(tmp_path) == [(0, 2, 4), (0, 1, 8)]
    assert (tmp_path / ADAPTER).read_bytes() == (by_one / ADAPTER).read_bytes()
    assert read_probe(tmp_path).settings["per_device_train_batch_size"] == 1
    said = capsys.readouterr().err
    assert "probe, 5 steps of 1 × 128 tokens" in said and "training will take about 1 minute," in said and "tokens/s" in said


def test_a_card_that_torch_cannot_use_does_not_become_a_night_on_the_cpu(tmp_path, monkeypatch):
    """nvidia-smi sees it, torch does not: so it is after a driver's update without a restart, and here with a fake one."""
    from tweetstyle.train import trainer

    monkeypatch.setenv("PATH", str(write_nvidia_smi(tmp_path)))
    monkeypatch.setattr(trainer, "CPU", True)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with pytest.raises(TweetstyleError, match="nvidia-smi shows the NVIDIA GeForce RTX 3060, but torch cannot use it") as caught:
        trainer.check_device(Model(base="anywhere", method="lora"))
    assert "restart the machine" in caught.value.hint
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    trainer.check_device(Model(base="anywhere", method="lora"))
