"""doctor looks before anything is spent: the card by a fake nvidia-smi, the decisions by states that no machine here has."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from support.tiny_llama import SPECIAL, write_llama

from tweetstyle.cli import fit_command, tweetstyle
from tweetstyle.doctor.base import check_learning_rate, check_prompt, check_tokenizer, speaks_chat, tokens_of_format, untrained_tokens
from tweetstyle.doctor.card import check_card
from tweetstyle.doctor.machine import check_machine, check_network
from tweetstyle.doctor.versions import (
    Installed,
    Rule,
    TorchBuild,
    check_versions,
    installed_torch,
    observe_versions,
    read_torch_build,
)
from tweetstyle.hardware.disk import DiskUse, Place
from tweetstyle.hardware.gpu import CardState, Gpu, Process, observe_card
from tweetstyle.model.hub import known_config
from tweetstyle.offline import OFFLINE
from tweetstyle.prompt.template import build_template
from tweetstyle.recipe_yaml import read_recipe

GIB = 2**30
RTX = Gpu(0, "GPU-a1", "NVIDIA GeForce RTX 3060", 12 * GIB, int(11.5 * GIB), (8, 6))
HERE = CardState("580.95.05", (RTX,))
CUDA_13 = TorchBuild("2.14.1+cu130", "13.0")
ROWS = "0, GPU-a1, NVIDIA GeForce RTX 3060, 580.95.05, 12288, 11776, 8.6\n1, GPU-b2, Tesla T4, 580.95.05, 15360, 15000, 7.5\n"


def states(checks):
    return {check.name: check.state for check in checks}


def named(checks, name):
    return next(check for check in checks if check.name == name)


def recipe_needs(*, parameters=8_030_261_248, card=7 * GIB, least=6 * GIB, bf16=True, method="qlora"):
    """What the card's checks read of an estimate."""
    return SimpleNamespace(
        shape=SimpleNamespace(parameters=parameters),
        own_card=card,
        least_card=least,
        model=SimpleNamespace(method=method),
        training=SimpleNamespace(bf16=bf16),
    )


@pytest.fixture
def nvidia_smi(tmp_path):
    """Writes a fake one that answers each query as told; the environment with it on PATH, and an empty PCI bus."""

    def write(gpu="", apps="", code=0, bus=()):
        (tmp_path / "gpu").write_text(gpu)
        (tmp_path / "apps").write_text(apps)
        program = tmp_path / "bin" / "nvidia-smi"
        program.parent.mkdir(exist_ok=True)
        program.write_text(
            f'#!/bin/sh\ncase "$1" in --query-gpu*) /bin/cat {tmp_path}/gpu;; *) /bin/cat {tmp_path}/apps;; esac\nexit {code}\n'
        )
        program.chmod(0o755)
        return lambda **more: observe_card({"PATH": str(program.parent)} | more, tmp_path / "pci")

    return write


def test_cards_and_who_uses_them_are_read_from_nvidia_smi(nvidia_smi):
    apps = "GPU-a1, 4242, /usr/local/bin/ollama, 5120\nGPU-b2, 7, python3, 100\nGPU-a1, 9, [Not Found], [N/A]\n"
    state = nvidia_smi(ROWS, apps)()
    assert state.cards == (RTX, Gpu(1, "GPU-b2", "Tesla T4", 15 * GIB, 15000 * 2**20, (7, 5)))
    assert state.driver == "580.95.05" and state.trouble is None and not state.hidden
    assert state.processes == (Process(4242, "/usr/local/bin/ollama", 5 * GIB), Process(9, "[Not Found]", None))


@pytest.mark.parametrize(
    ("visible", "first", "hidden"),
    [
        ("1", "GPU-b2", False),
        ("1,0", "GPU-b2", False),
        ("GPU-b", "GPU-b2", False),
        ("", None, True),
        ("-1", None, True),
        ("7", None, False),
    ],
)
def test_cuda_visible_devices_chooses_the_card(nvidia_smi, visible, first, hidden):
    state = nvidia_smi(ROWS)(CUDA_VISIBLE_DEVICES=visible)
    assert (state.cards[0].uuid if state.cards else None) == first and state.hidden == hidden
    assert named(check_card(state, CUDA_13, None), "driver").state == ("fail" if visible == "7" else "ok")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("Unable to determine the device handle for GPU 0000:01:00.0: GPU is lost.  Reboot the system to recover this GPU\n", 15),
        ("Unable to determine the device handle for GPU 0000:01:00.0: GPU is lost.  Reboot the system to recover this GPU\n", 0),
        ("Failed to initialize NVML: Driver/library version mismatch\n", 18),
    ],
)
def test_a_card_that_vanished_fails_with_nvidia_smis_own_words(nvidia_smi, said, code):
    state = nvidia_smi(said, code=code)()
    driver = named(check_card(state, CUDA_13, None), "driver")
    assert driver.state == "fail" and " ".join(said.split()) in driver.seen and "restart the machine" in driver.do
    assert "CUDA_VISIBLE_DEVICES=" in driver.do
    assert states(check_card(nvidia_smi(said, code=code)(CUDA_VISIBLE_DEVICES=""), CUDA_13, None))["driver"] == "ok"


def test_an_nvidia_smi_that_never_answers_is_given_up(nvidia_smi, monkeypatch, tmp_path):
    monkeypatch.setattr("tweetstyle.hardware.gpu.PATIENCE", 0.3)
    ask = nvidia_smi(ROWS)
    (tmp_path / "bin" / "nvidia-smi").write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    assert "did not answer" in ask().trouble


def test_a_card_on_the_bus_without_a_driver_is_told(tmp_path):
    for number, (vendor, kind) in enumerate((("0x8086", "0x030000"), ("0x10de", "0x040300"), ("0x10de", "0x030000"))):
        assert not observe_card({"PATH": ""}, tmp_path).on_the_bus
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "vendor").write_text(vendor + "\n")
        (tmp_path / str(number) / "class").write_text(kind + "\n")
    state = observe_card({"PATH": ""}, tmp_path)
    driver = named(check_card(state, CUDA_13, None), "driver")
    assert state.on_the_bus and driver.state == "warn" and "no driver" in driver.seen


@pytest.mark.parametrize(
    ("parameters", "method", "name", "do"),
    [
        (135_000_000, "lora", None, None),
        (135_000_000, "qlora", "method", "write method: lora"),
        (8_030_261_248, "qlora", "base model", "model/smollm2-135m-instruct and method: lora"),
        (8_030_261_248, "lora", "base model", "model/smollm2-135m-instruct and method: lora"),
    ],
)
@pytest.mark.parametrize("hidden", [True, False])
def test_without_a_card_it_is_said_what_to_write_instead(parameters, method, name, do, hidden):
    """By hand for an 8B: 160 tokens/s of 0.135 billion parameters, times 0.135 / 8.03 = 2.7; 50,000 tokens in 18,600 s."""
    asked = recipe_needs(parameters=parameters, method=method)
    warned = [check for check in check_card(CardState(hidden=hidden), CUDA_13, asked) if check.state != "ok"]
    assert [(check.name, check.state) for check in warned] == ([(name, "warn")] if name else [])
    assert all(do in check.do for check in warned) and (name != "base model" or "about 3 tokens a second, 5.2 hours" in warned[0].seen)
    assert not [check for check in check_card(HERE, CUDA_13, asked) if check.name in ("method", "base model")]


@pytest.mark.parametrize(
    ("torch", "driver", "state", "words"),
    [
        (CUDA_13, "580.65.06", "ok", "built for CUDA 13.0"),
        (CUDA_13, "579.99", "fail", "driver from 580 on; installed is 579.99"),
        (TorchBuild("2.8.0", "12.8"), "535.183.01", "ok", "CUDA 12.8"),
        (TorchBuild("2.8.0", "12.8"), "470.1", "fail", "driver from 525"),
        (TorchBuild("2.14.1+cpu", None), "580.65", "fail", "built for the CPU alone: it cannot use the NVIDIA GeForce RTX 3060"),
        (TorchBuild("9.0", "14.1"), "580.65", "warn", "not known here"),
        (None, "580.65", "fail", "not installed"),
    ],
)
def test_torch_is_held_against_the_driver(torch, driver, state, words):
    check = named(check_card(replace(HERE, driver=driver), torch, None), "torch")
    assert check.state == state and words in check.seen and bool(check.do) == (state != "ok")


@pytest.mark.parametrize(
    ("capability", "cuda", "state"),
    [((7, 0), "13.0", "fail"), ((7, 0), "12.8", "ok"), ((7, 5), "13.0", "ok")],
)
def test_a_card_older_than_torchs_cuda_is_refused(capability, cuda, state):
    card = replace(RTX, capability=capability)
    assert states(check_card(CardState("580.1", (card,)), TorchBuild("2", cuda), None))["compute capability"] == state


TURING = TorchBuild("2.10.0+cu128", "12.8")


@pytest.mark.parametrize(
    ("capability", "torch", "xformers", "state", "setup"),
    [
        ((7, 5), CUDA_13, None, "warn", "make setup CARD=turing"),
        ((7, 5), TURING, 12, "ok", None),
        ((7, 5), TURING, None, "warn", "make setup CARD=turing"),
        ((8, 6), CUDA_13, None, "ok", None),
        ((8, 6), TURING, 12, "warn", "make setup"),
        ((7, 0), CUDA_13, None, None, None),
    ],
)
def test_the_packages_for_the_card_are_named(capability, torch, xformers, state, setup):
    """torch's varlen kernel: 2.12 and compute capability 8.0; xformers' wheel on PyPI: CUDA 12."""
    checks = check_card(CardState("580.1", (replace(RTX, capability=capability),)), torch, None, xformers)
    found = [check for check in checks if check.name == "attention"]
    assert [check.state for check in found] == ([state] if state else [])
    assert all((f"in a fresh clone, {setup} installs" in check.do) == bool(setup) for check in found)


def test_bfloat16_is_refused_on_a_card_without_it_where_the_recipe_asks_for_it():
    old = CardState("580.1", (replace(RTX, capability=(7, 5)),))
    check = named(check_card(old, CUDA_13, recipe_needs()), "bfloat16")
    assert (check.state, check.where, check.do) == ("fail", "training.bf16", "write bf16: false")
    assert states(check_card(old, CUDA_13, recipe_needs(bf16=False)))["bfloat16"] == "ok"
    assert states(check_card(old, CUDA_13, None))["bfloat16"] == "warn"
    assert states(check_card(HERE, CUDA_13, recipe_needs()))["bfloat16"] == "ok"


def test_a_card_in_use_is_told_with_who_has_it_and_how_to_get_it_back():
    busy = CardState("580.1", (replace(RTX, free=5 * GIB),), (Process(4242, "/usr/bin/ollama", 6 * GIB),))
    check = named(check_card(busy, CUDA_13, recipe_needs()), "card memory")
    assert check.state == "fail" and "ollama (6.0 GiB, process 4242)" in check.seen and "ollama stop" in check.do
    assert states(check_card(busy, CUDA_13, recipe_needs(least=4 * GIB)))["card memory"] == "warn"
    assert states(check_card(busy, CUDA_13, recipe_needs(card=4 * GIB, least=3 * GIB)))["card memory"] == "ok"
    assert states(check_card(busy, CUDA_13, None))["card memory"] == "warn"
    assert states(check_card(HERE, CUDA_13, None))["card memory"] == "ok"


def test_torchs_build_is_that_of_the_imported_torch_and_read_without_importing_it(tmp_path):
    (tmp_path / "version.py").write_text("from typing import Optional\n__version__ = '2.9.0+cpu'\ncuda: Optional[str] = None\n")
    assert read_torch_build(tmp_path) == TorchBuild("2.9.0+cpu", None)
    program = "import torch; print(torch.__version__, torch.version.cuda)"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    build = installed_torch()
    assert [build.version, str(build.cuda)] == said


def machine_states(ram=None, writable=True, free=50 * GIB, **written):
    """Two disks, 32 GiB of memory of which 20 are available. written: bytes that the run may write, by directory."""
    places = {Path("model"): Place(1, free, writable), Path("export"): Place(2, 3 * GIB, True)}
    uses = tuple(DiskUse(Path(name), count, name) for name, count in written.items())
    return check_machine(places, (32 * GIB, 20 * GIB), uses, ram or {})


def test_room_is_counted_disk_by_disk():
    disks = [check for check in machine_states(model=5 * GIB, export=4 * GIB) if check.name == "disk"]
    assert [check.state for check in disks] == ["ok", "fail"] and "free 1.0 GiB more" in disks[1].do
    assert {check.state for check in machine_states(model=4 * GIB, export=GIB)} == {"ok"}
    assert named(machine_states(free=0), "disk").state == "fail", "with no need known too"
    assert named(machine_states(free=2**20, model=0), "disk").state == "warn", (
        "a training that has ended is closed on a disk that it filled"
    )


def test_memory_and_rights():
    assert states(machine_states({"export": 33 * GIB}))["memory"] == "fail"
    assert states(machine_states({"export": 25 * GIB}))["memory"] == "warn"
    closed = named(machine_states(writable=False), "write rights")
    assert closed.state == "fail" and "no right to write to model" in closed.seen and "ls -ld " in closed.do


# -- machine, versions, network -----------------------------------------------------------------------------


def test_versions_missing_broken_and_other_than_asked_for():
    rules = (Rule("tweetstyle", "trl", ">=1.15"), Rule("unsloth", "trl", "<=1.15.0"), Rule("tweetstyle", "peft", ""))
    there = {"trl": "1.16.0", "datasets": "4.4.1"}
    found = check_versions(Installed(there, rules), has_card=False)
    assert [(check.state, check.seen.split()[0]) for check in found] == [("fail", "peft"), ("fail", "datasets"), ("warn", "trl")]
    assert "unsloth goes up to <=1.15.0" in found[2].seen
    right = Installed({"trl": "1.15.0", "peft": "1", "datasets": "4.8.5"}, rules)
    assert states(check_versions(right, has_card=True)) == {"versions": "ok"}


@pytest.mark.parametrize(("has_card", "state"), [(True, "fail"), (False, "warn")])
@pytest.mark.parametrize(
    ("name", "version"),
    [("torch", "2.15.0"), ("transformers", "5.17.1"), ("trl", "1.16.0"), ("datasets", "5.0.0"), ("torch", "2.16+cu130")],
)
def test_a_version_beyond_unsloths_bound_fails_with_a_card_and_is_told_once(name, version, has_card, state):
    """The installed Unsloth's own bounds; the other packages as they are installed."""
    installed = observe_versions()
    installed = replace(installed, versions=dict(installed.versions) | {name: version})
    too_new = [check for check in check_versions(installed, has_card=has_card) if f"{name} is {version}, unsloth goes up to" in check.seen]
    assert [check.state for check in too_new] == [state]


def test_the_locked_versions_go_together():
    installed = observe_versions()
    assert len(installed.rules) > 30 and [check.state for check in check_versions(installed, has_card=True)] == ["ok"]


@pytest.mark.parametrize(
    ("host", "told"),
    [("", False), ("127.0.0.1:11434", False), ("http://localhost:1", False), ("[::1]:11434", False), ("0.0.0.0", False),
     ("192.168.1.9:11434", True), ("https://gpu.example.org", True)],
)  # fmt: skip
def test_an_ollama_on_another_machine_is_told(host, told):
    checks = check_network(OFFLINE | {"OLLAMA_HOST": host})
    assert [check.name for check in checks] == ["offline"] + ["ollama"] * told
    assert checks[0].state == "ok" and states(check_network({}))["offline"] == "warn"


# -- the base model -----------------------------------------------------------------------------------------


NF4 = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True, "quant_method": "bitsandbytes"}


CHAT = (
    "{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)


@pytest.fixture
def llama(tmp_path):
    """A toy Llama with Llama 3's header tokens and unused ones beside them; `learned`: whether it was taught to chat."""

    def write(learned):
        from safetensors.numpy import load_file, save_file

        write_llama(tmp_path / "base")
        path = tmp_path / "base"
        tokenizer = json.loads((path / "tokenizer.json").read_text())
        last = max(token["id"] for token in tokenizer["added_tokens"])
        for number, text in enumerate(("<|start_header_id|>", "<|end_header_id|>", "<|x_0|>", "<|x_1|>"), last + 1):
            tokenizer["added_tokens"].append(tokenizer["added_tokens"][0] | {"id": number, "content": text})
        (path / "tokenizer.json").write_text(json.dumps(tokenizer))
        settings = json.loads((path / "tokenizer_config.json").read_text())
        (path / "tokenizer_config.json").write_text(json.dumps(settings | {"chat_template": CHAT}))
        weights = load_file(path / "model.safetensors")
        unused = [token["id"] for token in tokenizer["added_tokens"] if token["content"].startswith("<|x") or not learned]
        kept = {token["id"] for token in tokenizer["added_tokens"] if token["content"] in SPECIAL[:2]}
        weights["model.embed_tokens.weight"][[index for index in unused if index not in kept]] = 0.001
        save_file(weights, path / "model.safetensors")
        from tweetstyle.model.base import read_base_model

        return read_base_model(path)

    return write


def prompt_check(base, format, method="qlora", instruct=False, conversation=False):
    template = build_template(format, "Nimzo", base.tokens, conversation=conversation)
    return check_prompt(template, method, untrained_tokens(base, tokens_of_format(base, template)), instruct=instruct)


def test_the_chat_format_over_a_base_model_is_refused_though_it_has_a_chat_template(llama):
    base = llama(learned=False)
    check = prompt_check(base, "chat")
    assert (check.state, check.where) == ("fail", "prompt.format") and "format: inst" in check.do
    assert all(token in check.seen for token in ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"))
    assert prompt_check(base, "chat", "full").state == "warn"
    assert prompt_check(base, "inst").state == "ok", "what inst writes, BOS and EOS, every base has learned"


@pytest.mark.parametrize("method", ["qlora", "full"])
def test_a_conversation_over_a_base_model_is_shown_a_recipe_that_holds_one(llama, method):
    """Not format: inst, which the recipe refuses with message: playback."""
    do = prompt_check(llama(learned=False), "chat", method, conversation=True).do
    (named,) = re.findall(r"recipes/\S+\.yaml", do)
    recipe = read_recipe(Path(__file__).parents[1] / named)
    assert (recipe.prompt.format, recipe.prompt.message) == ("chat", "playback") and "format: inst" not in do


def test_the_chat_format_over_an_instruct_model_is_well_and_inst_is_told(llama):
    base = llama(learned=True)
    assert prompt_check(base, "chat").state == "ok"
    assert speaks_chat(base)
    warned = prompt_check(base, "inst", instruct=True)
    assert warned.state == "warn" and "trained to chat" in warned.seen and "take the base model" in warned.do


@pytest.mark.parametrize(
    ("method", "rate", "state"), [("qlora", 1e-4, []), ("qlora", 1.0, ["warn"]), ("full", 1e-4, []), ("full", 5e-4, ["warn"])]
)
def test_a_learning_rate_far_from_the_usual_is_warned_of_with_what_to_write(method, rate, state):
    """By hand for an 8B: 5e-5 × (2000 / 4096)^0.781 = 2.9e-5 of full fine-tuning, ten times that of an adapter."""
    checks = list(check_learning_rate(known_config("Llama 3 8B"), method, rate))
    assert [check.state for check in checks] == state
    do = "write about 3e-5" if method == "full" else "write about 3e-4, or 4e-4 for a run of about a hundred steps or fewer"
    assert all(check.do == do for check in checks)


def test_the_real_instruct_model_knows_its_marks_and_not_its_unused_tokens(base_model_dir):
    from tweetstyle.model.base import read_base_model

    base = read_base_model(base_model_dir)
    assert prompt_check(base, "chat").state == "ok"
    special = base.tokenizer.special_ids
    assert {"<empty_output>", "<jupyter_text>"} <= set(untrained_tokens(base, special))


def test_special_tokens_told_in_two_ways_are_two_models_files(tmp_path):
    base = write_llama(tmp_path / "base", bos_token_id=1, eos_token_id=[9, 322])
    check = check_tokenizer(base)
    assert check.state == "warn" and "bos_token_id is 1 in config.json, and 320 in the tokenizer" in check.seen
    assert "eos_token_id is [9, 322] in config.json, and 321 in the tokenizer" in check.seen and "hf download" in check.do


# -- the command --------------------------------------------------------------------------------------------

RECIPE = """\
data: {source: tweets.csv}
prompt: {style: Nimzo}
model: {base: base, method: lora}
training: {optim: adamw_torch, max_length: 128, gradient_checkpointing: false}
"""


@pytest.fixture
def project(tmp_path, monkeypatch, base_model_dir):
    from tests.test_bad_input import HEADER, rows

    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(RECIPE)
    (tmp_path / "tweets.csv").write_text(HEADER + rows(60), encoding="utf-8")
    (tmp_path / "base").symlink_to(base_model_dir)
    return tmp_path


def test_the_command_tells_programs_every_check_and_writes_nothing(project):
    before = sorted(project.rglob("*"))
    result = CliRunner().invoke(tweetstyle, ["doctor", "mine.yaml", "--json"])
    shown = json.loads(result.stdout)
    assert result.exit_code == 0 and shown["ok"], shown
    assert {
        "driver",
        "torch",
        "disk",
        "memory",
        "write rights",
        "versions",
        "offline",
        "base model",
        "tokenizer",
        "prompt",
        "archive",
    } <= {check["name"] for check in shown["checks"]}
    assert sorted(project.rglob("*")) == before


def test_what_cannot_be_read_is_one_failed_check_among_the_others(project):
    (project / "mine.yaml").write_text(RECIPE.replace("base: base", "base: nowhere"))
    result = CliRunner().invoke(tweetstyle, ["doctor", "mine.yaml", "--json"])
    failed = [check for check in json.loads(result.stdout)["checks"] if check["state"] == "fail"]
    assert result.exit_code == 1 and [check["name"] for check in failed] == ["base model"]
    (project / "mine.yaml").write_text(RECIPE + "exports: {}\n")
    result = CliRunner().invoke(tweetstyle, ["doctor", "mine.yaml"])
    assert result.exit_code == 1 and "did you mean export?" in result.stdout and "versions" in result.stdout
    assert CliRunner().invoke(tweetstyle, ["doctor"]).exit_code == 0


def checks_of(recipe="mine.yaml"):
    return json.loads(CliRunner().invoke(tweetstyle, ["doctor", recipe, "--json"]).stdout)["checks"]


@pytest.fixture
def with_free(monkeypatch):
    """Every disk has so many bytes free."""
    real = shutil.disk_usage

    def free(count):
        monkeypatch.setattr(shutil, "disk_usage", lambda path: real(path)._replace(free=count))

    return free


def test_the_disk_is_held_against_the_plan_before_the_base_model_is_there(project, with_free):
    """Two bytes a weight of Llama 3 8B alone are 16,060,522,496: the download is part of what has to find room, where it goes."""
    (project / "mine.yaml").write_text(RECIPE.replace("base: base", "base: meta-llama/Meta-Llama-3-8B").replace("lora", "qlora"))
    with_free(20 * GIB)
    disk, plan = named_of(checks_of(), "disk"), json.loads(CliRunner().invoke(tweetstyle, ["plan", "mine.yaml", "--json"]).stdout)["disk"]
    assert disk["state"] == "fail" and "base model, still to come 15.0 GiB" in disk["seen"] and "model/llama3-8b;" in disk["seen"]
    assert "20.0 GiB free" in disk["seen"] and f"may write {plan['bytes'] / GIB:.1f} GiB" in disk["seen"]
    assert plan["bytes_missing"] == plan["bytes"] - 20 * GIB and f"free {plan['bytes_missing'] / GIB:.1f} GiB more" in disk["do"]
    with_free(plan["bytes"] + GIB)
    assert named_of(checks_of(), "disk")["state"] == "ok"
    shown = CliRunner().invoke(tweetstyle, ["plan", "mine.yaml"], env={"COLUMNS": "200"}).stdout
    assert "are free" in shown and "too little" not in shown


def named_of(checks, name):
    (check,) = [check for check in checks if check["name"] == name]
    return check


def test_the_command_for_a_download_stands_whole_on_a_line_however_narrow_the_terminal(project):
    """A shell takes what is copied: split as it does, these are hf's words."""
    (project / "mine.yaml").write_text(RECIPE.replace("base: base", "base: meta-llama/Meta-Llama-3-8B"))
    shown = CliRunner().invoke(tweetstyle, ["doctor", "mine.yaml"], env={"COLUMNS": "60"}).stdout.splitlines()
    (command,) = [line for line in shown if line.strip().startswith("hf download")]
    words = ["hf", "download", "meta-llama/Meta-Llama-3-8B", "--exclude", "original/*", "--local-dir", "model/llama3-8b"]
    assert shlex.split(command) == words and shown[shown.index(command) - 1] == "To copy:"


@pytest.mark.parametrize("double", [True, False])
def test_a_base_in_four_bits_is_refused_once_and_in_the_same_words_by_doctor_plan_and_run(project, base_model_dir, double):
    (project / "base").unlink()
    shutil.copytree(base_model_dir, project / "base", copy_function=lambda a, b: Path(b).symlink_to(a))
    config = project / "base" / "config.json"
    saved = json.loads(config.read_text()) | {"quantization_config": NF4 | {"bnb_4bit_use_double_quant": double}}
    config.unlink()
    config.write_text(json.dumps(saved))
    (project / "mine.yaml").write_text(RECIPE.replace("lora", "full"))
    (failed,) = [check for check in checks_of() if check["state"] == "fail"]
    assert ("whose weights cannot be trained" in failed["seen"]) == double and "16-bit weights" in failed["do"]
    said = [CliRunner().invoke(*command).output for command in ((fit_command, ["mine.yaml"]), (tweetstyle, ["plan", "mine.yaml"]))]
    assert said[0] == said[1] and failed["seen"] in said[0] and failed["do"] in said[0]


@pytest.mark.parametrize("made", [None, "folder"])
def test_an_archive_that_is_missing_or_cannot_be_read_is_told_and_no_fault_of_the_base_model(project, made):
    (project / "tweets.csv").unlink()
    if made:
        (project / "tweets.csv").mkdir()
    checks = checks_of()
    failed = [check for check in checks if check["state"] == "fail"]
    assert [(check["name"], check["where"]) for check in failed] == [("archive", "tweets.csv")]
    need = [check["seen"] for check in checks if check["name"] == "need"]
    reason = f"the run's need of card, memory and disk is unknown until this is solved: {failed[0]['seen']}"
    assert need == ([reason] if made else [])
    assert failed[0]["seen"] in CliRunner().invoke(fit_command, ["mine.yaml"]).output


def test_a_run_shows_what_warns_raises_all_that_fails_and_says_nothing_of_the_rest(project, monkeypatch, capsys):
    from tweetstyle.errors import TweetstyleError
    from tweetstyle.hardware.check import fail, ok, warn
    from tweetstyle.plan.estimate import estimate_resources
    from tweetstyle.run import Run
    from tweetstyle.stages import checks as checkup

    run = Run(Path("mine.yaml"))
    needs = estimate_resources(run.recipe, run.base, run.card)
    found = [ok("torch", "all well"), warn("memory", "it is low", "free it")]
    monkeypatch.setattr(checkup, "doctor", lambda *_: found)
    checkup.stop_where_it_would_fail(run, needs)
    assert capsys.readouterr().err == "memory: it is low\n  → free it\n"
    found += [fail("bfloat16", "none", "write bf16: false", "training.bf16"), fail("disk", "full", "make room")]
    with pytest.raises(TweetstyleError) as stopped:
        checkup.stop_where_it_would_fail(run, needs)
    assert str(stopped.value) == "mine.yaml:4: training.bf16: none\n  → write bf16: false\ndisk: full\n  → make room"
