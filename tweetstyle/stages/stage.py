"""A stage: its inputs, settings, work, and whether it is up to date."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tweetstyle.files import fingerprints
from tweetstyle.manifest import Manifest, why_stale

CHAT_TEMPLATE = "chat template"
"""Among the inputs of prepare, that which is no file: it decides lines, not tweets."""

Done = tuple[list[Path], dict[str, Any]]
"""Outputs, facts worth keeping."""


@dataclass(frozen=True)
class Stage:
    """A step of a run. `inputs` is read when the stage's turn comes, because the stage before makes them."""

    name: str
    manifest: Path
    settings: dict[str, Any]
    inputs: Callable[[], dict[str, str]]
    work: Callable[[], Done]
    less_work: Callable[[Manifest], Done | None] | None = None
    """Updates existing outputs instead of making them again, where only settings changed and these allow it."""

    def why_stale(self) -> str | None:
        return why_stale(self.manifest, self.name, self.settings, self.inputs())

    def _unless_touched(self, inputs: dict[str, str]) -> Manifest | None:
        """The manifest of the existing outputs, if all are unchanged and were made from these files."""
        before = Manifest.read(self.manifest)
        if before is None or why_stale(self.manifest, self.name, before.settings, before.inputs):
            return None
        files_then, files_now = ({k: v for k, v in of.items() if k != CHAT_TEMPLATE} for of in (before.inputs, inputs))
        return before if files_then == files_now else None

    def carry_out(self, force: bool = False) -> None:
        """force: do all of the work, even if outputs exist."""
        inputs = self.inputs()
        before = self._unless_touched(inputs) if self.less_work and not force else None
        self.manifest.unlink(missing_ok=True)
        outputs, facts = (before and self.less_work(before)) or self.work()
        Manifest(self.name, self.settings, inputs, fingerprints(outputs, self.manifest.parent), facts).write(self.manifest)


# -- parts of a stage's work --------------------------------------------------------------------------------


def plain(result: Any, *without: str) -> dict[str, Any]:
    """A verb's result as JSON values, for the manifest."""
    return plain_json({k: v for k, v in asdict(result).items() if k not in without})


def plain_json(value: Any) -> Any:
    """As it comes back from a file."""
    return json.loads(json.dumps(value, default=str))


def show(renderable: Any) -> None:
    from rich.console import Console

    Console().print(renderable, crop=False)
