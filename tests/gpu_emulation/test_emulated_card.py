"""The path of a card, executed without one: Unsloth's CUDA branch, its Triton kernels and bitsandbytes' 4 bits, on the emulated card.

Nothing here skips: where the emulation is not active, or other versions undo it, the first test fails.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gpu_emulation import tiny_project
from support.emulated_card import CardForks, environment
from support.network_guard import NetworkGuard
from support.small_runs import invented_tweets, main_figures, write_tweets

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(1200)]

ROUNDING = 2**-8
"""bfloat16 keeps 8 bits: one rounding is off by up to 2^-9 of a number. Of a loss or of bits per byte, which are means over hundreds of
tokens whose logits are rounded independently, twice that is more than is seen (2e-4 of lora and full)."""
ONE_PACK = "gradient_accumulation_steps: 1, "
TIGHT_MIB = "200"
"""Of the card for a process: Unsloth keeps the embeddings in RAM where less than 256 MiB, and what a step needs, can be had."""
WITHOUT_UNSLOTH = ["without_unsloth", "classic", "bench.gpu.generate"]
"""Tries of the benches for a card that are to have transformers as it is."""
BY_TWO = "per_device_train_batch_size: 2, gradient_accumulation_steps: 1, max_steps: 6, eval_steps: 2, save_steps: 2, samples: 1"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    directory = tmp_path_factory.mktemp("card")
    tiny_project.write_base(directory / "base")
    write_tweets(directory / "train.jsonl", invented_tweets(24))
    write_tweets(directory / "validation.jsonl", invented_tweets(4, seed=1))
    return directory


@pytest.fixture(scope="module")
def forks(place):
    with CardForks(place) as forks:
        yield forks


def test_the_emulation_is_active_and_computes_right(forks, place):
    ended = forks.run("gpu_emulation.measured:self_check")
    assert ended.status == 0, ended.said
    assert os.geteuid() or "not run: ldconfig" in (place / "forks.log").read_text(), "Unsloth as root, where Triton finds no libcuda"
    seen = ended.result
    assert seen["unsloth"] == "cuda" and seen["interpreter"] and seen["devices"] == ["cuda:0", "cpu"] and seen["result"] == "cuda:0"
    assert "Expected all tensors to be on the same device" in seen["mixed"] and "CUDA out of memory" in seen["beyond"]
    assert seen["counted"] == 4 * 2**20 and seen["freed"] == 0
    assert max(seen["norms"]) < 2 * ROUNDING, "Triton's kernels in bfloat16"
    assert max(seen["attention"]) < 1e-5


@pytest.mark.parametrize("method", ["lora", "qlora", "full"])
def test_it_trains_the_same_as_the_cpu_path(forks, place, method):
    """Step by step, the card in bfloat16 against the CPU in fp32: losses, gradients, bits per byte; and documents of a pack kept apart."""
    from gpu_emulation.measured import training_of

    found = {}
    for name in ("card", "cpu"):
        (place / f"{name}-{method}").mkdir()
    arguments = [str(place / "base"), str(place), method]
    ended = forks.run("gpu_emulation.measured:training_of", *arguments, str(place / f"card-{method}"))
    assert ended.status == 0, ended.said
    found["card"], found["cpu"] = ended.result, training_of(*arguments, str(place / f"cpu-{method}"), bf16=False, checkpointing=False)
    print(json.dumps(found, indent=1))
    card, cpu = found["card"], found["cpu"]
    assert card["devices"] == ["cuda:0"] and cpu["devices"] == ["cpu"]
    # The 4-bit weights are others: made from bfloat16 on the card, from fp32 here.
    off = 2 * ROUNDING if method == "qlora" else ROUNDING
    assert card["losses"] == pytest.approx(cpu["losses"], rel=off) and len(card["losses"]) == 4
    assert card["bits"] == pytest.approx(cpu["bits"], rel=off) and cpu["bits"][1] < cpu["bits"][0]
    ours, theirs = (np.load(place / f"{name}-{method}" / "gradients.npy") for name in ("card", "cpu"))
    cosines = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    print("cosines", cosines.tolist())
    assert cosines.min() > 0.99
    # A logit of 8 to 16 is rounded to 1/16 in bfloat16.
    assert card["apart"] <= 2 / 16 and cpu["apart"] < 1e-4 and min(card["mixed"], cpu["mixed"]) > 0.5


@pytest.mark.parametrize("method", ["lora", "full"])
def test_bf16_false_is_float32_on_a_card_that_has_bfloat16(forks, place, method):
    """Unsloth's own choice for a model in fp32 would be bfloat16 autocast."""
    ended = forks.run("gpu_emulation.measured:precision_of", str(place / "base"), str(place), method, str(place / "fp32"))
    assert ended.status == 0 and ended.result == "no, bf16 False, fp16 False", ended


def test_embeddings_in_ram_change_nothing(forks, place):
    """Where the card is tight Unsloth keeps them there: training, validation and samples give the same figures, to the bit."""
    ended = forks.run("gpu_emulation.measured:with_embeddings_in_ram", str(place / "base"), str(place), "qlora", str(place / "offloaded"))
    assert ended.status == 0, ended.said
    card, ram = ended.result["card"], ended.result["ram"]
    assert (card.pop("device"), ram.pop("device")) == ("cuda", "cpu") and card == ram and card["nats"] > 0


def test_a_failure_a_kill_and_memory_that_runs_out_cost_only_time(forks, place):
    """`tweetstyle-fit`, lora and text: the card fails in step 4, the process is killed in step 5, memory runs out in step 6; then it ends.

    The probe's five steps of two packs come first. A training of one process without a probe, in which memory runs out in step 6 too,
    has the same losses, validations and final weights, to the bit. With dropout, so that restored random numbers matter too.
    """
    project, run = tiny_project.write_project(place / "cut", "lora", "text", BY_TWO, dropout=0.1), "gpu_emulation.measured:command"
    failed = forks.run(run, "mine.yaml", cwd=project, fault="card-failure:9")
    assert failed.status == 1 and "the card failed: CUDA error: unspecified launch failure" in failed.said, failed.said
    assert "probe, 5 steps of 2 × 96 tokens" in failed.said and "Traceback" not in failed.said
    assert "in_backward" in (project / "model" / "mine" / "card-failure.txt").read_text()
    killed = forks.run(run, "mine.yaml", cwd=project, fault="kill:3")
    assert killed.status == -9 and "resuming from checkpoint-2" in killed.said, killed.said
    ended = forks.run(run, "mine.yaml", cwd=project, fault="out-of-memory:2")
    assert ended.status == 0 and "resuming from checkpoint-4" in ended.said, ended.said
    assert "out of memory in a training step: continuing with batch 1 × accumulation 2" in ended.said
    smaller = json.loads((project / "model" / "mine" / "backoff.json").read_text())
    assert (smaller["per_device_train_batch_size"], smaller["gradient_accumulation_steps"]) == (1, 2)
    assert [line["step"] for line in lines_of(project) if "loss" in line] == [1, 2, 3, 4, 5, 6]
    curve = [line["eval_bits_per_byte"] for line in lines_of(project) if "eval_bits_per_byte" in line]
    assert len(curve) == 4 and curve == sorted(curve, reverse=True) and exported(project)
    once = forks.run("gpu_emulation.measured:trained_again", "mine.yaml", "once", cwd=project, fault="out-of-memory:6")
    assert once.status == 0 and "out of memory in a training step" in once.said, once.said
    assert main_figures(project / "once" / "metrics.jsonl") == lines_of(project)
    weights = [project / run / "final_model" / "adapter_model.safetensors" for run in ("once", "model/mine")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_all_weights_are_trained_in_the_chat_format(forks, place):
    chat = tiny_project.write_project(
        place / "chat", "full", "chat", ONE_PACK + "max_steps: 2, eval_steps: 1, save_steps: 1, samples: 0", "1e-4"
    )
    ended = forks.run("gpu_emulation.measured:command", "mine.yaml", cwd=chat)
    assert ended.status == 0, ended.said
    curve = [line["eval_bits_per_byte"] for line in lines_of(chat) if "eval_bits_per_byte" in line]
    assert len(curve) == 3 and curve[2] < curve[0] and exported(chat)


def test_a_whole_qlora_run_stops_early_and_touches_nothing_else(place, tmp_path):
    """The command as a user starts it, inst: probe, early stopping, the best checkpoint, evaluation, export, gate.

    The card is so tight that Unsloth keeps the embeddings in RAM, through the probe too. The run starts no ldconfig, though Triton finds
    no libcuda and it may be root; sends nothing; and leaves nothing outside of its directories.
    """
    training = ONE_PACK + "max_steps: 6, eval_steps: 1, save_steps: 1, early_stopping_patience: 2, samples: 1"
    project = tiny_project.write_project(place / "whole-qlora", "qlora", "inst", training, "1e-30")
    home, programs = tmp_path / "home", tmp_path / "bin"
    home.mkdir()
    programs.mkdir()
    (programs / "ldconfig").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/ldconfig-was-run\n')
    (programs / "ldconfig").chmod(0o755)
    guard = NetworkGuard(tmp_path)
    of_user = guard.environment | {"HOME": str(home), "PATH": f"{programs}{os.pathsep}{guard.environment['PATH']}"}
    before = {path.name for path in project.iterdir()}
    command = [Path(sys.executable).parent / "tweetstyle-fit", "mine.yaml"]
    of_card = environment(tmp_path / "card.log", of_user) | {"EMULATED_CARD_LIMIT_MIB": TIGHT_MIB}
    done = subprocess.run(command, cwd=project, env=of_card, capture_output=True, text=True, timeout=1000)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Offloading embeddings to RAM" in (project / "model" / "mine" / "log.txt").read_text()
    used = (tmp_path / "card.log").read_text()
    assert "attention of packed documents torch.bfloat16" in used and "bitsandbytes cdequantize_blockwise_bf16_nf4" in used
    assert {"_rms_layernorm_forward_rows", "_rope_embedding_QK", "_fg_kernel"} <= {line.split()[-1] for line in used.splitlines()}
    assert "probe" in done.stderr and json.loads((project / "model" / "mine" / "probe.json").read_text())["peak_bytes"] > 0
    evaluated = [line["step"] for line in lines_of(project) if "eval_bits_per_byte" in line]
    facts = json.loads((project / "model" / "mine" / "fit.json").read_text())["facts"]
    assert evaluated == [0, 1, 2, 3] and (facts["steps"], facts["best_step"]) == (3, 1)
    best, kept = (project / "model" / "mine" / name / "adapter_model.safetensors" for name in ("checkpoint-1", "final_model"))
    assert kept.read_bytes() == best.read_bytes() and exported(project)
    assert not (tmp_path / "ldconfig-was-run").exists()
    assert guard.left_the_machine() == []
    assert {path.name for path in project.iterdir()} - before == {"data", "model", "export"}
    assert [str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()] == []


def test_the_script_of_the_benches_for_a_card_runs_to_its_end(forks, place, project):
    """bench/gpu.sh as on a card: all parts, each try in a process of its own, on toy shapes. Speeds are the emulation's and mean nothing.

    Memory runs out in the second setting of those tries that have two.
    """
    results, before = place / "results", {path.name for path in project.iterdir()}
    script = ["env", "MINUTES=60", str(project / "bench" / "gpu.sh"), "--tiny", "--results", str(results)]
    ended = forks.run("support.forked_python:run_script", script, WITHOUT_UNSLOTH, fault="out-of-memory:6")
    assert (ended.status, ended.result) == (0, 0), ended.said
    found = {path.stem: json.loads(path.read_text()) for path in results.iterdir()}
    fits, speed, plan, context, generate, export = (
        found.pop(f"gpu-{part}") for part in ("fits", "speed", "plan", "context", "generate", "export")
    )
    assert not found and fits["card"].startswith("NVIDIA GeForce RTX 3060") and fits["torch_may_take_bytes"] == 11276 * 2**20
    for runs in (fits["runs"], plan["runs"]):
        assert [run["fits"] for run in runs] == [True, False] and all(run["predicted_bytes"] for run in runs)
        assert runs[0]["peak_bytes"] > 0 and runs[0]["attention"] == "sdpa" and "CUDA out of memory" in runs[1]["out_of_memory"]
    assert (
        plan["largest_error"]
        == plan["mean_error"]
        == pytest.approx(plan["runs"][0]["predicted_bytes"] / plan["runs"][0]["peak_bytes"] - 1, abs=1e-4)
    )
    assert len(speed["ours_against"]) == 3 and all(ratio > 0 for ratio in speed["ours_against"].values())
    assert context["planned"] and (context["longest_that_fits"], context["shortest_that_does_not"]) == (128, "not measured")
    assert [run["tokens"] for run in generate["runs"]] == [4, 8] and export["seconds"] > 0
    assert {path.name for path in project.iterdir()} == before


def lines_of(project: Path) -> list[dict]:
    return main_figures(project / "model" / "mine" / "metrics.jsonl")


def exported(project: Path) -> bool:
    """Whether the exported model passed every check of the gate."""
    checks = json.loads((project / "export" / "mine" / "parity.json").read_text())["checks"]
    return bool(checks) and all(check["passed"] is not False for check in checks)
