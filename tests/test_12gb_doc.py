"""docs/12gb.md and the recipes it leads to say what the program says: commands, figures of the plan, schedule, messages."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from tweetstyle.cli import fit_command, tweetstyle
from tweetstyle.hardware.card import named_card
from tweetstyle.inspect.starting_recipe import schedule
from tweetstyle.model.base import BaseConfig
from tweetstyle.model.hub import HUB, known_config
from tweetstyle.plan.advice import largest_that_fit, plan_on, with_rank, with_training
from tweetstyle.plan.disk import disk_needed
from tweetstyle.plan.estimate import estimate_resources, estimate_training_tokens
from tweetstyle.plan.memory import plan_memory
from tweetstyle.plan.probe import PROBE
from tweetstyle.recipe import Model, Training
from tweetstyle.recipe_yaml import read_recipe
from tweetstyle.train.out_of_memory import with_half_the_batch
from tweetstyle.train.probe import COUNTED, MOST_STEPS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "12gb.md").read_text(encoding="utf-8")
FLAT = " ".join(TEXT.split())
GIB = 2**30
CARD = named_card(12)
LLAMA_8B = known_config("Llama 3 8B")
EIGHT, THREE = (read_recipe(ROOT / "recipes" / f"{name}-12gb.yaml") for name in ("llama3-8b", "llama3.2-3b"))


def tables() -> list[list[list[str]]]:
    """Cells of every table, its head first, the line below it left out."""
    blocks = re.findall(r"(?m)(?:^\|.*\n)+", TEXT)
    return [[[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines() if "---" not in line] for block in blocks]


MODELS, MOST, HOURS, SETTINGS, TROUBLE = tables()


def gib(count: float) -> str:
    return f"{count / GIB:.1f}"


def test_every_command_is_one_of_the_program_s_with_options_that_it_has():
    commands = re.findall(r"(?m)^    (tweetstyle\S* .*)$", TEXT) + re.findall(r"`(tweetstyle\S* [^`]+)`", TEXT)
    assert len(commands) >= 6
    for command in commands:
        program, *words = command.split()
        verb = fit_command if program == "tweetstyle-fit" else tweetstyle.commands[words.pop(0)]
        options = {option for parameter in verb.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, command
    assert {f"`{option} " for option in ("--card", "--tweets")} <= set(re.findall(r"`--\w+ ", TEXT)) and "`--json`" in TEXT


def test_models_are_those_that_the_program_knows_with_their_size_and_licence():
    known = {model.repository: model for model in HUB}
    for name, repository, directory, size, licence in MODELS[1:]:
        model = known[repository]
        assert (model.name, str(model.directory)) == (name, directory)
        assert size == f"{model.download_bytes / 1e9:.1f} GB" and licence in model.licence
        assert model.how_to_get.startswith(f"{name} is a download of {size}, under ")
    (command,) = re.findall(r"(?m)^ +(hf download .*)$", TEXT)
    assert known["meta-llama/Meta-Llama-3-8B"].how_to_get.endswith(command)


def test_the_plan_shown_is_the_plan_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("PATH", str(tmp_path))
    (command,) = re.findall(r"(?m)^    (tweetstyle plan .*)$", TEXT)
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    printed = CliRunner().invoke(tweetstyle, command.split()[1:])
    assert printed.exit_code == 0, printed.output
    shown = [line.strip() for line in TEXT.splitlines() if re.match(r"    (│|fits:|GiB by phase)", line)]
    assert len(shown) == 20 and [line for line in map(str.strip, printed.output.splitlines()) if line in shown] == shown


@pytest.mark.parametrize("row", MOST[1:], ids=lambda row: f"{row[0]} {row[1]}")
def test_the_most_that_fits_is_what_the_plan_finds(row):
    name, method, at_defaults, *most = row
    config, model = known_config(name), Model(base="x", method=method)
    plan = plan_on(CARD, config, model, Training())
    assert at_defaults == gib(plan.card)
    found = largest_that_fit(config, model, Training(), CARD)
    fits = plan.card <= CARD.total
    rank = "none" if fits and method == "full" else found.rank
    assert most == [f"{value:,}" if isinstance(value, int) else value or "does not fit" for value in (found.max_length, found.batch, rank)]


def test_the_figures_in_the_text_are_the_plan_s():
    eight = estimate_resources(EIGHT, BaseConfig(Path("model/none"), LLAMA_8B, ("all",)), CARD)
    full = plan_memory(LLAMA_8B, Model(base="x", method="full"), Training())
    assert f"weights, gradients and optimizer alone are {gib(sum(full.resident.values()))} GiB" in FLAT
    longest = plan_memory(LLAMA_8B, EIGHT.model, with_training(EIGHT.training, max_length=8192))
    host = eight.memory.host["activations"], longest.host["activations"]
    assert f"{gib(eight.ram['training'])} GiB while it trains ({gib(host[0])} of them" in FLAT
    assert f"{gib(host[1])} at 8,192 tokens), {gib(eight.ram['export, gate'])} GiB while the export is checked" in FLAT
    disk = eight.disk
    one, kept = disk["checkpoints"] / (EIGHT.training.save_total_limit + 1) / 1e9, EIGHT.training.save_total_limit
    assert kept == 3 and f"{disk['base model, still to come'] / 1e9:.1f} GB the model, {one:.1f} GB at most for each of three" in FLAT
    assert f"{disk['export'] / 1e9:.1f} GB at most while the export compares candidates, of which 4.9 GB stay" in FLAT
    assert "per_device_train_batch_size" not in FLAT and Training().max_length == 2048 and Training().per_device_train_batch_size == 1


def test_cards_without_bfloat16_take_what_is_said():
    def taken(model: str, bf16: bool) -> str:
        return gib(plan_memory(known_config(model), Model(base="x"), Training(bf16=bf16), card=CARD).card)

    eight, three = ([taken(name, bf16) for bf16 in (False, True)] for name in ("Llama 3 8B", "Llama 3.2 3B"))
    assert f"by formula {eight[0]} GiB of a card sold as 12 GB for Llama 3 8B at the defaults instead of {eight[1]}" in FLAT
    assert f"and {three[0]} for Llama 3.2 3B instead of {three[1]}" in FLAT


def test_hours_are_the_estimate_divided_by_the_speed():
    lesson = estimate_training_tokens(EIGHT, 161_259)
    assert f"about {lesson.tokens / 1e6:.1f} million tokens" in FLAT
    for speed, hours in zip(HOURS[0][1:], HOURS[1][1:], strict=True):
        assert hours == f"{lesson.tokens / int(speed.replace(',', '')) / 3600:.1f}"


def test_settings_are_those_of_a_new_recipe():
    assert SETTINGS[0][:1] == ["tweets"] and set(SETTINGS[0][1:6]) <= {*Training.model_fields, "r"}
    for tweets, *said in SETTINGS[1:]:
        plan = schedule(int(tweets.replace(",", "")))
        rate = f"{plan.learning_rate:.0e}".replace("e-0", "e-")
        numbers = plan.max_length, plan.gradient_accumulation_steps, plan.steps_per_epoch
        assert said == [str(plan.r), rate, str(plan.num_train_epochs), *(f"{number:,}" for number in numbers)]
    parameters = 8 * 2_621_440
    assert f"r 8 of an 8B is {parameters / 1e6:.0f} million parameters, {2 * parameters / 1e6:.0f} million bits" in FLAT
    assert f"are {161_259 * 100 * 2 / 1e6:.0f} million" in FLAT


def test_a_run_begins_with_the_probe_that_is_told():
    assert "three steps at the longest pack" in FLAT and 1 + COUNTED == 3 and Training().probe == "auto"
    assert "up to eight, until two in a row" in FLAT and (MOST_STEPS, COUNTED) == (8, 2)
    assert f"model/{EIGHT.name}/{PROBE}" in FLAT
    halved = with_half_the_batch(with_training(EIGHT.training, per_device_train_batch_size=2))
    assert (halved.per_device_train_batch_size, halved.gradient_accumulation_steps) == (1, 16) and with_half_the_batch(
        EIGHT.training
    ) is None


def test_messages_in_the_table_of_troubles_are_the_program_s():
    sources = " ".join(path.read_text(encoding="utf-8") for path in (ROOT / "tweetstyle").rglob("*.py"))
    assert len(TROUBLE) > 6
    for message in (row[0] for row in TROUBLE[1:] if "`" in row[0]):
        (words,) = re.findall(r"^`([^`]+)`", message)
        fixed = max(re.split(r"…|model-\d+\S*|GiB", words), key=len).strip()
        assert fixed in sources or words in ("401", "403"), message
    assert "Llama 3.1 has 131,072" in FLAT and known_config("Llama 3.1 8B")["max_position_embeddings"] == 131_072


def test_a_base_model_that_is_not_there_is_looked_at_as_is_told(tmp_path, monkeypatch):
    """Of the recipe of this page nothing but the base model fails on a machine with room, and disk and RAM are held against its shape."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("recipes", "data"):
        (tmp_path / name).symlink_to(ROOT / name)
    real = shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage", lambda path: real(path)._replace(free=100 * GIB))
    (command,) = re.findall(r"(?m)^    (tweetstyle doctor .*)$", TEXT)
    checks = json.loads(CliRunner().invoke(tweetstyle, [*command.split()[1:], "--json"]).stdout)["checks"]
    found = {check["name"]: check for check in checks}
    needed = sum(estimate_resources(EIGHT, BaseConfig(Path("model/llama3-8b"), LLAMA_8B, (), "Llama 3 8B"), CARD).disk.values())
    assert found["base model"]["state"] == "fail" and "hf download meta-llama/Meta-Llama-3-8B" in found["base model"]["do"]
    assert [check["name"] for check in checks if check["state"] == "fail"] in (["base model"], ["memory", "base model"]), (
        "RAM is this machine's"
    )
    assert found["disk"]["state"] == "ok" and f"may write {gib(needed)} GiB" in found["disk"]["seen"]
    assert "the run may take" in found["memory"]["seen"] and "need" not in found


@pytest.mark.parametrize(("recipe", "name"), [(EIGHT, "Llama 3 8B"), (THREE, "Llama 3.2 3B")], ids=["8B", "3B"])
def test_the_recipes_say_what_the_plan_says(recipe, name):
    """Each figure of a comment, from the formula."""
    text = " ".join((ROOT / "recipes" / f"{recipe.name}.yaml").read_text(encoding="utf-8").replace("#", " ").split())
    config, model, training = known_config(name), recipe.model, recipe.training
    plan = plan_memory(config, model, training)

    def other(**changed):
        return plan_memory(config, model, with_training(training, **changed))

    def more(**changed) -> str:
        """In training: at the peak of the run, the evaluation's would hide what a setting takes."""
        return gib(abs(other(**changed).tensors - plan.tensors))

    def first(method: str) -> str:
        return gib(next(iter(plan_memory(config, Model(base="x", method=method), training).resident.values())))

    def states(plan) -> int:
        return next(size for part, size in plan.resident.items() if part.startswith("optimizer"))

    learned = plan.parts["adapter"] + plan.parts["gradients"] + states(plan)
    methods = ("qlora", "lora") if model.method == "qlora" else ("lora", "qlora")
    expected = [
        f"{gib(plan.card)} GiB of the card at the peak, {gib(plan.ram)} GiB of RAM",
        f"Memory: {gib(learned)} GiB with gradients and optimizer",
        f"{more(gradient_checkpointing=True)} GiB more with true",
        f"RAM: {gib(plan.host['activations'])} GiB",
        f"{first(methods[0])} GiB for the linear layers, {first(methods[1])} with {methods[1]}",
    ]
    if recipe is EIGHT:
        checkpoint = disk_needed(recipe, BaseConfig(Path("x"), config, ()))["checkpoints"] / 4 / 1e9
        expected += [
            f"{more(max_length=4096)} GiB more for 4096",
            f"{more(per_device_train_batch_size=2)} GiB more for 2",
            f", {more(gradient_checkpointing=False)} with false",
            f"Memory: {gib(states(plan))} GiB, {gib(states(other(optim='adamw_torch')))} with adamw_torch",
            f"at most {checkpoint:.1f} GB a checkpoint",
        ]
        assert gib(plan_memory(config, with_rank(model, 64), training).card - plan.card) == gib(learned)
    else:
        expected.append(f"{more(per_device_train_batch_size=1)} GiB more than 1")
    assert [words for words in expected if words not in text] == []


@pytest.mark.parametrize("name", ["llama3.1-8b-long-12gb", "llama3-8b-8gb", "llama3.2-3b-6gb"])
def test_the_recipes_of_tight_cards_fit_the_card_that_they_name(name):
    """In every phase, with what a card of that size reports; the figures of their comments are the plan's."""
    recipe = read_recipe(ROOT / "recipes" / f"{name}.yaml")
    text = " ".join((ROOT / "recipes" / f"{name}.yaml").read_text(encoding="utf-8").replace("#", " ").split())
    config = next(known.config for known in HUB if known.directory == recipe.model.base)
    card = named_card(recipe.machine.card_gib)
    plan = plan_on(card, config, recipe.model, recipe.training)
    rest = sum(plan.reserve.values())
    assert all(rest + sum(parts.values()) <= card.total for parts in plan.phases.values())
    assert f"{gib(plan.card)} GiB of the card at the peak" in text and f"{gib(plan.ram)} GiB of RAM" in text
    moved = plan.host.get("embeddings", 0)
    assert (f"({gib(moved)} GiB off the card)" in text) == bool(moved)


def test_the_longest_packs_on_twelve_gigabytes_leave_room_for_the_recipe():
    recipe = read_recipe(ROOT / "recipes" / "llama3.1-8b-long-12gb.yaml")
    longest = largest_that_fit(known_config("Llama 3.1 8B"), recipe.model, recipe.training, CARD).max_length
    assert 28_672 < recipe.training.max_length <= longest and round(longest, -3) == 33_000


def test_the_error_that_is_told_is_the_bench_s():
    found = json.loads((ROOT / "bench" / "results" / "plan.json").read_text(encoding="utf-8"))
    errors = [abs(row["planned_gib"] / row["counted_gib"] - 1) for row in found["rows"]]
    assert max(errors) == pytest.approx(found["largest_error"], abs=0.001)
    assert f"to {found['largest_error']:.1%} over {len(errors)} settings (bench/plan.py)" in FLAT


def test_the_counts_that_are_told_are_the_bench_s():
    found = json.loads((ROOT / "bench" / "results" / "gpu_memory.json").read_text(encoding="utf-8"))
    errors = [row[phase]["error"] for row in found["rows"] for phase in found["largest_errors"] if phase in row]
    assert f"{len(found['rows'])} cells are counted" in FLAT
    assert f"In all phases the plan is at most {-min(errors):.1%} too low and at most {max(errors):.1%} too high" in FLAT
