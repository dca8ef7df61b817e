"""Builds the emulated driver from fake_cuda.c and the environment's own CUDA packages, and the environment to run under it."""

import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).with_name("fake_cuda.c")
LIBRARIES = ("libcudart.so.13", "libcublas.so.13", "libcublasLt.so.13")
NVML = (
    "nvmlInit nvmlInit_v2 nvmlShutdown nvmlDeviceGetHandleByPciBusId_v2 nvmlDeviceGetComputeRunningProcesses "
    "nvmlDeviceGetNvLinkRemoteDeviceType nvmlDeviceGetNvLinkRemotePciInfo_v2 nvmlDeviceGetGpuFabricInfoV nvmlSystemGetCudaDriverVersion_v2"
).split()
"""What PyTorch looks up of NVML (c10/cuda/driver_api.h)."""
NEW_HANDLES = (
    "cudaStreamCreate cudaStreamCreateWithFlags cudaStreamCreateWithPriority cudaEventCreate cudaEventCreateWithFlags cudaLibraryLoadData "
    "cudaLibraryGetKernel cudaDeviceGetDefaultMemPool cuDevicePrimaryCtxRetain cuCtxGetCurrent cuModuleLoadData cuModuleLoadDataEx "
    "cuModuleGetFunction cublasCreate_v2 cublasLtCreate cublasLtMatmulDescCreate cublasLtMatmulPreferenceCreate cublasLtMatrixLayoutCreate"
).split()
"""Functions whose first argument receives something new."""


def build_driver(directory: Path) -> Path:
    """Compiles the driver into `directory`, which is made. Raises CalledProcessError with the compiler's words."""
    directory.mkdir(parents=True, exist_ok=True)
    packages = Path(sysconfig.get_paths()["purelib"])
    cuda = packages / "nvidia" / "cu13"
    stubs = directory / "stubs.c"
    stubs.write_text("\n".join(_stubs(cuda)) + "\n")
    compiler = os.environ.get("CC", "cc")
    includes = [f"-I{cuda / 'include'}", f"-I{packages / 'triton' / 'backends' / 'nvidia' / 'include'}"]
    command = [compiler, "-O1", "-fPIC", "-shared", "-w", *includes, "-Wl,-soname,libcuda.so.1", "-o", directory / "libcuda.so.1"]
    subprocess.run([*command, SOURCE, stubs, "-ldl", "-lpthread"], check=True, capture_output=True, text=True)
    shutil.copyfile(directory / "libcuda.so.1", directory / "libnvidia-ml.so.1")
    return directory


def _stubs(cuda: Path) -> Iterator[str]:
    """C of a weak `return 0` for every function of the CUDA driver and runtime, of cuBLAS and of the NVML that PyTorch calls."""
    names = set(NVML)
    for library in LIBRARIES:
        table = subprocess.run(["nm", "-D", "--defined-only", cuda / "lib" / library], check=True, capture_output=True, text=True).stdout
        names |= set(re.findall(r"(?m) [TW] ((?:__)?cuda[A-Z]\w*|cublas\w*)(?:@|$)", table))
    driver = set(re.findall(r"CUDAAPI\s+(cu[A-Z]\w*)\s*\(", (cuda / "include" / "cuda.h").read_text()))
    names |= driver | {name + version for name in driver for version in ("_v2", "_v3", "_v4", "_ptsz")}
    yield "void *next_handle(void) { static unsigned long n = 4096; return (void *)__sync_add_and_fetch(&n, 16); }"
    for name in sorted(names):
        body = "*out = next_handle(); return 0;" if name in NEW_HANDLES else "return 0;"
        yield f"__attribute__((weak)) int {name}(void **out) {{ {body} }}"


def card_environment(driver: Path) -> dict[str, str]:
    """The environment of a process on the emulated card, to be added to this one's. driver: the directory of `build_driver`."""
    return {
        "LD_PRELOAD": str(driver / "libcuda.so.1"),
        "LD_LIBRARY_PATH": str(driver),
        "TRITON_LIBCUDA_PATH": str(driver),
        "CUDA_VISIBLE_DEVICES": "0",
    }
