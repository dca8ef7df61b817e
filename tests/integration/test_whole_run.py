"""`tweetstyle-fit` as a person runs it: killed while it trains, resumed, run again, changed, and talked with in Ollama."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.network_guard import NetworkGuard
from support.ollama import OllamaServer
from test_doc_commands import COMMANDS, NOT_RUN, OF_A_RUN

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
RECIPE = """\
data: {source: tweets.csv, mini_train: 24, validation_fraction: 0.02, test_fraction: 0.02}
prompt: {style: Nimzo}
model: {base: base, method: lora, lora: {r: 4, lora_alpha: 8}}
training:
  {split: mini-train, optim: adamw_torch, max_length: 256, gradient_accumulation_steps: 1, gradient_checkpointing: false,
   max_steps: 3, eval_steps: 1, save_steps: 1, learning_rate: 1e-3, warmup_steps: 1, samples: 1}
evaluation: {max_tweets: 6, samples: 3, examples: 4}
sampling: {num_predict: 24, temperature: 0.7}
export: {gate: false}  # three steps do not teach a model to end; the gate has its own tests
"""

# Two whole runs of the real small model: more on a busy machine than the usual limit allows.
pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(1200)]


class Project:
    """A directory with an archive, a recipe and a base model, and the command line over them."""

    def __init__(self, path: Path, ollama: OllamaServer) -> None:
        self.path = path
        self.guard = NetworkGuard(path)
        self.environment = self.guard.environment | {"OLLAMA_HOST": ollama.address, "COLUMNS": "140"}

    def start(self, *command: str) -> subprocess.Popen[str]:
        to = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen([BIN / command[0], *command[1:]], cwd=self.path, env=self.environment, **to)

    def run(self, *command: str) -> str:
        process = self.start(*command)
        output, _ = process.communicate(timeout=900)
        assert process.returncode == 0, output
        return output

    def change(self, old: str, new: str) -> None:
        recipe = self.path / "mine.yaml"
        assert old in recipe.read_text()
        recipe.write_text(recipe.read_text().replace(old, new))

    def made(self) -> dict[str, int]:
        """Every file but the inputs → when it was written."""
        files = (p for top in ("data", "model", "export") for p in (self.path / top).rglob("*") if p.is_file())
        return {str(p.relative_to(self.path)): p.stat().st_mtime_ns for p in files if p.suffix != ".lock"}


@pytest.fixture(scope="module")
def killed_then_finished(tmp_path_factory: pytest.TempPathFactory, base_model_dir: Path, ollama: OllamaServer) -> tuple[Project, str]:
    """The project after a SIGKILL between two checkpoints and the same command again, and what that one printed."""
    path = tmp_path_factory.mktemp("project")
    (path / "base").symlink_to(base_model_dir)
    (path / "mine.yaml").write_text(RECIPE)
    shutil.copy(ROOT / "data" / "sample" / "tweets.csv", path / "tweets.csv")
    project = Project(path, ollama)
    first = project.start("tweetstyle-fit", "mine.yaml", "--ollama")
    give_up = time.monotonic() + 300
    while not (path / "model" / "mine" / "checkpoint-2").is_dir():
        assert first.poll() is None, first.communicate()[0]
        assert time.monotonic() < give_up
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert not (path / "model" / "mine" / "final_model").exists() and not (path / "export" / "mine").exists()
    return project, project.run("tweetstyle-fit", "mine.yaml", "--ollama")


def test_nothing_but_ollama_on_this_machine_was_spoken_to(killed_then_finished: tuple[Project, str]) -> None:
    """Both sessions, in an environment without what keeps libraries quiet: training, evaluation, export and the model in Ollama."""
    project, _ = killed_then_finished
    assert project.guard.left_the_machine() == []
    assert ("connect", "127.0.0.1") in project.guard.seen(), "the guard saw the run, which spoke to Ollama"


def test_it_resumes_by_itself_and_every_step_is_there_once(killed_then_finished: tuple[Project, str]) -> None:
    project, output = killed_then_finished
    assert "prepare   up to date" in output and "resuming from checkpoint-" in output
    lines = [json.loads(line) for line in (project.path / "model" / "mine" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3]
    assert [line["step"] for line in lines if "eval_bits_per_byte" in line] == [0, 1, 2, 3]
    assert [line["step"] for line in lines if "samples" in line] == [1, 2, 3]
    page = (project.path / "model" / "mine" / "report.html").read_text(encoding="utf-8")
    assert "Everything measured: model/mine/report.html" in output and 'http-equiv="refresh"' not in page


def test_every_promised_file_is_there_and_nothing_half_written(killed_then_finished: tuple[Project, str]) -> None:
    made = set(killed_then_finished[0].made())
    data = ("tweets_tous_nettoyes.csv", "tweets_formates.csv", "dropped.csv", "manifest.json", "train.jsonl", "mini-train.jsonl",
            "validation.jsonl", "test.jsonl", "report.html")  # fmt: skip
    run = ("run.json", "fit.json", "evaluate.json", "evaluation.json", "metrics.jsonl", "log.txt", "train_output.json",
           "as_trained.json", "imatrix.gguf", "scores.json", "report.html", "written/base.jsonl", "written/tuned.jsonl",
           "final_model/adapter_model.safetensors", "final_model/adapter_config.json", "final_model/tokenizer.json")  # fmt: skip
    expected = {f"data/processed/{n}" for n in data} | {f"model/mine/{n}" for n in run}
    expected |= {f"export/mine/{n}" for n in ("mine-q4_k_m.gguf", "Modelfile", "README.md", "manifest.json")}
    assert expected <= made
    assert {p for p in made if p.startswith(("data/", "export/"))} == {p for p in expected if p.startswith(("data/", "export/"))}
    assert not any(".partial" in p for p in made)


def test_ollama_has_the_model_and_gave_a_tweet(killed_then_finished: tuple[Project, str], ollama: OllamaServer) -> None:
    project, output = killed_then_finished
    assert "ollama run mine: " in output
    assert "ollama create mine -f export/mine/Modelfile" in output
    answer = ollama.chat("mine", [{"role": "user", "content": "hiver"}])
    assert answer["message"]["content"].strip()
    assert ollama.rendered_prompts()[-1] == "[INST] Style: Nimzo | Type: Tweet | Sujet: hiver [/INST]"


def test_run_again_nothing_is_done_again(killed_then_finished: tuple[Project, str]) -> None:
    project, _ = killed_then_finished
    before = project.made()
    output = project.run("tweetstyle-fit", "mine.yaml")
    assert [line.split() for line in output.splitlines()[:4]] == [[s, "up", "to", "date"] for s in ("prepare", "fit", "evaluate", "export")]
    assert {path for path, when in project.made().items() if before.get(path) != when} <= {"model/mine/report.html"}
    assert project.run("tweetstyle", "chat", "mine.yaml", "--prompt", "hiver").strip()


def test_another_temperature_is_another_modelfile_and_no_other_training(killed_then_finished: tuple[Project, str]) -> None:
    project, _ = killed_then_finished
    before = project.made()
    project.change("temperature: 0.7", "temperature: 0.5")
    output = project.run("tweetstyle-fit", "mine.yaml")
    assert "export    starting: changed in the recipe: sampling.temperature" in output
    # What is written and measured is what will run: the tweets are written again.
    assert "fit       up to date" in output and "evaluate  starting: changed in the recipe: sampling.temperature" in output
    assert {p for p, when in project.made().items() if before.get(p) != when} == {
        "export/mine/mine-q4_k_m.gguf", "export/mine/Modelfile", "export/mine/README.md", "export/mine/manifest.json",
        *(f"model/mine/{n}" for n in ("evaluate.json", "evaluation.json", "scores.json", "report.html")),
        *(f"model/mine/written/{n}.jsonl" for n in ("base", "examples", "tuned")),
    }  # fmt: skip
    assert "PARAMETER temperature 0.5\n" in (project.path / "export" / "mine" / "Modelfile").read_text()


def test_the_exported_file_writes_in_the_trained_models_place(killed_then_finished: tuple[Project, str]) -> None:
    project, _ = killed_then_finished
    run = project.path / "model" / "mine"
    by_hf = json.loads((run / "evaluation.json").read_text())
    project.run("tweetstyle", "evaluate", "mine.yaml", "--model", "gguf", "--force")
    found = json.loads((run / "evaluation.json").read_text())
    assert (by_hf["style"]["source"], found["style"]["source"]) == ("hf", "gguf")
    assert found["splits"] == by_hf["splits"], "who writes changes nothing of the scores"
    _, *lines = (run / "written" / "tuned-gguf.jsonl").read_text(encoding="utf-8").splitlines()
    written = {row["number"]: row["text"] for row in map(json.loads, lines)}
    assert {sample["tuned"] for sample in found["samples"]} <= set(written.values())
    assert [sample["base"] for sample in found["samples"]] == [sample["base"] for sample in by_hf["samples"]]


OF_THIS_RUN = {
    r"recipes/[\w.-]+|recipe\.yaml|\bRECIPE\b|\bRECETTE\b": "mine.yaml",
    r"model/[\w.-]+|\bRUN\b|\bDOSSIER\b": "model/mine",
    r"(?<=-f )\S*(?=Modelfile)": "export/mine/",
    r"\b(?:NAME|NOM|llama3|demo-chat)\b": "mine",
    r"\b(?:SUBJECT|SUJET)\b": "hiver",
    "…": "",
}
"""What a page calls a recipe, a run, a model or a subject → what it is here."""


def of_this_run(command: str) -> list[str]:
    """The command as it is typed here, once for each of its verbs."""
    for name, here in OF_THIS_RUN.items():
        command = re.sub(name, here, command)
    verbs = next((word for word in command.split() if "|" in word), "")
    return [command.replace(verbs, verb) for verb in verbs.split("|")]


TYPED = {
    typed for command in COMMANDS if len(command.split()) > 2 or command.startswith("tweetstyle-fit") for typed in of_this_run(command)
}
TYPED = [
    typed
    for typed in sorted(TYPED | {"ollama list", "ollama ps"})
    if not typed.startswith(tuple(NOT_RUN)) and (typed.split()[0] in ("tweetstyle-fit", "ollama") or typed.split()[1] in OF_A_RUN)
]


@pytest.mark.parametrize("typed", TYPED)
def test_what_the_pages_type_on_a_finished_run_works(killed_then_finished: tuple[Project, str], ollama: OllamaServer, typed: str) -> None:
    project, _ = killed_then_finished
    (project.path / "subjects.txt").write_text("hiver\nle café\n")
    path = f"{ollama.binary.parent}:{BIN}:{project.environment['PATH']}"
    environment = project.environment | ollama.environment | {"PATH": path}
    done = subprocess.run(["bash", "-c", typed], cwd=project.path, env=environment, input="hiver\n", capture_output=True, text=True)
    printed = done.stdout + done.stderr
    assert done.returncode == 0 and (printed.strip() or "> " in typed or typed.startswith("ollama stop")), printed
