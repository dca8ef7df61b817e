"""docs/12gb.md and the recipes it leads to: its commands exist, the plan that it shows is printed, the recipes fit their cards."""

import json
import re
from dataclasses import astuple
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from click.testing import CliRunner

from scripts.messages import PO
from tweetstyle.cli import tweetstyle
from tweetstyle.errors import TweetstyleError
from tweetstyle.hardware.gpu import named_card
from tweetstyle.model.hub import HUB, KNOWN, find_base
from tweetstyle.plan.advice import largest_that_fit
from tweetstyle.plan.memory import plan_memory
from tweetstyle.recipe import Model, Training
from tweetstyle.recipe_yaml import read_recipe

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "12gb.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_plan_shown_is_the_plan_printed(tmp_path, monkeypatch, language):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("PATH", str(tmp_path))
    command = "tweetstyle plan recipes/llama3-8b-12gb.yaml"
    assert f"\n    {command}\n" in TEXT
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    printed = CliRunner().invoke(tweetstyle, [*command.split()[1:], "--lang", language])
    assert printed.exit_code == 0, printed.output
    text = TEXT if language == "en" else (ROOT / "docs/12gb.fr.md").read_text(encoding="utf-8")
    shown = [line.strip() for line in text.splitlines() if re.match(r"    (│|fits:|cela tient|GiB by phase|Gio par phase)", line)]
    assert len(shown) == 20 and [line for line in map(str.strip, printed.output.splitlines()) if line in shown] == shown


@pytest.mark.parametrize(
    "name",
    [
        "llama3-8b-12gb", "llama3.2-3b-12gb", "llama3.1-8b-long-12gb", "llama3-8b-8gb", "llama3.2-3b-6gb", "llama3-8b-t4",
        "gaperon-8b-12gb", "gaperon-1.5b-12gb",
    ],
)  # fmt: skip
def test_the_recipes_of_tight_cards_fit_the_card_that_they_name(name):
    """In every phase, with what a card of that size reports."""
    recipe = read_recipe(ROOT / "recipes" / f"{name}.yaml")
    config = next(known.config for known in HUB if known.directory == recipe.model.base)
    card = named_card(recipe.machine.card_gib)
    plan = plan_memory(config, recipe.model, recipe.training, card=card)
    assert all(sum(plan.reserve.values()) + sum(parts.values()) <= card.total for parts in plan.phases.values())


def planned(recipe: str, *arguments: str) -> dict:
    done = CliRunner().invoke(tweetstyle, ["plan", str(ROOT / "recipes" / recipe), "--json", *arguments])
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


FORMULAS = sorted(
    (path.name, *found)
    for path in (ROOT / "recipes").glob("*.yaml")
    for found in re.findall(
        r"By formula, not measured[^:]*: ([\d.]+) GiB of the card[^#]*?([\d.]+) GiB of RAM", path.read_text(encoding="utf-8")
    )
)


@pytest.mark.parametrize(("name", "of_card", "of_ram"), FORMULAS, ids=[name for name, *_ in FORMULAS])
def test_a_recipe_names_the_memory_that_its_plan_calculates(name, of_card, of_ram, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = planned(name)
    found = plan["memory"]["peak_bytes"], plan["ram"]["parts"]["training"]
    assert [f"{count / 2**30:.1f}" for count in found] == [of_card, of_ram]
    if name == "llama3-8b-t4.yaml":
        assert f"needs {of_card} GiB by" in (ROOT / "docs" / "colab.md").read_text(encoding="utf-8")


LARGEST = re.compile(r"(?m)^\| (.+?) \| (qlora|lora|full) \| ([\d.,]+) \| (.+?) \| (.+?) \| (.+?) \|$")


@pytest.mark.parametrize("language", ["", ".fr"])
def test_the_largest_that_fit_are_those_that_the_plan_finds(language):
    rows = LARGEST.findall((ROOT / "docs" / f"12gb{language}.md").read_text(encoding="utf-8"))
    assert len(rows) == 8
    for name, method, gib, *largest in rows:
        settings = Model(base="x", method=method), Training()
        found = largest_that_fit(KNOWN[name], *settings, named_card(12))
        assert gib.replace(",", ".") == f"{plan_memory(KNOWN[name], *settings, card=named_card(12)).card / 2**30:.1f}", name
        assert [int(re.sub(r"\D", "", text) or 0) for text in largest] == [size or 0 for size in astuple(found)], name


@pytest.mark.parametrize(
    ("name", "key", "value", "note"),
    [
        ("llama3-8b-12gb", "max_length", 4096, "0.3 GiB more for 4096"),
        ("llama3-8b-12gb", "per_device_train_batch_size", 2, "0.3 GiB more for 2"),
        ("llama3-8b-12gb", "gradient_checkpointing", True, "0.5 GiB more with true"),
        ("llama3-8b-12gb", "gradient_checkpointing", False, "6.6 with false"),
        ("llama3.2-3b-12gb", "per_device_train_batch_size", 1, "0.8 GiB more than 1"),
        ("llama3.2-3b-12gb", "gradient_checkpointing", True, "1.2 GiB more with true"),
    ],
)
def test_what_a_recipe_says_of_another_value_is_what_the_plan_calculates(name, key, value, note):
    """Of torch's tensors in training, before what the allocator loses between its blocks."""
    path = ROOT / "recipes" / f"{name}.yaml"
    assert re.search(rf"(?m)^  {key}: .*{re.escape(note)}", path.read_text(encoding="utf-8"))
    recipe = read_recipe(path)
    config = next(known.config for known in HUB if known.directory == recipe.model.base)
    trainings = recipe.training, recipe.training.model_copy(update={key: value})
    own, other = (plan_memory(config, recipe.model, training, card=named_card(12)).tensors for training in trainings)
    assert abs(other - own) / 2**30 == pytest.approx(float(note.split()[0]), abs=0.051)


def test_gaperon_is_planned_before_it_is_downloaded_and_asks_to_read_its_licence(tmp_path, monkeypatch):
    """By hand: Llama 3.2 1B has 1,235,814,400 parameters with one matrix for embeddings and head; here there are two."""
    monkeypatch.chdir(tmp_path)
    eight, small = planned("gaperon-8b-12gb.yaml"), planned("gaperon-1.5b-12gb.yaml")
    assert eight["base"]["planned_as"] == "Gaperon 8B" and eight["base"]["parameters"] == 8_030_261_248
    assert small["base"]["parameters"] == 1_235_814_400 + 128_256 * 2_048
    assert eight["memory"]["fits"] and small["memory"]["fits"]
    llama = planned("llama3-8b-12gb.yaml")
    other = {name for name, bytes in eight["memory"]["parts"].items() if bytes != llama["memory"]["parts"][name]}
    assert other == {"cuBLAS, position tables"}, "4,096 positions instead of 8,192"
    with pytest.raises(TweetstyleError, match="to be read there.*hf download almanach/Gaperon-Young-1125-8B --local-dir model/gaperon-8b"):
        find_base(Path("model/gaperon-8b"))


def test_the_t4_recipe_fits_what_a_t4_reports_and_computes_without_bfloat16(tmp_path, monkeypatch):
    """A T4 sold as 16 GB reports 15,360 MiB, of which CUDA gives 14.7 GiB."""
    monkeypatch.chdir(tmp_path)
    assert read_recipe(ROOT / "recipes" / "llama3-8b-t4.yaml").training.bf16 is False
    assert all(planned("llama3-8b-t4.yaml", "--card", card)["memory"]["fits"] for card in ("16", "14.7"))


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_messages_that_it_explains_are_the_program_s(language):
    """Each text between the places of a message is in one message of the catalogue, in its own language."""
    page = (ROOT / "docs" / f"12gb{'.fr' * (language == 'fr')}.md").read_text(encoding="utf-8")
    quoted = re.findall(r"(?m)^\| `([^`]+)` \|", page.split("\n## ")[-1])
    with PO.open("rb") as stream:
        said = [plain(message.id if language == "en" else message.string) for message in read_po(stream)]
    assert len(quoted) >= 12
    for message in quoted:
        parts = [part.strip(" :;,") for part in plain(re.sub(r"model-\S+", "…", message)).split("…")]
        assert any(all(part in text for part in parts) for text in said), message


def plain(text: str | tuple[str, ...]) -> str:
    return re.sub(r"\s", " ", text if isinstance(text, str) else " ".join(text))
