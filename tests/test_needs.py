"""`tweetstyle plan`: what a run needs, from config.json alone; what the card that is here cannot hold is refused before it is loaded."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.nvidia_smi import write_nvidia_smi
from test_bad_input import HEADER, rows

from tweetstyle.cli import fit_command, tweetstyle
from tweetstyle.errors import TweetstyleError
from tweetstyle.hardware.machine import machine_memory
from tweetstyle.model.base import read_base_model
from tweetstyle.model.hub import KNOWN
from tweetstyle.plan.probe import decisive_settings
from tweetstyle.recipe import Model, Training
from tweetstyle.run import Run
from tweetstyle.stages.checks import check
from tweetstyle.train.failures import OutOfMemory, remember

GIB = 2**30
LLAMA_8B = KNOWN["Llama 3 8B"] | {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
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


def put_a_card(directory: Path, card: str) -> None:
    """A card of this name, memory in all and free memory (MiB); and a compiler that takes all."""
    write_nvidia_smi(directory / "bin", f"0, GPU-0, {card.replace(', ', ', 580.95.05, ', 1)}, 8.6\n")
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
    assert before["base"]["planned_as"] == "Llama 3 8B" and "planned with the sizes of Llama 3 8B" in plan()
    assert before["disk"]["parts"]["base model, still to come"] == 2 * 8_030_261_248
    write_recipe(base="meta-llama/Meta-Llama-3-8B")
    assert figures()["memory"] == before["memory"], "by its name on the hub"
    write_recipe(base="model/llama3-8b")
    write_config(directory="model/llama3-8b")
    there = figures()
    assert there["base"]["planned_as"] is None and there["memory"] == before["memory"]


# -- the card and the machine -----------------------------------------------------------------------------------------


def test_without_a_card_the_recipe_s_machine_counts(project):
    write_config()
    write_recipe()
    assert (figures()["card"]["total"], figures()["ram"]["bytes_there"]) == (round(11.6 * GIB), machine_memory()[0])
    assert "no card in this machine and none named (--card): planned for a card sold as 12 GB (11.6 GiB), an assumption" in plan()
    write_recipe(more="machine: {card_gib: 6, ram_gib: 8}")
    smaller = figures()
    assert (smaller["card"]["total"], smaller["ram"]["bytes_there"]) == (round(5.8 * GIB), 8 * GIB)
    assert "planned for a card sold as 6 GB (5.8 GiB), which is not in this machine" in plan()
    assert not smaller["memory"]["fits"] and figures("--card", "24")["memory"]["fits"]


def test_a_card_that_is_here_counts_with_what_others_hold_of_it(project):
    put_a_card(project, "NVIDIA GeForce RTX 3060, 12288, 11264")
    write_config()
    write_recipe(more="machine: {card_gib: 6}")
    found, expected = figures(), {"total": 12 * GIB, "others": GIB, "seen": True, "assumed": False}
    assert found["card"] == expected | {"name": "NVIDIA GeForce RTX 3060"}
    assert found["memory"]["parts"]["desktop and others"] == GIB and not figures("--card", "6")["card"]["seen"]
    put_a_card(project, "NVIDIA GB10, [N/A], [N/A]")
    assert figures()["card"]["total"] == machine_memory()[0], "it uses the machine's memory"


@pytest.fixture
def whole(project, base_model_dir):
    """A project with a model and tweets that could be trained."""
    (project / "base").symlink_to(base_model_dir)
    (project / "tweets.csv").write_text(HEADER + rows(60), encoding="utf-8")
    return project


@pytest.mark.parametrize(
    ("card", "method", "words"),
    [
        ("GT 1030, 2048, 2000", "full", ["mine.yaml:3: model.method: 2.0 GiB of 2.0 GiB free", "cannot hold full fine-tuning"]),
        ("RTX 3060, 12288, 512", "lora", ["card memory: 512.0 MiB of 12.0 GiB free", "end the programs that hold it"]),
    ],
)
@pytest.mark.parametrize("again", [(), ("--from", "fit")])
def test_what_the_card_cannot_hold_is_refused_before_anything_is_done(whole, card, method, words, again):
    """SmolLM2 135M in full is 2.6 GiB of weights, gradients and states. A repeated training is checked as a first one."""
    put_a_card(whole, card)
    write_recipe(method=method)
    message = refused("mine.yaml", *again, command=fit_command)
    assert all(word in message for word in words), message
    assert not (whole / "data").exists() and not (whole / "model").exists()


def test_the_start_of_a_run_shows_memory_disk_and_speed_in_a_line_each(whole, capsys):
    write_recipe(method="lora")
    check(Run(Path("mine.yaml")))
    assert re.fullmatch(r"disk      at most [\d.,]+ [MG]iB more; [\d.,]+ [MG]iB are free\n", capsys.readouterr().err)
    put_a_card(whole, "RTX 3060, 12288, 11264")
    check(Run(Path("mine.yaml")))
    with_card = capsys.readouterr().err
    assert "memory    RTX 3060: " in with_card and "RAM       " in with_card and "speed     not measured" in with_card


def test_what_is_beyond_the_model_s_positions_is_refused_by_the_plan_too(project):
    """Llama 3 has 8,192."""
    write_config()
    write_recipe(length=8193)
    message = "mine.yaml:4: training.max_length: 8193 is beyond the model's 8192 positions\n  → write 8192 or less"
    assert message in refused("plan", "mine.yaml")


def test_a_dry_run_without_the_model_shows_the_data_what_it_needs_and_how_to_get_it(whole):
    write_recipe(base="model/llama3-8b")
    message = refused("mine.yaml", "--dry-run", command=fit_command)
    assert "linears, NF4" in message and "16.1 GB" in message and "--exclude 'original/*'" in message and re.search(r"│ +60 ", message)


# -- time -------------------------------------------------------------------------------------------------------------


SIZES = "2048, per_device_train_batch_size: {}, gradient_accumulation_steps: {}"


def keep_a_probe(project, training):
    settings = decisive_settings(Path("base"), Model(base="base"), training)
    kept = {"tokens_per_second": 1000.0, "peak_bytes": 7 * GIB, "predicted_bytes": 7 * GIB, "reserved_bytes": None, "versions": {}}
    directory = project / "model" / "mine"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "probe.json").write_text(json.dumps(kept | {"device": "CPU", "settings": settings}))
    return directory


def test_hours_come_from_the_probe_of_these_settings_alone(project):
    write_config()
    write_recipe()

    def time(*arguments):
        return figures("--tweets", "161259", *arguments)["time"]

    expected = {"tweets": 145_133, "tokens": 145_133 * 50 * 2, "tokens_are_counted": False, "tokens_per_second": None, "hours": None}
    not_measured = "not measured: the first steps on a card measure it (probe.json), on a CPU with training.probe: always"
    assert time() == expected | {"speed": not_measured} and "speed not measured" in plan("--tweets", "161259")
    path = keep_a_probe(project, Training()) / "probe.json"
    assert time()["hours"] == pytest.approx(14_513_300 / 1000 / 3600) and "about 4.0 hours of training" in plan("--tweets", "161259")
    assert "7.0 GiB at the peak, 7.0 GiB planned (+0.0%), 1,000 tokens/s" in plan()
    assert time("--card", "24")["hours"] is None, "another card's speed is not known from it"
    write_recipe(length=1024)
    assert time()["speed"] == "not measured: probe.json is of other settings" and figures()["probe"] is None
    put_a_card(project, "NVIDIA GeForce RTX 3060, 12288, 11264")
    assert time()["speed"] == "not measured: probe.json is of another device, CPU"
    path.write_text("{")
    assert time()["speed"] == not_measured, "as without a probe"


@pytest.mark.parametrize("probed", [(2, 16), (4, 8)])
def test_after_memory_ran_out_hours_are_of_the_batch_that_was_measured(project, probed):
    """The batch was halved in the probe, before it was measured; or later, and the probe is of the larger one."""
    small, measured = (Training(per_device_train_batch_size=size, gradient_accumulation_steps=n) for size, n in ((2, 16), probed))
    write_config()
    write_recipe(length=SIZES.format(4, 8))
    remember(keep_a_probe(project, measured), small, OutOfMemory("CUDA out of memory."))
    found = figures("--tweets", "161259")["time"]
    assert found["hours"] == pytest.approx(14_513_300 / 1000 / 3600) and found["speed"].endswith(f"with batch {probed[0]}")


def test_tweets_are_estimated_until_they_are_prepared_and_then_counted_by_the_tokenizer(whole):
    """12 and 12 of 60 are held out. Two epochs would be 2 steps (36 × 50 tokens, 2,048 × 8 a step): too few, so that there are three, of
    18 steps of 128 tokens, two tweets, each."""
    write_recipe(method="lora")
    assert figures()["time"] | {"tokens": 0} == figures("--tweets", "60")["time"] | {"tokens": 0}
    assert figures()["time"]["tweets"] == 36 and "some 5,400 tokens of 36 tweets" in plan()
    assert figures()["base"]["bytes_there"] == (whole / "base" / "model.safetensors").stat().st_size
    dry = CliRunner().invoke(fit_command, ["mine.yaml", "--dry-run"]).output
    patterns = (r"tokens +│ ([\d,]+) in", r"([\d,]+) trained on", r"\((\d+) epochs")
    once, trained, epochs = (int(re.search(pattern, dry)[1].replace(",", "")) for pattern in patterns)
    assert CliRunner().invoke(tweetstyle, ["prepare", "mine.yaml"]).exit_code == 0
    found = figures()["time"]
    assert (found["tweets"], found["tokens"], found["tokens_are_counted"]) == (trained, epochs * once, True)


# -- names of the hub -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("base", "words"), [
    ("mistralai/Mistral-7B-v0.3", "hf download mistralai/Mistral-7B-v0.3 --local-dir model/mistral-7b-v0.3"),
    ("llama3:8b", "not a quantised GGUF or an Ollama model"),
    ("tweets.csv", "a base model is a directory of 16-bit safetensors"),
    ("model/nothing", "make base-model"),
])  # fmt: skip
def test_what_is_no_base_model_is_refused_with_what_to_do(project, base, words):
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
