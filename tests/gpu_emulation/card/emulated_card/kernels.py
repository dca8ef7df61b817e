"""Triton's driver for the card: its kernels run in Triton's interpreter (TRITON_INTERPRET=1)."""

import torch
import triton
from triton.backends.compiler import GPUTarget

from emulated_card.card import CAPABILITY


class Driver:
    class utils:
        @staticmethod
        def get_device_properties(device=0):
            return {
                "max_shared_mem": 101376, "multiprocessor_count": 28, "warpSize": 32, "max_num_regs": 65536, "sm_clock_rate": 1777000,
                "mem_clock_rate": 7501000, "mem_bus_width": 192,
            }  # fmt: skip

    def get_current_target(self):
        return GPUTarget("cuda", 10 * CAPABILITY[0] + CAPABILITY[1], 32)

    def get_current_device(self):
        return 0

    def get_current_stream(self, device=0):
        return 0

    def set_current_device(self, device): ...

    def get_device_capability(self, device=0):
        return CAPABILITY

    def get_active_torch_device(self):
        return torch.device("cuda", 0)

    def get_device_interface(self):
        return torch.cuda


def change(module):
    triton.runtime.driver.set_active(Driver())
