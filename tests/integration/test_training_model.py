"""The trainer as it is built: what it sees, in which precision, and that packed documents do not see each other."""

import pytest
from support.small_runs import inst_template, invented_tweets, small_training, write_tweets

from tweetstyle.dataset.examples import read_documents
from tweetstyle.errors import TweetstyleError
from tweetstyle.model.tokenizer import IGNORED
from tweetstyle.plan.schedule import pack_count
from tweetstyle.recipe import Lora, Model, Training
from tweetstyle.train.inputs import check_packed
from tweetstyle.train.packed_attention import EACH_BY_ITSELF

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def documents(base, tmp_path_factory):
    path = write_tweets(tmp_path_factory.mktemp("data") / "train.jsonl", invented_tweets(24))
    return read_documents(base, inst_template(base.path), path, 128)


@pytest.fixture(scope="module")
def built(base, documents, tmp_path_factory):
    """The trainer of a LoRA run, its adapter moved off zero so that it counts."""
    import torch

    from tweetstyle.train import trainer as unsloth_trainer

    training = small_training()
    model = Model(base=base.path, method="lora", lora=Lora(r=4, lora_alpha=8))
    loaded, tokenizer = unsloth_trainer.load_model(base, model, training)
    config = unsloth_trainer.sft_config(training, tmp_path_factory.mktemp("run"))
    trainer = unsloth_trainer.build_trainer(loaded, tokenizer, config, documents)
    torch.manual_seed(0)
    for name, parameter in trainer.model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.02)
    return trainer


@pytest.fixture(scope="module")
def batch(built):
    """The first batch with more than one document, as the model gets it."""
    return next(batch for batch in built.get_train_dataloader() if (batch["position_ids"] == 0).sum() > 1)


def logits_of(built, **inputs):
    import torch

    built.model.eval()
    with torch.no_grad():
        return built.model(**inputs, use_cache=False).logits.float()


def starts_of(batch):
    return [*(batch["position_ids"][0] == 0).nonzero().flatten().tolist(), batch["input_ids"].shape[1]]


def test_the_model_gets_our_documents_and_labels_in_rows_of_whole_documents(built, documents):
    wanted = {tuple(d.ids): d.labels for d in documents}
    seen = []
    for batch in built.get_train_dataloader():
        assert "attention_mask" not in batch and batch["input_ids"].shape[1] <= 128
        starts = starts_of(batch)
        for begin, end in zip(starts, starts[1:], strict=False):
            ids = batch["input_ids"][0, begin:end].tolist()
            labels = batch["labels"][0, begin:end].tolist()
            assert batch["position_ids"][0, begin:end].tolist() == list(range(end - begin))
            assert labels == wanted[tuple(ids)]
            assert labels[0] == IGNORED and labels[-1] == ids[-1], "nothing is predicted from the document before; the end is learned"
            seen.append(tuple(ids))
    assert sorted(seen) == sorted(wanted)


def test_packed_and_separate_logits_agree_and_mixed_ones_do_not(built, batch):
    """In fp32, so that only the mask can make a difference. Measured: 5e-5 apart; 26 where documents see each other."""
    import torch

    packed = logits_of(built, input_ids=batch["input_ids"], position_ids=batch["position_ids"])[0]
    mask = torch.ones_like(batch["input_ids"])
    mixed = logits_of(built, input_ids=batch["input_ids"], attention_mask=mask)[0]
    starts = starts_of(batch)
    apart, contaminated = 0.0, 0.0
    for begin, end in zip(starts[1:], starts[2:], strict=False):
        alone = logits_of(built, input_ids=batch["input_ids"][:, begin:end])[0]
        apart = max(apart, (packed[begin:end] - alone).abs().max().item())
        contaminated = max(contaminated, (mixed[begin:end] - alone).abs().max().item())
    assert apart < 1e-3
    assert contaminated > 1000 * apart and contaminated > 0.5


def test_the_trained_loss_is_that_of_the_documents_alone(built, batch):
    """The Trainer's own compute_loss on a packed row, against cross entropy by hand on each document alone."""
    import torch

    built.model.train()
    with torch.no_grad():
        trained = built.compute_loss(built.model, dict(batch)).item()
    total, count = 0.0, 0
    starts = starts_of(batch)
    for begin, end in zip(starts, starts[1:], strict=False):
        logits = logits_of(built, input_ids=batch["input_ids"][:, begin:end])[0].log_softmax(-1)
        for position, label in enumerate(batch["labels"][0, begin + 1 : end].tolist()):
            if label != IGNORED:
                total, count = total - logits[position, label].item(), count + 1
    assert trained == pytest.approx(total / count, abs=1e-3)


def test_what_is_trained_is_the_adapter_in_fp32_and_nothing_else(built):
    import torch

    trained = {name: parameter for name, parameter in built.model.named_parameters() if parameter.requires_grad}
    assert len(trained) == 30 * 7 * 2 and all("lora_" in name for name in trained)
    assert {parameter.dtype for parameter in trained.values()} == {torch.float32}


def test_packing_is_on_though_the_cpu_backend_turns_it_off(built, documents):
    from tweetstyle.train import trainer as unsloth_trainer

    signs = unsloth_trainer.signs_of_packing(built)
    check_packed(signs)
    assert built.model.config._attn_implementation == EACH_BY_ITSELF
    assert len(built.train_dataset) == pack_count([len(d.ids) for d in documents], 128)
    with pytest.raises(TweetstyleError, match="packing is off.*padding-free batches"):
        check_packed(signs | {"padding-free batches": False})


def test_the_recipe_reaches_the_trainer(base, tmp_path):
    """A setting that changes nothing would be a promise not kept: each is changed and looked for."""
    from tweetstyle.train.trainer import sft_config

    changed = small_training(
        num_train_epochs=1.5, max_steps=7, max_length=96, per_device_train_batch_size=3, gradient_accumulation_steps=5, learning_rate=3e-5,
        lr_scheduler_type="linear", warmup_steps=2, weight_decay=0.05, max_grad_norm=0.3, gradient_checkpointing=True, save_steps=6,
        logging_steps=4, seed=7, bf16=False,
    )  # fmt: skip
    config = sft_config(changed, tmp_path)
    not_trls = "split eval_steps early_stopping_patience save_total_limit samples probe report_to".split()
    same = set(type(changed).model_fields) - {"optim", "warmup_ratio", *not_trls}
    for name in same:
        assert getattr(config, name) == getattr(changed, name), name
    assert sft_config(Training(warmup_ratio=0.2), tmp_path).get_warmup_steps(10) == 2
    assert config.packing and config.packing_strategy == "bfd" and config.eval_strategy == "no" and config.save_total_limit is None
    assert config.report_to in ([], ["none"]) and not config.logging_nan_inf_filter and config.data_seed == 7


def test_four_bits_are_refused_where_they_cannot_be_had(base, monkeypatch):
    """Unsloth's own probe computes a real NF4 layer; its switch makes it say no."""
    from unsloth_zoo.cpu.runtime import cpu_bnb_4bit_supported

    from tweetstyle.train import trainer as unsloth_trainer

    monkeypatch.setenv("UNSLOTH_CPU_LOAD_IN_4BIT", "0")
    cpu_bnb_4bit_supported.cache_clear()
    try:
        with pytest.raises(TweetstyleError, match="cannot compute in 4 bits on this CPU\n.*method: lora"):
            unsloth_trainer.check_device(Model(base=base.path, method="qlora"))
        unsloth_trainer.check_device(Model(base=base.path, method="lora"))
    finally:
        cpu_bnb_4bit_supported.cache_clear()
