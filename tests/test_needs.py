"""`tweetstyle plan`: what a run needs, from config.json alone; what the card that is here cannot hold is refused before it is loaded."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tweetstyle.cli import fit_command, tweetstyle
from tweetstyle.errors import TweetstyleError
from tweetstyle.hardware.gpu import find_card
from tweetstyle.hardware.machine import machine_memory
from tweetstyle.manifest import Manifest
from tweetstyle.model.base import read_base_model
from tweetstyle.model.hub import known_config
from tweetstyle.plan.probe import decisive_settings
from tweetstyle.recipe import Model, Training
from tweetstyle.run import Run
from tweetstyle.stages import existing_outputs, stages_of
from tweetstyle.stages.checks import check
from tweetstyle.train.failures import OutOfMemory, remember

GIB = 2**30
LLAMA_8B = known_config("Llama 3 8B") | {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
RECIPE = """\
data: {{source: tweets.csv}}
prompt: {{style: Nimzo}}
model: {{base: {base}, method: {method}}}
training: {{max_length: {length}}}
{more}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty project without a card."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    for name in ("HF_HUB_CACHE", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


def write_recipe(base="base", method="qlora", length=2048, more="") -> str:
    Path("mine.yaml").write_text(RECIPE.format(base=base, method=method, length=length, more=more))
    return "mine.yaml"


def write_config(config=LLAMA_8B, directory="base") -> None:
    Path(directory).mkdir(parents=True)
    (Path(directory) / "config.json").write_text(json.dumps(config))


def plan(*arguments: str) -> str:
    result = CliRunner().invoke(tweetstyle, ["plan", "mine.yaml", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def figures(*arguments: str) -> dict:
    return json.loads(plan(*arguments, "--json"))


def refused(*arguments: str, command=tweetstyle) -> str:
    result = CliRunner().invoke(command, list(arguments))
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit), result.output
    return result.output


def put_a_card(directory: Path, *lines: str) -> None:
    """A fake nvidia-smi, whose cards are these lines of name, memory in all and free memory (MiB); and a compiler that takes all."""
    program = directory / "bin" / "nvidia-smi"
    program.parent.mkdir(exist_ok=True)
    rows = "\n".join(f"{n}, GPU-{n}, {line.replace(', ', ', 580.95.05, ', 1)}, 8.6" for n, line in enumerate(lines))
    program.write_text(f"#!/bin/sh\ncase $1 in --query-gpu=*) /bin/cat <<'ROWS'\n{rows}\nROWS\nesac\n")
    program.chmod(0o755)
    compiler = directory / "bin" / "gcc"
    compiler.write_text("#!/bin/sh\n")
    compiler.chmod(0o755)


# -- from config.json alone -------------------------------------------------------------------------------------------


def test_config_json_alone_is_enough_and_what_is_missing_is_named(project):
    write_config()
    (project / "base" / "model.safetensors.index.json").write_text(
        '{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}'
    )
    write_recipe()
    text, found = plan(), figures()
    assert found["base"]["missing"] == ["tokenizer.json", "tokenizer_config.json", "model-1.safetensors", "model-2.safetensors"]
    assert "base lacks tokenizer.json, tokenizer_config.json, model-1.safetensors, model-2.safetensors" in text
    assert found["base"]["parameters"] == 8_030_261_248 and found["base"]["trained"] == 2_621_440 * 32
    assert found["memory"]["fits"] and "not measured on a GPU" in text
    assert sorted(path.name for path in project.iterdir()) == ["base", "mine.yaml"], "nothing is written"


def test_a_model_is_planned_before_a_byte_of_it_is_downloaded(project):
    """16-bit weights are two bytes each, and the plan is that of its config.json."""
    write_recipe(base="model/llama3-8b")
    before = figures()
    assert before["base"]["planned_as"] == "Llama 3 8B"
    assert before["disk"]["parts"]["base model, still to come"] == 2 * 8_030_261_248
    assert "model/llama3-8b is not there yet: planned by the shape of Llama 3 8B" in plan()
    write_config(directory="model/llama3-8b")
    there = figures()
    assert there["base"]["planned_as"] is None and there["memory"] == before["memory"]


# -- the card and the machine -----------------------------------------------------------------------------------------


def test_without_a_card_the_recipe_s_machine_counts(project):
    write_config()
    write_recipe()
    assert (figures()["card"]["total"], figures()["ram"]["bytes_there"]) == (round(11.6 * GIB), machine_memory()[0])
    assert "this machine has no card and none was named (--card): planned for a card sold as 12 GB (11.6 GiB), an assumption" in plan()
    assert "planned for a card sold as 12 GB (11.6 GiB), which is not in this machine" in plan("--card", "12")
    write_recipe(more="machine: {card_gib: 6, ram_gib: 8}")
    smaller = figures()
    assert (smaller["card"]["total"], smaller["ram"]["bytes_there"]) == (round(5.8 * GIB), 8 * GIB)
    assert "planned for a card sold as 6 GB (5.8 GiB), which is not in this machine" in plan()
    assert not smaller["memory"]["fits"] and figures("--card", "24")["memory"]["fits"]


def test_a_card_that_is_here_counts_with_what_others_hold_of_it(project):
    put_a_card(project, "NVIDIA GeForce RTX 3060, 12288, 11264")
    write_config()
    write_recipe(more="machine: {card_gib: 6}")
    found = figures()
    expected = {"total": 12 * GIB, "others": GIB, "seen": True, "trouble": None, "assumed": False}
    assert found["card"] == expected | {"name": "NVIDIA GeForce RTX 3060"}
    assert found["memory"]["parts"]["desktop and others"] == GIB and "NVIDIA GeForce RTX 3060, 12.0 GiB" in plan()
    assert not figures("--card", "6")["card"]["seen"]


def test_a_card_without_memory_of_its_own_has_the_machine_s(project):
    put_a_card(project, "NVIDIA GB10, [N/A], [N/A]")
    card = find_card()[0]
    assert card.total == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") and 0 < card.others < card.total


@pytest.fixture
def whole(project, base_model_dir):
    """A project with a model and tweets that could be trained."""
    import random

    (project / "base").symlink_to(base_model_dir)
    chosen = random.Random(1)
    syllables = ("vo", "ti", "ra", "lu", "mé", "sou", "ban", "gri")
    texts = [" ".join("".join(chosen.choices(syllables, k=3)) for _ in range(7)) for _ in range(60)]
    rows = "".join(f'{1300000000000000000 + i},"{text}",2021-03-{1 + i % 28:02d} 10:00:00\n' for i, text in enumerate(texts))
    (project / "tweets.csv").write_text("id_tweet,texte,date_creation\n" + rows, encoding="utf-8")
    return project


def test_what_the_card_cannot_hold_is_refused_before_anything_is_done(whole):
    """SmolLM2 135M in full is 2.6 GiB of weights, gradients and states in fp32 and 8 bits; the card has 2."""
    put_a_card(whole, "GT 1030, 2048, 2000")
    write_recipe(method="full", more="")
    message = refused("mine.yaml", command=fit_command)
    assert "GT 1030, 2.0 GiB: a card of 2.0 GiB cannot hold full fine-tuning" in message and "mine.yaml:3: model.method" in message
    assert not (whole / "data").exists() and not (whole / "model").exists()


def test_a_card_that_another_program_holds_is_refused_with_its_bytes(whole):
    put_a_card(whole, "RTX 3060, 12288, 512")
    write_recipe(method="lora")
    message = refused("mine.yaml", command=fit_command)
    assert "other programs hold 11.5 GiB of RTX 3060, 12.0 GiB" in message and "ollama stop" in message


@pytest.mark.parametrize("arguments", [(fit_command, "mine.yaml", "--from", "fit"), (tweetstyle, "fit", "mine.yaml", "--force")])
def test_a_training_that_is_made_anew_is_looked_at_as_a_first_one(whole, arguments):
    """What stands is current, and is to be trained again nonetheless: on a card that cannot hold it."""
    write_recipe(method="full")
    assert CliRunner().invoke(tweetstyle, ["prepare", "mine.yaml"]).exit_code == 0
    run = Run(Path("mine.yaml"))
    fit = stages_of(run)["fit"]
    run.final_model.mkdir(parents=True)
    Manifest("fit", fit.settings, fit.inputs(), {}, {}).write(fit.manifest)
    assert existing_outputs(run).trained, "current"
    put_a_card(whole, "GT 1030, 2048, 2000")
    command, *words = arguments
    assert "cannot hold full fine-tuning" in refused(*words, command=command)
    assert fit.why_stale() is None, "nothing was set aside"


def test_a_card_that_vanished_is_told_by_the_plan_too(project, monkeypatch):
    """Not for that card is planned, and why."""
    write_config()
    write_recipe()
    assert "nvidia-smi" not in plan()
    put_a_card(project)
    (project / "bin" / "nvidia-smi").write_text("#!/bin/sh\necho 'GPU is lost. Reboot the system to recover this GPU'; exit 15\n")
    told = "nvidia-smi finds no usable card here (GPU is lost. Reboot the system to recover this GPU): see tweetstyle doctor"
    assert told in plan() and "GPU is lost" in figures()["card"]["trouble"] and told not in plan("--card", "12")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "nvidia-smi" not in plan(), "hidden on purpose"


def test_the_start_of_a_run_tells_memory_disk_and_speed_in_a_line_each(whole, capsys):
    write_recipe(method="lora")
    check(Run(Path("mine.yaml")))
    planned = f"{figures()['memory']['peak_bytes'] / GIB:.1f} GiB of 11.6 GiB, by formula"
    memory, disk = capsys.readouterr().err.splitlines()
    assert memory == f"memory    no card here; on a card sold as 12 GB (11.6 GiB): {planned}"
    assert re.fullmatch(r"disk      at most [\d.,]+ [MG]iB more; [\d.,]+ [MG]iB are free", disk)
    put_a_card(whole, "RTX 3060, 12288, 11264")
    check(Run(Path("mine.yaml")))
    with_card = capsys.readouterr().err
    assert "memory    RTX 3060: " in with_card and "RAM       " in with_card and "speed     not measured" in with_card
    write_recipe(method="full", length=8192, more="machine: {card_gib: 1}")
    (whole / "bin" / "nvidia-smi").unlink()
    check(Run(Path("mine.yaml")))
    assert "of 1.0 GiB, by formula, which does not fit" in capsys.readouterr().err


def test_what_is_beyond_the_model_s_positions_is_refused_by_the_plan_too(project):
    """Llama 3 has 8,192."""
    write_config()
    write_recipe(length=8193)
    assert "mine.yaml:4: training.max_length: 8193 is beyond the model's 8192 positions\n  → write 8192 or less" in refused(
        "plan", "mine.yaml"
    )
    write_recipe(more="export: {num_ctx: 9000}")
    assert "mine.yaml:5: export.num_ctx: 9000 is beyond" in refused("plan", "mine.yaml")


def test_a_dry_run_without_the_model_shows_what_it_needs_and_how_to_get_it(whole):
    write_recipe(base="model/llama3-8b")
    message = refused("mine.yaml", "--dry-run", command=fit_command)
    assert "linears, NF4" in message and "16.1 GB" in message and "--exclude 'original/*'" in message


# -- time -------------------------------------------------------------------------------------------------------------


def test_hours_come_from_the_probe_of_these_settings_alone(project):
    write_config()
    write_recipe()
    assert figures("--tweets", "161259")["time"] == {
        "tweets": 145_133, "tokens": 145_133 * 50 * 2, "tokens_are_counted": False, "tokens_per_second": None, "hours": None,
        "speed": "not measured: the first steps on a card measure it (probe.json), on a CPU with training.probe: always",
    }  # fmt: skip
    assert "speed not measured" in plan("--tweets", "161259")
    settings = decisive_settings(Path("base"), Model(base="base"), Training())
    kept = {"tokens_per_second": 1000.0, "peak_bytes": 7 * GIB, "predicted_bytes": 7 * GIB, "device": "CPU", "settings": settings}
    kept |= {"reserved_bytes": None, "versions": {}}
    path = project / "model" / "mine" / "probe.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(kept))
    assert figures("--tweets", "161259")["time"]["hours"] == pytest.approx(14_513_300 / 1000 / 3600)
    assert (
        "about 4.0 hours of training" in plan("--tweets", "161259") and "7.0 GiB at its peak on CPU, 7.0 GiB were planned (+0.0%)" in plan()
    )
    assert figures("--tweets", "161259", "--card", "24")["time"]["hours"] is None, "another card's speed is not known from it"
    write_recipe(length=1024)
    assert figures("--tweets", "161259")["time"]["hours"] is None and figures()["probe"] is None
    assert "speed not measured: probe.json is of other settings (max_length 2048)" in plan("--tweets", "161259")
    put_a_card(project, "NVIDIA GeForce RTX 3060, 12288, 11264")
    assert "probe.json is of CPU, and this is NVIDIA GeForce RTX 3060" in plan("--tweets", "161259")
    for damaged in ("{}", "{", ""):
        path.write_text(damaged)
        assert "speed not measured: the first steps on the card measure it" in plan("--tweets", "161259"), "as without a probe"


def keep_a_probe(project, training, tokens_per_second=1000.0):
    settings = decisive_settings(Path("base"), Model(base="base"), training)
    kept = {"tokens_per_second": tokens_per_second, "peak_bytes": 7 * GIB, "predicted_bytes": 7 * GIB, "device": "CPU"}
    kept |= {"reserved_bytes": None, "versions": {}}
    directory = project / "model" / "mine"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "probe.json").write_text(json.dumps(kept | {"settings": settings}))
    return directory


@pytest.mark.parametrize(("probed", "words"), [
    ((2, 16), "with batch 2 × accumulation 16, used since the run ran out of memory"),
    ((4, 8), "with batch 4 × accumulation 8, before it ran out of memory; with batch 2 × accumulation 16 it may be slower"),
])  # fmt: skip
def test_after_memory_ran_out_hours_are_told_by_what_was_measured_with_its_batch(project, probed, words):
    """As a run leaves it: in the probe the batch was halved before it was measured, later the probe stands of the larger one."""
    sized = [Training(per_device_train_batch_size=batch, gradient_accumulation_steps=steps) for batch, steps in ((2, 16), probed)]
    write_config()
    write_recipe()
    recipe = Path("mine.yaml")
    recipe.write_text(recipe.read_text().replace("2048}", "2048, per_device_train_batch_size: 4, gradient_accumulation_steps: 8}"))
    remember(keep_a_probe(project, sized[1]), sized[0], OutOfMemory("CUDA out of memory."))
    found, text = figures("--tweets", "161259"), " ".join(plan("--tweets", "161259").split())
    assert found["time"]["hours"] == pytest.approx(14_513_300 / 1000 / 3600) and words in found["time"]["speed"]
    assert "about 4.0 hours of training" in text
    assert "this run ran out of memory before: it continues with per_device_train_batch_size 2 × gradient_accumulation_steps 16" in text


def test_an_archive_that_is_not_prepared_is_counted_and_estimated(whole):
    write_recipe(method="lora")
    assert figures()["time"] | {"tokens": 0} == figures("--tweets", "60")["time"] | {"tokens": 0}
    assert figures()["base"]["bytes_there"] == (whole / "base" / "model.safetensors").stat().st_size
    assert "base model, there already" in plan() and "still to come" not in plan()
    # 12 and 12 of 60 are held out. Two epochs would be 2 steps (36 × 50 tokens, 2,048 × 8 a step): too few, so that there are three,
    # of 18 steps of 128 tokens, two tweets, each.
    assert figures()["time"]["tweets"] == 36 and "about 5,400 tokens of 36 tweets" in plan()


def test_prepared_tweets_are_counted_by_the_tokenizer(whole):
    write_recipe(method="lora")
    dry = CliRunner().invoke(fit_command, ["mine.yaml", "--dry-run"]).output
    patterns = (r"tokens +│ ([\d,]+) in", r"([\d,]+) trained on", r"\((\d+) epochs")
    once, trained, epochs = (int(re.search(pattern, dry)[1].replace(",", "")) for pattern in patterns)
    assert CliRunner().invoke(tweetstyle, ["prepare", "mine.yaml"]).exit_code == 0
    found = figures()["time"]
    assert (found["tweets"], found["tokens"], found["tokens_are_counted"]) == (trained, epochs * once, True)
    (whole / "tweets.csv").unlink()
    assert figures()["time"]["tokens"] is None, "prepared of an archive that is gone: nobody knows whether it is current"


# -- names of the hub -------------------------------------------------------------------------------------------------


def test_a_hub_name_is_planned_and_says_what_it_will_download(project):
    write_recipe(base="meta-llama/Meta-Llama-3-8B")
    assert figures()["base"]["planned_as"] == "Llama 3 8B"
    (project / "tweets.csv").write_text("id_tweet,texte,date_creation\n1300000000000000000,un tweet assez long,2021-03-01\n")
    message = refused("mine.yaml", command=fit_command)
    assert "this base model is not on this machine" in message and "a download of 16.1 GB, under the Llama 3 Community License" in message
    assert "hf download meta-llama/Meta-Llama-3-8B --exclude 'original/*' --local-dir model/llama3-8b" in message


@pytest.mark.parametrize(("base", "words"), [
    ("mistralai/Mistral-7B-v0.3", "hf download mistralai/Mistral-7B-v0.3 --local-dir model/mistral-7b-v0.3"),
    ("llama3:8b", "an Ollama model or a GGUF is quantised"),
    ("tweets.csv", "a base model is a directory of 16-bit safetensors"),
    ("model/nothing", "make base-model"),
])  # fmt: skip
def test_what_is_no_base_model_is_told_with_what_to_do(project, base, words):
    (project / "tweets.csv").write_text("x")
    write_recipe(base=f"'{base}'")
    assert words in refused("plan", "mine.yaml")


def test_a_hub_name_that_is_in_the_hub_s_cache_is_read_from_there(project, base_model_dir):
    """The layout that huggingface_hub writes: refs/main names the snapshot."""
    name = "HuggingFaceTB/SmolLM2-135M-Instruct"
    repository = project / "hub" / "hub" / "models--HuggingFaceTB--SmolLM2-135M-Instruct"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0123abc")
    with pytest.raises(TweetstyleError, match="not on this machine"):
        read_base_model(Path(name))
    (repository / "snapshots").mkdir()
    (repository / "snapshots" / "0123abc").symlink_to(base_model_dir)
    assert read_base_model(Path(name)).fingerprints == read_base_model(base_model_dir).fingerprints


def test_the_cache_is_where_the_hub_s_client_keeps_it(project, monkeypatch):
    """Against huggingface_hub itself, in a process of its own, for it reads the environment when it is imported."""
    from tweetstyle.model.hub import hub_cache

    program = "from huggingface_hub.constants import HF_HUB_CACHE; print(HF_HUB_CACHE)"
    for setting in ({"HF_HOME": "/a"}, {"HF_HUB_CACHE": "/b"}, {"XDG_CACHE_HOME": "/c"}, {}):
        with monkeypatch.context() as patched:
            for name in ("HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME"):
                patched.delenv(name, raising=False)
            for name, value in setting.items():
                patched.setenv(name, value)
            done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
            assert str(hub_cache()) == done.stdout.strip()
