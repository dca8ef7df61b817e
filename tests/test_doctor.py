"""doctor checks before anything is spent: the card by a fake nvidia-smi, the decisions by states that no machine here has."""
# ruff: noqa: F811 (fixtures)

import json
import os
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
from support.nvidia_smi import RTX_3060, write_nvidia_smi
from support.tiny_llama import SPECIAL, write_llama
from test_bad_input import RECIPE, own_base, project, refused, written  # noqa: F401

from tweetstyle.cli import fit_command, tweetstyle
from tweetstyle.doctor.base import check_prompt, check_tokenizer, tokens_of_format, untrained_tokens
from tweetstyle.doctor.card import check_card
from tweetstyle.doctor.machine import check_compiler, check_machine, check_network
from tweetstyle.doctor.versions import PACKAGES, TorchBuild, check_versions, installed_torch
from tweetstyle.errors import TweetstyleError
from tweetstyle.hardware.check import fail, ok, warn
from tweetstyle.hardware.disk import DirectorySpace, DiskUse
from tweetstyle.hardware.gpu import CardState, Gpu, Process, observe_card
from tweetstyle.hardware.machine import installed_versions
from tweetstyle.model.base import read_base_model
from tweetstyle.plan.estimate import estimate_resources
from tweetstyle.prompt.template import build_template
from tweetstyle.recipe_yaml import read_recipe
from tweetstyle.run import Run
from tweetstyle.stages import checks as stage_checks

GIB = 2**30
RTX = Gpu(0, "GPU-a1", "NVIDIA GeForce RTX 3060", 12 * GIB, int(11.5 * GIB), (8, 6))
HERE = CardState("580.95.05", (RTX,))
OLD = CardState("580.1", (replace(RTX, capability=(7, 5)),))
BUSY = CardState("580.1", (replace(RTX, free=5 * GIB),), (Process(4242, "/usr/bin/ollama", 6 * GIB),))
CUDA_13, CUDA_12 = TorchBuild("2.14.1+cu130", "13.0"), TorchBuild("2.10.0+cu128", "12.8")
ROWS = f"{RTX_3060}1, GPU-b2, Tesla T4, 580.95.05, 15360, 15000, 7.5\n"
LOST = "Unable to determine the device handle for GPU 0000:01:00.0: GPU is lost.  Reboot the system to recover this GPU\n"


def of_card(state, torch=CUDA_13, needs=None, xformers=None):
    """name → check"""
    return {check.name: check for check in check_card(state, torch, needs, xformers)}


def recipe_needs(parameters=8_030_261_248, card=7 * GIB, least=6 * GIB, bf16=True, method="qlora"):
    """What the card's checks read of an estimate."""
    shape, model, training = SimpleNamespace(parameters=parameters), SimpleNamespace(method=method), SimpleNamespace(bf16=bf16)
    advice = SimpleNamespace(text="write a smaller model")
    return SimpleNamespace(shape=shape, own_card=card, least_card=least, model=model, training=training, advice=advice)


@pytest.fixture
def observed(tmp_path):
    """The cards that a fake nvidia-smi reports."""

    def observe(cards="", programs="", code=0, **environment):
        return observe_card({"PATH": str(write_nvidia_smi(tmp_path, cards, programs, code))} | environment)

    return observe


def test_cards_and_who_uses_them_are_read_from_nvidia_smi(observed):
    apps = (
        "GPU-a1, 4242, /usr/local/bin/ollama, 5120\nGPU-b2, 7, python3, 100\nGPU-a1, 9, [Not Found], [N/A]\nGPU-a1, [N/A], [N/A], [N/A]\n"
    )
    state = observed(ROWS, apps)
    assert state.cards == (RTX, Gpu(1, "GPU-b2", "Tesla T4", 15 * GIB, 15000 * 2**20, (7, 5)))
    assert state.driver == "580.95.05" and state.trouble is None and not state.hidden
    assert state.processes == (Process(4242, "/usr/local/bin/ollama", 5 * GIB), Process(9, "[Not Found]", None))


@pytest.mark.parametrize(
    ("visible", "first", "driver"),
    [("1", "GPU-b2", "ok"), ("1,0", "GPU-b2", "ok"), ("GPU-b", "GPU-b2", "ok"), ("", None, "ok"), ("-1", None, "ok"), ("7", None, "fail")],
)
def test_cuda_visible_devices_chooses_the_card(observed, visible, first, driver):
    state = observed(ROWS, CUDA_VISIBLE_DEVICES=visible)
    assert (state.cards[0].uuid if state.cards else None) == first and of_card(state)["driver"].state == driver
    assert state.hidden == (visible in ("", "-1"))


@pytest.mark.parametrize(("said", "code"), [(LOST, 15), (LOST, 0), ("Failed to initialize NVML: Driver/library version mismatch\n", 18)])
def test_a_card_that_vanished_fails_with_nvidia_smis_own_words(observed, said, code):
    driver = of_card(observed(said, code=code))["driver"]
    assert driver.state == "fail" and " ".join(said.split()) in driver.seen and "restart the machine" in driver.do
    assert of_card(observed(said, code=code, CUDA_VISIBLE_DEVICES=""))["driver"].state == "ok"


def test_an_nvidia_smi_that_hangs_is_given_up(observed, monkeypatch):
    monkeypatch.setattr("tweetstyle.hardware.gpu.PATIENCE", 0.3)
    assert "did not answer" in observed(code="0 | exec /bin/sleep 60").trouble


@pytest.mark.parametrize(
    ("parameters", "method", "name", "do"),
    [
        (135_000_000, "lora", None, None),
        (135_000_000, "qlora", "method", "write method: lora"),
        (8_030_261_248, "lora", "base model", "model/smollm2-135m-instruct and method: lora"),
    ],
)
def test_without_a_card_it_is_said_what_to_write_instead(parameters, method, name, do):
    needs = recipe_needs(parameters, method=method)
    warned = [check for check in of_card(CardState(), needs=needs).values() if check.state != "ok"]
    assert [(check.name, check.state) for check in warned] == ([(name, "warn")] if name else [])
    assert all(do in check.do for check in warned) and not {"method", "base model"} & of_card(HERE, needs=needs).keys()


@pytest.mark.parametrize(
    ("torch", "driver", "state", "words"),
    [
        (CUDA_13, "580.65.06", "ok", "built for CUDA 13.0"),
        (CUDA_13, "579.99", "fail", "driver 580 or later; installed is 579.99"),
        (CUDA_12, "535.183.01", "ok", "CUDA 12.8"),
        (CUDA_12, "470.1", "fail", "driver 525 or later"),
        (CUDA_13, "[N/A]", "fail", "driver 580 or later; installed is [N/A]"),
        (TorchBuild("2.14.1+cpu", None), "580.65", "fail", "built for the CPU alone: it cannot use the NVIDIA GeForce RTX 3060"),
    ],
)
def test_torch_goes_with_the_driver(torch, driver, state, words):
    check = of_card(replace(HERE, driver=driver), torch)["torch"]
    assert check.state == state and words in check.seen and bool(check.do) == (state != "ok")


@pytest.mark.parametrize(
    ("capability", "torch", "xformers", "card", "attention", "setup"),
    [
        ((7, 0), CUDA_13, None, "fail", None, None),
        ((7, 0), CUDA_12, None, "ok", None, None),
        ((7, 5), CUDA_13, None, "ok", "warn", "make setup CARD=turing"),
        ((7, 5), CUDA_12, 12, "ok", "ok", None),
        ((7, 5), CUDA_12, None, "ok", "warn", "make setup CARD=turing"),
        ((8, 6), CUDA_13, None, "ok", "ok", None),
        ((8, 6), CUDA_12, 12, "ok", "warn", "make setup"),
    ],
)
def test_the_packages_for_the_card_are_named(capability, torch, xformers, card, attention, setup):
    """CUDA 13 begins at compute capability 7.5; torch's varlen kernel: 2.12 and 8.0; xformers' wheel on PyPI: CUDA 12."""
    checks = of_card(CardState("580.1", (replace(RTX, capability=capability),)), torch, None, xformers)
    found = checks.get("attention", ok("", ""))
    assert checks["compute capability"].state == card and ("attention" in checks) == bool(attention)
    assert found.state == (attention or "ok") and found.do == (
        f"in a fresh clone, {setup} installs the packages for this card" if setup else ""
    )


@pytest.mark.parametrize(
    ("name", "state", "needs", "expected", "words"),
    [
        ("bfloat16", OLD, recipe_needs(), "fail", "write bf16: false"),
        ("bfloat16", OLD, recipe_needs(bf16=False), "ok", ""),
        ("bfloat16", OLD, None, "warn", "bf16: false in recipes"),
        ("bfloat16", HERE, recipe_needs(), "ok", ""),
        ("card memory", BUSY, recipe_needs(), "fail", "ollama stop"),
        ("card memory", BUSY, recipe_needs(least=4 * GIB), "warn", "ollama stop"),
        ("card memory", BUSY, recipe_needs(card=4 * GIB, least=3 * GIB), "ok", ""),
        ("card memory", BUSY, None, "warn", "ollama stop"),
        ("card memory", HERE, recipe_needs(least=13 * GIB), "fail", "write a smaller model"),
        ("card memory", HERE, None, "ok", ""),
    ],
)
def test_number_format_and_memory_of_the_card(name, state, needs, expected, words):
    check = of_card(state, needs=needs)[name]
    assert check.state == expected and words in check.do and bool(check.do) == bool(words)
    assert name != "card memory" or state is HERE or "ollama (6.0 GiB, process 4242)" in check.seen


def test_torchs_build_is_that_of_the_imported_torch():
    program = "import torch; print(torch.__version__, torch.version.cuda)"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    build = installed_torch()
    assert [build.version, str(build.cuda)] == printed


# -- machine, versions, network, compiler -------------------------------------------------------------------


def machine(ram=None, writable=True, free=50 * GIB, **bytes_written):
    """Checks of two disks, and of 32 GiB of memory of which 20 are available. bytes_written: by directory."""
    places = {Path("model"): DirectorySpace(1, free, writable), Path("export"): DirectorySpace(2, 3 * GIB, True)}
    uses = tuple(DiskUse(Path(name), count, name) for name, count in bytes_written.items())
    return list(check_machine(places, (32 * GIB, 20 * GIB), uses, ram or {}))


def test_room_is_counted_disk_by_disk():
    first, second, *_ = machine(model=5 * GIB, export=4 * GIB)
    assert (first.state, second.state) == ("ok", "fail") and "free 1.0 GiB more" in second.do
    assert {check.state for check in machine(model=4 * GIB, export=GIB)} == {"ok"}
    assert machine(free=2**20)[0].state == machine(free=2**20, model=0)[0].state == "warn"


def test_memory_and_rights():
    memory = [machine({"export": needed * GIB})[2] for needed in (33, 25, 5)]
    assert [check.state for check in memory] == ["fail", "warn", "ok"]
    closed = machine(writable=False)[3]
    assert closed.state == "fail" and "no right to write to model" in closed.seen and "ls -ld " in closed.do


@pytest.mark.parametrize(("has_card", "state"), [(True, "fail"), (False, "warn")])
@pytest.mark.parametrize(("name", "version"), [("torch", "2.16+cu130"), ("trl", "1.16.0"), ("datasets", "4.4.1"), ("unsloth", "2026.1.1")])
def test_a_version_that_is_not_required_fails_with_a_card(name, version, has_card, state):
    """The requirements of the installed packages."""
    versions = installed_versions(PACKAGES)
    assert [check.state for check in check_versions(versions, has_card=has_card)] == ["ok"], "the locked ones"
    (check,) = check_versions(versions | {name: version}, has_card=has_card)
    assert check.state == state and f"{name} is {version}, tweetstyle requires" in check.seen
    (missing,) = check_versions({other: versions[other] for other in versions if other != name}, has_card=has_card)
    assert missing.state == "fail" and missing.seen == f"{name} is not installed"


@pytest.mark.parametrize(
    ("host", "warns"),
    [("", False), ("127.0.0.1:11434", False), ("[::1]:11434", False), ("0.0.0.0", False), ("192.168.1.9:11434", True), ("a b", True)],
)
def test_an_ollama_on_another_machine_is_warned_of(host, warns):
    offline, *ollama = check_network({"OLLAMA_HOST": host})
    assert (offline.state, [check.state for check in ollama]) == ("ok", ["warn"] * warns)


GCC = shutil.which("gcc") or shutil.which("clang")


@pytest.mark.skipif(GCC is None, reason="needs a C compiler")
@pytest.mark.parametrize("cc", [None, GCC, f"{GCC} -O2", "", "/nowhere/gcc", "/bin/false"])
def test_the_compiler_is_judged_as_tritons_own_build_does(monkeypatch, tmp_path, cc):
    from triton.runtime import build

    monkeypatch.delenv("CC", raising=False)
    if cc is not None:
        monkeypatch.setenv("CC", cc)
    (tmp_path / "empty.c").write_text("#include <Python.h>\n")
    build._find_compiler.cache_clear()
    try:
        build._build("empty", str(tmp_path / "empty.c"), str(tmp_path), [], [], [], [])
        builds = True
    except (OSError, subprocess.CalledProcessError):
        builds = False
    finally:
        build._find_compiler.cache_clear()
    check = check_compiler({"PATH": "/usr/bin:/bin"} | ({} if cc is None else {"CC": cc}))
    assert (check.state == "ok") == builds == (cc in (None, GCC)) and (builds or "unset CC" in check.do)


@pytest.mark.parametrize(
    ("prefix", "environment", "do"),
    [
        ("/usr", {}, "sudo apt install gcc libc6-dev python{}.{}-dev"),
        ("/opt/uv", {}, "sudo apt install gcc libc6-dev (uv and pyenv bring"),
        ("/usr", {"CC": "/nowhere/cc"}, "unset CC, or set it to the C compiler's path alone"),
    ],
)
def test_what_a_compiler_needs_is_named(monkeypatch, prefix, environment, do):
    monkeypatch.setattr(sys, "base_prefix", prefix)
    check = check_compiler({"PATH": "/nowhere"} | environment)
    assert check.state == "fail" and do.format(*sys.version_info[:2]) in check.do


@pytest.mark.parametrize(
    ("card", "code", "words"),
    [(RTX_3060, 0, ["compiler: cannot compile", "unset CC"]), (LOST, 15, ["GPU is lost", "restart the machine"])],
)
def test_a_run_without_a_compiler_or_whose_card_vanished_ends_before_anything_is_written(
    project, tmp_path_factory, monkeypatch, card, code, words
):
    directory = write_nvidia_smi(tmp_path_factory.mktemp("bin"), card, code=code)
    for name, value in {"PATH": f"{directory}:{os.environ['PATH']}", "CC": "/nowhere/gcc"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    message = refused("mine.yaml")
    assert all(word in message for word in words) and written(project) == []


# -- the base model -----------------------------------------------------------------------------------------

CHAT = (
    "{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)


@pytest.fixture
def never_chatted(tmp_path):
    """A toy Llama with Llama 3's chat template, whose tokens it never learned."""
    from safetensors.numpy import load_file, save_file

    path = write_llama(tmp_path / "base").path
    tokenizer = json.loads((path / "tokenizer.json").read_text())
    added = tokenizer["added_tokens"]
    last = max(token["id"] for token in added)
    added += [added[0] | {"id": last + n, "content": text} for n, text in ((1, "<|start_header_id|>"), (2, "<|end_header_id|>"))]
    (path / "tokenizer.json").write_text(json.dumps(tokenizer))
    settings = json.loads((path / "tokenizer_config.json").read_text())
    (path / "tokenizer_config.json").write_text(json.dumps(settings | {"chat_template": CHAT}))
    weights = load_file(path / "model.safetensors")
    weights["model.embed_tokens.weight"][[token["id"] for token in added if token["content"] not in SPECIAL[:2]]] = 0.001
    save_file(weights, path / "model.safetensors")
    return read_base_model(path)


def prompt_check(base, format, method="qlora", conversation=False):
    template = build_template(format, "Nimzo", base.tokens, conversation=conversation)
    return check_prompt(template, method, untrained_tokens(base, tokens_of_format(base, template)))


def test_the_chat_format_over_a_base_model_is_refused_though_it_has_a_chat_template(never_chatted):
    check = prompt_check(never_chatted, "chat")
    assert (check.state, check.where) == ("fail", "prompt.format") and "format: inst" in check.do
    assert all(token in check.seen for token in ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"))
    assert prompt_check(never_chatted, "chat", "full").state == "warn"
    assert prompt_check(never_chatted, "inst").state == "ok", "what inst writes, BOS and EOS, every base has learned"
    # message: playback, which goes with no other format, is shown a recipe that it goes with.
    do = prompt_check(never_chatted, "chat", conversation=True).do
    recipe = read_recipe(Path(__file__).parents[1] / re.search(r"recipes/\S+\.yaml", do)[0])
    assert (recipe.prompt.format, recipe.prompt.message) == ("chat", "playback") and "format: inst" not in do


def test_the_real_instruct_model_learned_its_chat_template_and_never_learned_its_unused_tokens(base_model_dir):
    base = read_base_model(base_model_dir)
    assert prompt_check(base, "chat").state == "ok"
    assert {"<empty_output>", "<jupyter_text>"} <= set(untrained_tokens(base, base.tokenizer.special_ids))


def test_other_special_tokens_in_the_config_are_another_models_file(tmp_path):
    check = check_tokenizer(write_llama(tmp_path / "base", bos_token_id=1, eos_token_id=[9, 322]))
    assert check.state == "warn" and "bos_token_id is 1 in config.json, and 320 in the tokenizer" in check.seen
    assert "eos_token_id is [9, 322] in config.json, and 321 in the tokenizer" in check.seen and "hf download" in check.do


# -- the command --------------------------------------------------------------------------------------------


def checks_of(recipe="mine.yaml"):
    return json.loads(CliRunner().invoke(tweetstyle, ["doctor", recipe, "--json"]).stdout)["checks"]


def test_the_command_makes_every_check_and_writes_nothing(project):
    before = sorted(project.rglob("*"))
    result = CliRunner().invoke(tweetstyle, ["doctor", "mine.yaml", "--json"])
    shown = json.loads(result.stdout)
    assert result.exit_code == 0 and shown["ok"], shown
    names = "driver,torch,disk,memory,write rights,versions,offline,base model,tokenizer,prompt,archive"
    assert set(names.split(",")) <= {check["name"] for check in shown["checks"]}
    assert sorted(project.rglob("*")) == before
    (project / "mine.yaml").write_text(RECIPE.replace("max_length: 128", "max_length: 128, learning_rate: 1"))
    (rate,) = [check for check in checks_of() if check["name"] == "learning rate"]
    assert rate["state"] == "warn" and "try 1e-3" in rate["seen"] and rate["do"] == "write that rate"


def test_what_cannot_be_read_is_one_failed_check_among_the_others(project):
    (project / "mine.yaml").write_text(RECIPE.replace("base: base", "base: nowhere"))
    assert [check["name"] for check in checks_of() if check["state"] == "fail"] == ["base model"]
    (project / "mine.yaml").write_text(RECIPE + "exports: {}\n")
    result = CliRunner().invoke(tweetstyle, ["doctor", "mine.yaml"])
    assert result.exit_code == 1 and "did you mean export?" in result.stdout and "versions" in result.stdout
    assert CliRunner().invoke(tweetstyle, ["doctor"]).exit_code == 0


def test_the_disk_is_checked_before_the_base_model_is_there(project, monkeypatch):
    """Two bytes a weight of Llama 3 8B alone are 16,060,522,496: the download is part of what has to find room, where it goes."""
    real = shutil.disk_usage
    (project / "mine.yaml").write_text(RECIPE.replace("base: base", "base: meta-llama/Meta-Llama-3-8B").replace("lora", "qlora"))
    for free, state in ((20 * GIB, "fail"), (100 * GIB, "ok")):
        monkeypatch.setattr(shutil, "disk_usage", lambda path, free=free: real(path)._replace(free=free))
        (disk,) = [check for check in checks_of() if check["name"] == "disk"]
        plan = json.loads(CliRunner().invoke(tweetstyle, ["plan", "mine.yaml", "--json"]).stdout)["disk"]
        assert disk["state"] == state and f"may write {plan['bytes'] / GIB:.1f} GiB" in disk["seen"] and "model/llama3-8b;" in disk["seen"]
        assert plan["bytes_missing"] == max(plan["bytes"] - free, 0)
        assert (
            state == "ok" or f"free {plan['bytes_missing'] / GIB:.1f} GiB more" in disk["do"] and "still to come 15.0 GiB" in disk["seen"]
        )


def test_the_command_for_a_download_is_on_one_line_however_narrow_the_terminal(project):
    """A shell takes what is copied: split as it does, these are hf's words."""
    (project / "mine.yaml").write_text(RECIPE.replace("base: base", "base: meta-llama/Meta-Llama-3-8B"))
    shown = CliRunner().invoke(tweetstyle, ["doctor", "mine.yaml"], env={"COLUMNS": "60"}).stdout.splitlines()
    (command,) = [line for line in shown if line.strip().startswith("hf download")]
    words = ["hf", "download", "meta-llama/Meta-Llama-3-8B", "--exclude", "original/*", "--local-dir", "model/llama3-8b"]
    assert shlex.split(command) == words and shown[shown.index(command) - 1] == "To copy:"


@pytest.mark.parametrize("double", [True, False])
def test_a_base_in_four_bits_is_refused_once_and_in_the_same_words_by_doctor_plan_and_run(project, base_model_dir, double):
    config = own_base(project, base_model_dir) / "config.json"
    nf4 = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": double, "quant_method": "bitsandbytes"}
    config.write_text(json.dumps(json.loads(config.read_text()) | {"quantization_config": nf4}))
    (project / "mine.yaml").write_text(RECIPE.replace("lora", "full"))
    (failed,) = [check for check in checks_of() if check["state"] == "fail"]
    assert ("full needs its 16-bit weights" in failed["seen"]) == double and "16-bit weights" in failed["do"]
    outputs = [CliRunner().invoke(*command).output for command in ((fit_command, ["mine.yaml"]), (tweetstyle, ["plan", "mine.yaml"]))]
    assert outputs[0] == outputs[1] and failed["seen"] in outputs[0] and failed["do"] in outputs[0]


@pytest.mark.parametrize("folder", [False, True])
def test_an_archive_that_is_missing_or_cannot_be_read_is_no_fault_of_the_base_model(project, folder):
    (project / "tweets.csv").unlink()
    if folder:
        (project / "tweets.csv").mkdir()
    checks = checks_of()
    (failed,) = [check for check in checks if check["state"] == "fail"]
    assert (failed["name"], failed["where"]) == ("archive", "tweets.csv")
    reason = f"what the run needs of card, memory and disk is unknown until this is solved: {failed['seen']}"
    assert [check["seen"] for check in checks if check["name"] == "need"] == ([reason] if folder else [])
    assert failed["seen"] in CliRunner().invoke(fit_command, ["mine.yaml"]).output


def test_a_run_shows_what_warns_raises_all_that_fails_and_says_nothing_of_the_rest(project, monkeypatch, capsys):
    run = Run(Path("mine.yaml"))
    needs = estimate_resources(run.recipe, run.base, run.card)
    found = [ok("torch", "all well"), warn("memory", "it is low", "free it")]
    monkeypatch.setattr(stage_checks, "doctor", lambda *_: found)
    stage_checks.stop_where_it_would_fail(run, needs)
    assert capsys.readouterr().err == "memory: it is low\n  → free it\n"
    found += [fail("bfloat16", "none", "write bf16: false", "training.bf16"), fail("disk", "full", "make room")]
    with pytest.raises(TweetstyleError) as stopped:
        stage_checks.stop_where_it_would_fail(run, needs)
    assert str(stopped.value) == "mine.yaml:4: training.bf16: none\n  → write bf16: false\ndisk: full\n  → make room"
