"""What a stage was made from; written last: where it exists, the stage is complete."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from tweetstyle.files import complete_file, fingerprint, read_back
from tweetstyle.locale import _
from tweetstyle.recipe import Recipe, Section

_ABSENT = object()


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


def changed_settings(old: Any, new: Any) -> list[str]:
    """Dotted keys of the recipe's sections whose values differ.

    A key that `old` lacks is newer than what was stored: it counts as this version's default. A key that `new` lacks exists no more.
    """
    return _changed(old, new, _defaults(Recipe), "")


def _changed(old: Any, new: Any, defaults: Any, key: str) -> list[str]:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [key]
    defaults, changed = defaults if isinstance(defaults, dict) else {}, []
    for name, value in sorted(new.items()):
        default = defaults.get(name, _ABSENT)
        changed += _changed(old.get(name, default), value, default, f"{key}.{name}" if key else name)
    return changed


@cache
def _defaults(section: type[Section]) -> dict[str, Any]:
    """Field → its default as a JSON value, of a section another such object; without the fields that have none."""
    defaults = {}
    for name, info in section.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Section):
            defaults[name] = _defaults(info.annotation)
        elif not info.is_required():
            defaults[name] = TypeAdapter(Any).dump_python(info.get_default(call_default_factory=True), mode="json")
    return defaults
