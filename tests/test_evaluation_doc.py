"""docs/evaluation.md names the settings of an evaluation as the recipe calls them."""

from __future__ import annotations

import re
from pathlib import Path

from tweetstyle.recipe import Data, Evaluation, Training

TEXT = (Path(__file__).parents[1] / "docs" / "evaluation.md").read_text(encoding="utf-8")


def test_every_setting_is_named_and_every_name_is_a_setting() -> None:
    for key in Evaluation.model_fields:
        assert f"`{key}`" in TEXT or f"`evaluation.{key}`" in TEXT
    sections = {"data": Data, "training": Training, "evaluation": Evaluation}
    for section, key in re.findall(r"`(data|training|evaluation)\.(\w+)`", TEXT):
        assert key in sections[section].model_fields or f"{section}.{key}" == "evaluation.json", f"{section}.{key}"
