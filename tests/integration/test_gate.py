"""`tweetstyle-fit` and `tweetstyle verify` with the gate at their end: real training, the real Ollama, files that are spoilt on purpose.

The model is a tiny one whose every answer ends at once, so that minutes of training need not teach it to.
"""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import gguf
import pytest
from support.ollama import OllamaServer
from test_verify_gate import write_ending_llama

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
RECIPE = """\
data: {source: tweets.csv, mini_train: 40}
prompt: {style: Nimzo}
model: {base: base, method: qlora, lora: {r: 4, lora_alpha: 8}}
training:
  {split: mini-train, optim: adamw_torch, max_length: 512, gradient_accumulation_steps: 1, gradient_checkpointing: false,
   max_steps: 2, eval_steps: 1, save_steps: 1, learning_rate: 1e-5, warmup_steps: 1, samples: 0}
evaluation: {max_tweets: 6, samples: 0}
sampling: {num_predict: 12}
export: {types: [q8_0, f16], gate_answers: 4, gate_tweets: 40}
"""

pytestmark = [pytest.mark.integration, pytest.mark.slow]


class Project:
    def __init__(self, path: Path, ollama: OllamaServer) -> None:
        path.mkdir()
        write_ending_llama(path / "base", 2, max_position_embeddings=2048, intermediate_size=128)
        (path / "mine.yaml").write_text(RECIPE)
        shutil.copy(ROOT / "data" / "sample" / "tweets.csv", path / "tweets.csv")
        self.path, self.export, self.ollama = path, path / "export" / "mine", ollama

    def run(self, *command: str) -> tuple[int, str]:
        environment = os.environ | {"OLLAMA_HOST": self.ollama.address, "COLUMNS": "140"}
        to = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        done = subprocess.run([BIN / command[0], *command[1:]], cwd=self.path, env=environment, timeout=500, check=False, **to)
        return done.returncode, done.stdout

    def parity(self) -> dict[tuple[str, str], bool | None]:
        checks = json.loads((self.export / "parity.json").read_text())["checks"]
        return {(check["type"], check["name"]): check["passed"] for check in checks}

    def models(self) -> list[str]:
        with urllib.request.urlopen(f"http://{self.ollama.address}/api/tags") as answer:
            return [model["name"] for model in json.load(answer)["models"]]

    def spoil(self, type: str) -> None:
        """The last norm of a finished file is another; the manifest says what the file was."""
        reader = gguf.GGUFReader(self.export / f"mine-{type}.gguf", "r+")
        (norm,) = [t.data for t in reader.tensors if t.name == "output_norm.weight"]
        norm *= 4
        reader.data.flush()


@pytest.fixture(scope="module")
def project(tmp_path_factory, ollama: OllamaServer) -> tuple[Project, str]:
    made = Project(tmp_path_factory.mktemp("gate") / "project", ollama)
    code, said = made.run("tweetstyle-fit", "mine.yaml")
    assert code == 0, said[-3000:]
    return made, said


def test_the_road_ends_with_every_check_passed_in_the_real_ollama_too(project):
    made, said = project
    expected = {(t, name): True for t in ("q8_0", "f16") for name in ("tokens", "training", "stop")}
    expected |= {("q8_0", "tokens in Ollama"): True}
    assert made.parity() == expected
    assert "matches the trained model in every check that was made." in said and "Not made" not in said
    assert {p.name for p in made.export.iterdir()} == {
        "mine-q8_0.gguf", "mine-f16.gguf", "Modelfile", "README.md", "parity.json", "parity.html", "manifest.json",
    }  # fmt: skip
    assert not [name for name in made.models() if "verify" in name]


def test_scores_as_trained_are_of_the_weights_that_were_trained_on(project):
    made, _ = project
    trained = json.loads((made.path / "model" / "mine" / "as_trained.json").read_text())
    assert trained["splits"].keys() == {"validation", "test"} and (made.path / "model" / "mine" / "imatrix.gguf").is_file()
    # The trainer is Unsloth's, what is scored is stock transformers': both have the same 4 bits.
    assert trained["precision"] == "nf4" and trained["nf4"]
    choices = json.loads((made.export / "manifest.json").read_text())["facts"]["choices"]
    assert choices == {"merge_base": "dequantised_nf4", "weighted": [], "adapter_scale": 1}


def test_asked_again_nothing_is_done_and_verify_does_the_gate_alone(project):
    made, _ = project
    before = {p.name: p.stat().st_mtime_ns for p in made.export.iterdir()}
    code, said = made.run("tweetstyle-fit", "mine.yaml")
    assert code == 0 and "export    up to date" in said
    code, said = made.run("tweetstyle", "verify", "mine.yaml")
    assert code == 0 and "matches the trained model" in said
    after = {p.name: p.stat().st_mtime_ns for p in made.export.iterdir()}
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"parity.json", "parity.html", "README.md", "manifest.json"}, "the Modelfile is written once"
    assert "export    up to date" in made.run("tweetstyle-fit", "mine.yaml")[1]


def test_over_the_four_bits_that_were_trained_on_nothing_is_lost(project):
    made, _ = project
    checks = json.loads((made.export / "parity.json").read_text())["checks"]
    (figures,) = [c["figures"] for c in checks if (c["type"], c["name"]) == ("f16", "training")]
    # The same weights, bit for bit; what is left is that bitsandbytes multiplies them in bfloat16.
    assert -0.005 < figures["lost at least"] <= figures["lost at most"] < 0.005


def test_a_spoilt_file_is_rejected_with_the_reason_and_the_other_takes_its_place(project):
    made, _ = project
    made.spoil("q8_0")
    code, said = made.run("tweetstyle", "verify", "mine.yaml")
    assert code == 0 and "mine-q8_0.gguf.rejected: training: lost at most is" in said
    assert (made.export / "mine-q8_0.gguf.rejected").is_file() and not (made.export / "mine-q8_0.gguf").exists()
    assert "FROM ./mine-f16.gguf" in (made.export / "Modelfile").read_text()
    assert "mine-q8" not in (made.export / "README.md").read_text().split("## Is it")[0]
    made.spoil("f16")
    code, said = made.run("tweetstyle", "verify", "mine.yaml")
    assert code == 1 and "no file passed the gate" in said and "Traceback" not in said
    assert not (made.export / "Modelfile").exists() and (made.export / "parity.html").is_file()
    # The next run exports again, from a training that is still current.
    code, said = made.run("tweetstyle-fit", "mine.yaml")
    assert code == 0 and "fit       up to date" in said and made.parity()["q8_0", "training"] is True
    assert not list(made.export.glob("*.rejected"))
