"""A tiny project for runs on the emulated card: 60 of the sample's tweets, a Llama of one layer whose answers end at once, recipes."""

import csv
import json
from pathlib import Path

from support.chat_templates import CHATML
from support.tiny_llama import make_answers_end, write_llama, write_tokenizer
from tokenizers import Tokenizer

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample" / "tweets.csv"
VOCABULARY = 1500
WIDTH = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
         "vocab_size": 1536, "max_position_embeddings": 2048}  # fmt: skip
"""One layer: one attention a micro-batch, by which faults are counted."""
RECIPE = """\
data: {{source: tweets.csv}}
prompt: {{style: Nimzo, format: {format}}}
model: {{base: ../base, method: {method}, lora: {{r: 4, lora_alpha: 8, lora_dropout: {dropout}}}}}
training:
  {{max_length: 96, warmup_steps: 1, learning_rate: {rate}, {training}}}
evaluation: {{max_tweets: 6, samples: 0, examples: 0}}
sampling: {{num_predict: 12}}
export: {{types: [q8_0], gate_answers: 2, gate_tweets: 10}}
"""


def sample_tweets(count: int = 60) -> list[dict[str, str]]:
    """The first short ones that are the author's own words."""
    with SAMPLE.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if 20 < len(row["texte"]) < 90 and not row["texte"].startswith(("RT ", "@", "http"))]
    return rows[:count]


def write_base(directory: Path) -> Path:
    """Its answers end at once, with either end token."""
    write_llama(directory, **WIDTH)
    write_tokenizer(directory, texts=[row["texte"] for row in sample_tweets(400)], size=VOCABULARY, special=("<|im_start|>", "<|im_end|>"))
    settings = json.loads((directory / "tokenizer_config.json").read_text())
    (directory / "tokenizer_config.json").write_text(json.dumps(settings | {"chat_template": CHATML}))
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    ends = [tokenizer.token_to_id(token) for token in ("<|end_of_text|>", "<|im_end|>")]
    make_answers_end(directory / "model.safetensors", ends, weight=2)
    return directory


def write_project(directory: Path, method: str, format: str, training: str, rate: str = "1e-3", dropout: float = 0) -> Path:
    """directory/mine.yaml over directory/../base; give back the directory."""
    directory.mkdir()
    rows = sample_tweets()
    with (directory / "tweets.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (directory / "mine.yaml").write_text(RECIPE.format(method=method, format=format, training=training, rate=rate, dropout=dropout))
    return directory
