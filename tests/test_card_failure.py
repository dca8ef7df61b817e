"""A card that fails in the middle of a run: one message, the libraries' words kept, and nothing else taken for it."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from support.small_runs import invented_tweets

from tweetstyle.card_failure import REPORT, one_message_where_the_card_fails
from tweetstyle.cli import fit_command
from tweetstyle.errors import TweetstyleError

GONE = "CUDA error: unspecified launch failure\nCUDA kernel errors might be asynchronously reported at some other API call"


def test_every_way_in_which_a_card_fails_is_told_and_its_traceback_kept(tmp_path):
    """The words of torch, of the driver and of cuBLAS, when a card falls off the bus or a kernel dies."""
    import torch

    said = [
        torch.AcceleratorError("CUDA error: unknown error"),
        RuntimeError(GONE),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"),
    ]
    for error in said:
        with pytest.raises(TweetstyleError) as told, one_message_where_the_card_fails(tmp_path):
            raise error
        first = str(error).split("\n")[0]
        assert told.value.what == f"the card failed: {first}" and told.value.where == str(tmp_path / REPORT)
        kept = (tmp_path / REPORT).read_text()
        assert first in kept and "Traceback" in kept and __file__ in kept


def test_memory_that_ran_out_and_errors_of_our_own_are_left_alone(tmp_path):
    import torch

    for error in (torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("CUDA error: out of memory"), RuntimeError("a mistake")):
        with pytest.raises(RuntimeError) as raised, one_message_where_the_card_fails(tmp_path):
            raise error
        assert raised.value is error
    assert not list(tmp_path.iterdir())


def test_a_run_ends_with_the_message_and_without_a_traceback(tmp_path, monkeypatch, base_model_dir):
    """The stage at work is the first: every stage is carried out within the same block."""
    monkeypatch.chdir(tmp_path)
    rows = "".join(f'{tweet.id},"{tweet.text}",2020-01-01\n' for tweet in invented_tweets(40))
    (tmp_path / "tweets.csv").write_text("id,text,created_at\n" + rows)
    recipe = f"data: {{source: tweets.csv}}\nprompt: {{style: Nimzo}}\nmodel: {{base: {base_model_dir}, method: lora}}\n"
    (tmp_path / "mine.yaml").write_text(recipe)

    def prepare(*_, **__):
        raise RuntimeError(GONE)

    monkeypatch.setattr("tweetstyle.prepare.prepare", prepare)
    done = CliRunner().invoke(fit_command, ["mine.yaml"])
    assert done.exit_code == 1 and isinstance(done.exception, SystemExit), done.output
    assert "the card failed: CUDA error: unspecified launch failure" in done.output and "Traceback" not in done.output
    assert "nvidia-smi" in done.output and (tmp_path / "model" / "mine" / REPORT).is_file()
