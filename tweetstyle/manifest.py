"""What a stage was made from; written last: where it exists, the stage is complete."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tweetstyle.files import complete_file, fingerprint, read_back
from tweetstyle.locale import _


def settings_digest(settings: Any) -> str:
    """SHA-256 of the canonical JSON of plain values: the same settings in another order are the same."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True)
class Manifest:
    """settings: plain JSON values; inputs, outputs: path (outputs relative to the manifest) → fingerprint; facts: results worth keeping."""

    stage: str
    settings: dict[str, Any]
    inputs: dict[str, str]
    outputs: dict[str, str]
    facts: dict[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        with complete_file(path) as stream:
            json.dump(self.__dict__, stream, indent=2, ensure_ascii=False)

    @classmethod
    def read(cls, path: Path) -> Manifest | None:
        """The manifest at `path`, or None where there is none that can be read: the stage then counts as not done."""
        return read_back(path, cls)


def why_stale(path: Path, stage: str, settings: dict[str, Any], inputs: dict[str, str]) -> str | None:
    """None if the stage's outputs exist and were made from exactly this; else the reason, for the screen."""
    manifest = Manifest.read(path)
    if manifest is None or manifest.stage != stage:
        return _("no complete result yet")
    if changed := changed_settings(manifest.settings, json.loads(json.dumps(settings))):
        return _("changed in the recipe: {keys}", keys=", ".join(changed))
    if manifest.inputs != inputs:
        differing = sorted(k for k in manifest.inputs.keys() | inputs.keys() if manifest.inputs.get(k) != inputs.get(k))
        return _("changed input: {files}", files=", ".join(differing))
    for name, digest in manifest.outputs.items():
        file = path.parent / name
        if not file.is_file():
            return _("missing output: {file}", file=file)
        if fingerprint(file) != digest:
            return _("changed output: {file}", file=file)
    return None


def changed_settings(old: Any, new: Any, key: str = "") -> list[str]:
    """Dotted keys whose values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            changed
            for name in sorted(old.keys() | new.keys())
            for changed in changed_settings(old.get(name), new.get(name), f"{key}.{name}" if key else name)
        ]
    return [] if old == new else [key]
