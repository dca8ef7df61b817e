"""llama_model_quantize of the llama.cpp inside Ollama's sources, which no Python package exports: its mixtures, its bytes."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

from support.ollama import VERSION

MAIN = Path(__file__).with_name("main.go")
FLAGS = "-O3 -march=x86-64-v3 -ffp-contract=off" if platform.machine() == "x86_64" else "-O3 -ffp-contract=off"
"""Those of the Makefile's `ollama`: the same build cache serves, and no multiplication is fused with an addition."""


class LlamaQuantize:
    """The program, built in `room` (an empty directory) from the sources that `make ollama` fetched; a second, where its
    build cache is still there, else three minutes. Raises FileNotFoundError where Go or the sources are missing."""

    def __init__(self, room: Path) -> None:
        go = shutil.which("go")
        if go is None:
            raise FileNotFoundError("Go is not installed")
        cache = subprocess.run([go, "env", "GOMODCACHE"], capture_output=True, text=True, check=True).stdout.strip()
        sums = Path(cache) / "github.com" / "ollama" / f"ollama@v{VERSION}" / "go.sum"
        shutil.copyfile(sums, room / "go.sum")
        shutil.copyfile(MAIN, room / "main.go")
        (room / "go.mod").write_text(f"module quantize\n\ngo 1.24.0\n\nrequire github.com/ollama/ollama v{VERSION}\n")
        environment = os.environ | {"CGO_ENABLED": "1", "CGO_CFLAGS": FLAGS, "CGO_CXXFLAGS": FLAGS, "GOTOOLCHAIN": "local"}
        environment |= {"GOPROXY": "off", "GOFLAGS": "-buildvcs=false -mod=mod"}
        self.binary = room / "quantize"
        command = [go, "build", "-o", str(self.binary), "."]
        done = subprocess.run(command, cwd=room, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise FileNotFoundError(f"llama.cpp's quantiser could not be built: {done.stderr[-1000:]}")

    def __call__(self, source: Path, target: Path, file_type: int) -> None:
        """Quantises a GGUF in F32 or F16; file_type: a number of gguf.LlamaFileType."""
        command = [str(self.binary), str(source), str(target), str(int(file_type))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            raise RuntimeError(f"llama_model_quantize: {done.stderr[-1000:]}")
