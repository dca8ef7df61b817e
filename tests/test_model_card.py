"""The model card says what a stranger must know, holds no tweets, and stays Markdown whatever a recipe contains."""

import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.tiny_llama import write_llama

from tweetstyle.export.model_card import fenced, licence_of, model_card, plain
from tweetstyle.prompt.template import build_template
from tweetstyle.recipe import Data, Export, Model, Prompt, Recipe

COUNTS = {
    "read": 161259, "kept": 120000, "splits": {"train": 108000, "mini-train": 100, "validation": 6000, "test": 6000},
    "first_day": "2009-05-01", "last_day": "2024-03-30",
}  # fmt: skip
INTERVAL = {"estimate": 0.339, "low": 0.286, "high": 0.397, "confidence": 0.95, "clusters": 37}
TEST = {
    "tweets": 500, "base": {"bits_per_byte": 2.723}, "tuned": {"bits_per_byte": 1.804}, "best": "examples",
    "baselines": {"examples": {"bits_per_byte": 2.144}}, "over_best": INTERVAL, "gain": INTERVAL,
}  # fmt: skip
PARITY = {
    "verdict": {"passed": ["q4_k_m"], "endless": [], "rejected": [], "unmade": []},
    "checks": [{"type": "q4_k_m", "name": "training", "passed": True, "figures": {"lost": 0.0571, "tweets": 100}}],
}
FACTS = {"choices": {"merge_base": "dequantised_nf4", "weighted": ["q4_k_m"]}}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_llama(tmp_path_factory.mktemp("base") / "llama3-8b")


def recipe_of(base, style: str = "Nimzo", method: str = "qlora") -> Recipe:
    data, model = Data(source=("tweets.csv",)), Model(base=base.path, method=method)
    recipe = Recipe(data=data, prompt=Prompt(style=style), model=model, export=Export(types=("q4_k_m", "f16")))
    recipe._name = "mine"
    return recipe


def run_of(*parts: dict) -> dict:
    return dict(zip(("files", "choices", "counts", "evaluation", "parity"), parts, strict=True))


def card(base, style: str = "Nimzo", *, facts=FACTS, counts=COUNTS, evaluation=None, parity=PARITY) -> str:
    evaluation = {"splits": {"test": TEST}, "shown": 20} if evaluation is None else evaluation
    files = {"q4_k_m": ("mine-q4_k_m.gguf", 90_000), "f16": ("mine-f16.gguf", 240_000)}
    template = build_template("inst", style, base.tokens)
    return model_card(recipe_of(base, style), base, template, run_of(files, facts.get("choices", {}), counts, evaluation, parity))


def test_everything_that_a_stranger_must_know_is_there(base):
    text = card(base)
    for part in (
        "ollama create mine -f Modelfile", "ollama run mine", "[INST] Style: Nimzo | Type: Tweet | Sujet: hiver [/INST]",
        "161,259 tweets read, 120,000 kept, from 2009-05-01 to 2024-03-30. Of these, 108,000 are for training", "2.723", "2.144", "1.804",
        "0.339 bits per byte (95% interval: 0.286 to 0.397)", "lost 0.0571", "must not be passed off", "4-bit weights", "importance matrix",
        "mine-q4\\_k\\_m.gguf", "rank 32, alpha 64", "<|end_of_text|>", "not that person",
    ):  # fmt: skip
        assert part in text, part


def test_of_a_model_that_answers_only_tweets_with_a_message_are_counted(base):
    messages = {"train": {"usable": 111}, "validation": {"usable": 23}, "test": {"usable": 15}}
    text = card(base, counts=COUNTS | {"messages": messages})
    assert (
        "a model wrote, 111 are for training, 23 for validation and 15, the latest" in text
        and "108,000" not in text
        and "6,000 for" not in text
    )
    assert "for training" not in card(base, counts=COUNTS | {"messages": None})


def test_what_one_types_is_what_the_recipes_prompt_holds(base):
    recipe, template = recipe_of(base), build_template("inst", "Nimzo", base.tokens)
    begun = recipe.model_copy(update={"prompt": Prompt(style="Nimzo", message="first-words")})
    begun._name = "mine"
    cards = {of.prompt.message: model_card(of, base, template, run_of({}, {}, COUNTS, {}, {})) for of in (recipe, begun)}
    assert "type is the subject of the tweet" in cards["topic"] and "type is how the tweet begins" in cards["first-words"]
    assert "the subject" not in cards["first-words"]


def test_what_is_not_known_is_left_out(base):
    text = card(base, facts={}, counts={}, evaluation={}, parity={})
    assert "ollama run mine" in text and "What it was made from" not in text and "bits per byte" not in text and "None" not in text
    few = TEST | {"over_best": INTERVAL | {"low": None, "high": None}}
    assert "0.339 bits per byte (too few for an interval)" in card(base, evaluation={"splits": {"test": few}})


def front_matter(text: str) -> dict:
    return yaml.safe_load(text.split("---\n")[1])


@pytest.mark.parametrize(
    ("file", "text", "identifier", "must_say"),
    [
        ("LICENSE", "META LLAMA 3 COMMUNITY LICENSE AGREEMENT\nMeta Llama 3 Version", "llama3", "Built with Meta Llama 3"),
        ("LICENSE", "                    Apache License\n  Version 2.0", "apache-2.0", None),
        ("README.md", "---\nlicense: llama3.1\ntags: [x]\n---\n# x", "llama3.1", "Built with Llama"),
        ("README.md", "---\nlicense: cc-by-4.0\n---\n", "cc-by-4.0", None),
        ("README.md", "no front matter, license: mit", "other", None),
    ],
)
def test_the_bases_licence_is_told_by_its_own_files(tmp_path, file, text, identifier, must_say):
    base = write_llama(tmp_path / "base")
    (base.path / file).write_text(text)
    found = licence_of(base.path)
    assert (found.identifier, found.must_say) == (identifier, must_say)
    written = card(base)
    assert front_matter(written)["license"] == identifier
    assert (must_say or "Built with") in written if must_say else "Built with" not in written


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60))
def test_what_is_typed_means_nothing_in_markdown(text):
    """Rendered by markdown-it, which the hub's kind of Markdown is: one paragraph of just that text."""
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").enable("table").parse("a " + plain(text) + " z")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert {child.type for child in tokens[1].children} <= {"text", "text_special"}
    shown = "".join(child.content for child in tokens[1].children)
    assert shown.split() == f"a {text} z".split()


@given(st.text(st.sampled_from("`~a \n"), max_size=30))
def test_a_code_block_holds_any_text(text):
    from markdown_it import MarkdownIt

    (block,) = MarkdownIt("commonmark").parse(fenced(text))
    assert block.type == "fence" and block.content.rstrip("\n") == text.rstrip("\n")


@pytest.mark.parametrize("style", ["<script>alert(1)</script>", "[x](http://y)", "| a | b", "`x", "--- # *é*", 'dit "oui" \\ {{ .X }}'])
def test_a_style_name_cannot_break_the_card(base, style):
    from markdown_it import MarkdownIt

    text = card(base, style)
    front_matter(text)
    body = MarkdownIt("commonmark").enable("table").render(text.split("---\n", 2)[2])
    assert not re.search(r"<(script|a|img|em)\b", body) and body.count("<table>") == 3
