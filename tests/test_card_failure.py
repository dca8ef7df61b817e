"""A card or disk that fails in the middle of a run: one message, the libraries' words kept, and nothing else taken for it."""

import errno
import importlib.util
import subprocess

import pytest

from tweetstyle.errors import TweetstyleError
from tweetstyle.train.failures import REPORT, one_message_for_failures

GONE = "CUDA error: unspecified launch failure\nCUDA kernel errors might be asynchronously reported at some other API call"


def test_each_failure_of_a_card_is_one_message_and_its_traceback_is_kept(tmp_path):
    """The words of torch, of the driver and of cuBLAS, when a card falls off the bus or a kernel dies."""
    import torch

    said = [
        torch.AcceleratorError("CUDA error: unknown error"),
        RuntimeError(GONE),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx(handle)`"),
        RuntimeError("Triton Error [CUDA]: an illegal memory access was encountered"),
    ]
    for error in said:
        with pytest.raises(TweetstyleError) as raised, one_message_for_failures(tmp_path):
            raise error
        first = str(error).split("\n")[0]
        assert raised.value.what == f"the card failed: {first}" and raised.value.where == str(tmp_path / REPORT)
        kept = (tmp_path / REPORT).read_text()
        assert first in kept and "Traceback" in kept and __file__ in kept


def test_memory_that_ran_out_is_no_failure_of_the_card_and_one_message_too(tmp_path):
    """Of the training it does not come here (fit.backoff); of an evaluation or an export it does."""
    import torch

    of_memory = (
        "CUDA error: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`",
        "Triton Error [CUDA]: out of memory",
    )
    for error in (torch.OutOfMemoryError("CUDA out of memory."), *map(RuntimeError, of_memory), MemoryError()):
        with pytest.raises(TweetstyleError) as raised, one_message_for_failures(tmp_path):
            raise error
        assert raised.value.what == f"out of memory: {str(error) or 'MemoryError'}" and "nvidia-smi" in raised.value.hint
        assert "Traceback" in (tmp_path / REPORT).read_text()


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        Exception("Error while serializing: I/O error: No space left on device (os error 28)"),
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534"),
        RuntimeError("basic_ios::clear: iostream error"),
    ],
)
def test_each_librarys_word_for_a_file_that_cannot_be_written_is_one_message(tmp_path, error):
    """Of Python, of safetensors and of torch, which does not give the system's reason."""
    with pytest.raises(TweetstyleError) as raised, one_message_for_failures(tmp_path):
        raise error
    said = getattr(error, "strerror", error)
    assert raised.value.what == f"could not write: {said}" and "free) and run the same command again" in raised.value.hint
    assert not (tmp_path / REPORT).exists()


def library_that_raises(directory, package, error):
    """A function of a made-up package's module in a site-packages directory, that raises `error` through the standard library."""
    module = directory / "site-packages" / package / "driver.py"
    module.parent.mkdir(parents=True)
    module.write_text("import contextlib\n\ndef build(error):\n    with contextlib.ExitStack():\n        raise error\n")
    spec = importlib.util.spec_from_file_location("driver", module)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return lambda: loaded.build(error)


@pytest.mark.parametrize(
    ("package", "named", "error"),
    [
        ("triton/runtime", "Triton", subprocess.CalledProcessError(1, ["gcc", "driver.c"])),
        ("torch/_inductor", "Inductor", AssertionError("no such layout")),
        ("bitsandbytes/backends", "bitsandbytes", AttributeError("'NoneType' object has no attribute 'cgemm_4bit'")),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_library_of_the_card_that_fails_is_named_with_its_log(tmp_path, package, named, error):
    fails = library_that_raises(tmp_path, package, error)
    with pytest.raises(TweetstyleError) as raised, one_message_for_failures(tmp_path):
        fails()
    assert raised.value.what.startswith(f"{named}, which compiles or computes for the card, failed: {type(error).__name__}")
    assert str(error).split("\n")[0] in raised.value.what
    assert raised.value.where == str(tmp_path / REPORT) and str(tmp_path / "log.txt") in raised.value.hint
    assert "Traceback" in (tmp_path / REPORT).read_text()


def test_what_the_failure_brings_about_or_was_taken_for_does_not_hide_it(tmp_path):
    """What cleans up after the step fails on the same card, and what loads an adapter takes any RuntimeError for one that does not fit."""
    for then in (RuntimeError("basic_ios::clear: iostream error"), TweetstyleError("the adapter does not fit the base model")):
        with pytest.raises(TweetstyleError) as raised, one_message_for_failures(tmp_path):
            try:
                raise RuntimeError(GONE)
            except RuntimeError as error:
                raise then from error
        assert raised.value.what == "the card failed: CUDA error: unspecified launch failure"
    mine = TweetstyleError("the disk is full")
    with pytest.raises(TweetstyleError) as raised, one_message_for_failures(tmp_path):
        raise mine
    assert raised.value is mine
