"""torch.cuda and torch.accelerator answer for the card; autocast to it is the CPU's; SDPA takes the kernel that it would take there."""

import time
import types

import torch
import torch.amp.autocast_mode as autocast_modes

from emulated_card.card import CAPABILITY, NAME, TOTAL, Memory, record, returns

PROPERTIES = types.SimpleNamespace(
    name=NAME, major=CAPABILITY[0], minor=CAPABILITY[1], total_memory=TOTAL, multi_processor_count=28, warp_size=32, is_integrated=0,
    is_multi_gpu_board=0, max_threads_per_multi_processor=1536, max_threads_per_block=1024, regs_per_multiprocessor=65536,
    shared_memory_per_block=49152, shared_memory_per_block_optin=101376, shared_memory_per_multiprocessor=102400, L2_cache_size=2359296,
    gcnArchName="", uuid="GPU-emulated", clock_rate=1777000, memory_clock_rate=7501000, memory_bus_width=192, pci_bus_id=1,
    pci_device_id=0, pci_domain_id=0,
)  # fmt: skip


class Done:
    """A stream, an event, or a device or stream to enter: everything is done when the call returns."""

    device, device_type = torch.device("cuda", 0), 1
    device_index = cuda_stream = stream_id = priority = ptr = idx = at = 0
    wait = wait_stream = wait_event = synchronize = __init__ = __exit__ = returns(None)
    query, is_capturing, __hash__ = returns(True), returns(False), returns(0)

    def __enter__(self):
        return self

    def __eq__(self, other):
        return isinstance(other, Done)

    def record(self, stream=None):
        self.at = time.perf_counter()

    def record_event(self, event=None):
        return event or Done()

    def elapsed_time(self, other):
        return 1000 * (other.at - self.at)


class AnyGenerator(type(torch._C.Generator)):
    def __instancecheck__(cls, thing):
        return isinstance(thing, torch._C.Generator)


class Generator(torch._C.Generator, metaclass=AnyGenerator):
    """Of random numbers: the card's is the CPU's."""

    def __new__(cls, device="cpu"):
        return super().__new__(cls, "cpu" if torch.device(device).type == "cuda" else device)


def reset_peak(device=None):
    Memory.peak = Memory.allocated


def limit_to(fraction, device=None):
    Memory.limit = int(fraction * TOTAL)


def memory_stats(device=None):
    names = ("allocated_bytes.all.current", "reserved_bytes.all.current")
    peaks = ("allocated_bytes.all.peak", "reserved_bytes.all.peak")
    return dict.fromkeys(names, Memory.allocated) | dict.fromkeys(peaks, Memory.peak) | {"num_alloc_retries": 0, "num_ooms": 0}


def each(names, value):
    """Name → a function of its own: torch.compile tells functions apart by which object they are."""
    return {name: returns(value) for name in names.split()}


def change(torch_module):
    stream, random = Done(), torch.Generator()
    of_memory = {
        "memory_allocated": lambda device=None: Memory.allocated, "max_memory_allocated": lambda device=None: Memory.peak,
        "memory_reserved": lambda device=None: Memory.allocated, "max_memory_reserved": lambda device=None: Memory.peak,
        "reset_peak_memory_stats": reset_peak, "reset_max_memory_allocated": reset_peak, "memory_stats": memory_stats,
        "mem_get_info": lambda device=None: (Memory.free(), TOTAL), "set_per_process_memory_fraction": limit_to,
        "memory_summary": returns(""), "get_per_process_memory_fraction": lambda device=None: Memory.limit / TOTAL,
        "host_memory_stats": returns({}),
    } | each("empty_cache reset_accumulated_memory_stats", None)  # fmt: skip
    of_device = {
        "device_count": returns(1), "get_device_name": returns(NAME), "get_device_capability": returns(CAPABILITY),
        "get_device_properties": returns(PROPERTIES), "current_stream": returns(stream), "default_stream": returns(stream),
        "get_arch_list": returns(["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"]),
        "get_rng_state": lambda device=None: random.get_state(), "get_rng_state_all": lambda: [random.get_state()],
        "set_rng_state": lambda state, device=None: random.set_state(state),
        "set_rng_state_all": lambda states: random.set_state(states[0]), "manual_seed": random.manual_seed,
        "manual_seed_all": random.manual_seed, "initial_seed": random.initial_seed,
    }  # fmt: skip
    of_device |= dict.fromkeys(("device", "device_of", "stream", "StreamContext", "Stream", "Event"), Done)
    of_device |= each("init _lazy_init _lazy_call set_device synchronize ipc_collect set_stream seed seed_all", None)
    of_device |= each("is_available is_initialized is_bf16_supported is_tf32_supported", True)
    of_device |= each("_is_in_bad_fork can_device_access_peer is_current_stream_capturing", False)
    of_device |= each("current_device utilization get_sync_debug_mode", 0)
    of_accelerator = {
        "is_available": returns(True), "device_count": returns(1), "current_accelerator": returns(torch.device("cuda")),
        "current_device_index": returns(0), "current_device_idx": returns(0), "current_stream": returns(stream),
        "get_memory_info": of_memory["mem_get_info"],
    } | each("synchronize set_device_index empty_host_cache", None)  # fmt: skip
    for found, *modules in (
        (of_memory | of_device, torch.cuda, torch.cuda.memory, torch.cuda.random),
        (of_memory | of_accelerator, torch.accelerator, torch.accelerator.memory),
    ):
        for name, value in found.items():
            for module in modules:
                if module is torch.cuda or hasattr(module, name):
                    setattr(module, name, value)
    torch.Generator = Generator
    torch.cuda.streams.Stream = torch.cuda.streams.Event = Done
    for name, value in {"getCurrentRawStream": 0, "getDevice": 0, "getDeviceCount": 1, "setDevice": None, "exchangeDevice": 0,
                        "maybeExchangeDevice": 0, "synchronize": None, "isCurrentStreamCapturing": False}.items():  # fmt: skip
        setattr(torch._C, f"_cuda_{name}", returns(value))
    change_autocast()
    torch._fused_sdp_choice = kernel_of_sdpa
    record("torch has the card", NAME)


def change_autocast():
    real = autocast_modes.autocast.__init__

    def begin(self, device_type, dtype=None, enabled=True, cache_enabled=None):
        if device_type == "cuda":
            device_type, dtype = "cpu", dtype or torch.float16
        real(self, device_type, dtype, enabled, cache_enabled)

    def of_cpu(function):
        return lambda device=None: function("cpu" if device in (None, "cuda") else device)

    autocast_modes.autocast.__init__ = begin
    torch.is_autocast_enabled = of_cpu(torch.is_autocast_enabled)
    torch.get_autocast_dtype = of_cpu(torch.get_autocast_dtype)
    torch.get_autocast_gpu_dtype = lambda: torch.get_autocast_dtype("cpu")
    enable, set_dtype = torch.set_autocast_enabled, torch.set_autocast_dtype
    # (enabled) or (device, enabled)
    torch.set_autocast_enabled = lambda first, then=None: enable("cpu", first if then is None else then)
    torch.set_autocast_dtype = lambda device, dtype: set_dtype("cpu", dtype)
    torch.set_autocast_gpu_dtype = lambda dtype: set_dtype("cpu", dtype)


def kernel_of_sdpa(q, k, v, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
    """torch's SDPBackend: flash (1) without a mask in 16 bits, else memory-efficient (2), which knows no grouped heads, or plain (0)."""
    if q.dtype in (torch.bfloat16, torch.float16) and attn_mask is None and q.shape[-1] <= 256:
        return 1
    return 0 if enable_gqa else 2
