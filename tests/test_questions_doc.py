"""docs/questions.md: its Python examples print what it says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer

TEXT = (Path(__file__).parents[1] / "docs" / "questions.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"(?ms)^```python\n(.*?)^```$", TEXT)


@pytest.mark.parametrize("code", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_prints_what_it_says(code, tmp_path):
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.stdout.splitlines() == re.findall(r"# → (.*)", code), done.stderr


def test_bytes_and_tokens_of_the_demo_s_tokenizer(base_model_dir):
    rows = re.findall(r"(?m)^\| `(.+?)` \| (\d+) \| (\d+) \| ([\d.]+) \|$", TEXT)
    tokenizer = Tokenizer.from_file(str(base_model_dir / "tokenizer.json"))
    counted = [(text, len(text.encode()), len(tokenizer.encode(text, add_special_tokens=False).ids)) for text, *_ in rows]
    assert [(text, f"{size}", f"{tokens}", f"{size / tokens:.2f}") for text, size, tokens in counted] == rows and len(rows) == 2
