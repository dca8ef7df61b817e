"""Validation and samples on the emulated card while Unsloth keeps the embeddings in RAM. Imports unsloth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.small_runs import inst_template, small_training

from tweetstyle.dataset.examples import read_documents
from tweetstyle.inference.generate import generate_while_training
from tweetstyle.model.base import read_base_model
from tweetstyle.recipe import Lora, Model, Sampling
from tweetstyle.train import trainer as unsloth_trainer
from tweetstyle.train.validation import score


def before_and_after(base_dir: str, data: str, method: str, directory: str) -> dict[str, Any]:
    """With the embeddings on the card and, after Unsloth has moved them, in RAM: where they are, nats, ids of samples, loss of a step."""
    from unsloth.models.vision import offload_input_embedding

    base = read_base_model(Path(base_dir))
    model, training = Model(base=base.path, method=method, lora=Lora(r=4)), small_training(max_steps=1, gradient_checkpointing="unsloth")
    documents = read_documents(base, inst_template(base.path), Path(data) / "train.jsonl", training.max_length)[:8]
    loaded, tokenizer = unsloth_trainer.load_model(base, model, training)
    beginning, found = unsloth_trainer.trained_weights(loaded), {}
    for place in ("card", "ram"):
        if place == "ram":
            offload_input_embedding(loaded)
        trainer = unsloth_trainer.build_trainer(loaded, tokenizer, unsloth_trainer.sft_config(training, Path(directory)), documents)
        nats = score(trainer.model, documents, base.pad_id).nll
        prompts, sampling = [document.ids[:9] for document in documents[:2]], Sampling(num_predict=2)
        samples = generate_while_training(trainer.model, prompts, sampling, [base.eos_id], seed=0)
        loss = trainer.train().training_loss
        device = loaded.get_input_embeddings().weight.device.type
        found[place] = {"device": device, "nats": nats, "samples": [answer.ids for answer in samples], "loss": loss}
        del trainer
        unsloth_trainer.begin_again(loaded, beginning)
    return found
