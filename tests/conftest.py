"""What all tests share: the project's paths, the real base model, the real Ollama. Nothing here touches the network."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Texts are compared in English, whatever the locale is.
os.environ["LANGUAGE"] = "en"
# Before anything imports transformers or unsloth: a test that would download fails instead.
os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "UNSLOTH_DISABLE_STATISTICS": "1", "TOKENIZERS_PARALLELISM": "false"}
# What one process compiles, the others read.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Threads that spin for long while they wait make training crawl on a machine that has anything else to do.
os.environ.setdefault("GOMP_SPINCOUNT", "5000")
if "PYTEST_XDIST_WORKER" in os.environ:
    # One thread each: two trainings of two threads on two cores are many times slower than one after the other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Started in a shell's background, this process would ignore Ctrl-C, and so would every program that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

from hypothesis import settings  # noqa: E402
from support.ollama import VERSION as OLLAMA_VERSION  # noqa: E402
from support.ollama import OllamaServer  # noqa: E402

from scripts import demo_base_model  # noqa: E402

PROJECT = Path(__file__).resolve().parents[1]
# A deadline is a timing assertion: the first example, which compiles and imports, misses it on a busy machine.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture(autouse=True)
def in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    """--lang sets the language of the process: a test's own ends with it."""
    monkeypatch.setenv("LANGUAGE", "en")


BEFORE_UNSLOTH = {
    "test_evaluate.py",
    "test_evaluate_little_data.py",
    "test_evaluate_conversation.py",
    "test_export_nf4.py",
    "test_fit_final_scores.py",
    "test_fit_importance.py",
    "test_verify_gate.py",
    "test_written.py",
}
"""Tests that load models by stock transformers, which Unsloth rewrites in the process that imports it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `gpu` skip, with the reason, where there is no NVIDIA card; those of stock transformers come first.

    Where Unsloth has been imported, each evaluation has to start a process of its own: after the integration tests that is minutes.
    """
    items.sort(key=lambda item: item.path.name not in BEFORE_UNSLOTH)
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked and not has_nvidia_card():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="needs an NVIDIA card; nvidia-smi finds none"))


def has_nvidia_card() -> bool:
    program = shutil.which("nvidia-smi")
    return program is not None and subprocess.run([program, "-L"], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="session")
def project() -> Path:
    """The repository's top directory."""
    return PROJECT


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory):
    """A Llama of random weights."""
    from support.tiny_llama import write_llama

    return write_llama(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def adapter(tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA adapter of it, random too."""
    from support.tiny_llama import write_adapter

    return write_adapter(tmp_path_factory.mktemp("adapter"), tiny)


@pytest.fixture(scope="session")
def base_model_dir() -> Path:
    """SmolLM2-135M-Instruct as a Hugging Face directory (float16)."""
    if not demo_base_model.is_current(demo_base_model.OUT):
        pytest.fail(f"{demo_base_model.OUT} is missing or old: run `make base-model`", pytrace=False)
    return demo_base_model.OUT


@pytest.fixture(scope="session")
def base(base_model_dir: Path):
    """The same, read. Tests of another base model have a fixture of this name of their own."""
    from tweetstyle.model.base import read_base_model

    return read_base_model(base_model_dir)


@pytest.fixture(scope="session")
def original_gguf() -> Path:
    """The same model as its publisher's Q4_1 GGUF, for llama.cpp's side of a comparison."""
    path = demo_base_model.CACHE / demo_base_model.GGUF
    if not path.is_file():
        pytest.fail(f"{path} is missing: run `make base-model`", pytrace=False)
    return path


@pytest.fixture(scope="session")
def ollama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OllamaServer]:
    """A running Ollama of the tests' own. Without its binary the test skips and says why; where CI=true that is a failure."""
    binary = PROJECT / ".cache" / f"ollama-{OLLAMA_VERSION}" / "ollama"
    if not binary.is_file():
        reason = f"Ollama {OLLAMA_VERSION} is not built: run `make ollama` (needs Go and a C/C++ compiler)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    with OllamaServer(binary, tmp_path_factory.mktemp("ollama")) as server:
        yield server
