"""What each type costs, with and without the importance matrix: held-out bits per byte in llama.cpp.

    python bench/quantisation.py DIRECTORY

On the demo's tuned model (run `make demo` first), whose rows are 576 wide, so that its K-quants fall back to older types; and on a
small Llama with rows of 256 and 512 which is trained here from nothing on the sample archive, so that its weights mean something.
Both are scored on the archive's held-out tweets, validation and test; the importance matrix is of training tweets.
"""

import json
import math
import os
import shutil
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.tiny_llama import shapes  # noqa: E402

from tweetstyle.dataset.examples import read_documents  # noqa: E402
from tweetstyle.dataset.held_out import clusters, held_out  # noqa: E402
from tweetstyle.export import export  # noqa: E402
from tweetstyle.inference.likelihood import batches, load_adapter, load_model, quiet_libraries, summed_losses  # noqa: E402
from tweetstyle.inference.llama_cpp import Logits, score  # noqa: E402
from tweetstyle.model.base import BaseModel, read_base_model  # noqa: E402
from tweetstyle.prompt.template import build_template  # noqa: E402
from tweetstyle.recipe import Export, Sampling  # noqa: E402
from tweetstyle.statistics.intervals import bootstrap_t  # noqa: E402
from tweetstyle.train.final_scores import collect  # noqa: E402

TYPES = ("f16", "q8_0", "q6_k", "q5_k_m", "q4_k_m")
EPOCHS, BATCH_TOKENS, LEARNING_RATE, SEED = 6, 1024, 2e-3, 0


def train_small(base_of_tokenizer: Path, directory: Path, train: Path) -> BaseModel:
    """A Llama of six layers, rows of 256 and 512, trained in float32 by plain transformers; saved as a base model's directory."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    source = read_base_model(base_of_tokenizer)
    directory.mkdir(parents=True)
    settings = source.config | {
        "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 6, "num_attention_heads": 4, "num_key_value_heads": 2,
        "head_dim": 64, "torch_dtype": "float32",
    }  # fmt: skip
    settings.pop("dtype", None)
    (directory / "config.json").write_text(json.dumps(settings))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(source.path / name, directory / name)
    torch.manual_seed(SEED)
    model = LlamaForCausalLM(LlamaConfig(**{k: v for k, v in settings.items() if k not in ("architectures", "model_type", "torch_dtype")}))
    documents = read_documents(source, build_template("inst", "Nimzo", source.tokens), train, 512)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    groups = list(batches([len(d.ids) for d in documents], BATCH_TOKENS))
    chance = np.random.default_rng(SEED)
    for _ in range(EPOCHS):
        for number in chance.permutation(len(groups)):
            chosen = [documents[i] for i in groups[number]]
            ids = torch.zeros(len(chosen), max(len(d.ids) for d in chosen), dtype=torch.long)
            labels, mask = torch.full_like(ids, -100), torch.zeros_like(ids)
            for row, document in enumerate(chosen):
                length = len(document.ids)
                ids[row, :length], labels[row, :length] = torch.tensor(document.ids), torch.tensor(document.labels)
                mask[row, :length] = 1
            loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    from safetensors.torch import save_file

    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items() if name in shapes(settings)}
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
    return read_base_model(directory)


def measure(base: BaseModel, adapter: Path | None, processed: Path, room: Path) -> dict:
    """type → bits per byte without and with the importance matrix, the loss against the model in float32, and what is taken back."""
    import torch

    template = build_template("inst", "Nimzo", base.tokens)
    samples = [
        held_out(processed / f"{name}.jsonl", template, base.tokenizer, base.max_positions, 500, 42) for name in ("validation", "test")
    ]
    documents = [d for s in samples for d in s.documents]
    sizes, days = np.concatenate([s.bytes for s in samples]), [c for s in samples for c in clusters(s.tweets)]
    with quiet_libraries(), torch.inference_mode():
        model = load_model(base.path, "full")
        model = load_adapter(model, adapter).get_base_model() if adapter else model
        exact = summed_losses(model, documents)
        imatrix = collect(model, read_documents(base, template, processed / "train.jsonl", base.max_positions)[:500])
    bits = lambda nats: round(float(nats.sum() / sizes.sum() / math.log(2)), 4)  # noqa: E731
    result: dict = {"float32": bits(exact), "tweets": len(documents), "types": {}}
    for file_type in TYPES:
        nats = {}
        for use in ("never", "auto"):
            section = Export(types=(file_type,), imatrix=use)
            exported = export(base, adapter, template, section, Sampling(), "x", room / use, imatrix=imatrix)
            with Logits.for_documents(exported.gguf[file_type], documents) as logits:
                nats[use] = score(logits, documents)
        lost = {use: round(float((n - exact).sum() / sizes.sum() / math.log(2)), 4) for use, n in nats.items()}
        back = bootstrap_t((nats["never"] - nats["auto"]) / math.log(2), sizes, days, confidence=0.95, resamples=2000, seed=SEED)
        row = {"without": bits(nats["never"]), "with": bits(nats["auto"]), "lost_without": lost["never"], "lost_with": lost["auto"]}
        row["taken_back"] = {"estimate": round(back.estimate, 4), "low": round(back.low, 4), "high": round(back.high, 4)}
        result["types"][file_type] = row
        print(file_type, row, flush=True)
    return result


def main() -> None:
    room = Path(sys.argv[1]) if len(sys.argv) == 2 else sys.exit(__doc__)
    processed, base = ROOT / "data" / "processed", ROOT / "model" / "smollm2-135m-instruct"
    adapter = ROOT / "model" / "demo" / "final_model"
    if not adapter.is_dir():
        sys.exit("run `make demo` first")
    shutil.rmtree(room, ignore_errors=True)
    result = {"date": date.today().isoformat(), "cores": len(os.sched_getaffinity(0)), "xllamacpp": version("xllamacpp")}
    result["rows of 256 and 512, trained here"] = measure(
        train_small(base, room / "small", processed / "train.jsonl"), None, processed, room
    )
    result["demo's tuned model, rows of 576"] = measure(read_base_model(base), adapter, processed, room)
    (ROOT / "bench" / "results" / "quantisation.json").write_text(json.dumps(result, indent=2) + "\n")
    shutil.rmtree(room)


if __name__ == "__main__":
    main()
