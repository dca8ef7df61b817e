"""Scores and importance matrix of the trained model, for the export."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tweetstyle.dataset.examples import Document, read_documents
from tweetstyle.dataset.held_out import HeldOut, held_out
from tweetstyle.dataset.threads import files_read
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import complete_file, fingerprints, read_back
from tweetstyle.inference.clean_process import run_in_clean_process
from tweetstyle.inference.forward import BATCH_TOKENS, input_device
from tweetstyle.inference.likelihood import TunedModel, batches
from tweetstyle.locale import _
from tweetstyle.model.imatrix import Imatrix, read_imatrix, write_imatrix
from tweetstyle.model.tokenizer import Encoded
from tweetstyle.prompt.template import Template
from tweetstyle.train.adapter_scale import AdapterScale, choose_scale

if TYPE_CHECKING:
    import torch

AS_TRAINED, IMATRIX = "as_trained.json", "imatrix.gguf"
HELD_OUT_TWEETS, IMATRIX_TWEETS, SEED = 500, 200, 42
"""Of each held-out split, and of the training tweets; of more, a seeded sample."""
CHUNK = 512
"""llama.cpp's own default for a chunk, in tokens. Tweets are far shorter: here it only says how much was seen."""
SHARED_INPUTS = {
    "self_attn.q_proj": ("attn_q", "attn_k", "attn_v"),
    "self_attn.o_proj": ("attn_output",),
    "mlp.gate_proj": ("ffn_gate", "ffn_up"),
    "mlp.down_proj": ("ffn_down",),
}
"""A layer's linear → the tensors of the GGUF that read the same input. llama.cpp orders the rows of attn_q and attn_k
otherwise, which are outputs: the columns, which are inputs, stay."""


def collect(model: Any, documents: Sequence[Encoded], advance: Callable[[int], None] = lambda tokens: None) -> Imatrix:
    """Sums of squared inputs over all tokens of the documents, prompt included, as llama.cpp's imatrix tool counts them.

    model: a LlamaForCausalLM of transformers, plain, in 4 bits or with an adapter (the base_layer's input is the adapted linear's).
    """
    import torch

    sums: dict[str, torch.Tensor] = {}
    token_places: list[torch.Tensor] = []
    device = input_device(model)
    with torch.inference_mode(), _hooks(model, sums, token_places):
        for batch in batches([len(d.ids) for d in documents], BATCH_TOKENS):
            chosen = [documents[index] for index in batch]
            ids = torch.zeros(len(chosen), max(len(d.ids) for d in chosen), dtype=torch.long)
            mask = torch.zeros_like(ids)
            for row, document in enumerate(chosen):
                ids[row, : len(document.ids)] = torch.tensor(document.ids)
                mask[row, : len(document.ids)] = 1
            # Counted in RAM: an index by a mask on the card would wait for the card in every layer.
            token_places[:] = [mask.flatten().nonzero().flatten().to(device)]
            ids, mask = ids.to(device), mask.to(device)
            # The output matrix reads the hidden states of every position; its own product is not needed.
            hidden = model.model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
            _add(sums, "output", hidden.flatten(0, 1)[token_places[0]])
            advance(int(mask.sum()))
    tied = model.lm_head.weight is model.model.embed_tokens.weight
    names = {name: ("token_embd.weight" if tied else "output.weight") if name == "output" else name for name in sums}
    count = sum(len(document.ids) for document in documents)
    return Imatrix({names[n]: s.cpu().numpy().astype(np.float32) for n, s in sums.items()}, count, CHUNK, ("training tweets",))


@contextmanager
def _hooks(model: Any, sums: dict[str, torch.Tensor], token_places: list[torch.Tensor]) -> Iterator[None]:
    """token_places: holds the flat indices of the current batch that are no padding."""
    handles = []
    for number, layer in enumerate(model.model.layers):
        for path, tensors in SHARED_INPUTS.items():
            names = [f"blk.{number}.{tensor}.weight" for tensor in tensors]

            def hook(_module: Any, inputs: tuple[torch.Tensor, ...], names: list[str] = names) -> None:
                for name in names:
                    _add(sums, name, inputs[0].flatten(0, 1)[token_places[0]])

            handles.append(layer.get_submodule(path).register_forward_pre_hook(hook))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _add(sums: dict[str, torch.Tensor], name: str, inputs: torch.Tensor) -> None:
    """inputs: [tokens, columns] of a batch. In float32, as llama.cpp has it; the sum of all batches in float64, where it loses digits."""
    squares = inputs.float().square().sum(0).double()
    sums[name] = sums[name] + squares if name in sums else squares


@dataclass(frozen=True)
class SplitAsTrained:
    """The tweets of a held-out split that were scored: id, tokens, bytes and nats (the answer's and its end token's) of each."""

    ids: list[str]
    tokens: list[int]
    bytes: list[float]
    nats: list[float]


@dataclass(frozen=True)
class TrainedScores:
    """The trained model's own figures. model: file → fingerprint of what was scored; precision: "nf4" or the dtype of its weights;
    nf4: model.nf4.record of its 4-bit weights; adapter_scale: with which it was scored, and requested: the recipe's setting for it."""

    model: dict[str, str]
    device: str
    precision: str
    nf4: dict[str, dict[str, Any]] | None
    splits: dict[str, SplitAsTrained]
    requested: Literal["auto"] | float
    adapter_scale: AdapterScale


def score_trained_model(
    tuned: TunedModel,
    template: Template,
    train: Path,
    splits: dict[str, Path],
    directory: Path,
    requested: Literal["auto"] | float = 1.0,
) -> TrainedScores:
    """Writes directory/as_trained.json and directory/imatrix.gguf, unless the existing ones are this model's. Loads the model once.

    splits: name → file of held-out tweets, requested: export.adapter_scale, which "auto" chooses on the validation tweets. The importance
    matrix is made of training tweets alone.
    """
    base, final_model = tuned.base, tuned.path
    files = [path for path in sorted(final_model.rglob("*")) if path.suffix in (".safetensors", ".json")]
    read = [file for path in (train, *splits.values()) for file in files_read(path, template)]
    fingerprint_of_inputs = fingerprints([*files, *read]) | base.fingerprints
    requested = 1.0 if tuned.method == "full" else requested
    if (existing := read_as_trained(directory)) and (existing.model, existing.requested) == (fingerprint_of_inputs, requested):
        return existing
    samples = {name: held_out(path, template, base.tokenizer, base.max_positions, HELD_OUT_TWEETS, SEED) for name, path in splits.items()}
    documents = read_documents(base, template, train, min(base.max_positions, BATCH_TOKENS))  # a longer one is cut: the plan counts so much
    documents = random.Random(SEED).sample(documents, min(IMATRIX_TWEETS, len(documents)))
    held = [document for sample in samples.values() for document in sample.documents]
    (directory / AS_TRAINED).unlink(missing_ok=True)
    by_trainer = read_back(directory / "nf4.json", dict[str, dict[str, Any]]) if tuned.method == "qlora" else None
    # The trainer rounded to this dtype before it made 4 bits: only from the same one come the weights that were trained over.
    quantised_from = next(iter(by_trainer.values())).get("dtype") if by_trainer else None
    chosen_on = samples["validation"] if requested == "auto" else None
    tuned = replace(tuned, adapter_scale=1.0 if chosen_on else requested)
    nats, facts = run_in_clean_process(_measure, tuned, quantised_from, held, documents, directory / IMATRIX, chosen_on)
    scored, start = {}, 0
    for name, sample in samples.items():
        part = nats[start : (start := start + len(sample.documents))]
        lengths = [len(document.ids) for document in sample.documents]
        scored[name] = SplitAsTrained([tweet.id for tweet in sample.tweets], lengths, sample.bytes.tolist(), part)
    result = TrainedScores(fingerprint_of_inputs, **facts, splits=scored, requested=requested)
    with complete_file(directory / AS_TRAINED) as stream:
        json.dump(asdict(result), stream, indent=1)
    return result


def read_as_trained(directory: Path) -> TrainedScores | None:
    """The scores stored in a run's directory, or None where they or the importance matrix cannot be used."""
    try:
        read_imatrix(directory / IMATRIX)
    except (OSError, TweetstyleError):
        return None
    return read_back(directory / AS_TRAINED, TrainedScores)


def _measure(
    tuned: TunedModel,
    quantised_from: str | None,
    held: list[Encoded],
    documents: list[Document],
    imatrix: Path,
    chosen_on: HeldOut | None,
) -> tuple[list[float], dict[str, Any]]:
    """chosen_on: validation tweets on which the adapter's scale is chosen; None: it is `tuned`'s."""
    import torch

    from tweetstyle.inference.likelihood import load_model, quiet_libraries, summed_losses
    from tweetstyle.model.nf4 import record
    from tweetstyle.progress import Bar

    method, tokens = tuned.method, sum(len(document.ids) for document in (*held, *documents))
    with (
        Bar(_("measuring the model"), tokens, _("tokens"), loading=_("loading the trained model")) as bar,
        quiet_libraries(),
        torch.inference_mode(),
    ):
        scale = AdapterScale(tuned.adapter_scale)
        if method == "full":
            model = load_model(tuned.path, method)
        else:
            model, scale = _with_its_scale(tuned, quantised_from, chosen_on)
        nats = summed_losses(model, held, bar.advance)
        write_imatrix(collect(model, documents, bar.advance), imatrix)
        nf4 = record(model) if method == "qlora" else None
        precision = "nf4" if nf4 else str(model.dtype).removeprefix("torch.")
        return nats.tolist(), {"device": str(model.device.type), "precision": precision, "nf4": nf4, "adapter_scale": scale}


def _with_its_scale(tuned: TunedModel, quantised_from: str | None, chosen_on: HeldOut | None) -> tuple[Any, AdapterScale]:
    """The model with its adapter at the scale that was chosen or set."""
    from tweetstyle.inference.likelihood import load_adapted, scale_adapter, summed_losses, tuned_model

    adapted, scale = load_adapted(tuned, quantised_from), AdapterScale(tuned.adapter_scale)
    if chosen_on:

        def nats_at(scale: float) -> np.ndarray:
            scale_adapter(adapted, scale)
            return summed_losses(adapted.get_base_model(), chosen_on.documents)

        scale = choose_scale(nats_at, chosen_on)
        scale_adapter(adapted, scale.chosen)
    return tuned_model(adapted, tuned.method), scale
