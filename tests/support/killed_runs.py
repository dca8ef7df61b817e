"""Training runs of a toy model, each in a fork of one process that has imported Unsloth once; cut off at chosen points.

    with Forks(directory) as forks:
        forks.fit(run, cut={"before": ["replace", "checkpoint-4/complete.json"]})   # killed there: status -9
        forks.fit(run)                                                              # goes on: status 0

What a fork meets, by `cut`:

before, after: [function of os, end of a path]  it sends itself SIGKILL at the first such call (with `signal`: another signal)
validating: n                                   the same when the n-th validation begins; the first is of the untrained model
refused: [name, bytes]                          the native write of that file fails so far into it (EFBIG, as ENOSPC on a full disk)
fails: [n, words]                               in the n-th forward pass in training the card fails with these words
"""

import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.forking_process import Ended, ForkingProcess
from support.small_runs import main_figures

TRAINING = {"max_steps": 8, "eval_steps": 2, "save_steps": 2, "save_total_limit": 2}
"""Checkpoints 2, 4, 6 and 8; when 6 is sealed, 2 goes, for every validation of this model is the best so far."""
CALLS = ("fsync", "replace", "rename", "unlink", "rmdir")


class Forks(ForkingProcess):
    """The process that forks. base and data are written into `directory`."""

    prepare = "support.killed_runs:write_inputs"

    def fit(self, run: Path, cut: dict[str, Any] | None = None, **training: Any) -> Ended:
        return self.run("support.killed_runs:fit_until_cut", str(run), cut or {}, TRAINING | training)


def batches_file(run: Path) -> Path:
    """Beside a run: a digest of the tokens of each forward pass in training, one a line, over all sessions."""
    return run.with_name(run.name + ".batches")


def differences(run: Path, whole: Path) -> list[str]:
    """What is not the same in two finished runs: the figures of every step and validation (losses, learning rates, gradients), the
    adapter, every state that a next step would be made from, the counts, and which files there are."""
    last = f"checkpoint-{TRAINING['max_steps']}"
    states = [f"{last}/{name}" for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth")]
    compared = ["final_model/adapter_model.safetensors", *states]
    found = [name for name in compared if (run / name).read_bytes() != (whole / name).read_bytes()]
    if main_figures(run / "metrics.jsonl") != main_figures(whole / "metrics.jsonl"):
        found.append("metrics.jsonl")
    ours, theirs = (json.loads((directory / last / "trainer_state.json").read_text()) for directory in (run, whole))
    found += [name for name in ("global_step", "epoch", "num_input_tokens_seen", "total_flos") if ours[name] != theirs[name]]
    names, expected = ({path.name for path in directory.iterdir()} for directory in (run, whole))
    return found + sorted(names ^ expected)


def write_inputs(directory: Path) -> None:
    from support.small_runs import invented_tweets, write_tweets
    from support.tiny_llama import write_llama

    write_llama(directory / "base")
    write_tweets(directory / "train.jsonl", invented_tweets(18))
    write_tweets(directory / "validation.jsonl", invented_tweets(4, seed=1))


def fit_until_cut(name: str, cut: dict[str, Any], training: dict[str, Any]) -> None:
    """In the directory of the inputs. An error that a person is meant to read ends the process with 1."""
    from support.small_runs import run_fit

    from tweetstyle.errors import TweetstyleError

    run, directory = Path(name), Path.cwd()
    if cut:
        watch_calls(cut)
    watch_batches(run)
    try:
        run_fit(directory / "base", directory, run, **training)
    except TweetstyleError as error:
        sys.exit(str(error))


def watch_calls(cut: dict[str, Any]) -> None:
    """At the one of CALLS that `cut` names, sends this process a signal."""
    number, sent = getattr(signal, cut.get("signal", "SIGKILL")), []

    def watched(name: str, original: Callable) -> Callable:
        def call(*arguments: Any, **options: Any) -> Any:
            if not sent and name == cut["before"][0] and path_of(arguments, options).endswith(cut["before"][1]):
                sent.append(number)
                os.kill(os.getpid(), number)
            return original(*arguments, **options)

        return call

    for name in CALLS:
        setattr(os, name, watched(name, getattr(os, name)))


def path_of(arguments: tuple[Any, ...], options: dict[str, Any]) -> str:
    """What a call of os is about; of a rename, the new name."""
    last = arguments[-1]
    if isinstance(last, int):
        return os.readlink(f"/proc/self/fd/{last}")
    if options.get("dir_fd") is not None:
        return os.readlink(f"/proc/self/fd/{options['dir_fd']}") + "/" + os.fspath(last)
    return os.fspath(last)


def watch_batches(run: Path) -> None:
    from tweetstyle.train import trainer

    build, log = trainer.build_trainer, batches_file(run).open("a", buffering=1)

    def built(*arguments: Any) -> Any:
        made = build(*arguments)

        def look(module: Any, inputs: Any, named: dict[str, Any]) -> None:
            if module.training:
                log.write(hashlib.sha256(named["input_ids"].numpy().tobytes()).hexdigest() + "\n")

        made.model.register_forward_pre_hook(look, with_kwargs=True)
        return made

    trainer.build_trainer = built
