"""What a run will do and need, told before it starts: tweets, packs, tokens, steps, checkpoints, disk, files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tweetstyle.base_model import BaseModel
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import existing_parent
from tweetstyle.recipe import Recipe
from tweetstyle.template import Template

if TYPE_CHECKING:
    from rich.console import RenderableType

OPTIMIZER_BYTES = {"adamw_torch": 8, "adamw_8bit": 2, "paged_adamw_8bit": 2}
"""Bytes of optimizer state a trained parameter: two moments in fp32, or in 8 bits."""


def parameter_count(base: BaseModel) -> int:
    """All parameters of a Llama, from config.json (norms, embeddings and head included)."""
    config = base.config
    hidden, layers, vocabulary = config["hidden_size"], config["num_hidden_layers"], config["vocab_size"]
    linears = sum(rows * columns for rows, columns in linear_shapes(base).values())
    embeddings = vocabulary * hidden * (1 if config.get("tie_word_embeddings") else 2)
    return layers * (linears + 2 * hidden) + hidden + embeddings


def linear_shapes(base: BaseModel) -> dict[str, tuple[int, int]]:
    """(out, in) features of the linears of one layer, by PEFT's target module name."""
    config = base.config
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    head = config.get("head_dim") or hidden // heads
    query, key = heads * head, config.get("num_key_value_heads", heads) * head
    wide = config["intermediate_size"]
    attention = {"q_proj": (query, hidden), "k_proj": (key, hidden), "v_proj": (key, hidden), "o_proj": (hidden, query)}
    return attention | {"gate_proj": (wide, hidden), "up_proj": (wide, hidden), "down_proj": (hidden, wide)}


def trained_parameters(recipe: Recipe, base: BaseModel) -> int:
    """Parameters with a gradient: all of them, or r·(in + out) for each adapted linear (LoRA, arXiv 2106.09685)."""
    if recipe.model.method == "full":
        return parameter_count(base)
    lora, shapes = recipe.model.lora, linear_shapes(base)
    return base.config["num_hidden_layers"] * sum(lora.r * sum(shapes[name]) for name in lora.target_modules)


def disk_needed(recipe: Recipe, base: BaseModel) -> dict[str, int]:
    """Bytes that a run may write, by what for. Checkpoints: weights in fp32 and optimizer state, one more than are kept."""
    from tweetstyle.export import disk_needed as export_bytes

    trained = trained_parameters(recipe, base)
    one = trained * (4 + OPTIMIZER_BYTES[recipe.training.optim])
    return {
        "prepared data": 3 * recipe.data.source.stat().st_size,
        "checkpoints": one * (recipe.training.save_total_limit + 1),
        "final model": trained * 4,
        "export": sum(export_bytes(base, recipe.export.types).values()),
    }


def check_before_start(recipe: Recipe, base: BaseModel, template: Template) -> None:
    """Refuses, before a minute is spent, what would fail after the training: an export that cannot be, a disk too small."""
    from tweetstyle.export import check_exportable

    check_exportable(base, template)
    if recipe.training.max_length > base.max_positions:
        what = f"max_length {recipe.training.max_length} is beyond the model's {base.max_positions} positions"
        raise TweetstyleError(what, where="training.max_length", hint=f"write {base.max_positions} or less")
    if recipe.export.num_ctx > base.max_positions:
        what = f"num_ctx {recipe.export.num_ctx} is beyond the model's {base.max_positions} positions"
        raise TweetstyleError(what, where="export.num_ctx", hint=f"write {base.max_positions} or less")
    # Checkpoints of this recipe are on the disk already; an older export stands until the new one is whole.
    there = sum(f.stat().st_size for f in recipe.run_directory.rglob("*") if f.is_file())
    needed = disk_needed(recipe, base)
    there = min(there, needed["checkpoints"] + needed["final model"])
    missing = sum(needed.values()) - there - shutil.disk_usage(existing_parent(recipe.run_directory)).free
    if missing > 0:
        parts = ", ".join(f"{name} {size(value)}" for name, value in needed.items())
        hint = f"free {size(missing)} more, or keep fewer checkpoints (training.save_total_limit) or types (export.types)"
        raise TweetstyleError(f"the disk is too small: the run may need {parts}", where=str(recipe.run_directory), hint=hint)


def plan(recipe: Recipe, line_template: Template, model: Callable[[], tuple[BaseModel, Template]]) -> RenderableType:
    """The plan as a table. Prepares the data in a temporary directory, for only that tells what is kept."""
    from rich.console import Console
    from rich.table import Table

    from tweetstyle.fit import plan_fit
    from tweetstyle.prepare import funnel, prepare

    with tempfile.TemporaryDirectory(prefix="tweetstyle-plan-") as temporary:
        prepared = prepare(recipe.data, recipe.prompt, line_template, Path(temporary))
        Console().print(funnel(prepared))
        base, template = model()
        fit = plan_fit(base, template, recipe.training, Path(temporary) / f"{recipe.training.split}.jsonl")
    check_before_start(recipe, base, template)
    table = Table("", "planned", title=f"plan of {recipe.name}", title_justify="left")
    trained = trained_parameters(recipe, base)
    rows = {
        "base model": f"{base.path} ({parameter_count(base) / 1e6:,.1f} M parameters)",
        "method": f"{recipe.model.method}, {trained / 1e6:,.1f} M parameters trained",
        "tweets": f"{prepared.read:,} read, {prepared.kept:,} kept, {fit.tweets:,} trained on",
        "packs": f"{fit.packs:,} of at most {recipe.training.max_length:,} tokens, {fit.fill:.0%} full",
        "tokens": f"{fit.tokens:,} in one epoch" + (f"; {fit.cut:,} tweets cut at max_length" if fit.cut else ""),
        "steps": f"{fit.steps:,} ({fit.epochs:g} epochs; {fit.steps_per_epoch:,} in each)",
        "validations": f"{fit.steps // recipe.training.eval_steps:,}, every {recipe.training.eval_steps} steps, and one at the end",
        "checkpoints": f"{fit.checkpoints:,}, of which {recipe.training.save_total_limit} are kept",
    }
    needed = disk_needed(recipe, base)
    rows |= {f"disk: {name}": size(value) for name, value in needed.items()}
    free = shutil.disk_usage(existing_parent(recipe.run_directory)).free
    rows["disk: all"] = f"at most {size(sum(needed.values()))}; {size(free)} are free"
    for name, value in rows.items():
        table.add_row(name, value)
    table.add_row("files", "\n".join(_files(recipe)))
    return table


def _files(recipe: Recipe) -> list[str]:
    processed, run, export = recipe.data.processed, recipe.run_directory, recipe.export_directory
    data = ("tweets_tous_nettoyes.csv", "tweets_formates.csv", "train.jsonl", "mini-train.jsonl", "validation.jsonl", "test.jsonl")
    prepared = [str(processed / name) for name in (*data, "dropped.csv", "manifest.json")]
    trained = [str(run / name) for name in ("checkpoint-N/", "final_model/", "metrics.jsonl", "log.txt", "evaluation.json")]
    return [*prepared, *trained, *(str(export / f"{recipe.name}-{t}.gguf") for t in recipe.export.types), str(export / "Modelfile")]


def size(count: int) -> str:
    """Bytes for a person: binary units, one decimal."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1024
    return f"{count:,.1f} GiB"
