"""Part 0: the models of random weights, which all other parts use: 16 GB."""

from bench.gpu.shared import begin, llama3


def main(arguments: list[str] | None = None) -> None:
    with begin("models", arguments) as bench:
        llama3(bench)
