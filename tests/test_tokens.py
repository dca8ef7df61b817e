"""`tweetstyle tokens`: special tokens, ids and pieces of any tokenizer, as transformers gives them."""

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from tweetstyle.cli import tweetstyle
from tweetstyle.model.tokens import ROLES, SAMPLES, read_tokenizer

END = {"__type": "AddedToken", "content": "<|end|>", "lstrip": False, "rstrip": False, "normalized": False, "single_word": False}
TEXTS = ["Paris est la [MASK].", "Paris est la <mask> de la France.", "J’ai raté\nl’autobus 🦊 !\u202e", "<|end|>", ""]


def bert(directory: Path) -> None:
    """As BERT was published in 2018: a vocabulary of word pieces, and names of special tokens in transformers' class alone."""
    pieces = "[PAD] [UNK] [CLS] [SEP] [MASK] paris est la ##le capital ##e . ’ e a j ##ai l rate ##r".split()
    (directory / "vocab.txt").write_text("\n".join(pieces) + "\n")
    (directory / "config.json").write_text('{"model_type": "bert"}')
    (directory / "tokenizer_config.json").write_text('{"do_lower_case": true}')


def llama(directory: Path) -> None:
    """As Llama 3: a byte-level BPE that puts its BOS before a text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<|begin|>", "<|end|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(SAMPLES.values(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing("<|begin|> $A", "<|begin|> $A $B", [("<|begin|>", 0)])
    tokenizer.save(str(directory / "tokenizer.json"))
    named = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin|>", "eos_token": END}
    (directory / "tokenizer_config.json").write_text(json.dumps(named))


@pytest.mark.parametrize(("write", "mask"), [(bert, "[MASK]"), (llama, None)])
def test_it_says_what_transformers_says(tmp_path, write, mask):
    from transformers import AutoTokenizer

    write(tmp_path)
    reference, read = AutoTokenizer.from_pretrained(tmp_path), read_tokenizer(str(tmp_path))
    for text in TEXTS:
        found = read.figures(text)
        assert [token["id"] for token in found["text"]["tokens"]] == reference(text, add_special_tokens=False)["input_ids"], text
        with_special = reference.convert_tokens_to_ids(found["around"]["before"]), reference.convert_tokens_to_ids(found["around"]["after"])
        assert [*with_special[0], *read.ids(text), *with_special[1]] == reference(text)["input_ids"], text
    expected = {role: getattr(reference, f"{role}_token") for role in ROLES}
    assert {role: special and special["token"] for role, special in found["special"].items()} == expected and expected["mask"] == mask
    assert all(special["id"] == getattr(reference, f"{role}_token_id") for role, special in found["special"].items() if special)
    assert found["vocabulary"] == len(reference)
    sample = SAMPLES["fr"]
    assert found["bytes_per_token"]["fr"] == round(len(sample.encode()) / len(reference(sample, add_special_tokens=False)["input_ids"]), 2)


def shown(*arguments: str, code: int = 0, **env: str) -> str:
    done = CliRunner().invoke(tweetstyle, ["tokens", *arguments], env={"COLUMNS": "200", **env})
    assert done.exit_code == code, done.output
    return done.output


def test_pieces_of_bytes_and_characters_that_do_not_show_are_shown_by_number(tmp_path):
    llama(tmp_path)
    output = shown(str(tmp_path), "é 🦊\u202e\x1b[31m<|end|>\udce9")
    assert "\x1b" not in output and "\u202e" not in output and "‹1B›" not in output, "an escape is one whole character"
    for words in ("‹U+001B›", "‹F0›", "␣", "|<|end|>|?", "around a text: <|begin|> …", "mask  (none)", "bytes per token"):
        assert words in output, words
    coloured = shown(str(tmp_path), "deux mots", FORCE_COLOR="1")
    assert "\x1b[" in coloured
    assert "jetons" not in (french := shown(str(tmp_path), "é", "--lang", "fr")) and "octets par token" in french


def test_a_name_of_the_hub_is_read_from_its_cache_and_else_the_download_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    for name, folder in (("camembert-base", "models--camembert-base"), ("owner/name", "models--owner--name")):
        assert f"hf download {name} --include '*.json'" in shown(name, code=1)
        snapshot = tmp_path / "hub" / folder / "snapshots" / "0a1b"
        snapshot.mkdir(parents=True)
        (snapshot.parents[1] / "refs").mkdir()
        (snapshot.parents[1] / "refs" / "main").write_text("0a1b")
        llama(snapshot)
        assert json.loads(shown(name, "--json"))["special"]["bos"] == {"token": "<|begin|>", "id": 0}
    assert "--local-dir model/llama3-8b" in shown("model/llama3-8b", code=1)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "there is no tokenizer here"),
        ({"config.json": '{"model_type": "bert"}'}, "there is no tokenizer here"),
        ({"vocab.txt": "[UNK]\n"}, "transformers cannot read this tokenizer"),
        ({"tokenizer.json": "{}", "tokenizer_config.json": "{"}, "transformers cannot read this tokenizer"),
    ],
)
def test_a_directory_without_a_usable_tokenizer_is_refused_in_one_message(tmp_path, files, words):
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    assert words in shown(str(tmp_path), code=1)
    assert "name the directory" in shown(__file__, code=1)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_page_shows_what_is_printed_and_names_the_downloads_as_the_command_does(language, base_model_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    page = (base_model_dir.parents[1] / "docs" / f"tokens{'.fr' * (language == 'fr')}.md").read_text(encoding="utf-8")
    monkeypatch.chdir(base_model_dir.parents[1])
    commands = [shlex.split(line) for line in re.findall(r"(?m)^    tweetstyle tokens (.*)$", page)]
    first = shown(*commands[0], "--lang", language)
    assert len(commands) == 3 and "".join(f"    {line}\n" if line.strip() else "\n" for line in first.splitlines()) in page
    for download, command in zip(re.findall(r"(?m)^    (hf download .*)$", page), commands[1:], strict=True):
        assert download in shown(*command, code=1)
