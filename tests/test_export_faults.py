"""What goes wrong while an export is written is one clear message; the inputs and the export before it stay whole, and the next run is.

Files that may not grow, writes that fail one by one, and interrupts are in test_export.py.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from support.tiny_llama import CONFIG, write_adapter, write_llama

import tweetstyle.export as exporting
from tweetstyle import pipeline
from tweetstyle.errors import TweetstyleError
from tweetstyle.files import fingerprints
from tweetstyle.manifest import Manifest
from tweetstyle.model.base import read_base_model
from tweetstyle.model.imatrix import Imatrix
from tweetstyle.prompt.template import build_template
from tweetstyle.recipe import Export, Sampling
from tweetstyle.run import Run
from tweetstyle.stages import stages_of

TESTS = Path(__file__).resolve().parent
LAYERS, SHARDS = 6, 3
TYPES = ("f16", "q8_0", "q4_k_m")


def importance() -> Imatrix:
    """Of every linear of the layers."""
    narrow, wide = CONFIG["hidden_size"], CONFIG["intermediate_size"]
    columns = dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up"), narrow) | {"ffn_down": wide}
    rows = {f"blk.{n}.{part}.weight": np.linspace(1, 9, size, dtype=np.float32) for n in range(LAYERS) for part, size in columns.items()}
    return Imatrix(rows, 1, 512, ("tweets",))


def export_it(model: Path, types: tuple[str, ...] = TYPES) -> None:
    """model/base and model/adapter → model/out/me, with two candidates for q4_k_m, of which the later one is better."""
    base = read_base_model(model / "base")
    template = build_template("inst", "Nimzo", base.tokens)
    exporting.export(
        base, model / "adapter", template, Export(types=types), Sampling(), "me", model / "out" / "me",
        imatrix=importance(), score=lambda path: 1.0 if "weighted" in path.name else 2.0,
    )  # fmt: skip


def digests(directory: Path) -> dict[str, str]:
    """Path → digest of every file below."""
    files = [path for path in sorted(directory.rglob("*")) if path.is_file()]
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def inputs(model: Path) -> dict[str, str]:
    return {f"{part}/{name}": digest for part in ("base", "adapter") for name, digest in digests(model / part).items()}


def cut_into_shards(base: Path) -> None:
    """The one file of weights as SHARDS files with an index, as large models are published."""
    weights = load_file(base / "model.safetensors")
    (base / "model.safetensors").unlink()
    names, index = sorted(weights), {}
    for number in range(SHARDS):
        file = f"model-{number + 1:05}-of-{SHARDS:05}.safetensors"
        save_file({name: weights[name] for name in names[number::SHARDS]}, base / file, metadata={"format": "pt"})
        index |= dict.fromkeys(names[number::SHARDS], file)
    (base / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base of 57 tensors in three shards, an adapter over 42 of them, and an older export (of one type) of the two."""
    path = tmp_path_factory.mktemp("pattern")
    base = write_llama(path / "base", num_hidden_layers=LAYERS)
    write_adapter(path / "adapter", base)
    cut_into_shards(path / "base")
    export_it(path, ("bf16",))
    return path


@pytest.fixture(scope="module")
def whole(pattern: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Digests of an export that nothing disturbed."""
    path = shutil.copytree(pattern, tmp_path_factory.mktemp("whole") / "model")
    export_it(path)
    return digests(path / "out")


@pytest.fixture
def model(pattern: Path, tmp_path: Path) -> Path:
    return shutil.copytree(pattern, tmp_path / "model")


def in_a_process(function: Callable[..., None], *arguments: object) -> subprocess.CompletedProcess:
    """Calls a function of this module in a fresh Python."""
    program = f"import sys; sys.path[:0] = [{str(TESTS)!r}, {str(TESTS.parent)!r}]\nimport test_export_faults as m\n"
    program += f"m.{function.__name__}(*sys.argv[1:])"
    return subprocess.run([sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True, timeout=240)


def said(error: TweetstyleError) -> list[str]:
    """The message's lines: what and where, and what to do about it."""
    return str(error).splitlines()


# -- the disk -----------------------------------------------------------------------------------------------


def export_and_say(model: str) -> None:
    try:
        export_it(Path(model))
    except TweetstyleError as error:
        print(error)


def export_as_nobody(model: str) -> None:
    # Loaded while they can be: another user may have no way to the environment.
    import tokenizers  # noqa: F401
    from pydantic import TypeAdapter  # noqa: F401

    from tweetstyle.export.blocks import library

    library()
    if os.geteuid() == 0:
        os.setuid(65534)  # root may write anywhere
    export_and_say(model)


def test_an_older_export_that_may_not_be_removed_is_refused_before_and_stays(pattern):
    """Its files could be renamed away, but never deleted: they would lie beside it for good and stop the run after."""
    # Another user must be able to come this far: a temporary directory of root's own may bar the way.
    room = Path("/var/tmp") / f"tweetstyle-faults-{os.getpid()}"
    try:
        model = shutil.copytree(pattern, room)
        before = digests(model)
        for path in (model, *model.rglob("*")):
            path.chmod(0o777 if path.is_dir() else 0o666)
        (model / "out" / "me").chmod(0o555)
        for _ in range(2):
            done = in_a_process(export_as_nobody, model)
            assert done.stdout == f"{model}/out/me: no right to write here\n  → check its owner and mode\n", done.stderr
            assert digests(model) == before and [p.name for p in (model / "out").iterdir()] == ["me"]
    finally:
        (room / "out" / "me").chmod(0o777)
        shutil.rmtree(room)


# -- killed -------------------------------------------------------------------------------------------------


def in_a_fork(model: Path, die_at: tuple[str, int] | None = None) -> int:
    """Exports in a fork of this process; its exit status, -9 where it was killed.

    die_at: (a function of os, n): it kills itself instead of calling it for the n-th time.
    """
    child = os.fork()
    if child == 0:
        if die_at:
            die_before(*die_at)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        export_it(model)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die_before(name: str, nth: int) -> None:
    original, calls = getattr(os, name), []

    def counted(*arguments, **options):
        calls.append(name)
        if len(calls) == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **options)

    setattr(os, name, counted)


def anew(pattern: Path, model: Path) -> None:
    shutil.rmtree(model / "out")
    shutil.copytree(pattern / "out", model / "out")


def what_stands(model: Path) -> dict[str, str]:
    """The complete exports after a kill: name of the directory → one digest of its content. What is being written is none."""
    standing = {path.name: digests(path) for path in (model / "out").iterdir() if path.name != ".me.partial"}
    return {name: json.dumps(content, sort_keys=True) for name, content in standing.items()}


STEPS = {
    ("fsync", 1): {"me"},  # of the first complete file
    ("replace", 1): {"me"},  # of a candidate by the better one
    ("replace", 2): {"me"},  # the Modelfile, last of the files
    ("fsync", 7): {"me"},  # of the new directory
    ("replace", 3): {"me"},  # of the older export, which makes place
    ("replace", 4): {".me.replaced"},  # of the new one, which takes it
    ("fsync", 8): {"me", ".me.replaced"},  # of the directory above
    ("rmdir", 1): {"me", ".me.replaced"},  # the older one's, emptied by then
}
"""The exchange of old and new: the call of os before which the process dies → the directories that stand then."""


def kill_at_every_step(pattern: str, model: str) -> None:
    """Kills an export before each of STEPS; prints what was there after each, and after the next export."""
    pattern, model = Path(pattern), Path(model)
    before, seen = inputs(model), []
    for step in STEPS:
        anew(pattern, model)
        status = in_a_fork(model, step)
        standing, untouched = what_stands(model), inputs(model) == before
        seen.append([repr(step), status, standing, untouched, in_a_fork(model), digests(model / "out")])
    print(json.dumps(seen))


def test_killed_at_any_step_an_export_is_the_old_or_the_new_and_the_next_run_is_whole(pattern, model, whole):
    done = in_a_process(kill_at_every_step, pattern, model)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    old = json.dumps(digests(pattern / "out" / "me"), sort_keys=True)
    new = json.dumps({name.removeprefix("me/"): digest for name, digest in whole.items()}, sort_keys=True)
    for step, status, standing, untouched, status_of_next, then in seen:
        assert status == -signal.SIGKILL, step
        # Of an older export beside the new one, files may be gone already.
        assert standing.get("me") == new or standing in ({"me": old}, {".me.replaced": old}), (step, standing)
        assert untouched and status_of_next == 0 and then == whole, step
    assert [standing.keys() for _, _, standing, *_ in seen] == list(STEPS.values())


# -- damaged inputs -----------------------------------------------------------------------------------------


def shard(model: Path) -> Path:
    return model / "base" / f"model-00002-of-{SHARDS:05}.safetensors"


def rewritten(path: Path, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    weights = load_file(path)
    change(weights)
    save_file(weights, path, metadata={"format": "pt"})


def lose_a_shard(model):
    shard(model).unlink()


def cut_off_a_shard(model):
    os.truncate(shard(model), shard(model).stat().st_size - 1)


def cut_off_a_header(model):
    os.truncate(shard(model), 100)


def another_dtype(model):
    rewritten(shard(model), lambda weights: weights.update({min(weights): weights[min(weights)].astype(np.float64)}))


def no_number_in_the_adapter(model):
    def put(weights):
        weights[max(name for name in weights if "lora_B" in name)][-1, -1] = np.nan

    rewritten(model / "adapter" / "adapter_model.safetensors", put)


def lose_the_adapter(model):
    (model / "adapter" / "adapter_model.safetensors").unlink()


def adapter_over_a_wider_base(model):
    other = write_llama(model / "other", num_hidden_layers=LAYERS, intermediate_size=CONFIG["intermediate_size"] * 2)
    write_adapter(model / "adapter", other)


@pytest.mark.parametrize(
    ("damage", "where", "what"),
    [
        (lose_a_shard, "base", "missing: model-00002-of-00003.safetensors"),
        (cut_off_a_shard, "base/model-00002-of-00003.safetensors", "its header says"),
        (cut_off_a_header, "base/model-00002-of-00003.safetensors", "not a whole safetensors file"),
        (another_dtype, "base/model-00002-of-00003.safetensors", "dtype F64"),
        (no_number_in_the_adapter, "adapter/adapter_model.safetensors", "lora_B.weight holds NaN or infinity"),
        (lose_the_adapter, "adapter/adapter_model.safetensors", "no such file"),
        (adapter_over_a_wider_base, "adapter/adapter_model.safetensors", "over this base it must be"),
    ],
)
def test_a_damaged_input_is_one_message_and_made_good_the_next_run_is_whole(pattern, model, whole, damage, where, what):
    damage(model)
    before = digests(model)
    with pytest.raises(TweetstyleError, match=what) as caught:
        export_it(model)
    lines = said(caught.value)
    assert len(lines) == 2 and lines[0].startswith(f"{model}/{where}") and lines[1].startswith("  → ")
    assert digests(model) == before
    for part in ("base", "adapter"):
        shutil.rmtree(model / part)
        shutil.copytree(pattern / part, model / part)
    export_it(model)
    assert digests(model / "out") == whole


# -- another base or adapter of the same shapes -------------------------------------------------------------

RECIPE = (
    "data: {source: tweets.txt}\nprompt: {style: Nimzo}\nmodel: {base: base, method: lora}\n"
    "training: {max_length: 128}\nexport: {types: [f16], num_ctx: 128}\n"
)


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A project whose stages before the export are current by their manifests: made by hand, for a training takes a minute."""
    monkeypatch.chdir(tmp_path)
    base = write_llama(Path("base"))
    Path("tweets.txt").write_text("La neige tombe encore sur la ville.\nEncore un matin froid.\n")
    Path("mine.yaml").write_text(RECIPE)
    run = Run(Path("mine.yaml"))
    write_adapter(run.final_model, base)
    run.recipe.data.processed.mkdir(parents=True)
    for name in ("train", "validation", "test"):
        run.split(name).write_text("")
    made = {
        "prepare": [run.split(name) for name in ("train", "validation", "test")],
        "fit": sorted(run.final_model.iterdir()),
        "evaluate": [],
        "export": [],
    }
    for name, outputs in made.items():
        stage = stages_of(run)[name]
        stage.manifest.parent.mkdir(parents=True, exist_ok=True)
        Manifest(name, stage.settings, stage.inputs(), fingerprints(outputs, stage.manifest.parent)).write(stage.manifest)
    (run.recipe.export_directory / "mine-f16.gguf").write_bytes(b"the older one")
    return tmp_path


@pytest.mark.parametrize("force", [False, True])
def test_another_base_of_the_same_shapes_is_refused_by_its_digest(project, force):
    write_llama(Path("base"), seed=5)
    before = digests(project)
    with pytest.raises(TweetstyleError, match=r"fit comes first \(changed input: base/model.safetensors\)"):
        pipeline.run_stage(Path("mine.yaml"), "export", force=force)
    assert {k: v for k, v in digests(project).items() if not k.endswith(".lock")} == before


def test_the_gate_alone_refuses_an_export_from_another_base(project):
    write_llama(Path("base"), seed=5)
    before = digests(project)
    with pytest.raises(TweetstyleError, match="made from another trained model"):
        pipeline.verify(Path("mine.yaml"))
    assert {k: v for k, v in digests(project).items() if not k.endswith(".lock")} == before


def test_a_gate_that_is_interrupted_touches_nothing(project, monkeypatch, capsys):
    """Its checks take minutes: who stops them has the export that was there, and what was known of it."""
    run = Run(Path("mine.yaml"))
    stage, directory = stages_of(run)["export"], run.recipe.export_directory
    outputs = [directory / name for name in ("mine-f16.gguf", "parity.json", "Modelfile")]
    for path in outputs[1:]:
        path.write_text("of the last time")
    facts = {"choices": {"merge_base": "16bit"}}
    Manifest("export", stage.settings, stage.inputs(), fingerprints(outputs, directory), facts).write(stage.manifest)
    before = digests(project)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tweetstyle.stages.export._checks", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pipeline.verify(Path("mine.yaml"))
    assert {k: v for k, v in digests(project).items() if not k.endswith(".lock")} == before
    assert stage.why_stale() is None and "verify    f16: takes minutes on a CPU" in capsys.readouterr().err


def test_another_adapter_of_the_same_shapes_is_refused_by_its_digest(project):
    run = Run(Path("mine.yaml"))
    write_adapter(run.final_model, run.base, seed=5)
    before = digests(project)
    with pytest.raises(TweetstyleError, match=r"fit comes first \(changed output: model/mine/final_model/adapter_model.safetensors\)"):
        pipeline.run_stage(Path("mine.yaml"), "export", force=False)
    assert {k: v for k, v in digests(project).items() if not k.endswith(".lock")} == before
