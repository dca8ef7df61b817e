"""WSL2: memory that would spill into RAM is refused instead, and what slows a run down is said."""

import sys
from types import SimpleNamespace

import pytest
import torch

from tweetstyle.hardware import gpu
from tweetstyle.train.callback import PAGEABLE, PinnedMemoryWatch

TOTAL = 12 * 2**30


@pytest.fixture
def card(monkeypatch):
    """A card's figures, which a test can change, and the share of it that torch was given."""
    figures = SimpleNamespace(free=TOTAL - 2**30, reserved=0, share=None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (figures.free, TOTAL))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: figures.reserved)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda share: setattr(figures, "share", share))
    return figures


@pytest.fixture
def under_windows(monkeypatch):
    monkeypatch.setattr(gpu, "on_wsl", lambda: True)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("Linux version 6.6.87.2-microsoft-standard-WSL2 (root@439a258ad544) (gcc (GCC) 11.2.0) #1 SMP", True),
        ("Linux version 6.8.0-79-generic (buildd@lcy02) (x86_64-linux-gnu-gcc-13) #79-Ubuntu SMP", False),
    ],
)
def test_wsl_is_recognised_by_its_kernel(tmp_path, monkeypatch, version, expected):
    (tmp_path / "version").write_text(version)
    monkeypatch.setattr(gpu, "PROC_VERSION", tmp_path / "version")
    assert gpu.on_wsl.__wrapped__() is expected


def test_torch_gets_what_others_leave_up_to_the_margin(card, under_windows):
    """1 GiB is held by others, 0.375 are kept for kernels; what torch has reserved already counts as its own."""
    gpu.cap_card_memory()
    assert card.share == pytest.approx((0.95 * 12 - 1 - 0.375) / 12)
    card.free, card.reserved = TOTAL - 6 * 2**30, 5 * 2**30
    gpu.cap_card_memory()
    assert card.share == pytest.approx((0.95 * 12 - 1 - 0.375) / 12)


def test_elsewhere_nothing_is_capped(card, monkeypatch):
    monkeypatch.setattr(gpu, "on_wsl", lambda: False)
    gpu.cap_card_memory()
    assert card.share is None


@pytest.mark.parametrize(("windows", "others"), [(True, 1.6), (False, 1.0)])
def test_a_plan_for_the_card_in_the_machine_leaves_the_margin_free(monkeypatch, windows, others):
    """What torch is not given: a recipe that needs it would run out of memory."""
    seen = gpu.CardState("580.95", (gpu.Gpu(0, "GPU-a1", "RTX 3060", TOTAL, TOTAL - 2**30, (8, 6)),))
    monkeypatch.setattr(gpu, "observe_card", lambda environment: seen)
    monkeypatch.setattr(gpu, "on_wsl", lambda: windows)
    assert gpu.find_card().others == pytest.approx(others * 2**30, rel=1e-6)


def test_pageable_memory_is_said_once(monkeypatch):
    unsloth = SimpleNamespace(PINNED_MEMORY_AVAILABLE=True)
    monkeypatch.setitem(sys.modules, "unsloth_zoo.gradient_checkpointing", unsloth)
    said = []
    watch = PinnedMemoryWatch(said.append)
    for available in (True, False, False):
        unsloth.PINNED_MEMORY_AVAILABLE = available
        watch.on_log(None, None, None)
    assert said == [PAGEABLE] and "gradient_checkpointing: true" in PAGEABLE
