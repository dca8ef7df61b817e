"""Triton's driver for the card: its kernels run in Triton's interpreter (TRITON_INTERPRET=1)."""

import torch
import triton
from triton.backends.compiler import GPUTarget

from emulated_card.card import CAPABILITY, returns


class Driver:
    get_current_target = returns(GPUTarget("cuda", 10 * CAPABILITY[0] + CAPABILITY[1], 32))
    get_current_device = get_current_stream = returns(0)
    get_device_capability, set_current_device = returns(CAPABILITY), returns(None)
    get_active_torch_device, get_device_interface = (lambda _: torch.device("cuda", 0)), (lambda _: torch.cuda)

    class utils:
        get_device_properties = returns({
            "max_shared_mem": 101376, "multiprocessor_count": 28, "warpSize": 32, "max_num_regs": 65536, "sm_clock_rate": 1777000,
            "mem_clock_rate": 7501000, "mem_bus_width": 192,
        })  # fmt: skip


def change(module):
    triton.runtime.driver.set_active(Driver())
