"""Part 4: base and adapter of Llama 3 8B's shapes to one q4_k_m GGUF: seconds, memory of the machine, disk."""

import os
import tempfile
from pathlib import Path

from bench.export_8b import ours
from bench.gpu.shared import begin, llama3, write_result


def main(arguments: list[str] | None = None) -> None:
    with begin("export", arguments) as bench:
        llama3(bench)
        with tempfile.TemporaryDirectory(dir=bench.models) as room:
            figures = ours(bench.models, Path(room))
        write_result(bench, "export", {"cores": len(os.sched_getaffinity(0)), "type": "q4_k_m", **figures})
