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
from tweetstyle.recipe import Recipe, Training
from tweetstyle.sources import open_archive
from tweetstyle.template import Template

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tweetstyle.fit import FitPlan

OPTIMIZER_BYTES = 8
"""Bytes of optimizer state a trained parameter: two moments in fp32. In 8 bits it is less, but a CPU has no such optimizer."""


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
    from tweetstyle.export import room_needed

    trained = trained_parameters(recipe, base)
    one = trained * (4 + OPTIMIZER_BYTES)
    return {
        "prepared data": 3 * open_archive(recipe.data.source, recipe.data.separator).size,
        "checkpoints": one * (recipe.training.save_total_limit + 1),
        "final model": trained * 4,
        "export": sum(
            room_needed(base, recipe.export, 2 if recipe.model.method == "qlora" and recipe.export.merge_base == "auto" else 1).values()
        ),
    }


def check_before_start(recipe: Recipe, base: BaseModel, template: Template, there: int | None = 0) -> None:
    """Refuses, before a minute is spent, what would fail after the training: an export that cannot be, a disk too small.

    there: bytes that an interrupted run has written already; None where the training is current.
    """
    from tweetstyle.export import check_exportable, require_memory

    run, weights = recipe.run_directory.resolve(), base.path.resolve()
    if run == weights or run in weights.parents or weights in run.parents:
        what = f"the run would be written to {recipe.run_directory}, where the base model is"
        raise TweetstyleError(what, where="model.base", hint="give the recipe's file another name: the run is named after it")
    check_exportable(base, template)
    require_memory(base, recipe.export)
    for key, length in (("training.max_length", recipe.training.max_length), ("export.num_ctx", recipe.export.num_ctx)):
        if length > base.max_positions:
            what = f"{length} is beyond the model's {base.max_positions} positions"
            raise TweetstyleError(what, where=key, hint=f"write {base.max_positions} or less")
    _check_disk(recipe, base, there)


def _check_disk(recipe: Recipe, base: BaseModel, there: int | None) -> None:
    needed = disk_needed(recipe, base)
    trained = needed["checkpoints"] + needed["final model"]
    # An older export stands until the new one is whole, so it makes no room.
    missing = sum(needed.values()) - (trained if there is None else min(there, trained))
    missing -= shutil.disk_usage(existing_parent(recipe.run_directory)).free
    if missing > 0:
        parts = ", ".join(f"{name} {size(value)}" for name, value in needed.items())
        hint = f"free {size(missing)} more, or keep fewer checkpoints (training.save_total_limit) or types (export.types)"
        raise TweetstyleError(f"the disk is too small: the run may need {parts}", where=str(recipe.run_directory), hint=hint)


def schedule_warnings(training: Training, fit: FitPlan) -> list[str]:
    """What a schedule made for another amount of data does to this one, in words."""
    warnings = []
    if 2 * training.warmup_steps >= fit.steps:
        fitting = max(fit.steps // 10, 1)
        what = f"warmup_steps: {training.warmup_steps} is at least half of the {fit.steps} steps, so that little is learned"
        warnings.append(f"{what}; write about {fitting}, and fewer gradient_accumulation_steps for more steps")
    if training.eval_steps > fit.steps:
        warnings.append(f"eval_steps: {training.eval_steps} is beyond the {fit.steps} steps: there is one validation, at the end")
    return warnings


def plan(
    recipe: Recipe, line_template: Template, model: Callable[[], tuple[BaseModel, Template]], there: Callable[[], int | None]
) -> RenderableType:
    """The plan as a table. Prepares the data in a temporary directory, for only that tells what is kept."""
    from rich.console import Console
    from rich.table import Table

    from tweetstyle.export import memory_needed
    from tweetstyle.fit import plan_fit
    from tweetstyle.prepare import funnel, prepare

    with tempfile.TemporaryDirectory(prefix="tweetstyle-plan-") as temporary:
        prepared = prepare(recipe.data, recipe.prompt, line_template, Path(temporary))
        Console().print(funnel(prepared))
        base, template = model()
        fit = plan_fit(base, template, recipe.training, Path(temporary) / f"{recipe.training.split}.jsonl")
    check_before_start(recipe, base, template, there())
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
        "checkpoints": f"{fit.checkpoints:,}, of which at most {recipe.training.save_total_limit} are kept",
    }
    for warning in schedule_warnings(recipe.training, fit):
        rows["warning: " + warning.split(":")[0]] = warning
    needed = disk_needed(recipe, base)
    rows |= {f"disk: {name}": size(value) for name, value in needed.items()}
    rows["memory: export"] = f"at most {size(max(memory_needed(base, recipe.export).values()))} of the machine's own, not the card's"
    free = shutil.disk_usage(existing_parent(recipe.run_directory)).free
    rows["disk: all"] = f"at most {size(sum(needed.values()))}; {size(free)} are free"
    for name, value in rows.items():
        table.add_row(name, value)
    table.add_row("files", "\n".join(_files(recipe)))
    return table


def _files(recipe: Recipe) -> list[str]:
    data = ("tweets_tous_nettoyes.csv", "tweets_formates.csv", "train.jsonl", "mini-train.jsonl", "validation.jsonl", "test.jsonl")
    run = (
        "checkpoint-N/",
        "final_model/",
        "metrics.jsonl",
        "train_output.json",
        "evaluation.json",
        "as_trained.json",
        "imatrix.gguf",
        "log.txt",
    )
    files = {
        recipe.data.processed: (*data, "dropped.csv", "report.html", "manifest.json"),
        recipe.run_directory: (*run, "run.json", "fit.json", "evaluate.json"),
        recipe.export_directory: (
            *(f"{recipe.name}-{t}.gguf" for t in recipe.export.types),
            "Modelfile",
            "README.md",
            "parity.json",
            "parity.html",
            "manifest.json",
        ),
    }
    return [f"{directory}/{name}" for directory, names in files.items() for name in names]


def size(count: int) -> str:
    """Bytes for a person: binary units, one decimal."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1024
    return f"{count:,.1f} GiB"
