"""The JSON files of a base model: config.json, the index of its shards, its tokenizer's settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tweetstyle.errors import TweetstyleError
from tweetstyle.model.hub import how_to_complete, how_to_replace


def read_json(path: Path) -> dict[str, Any]:
    """An object. Raises TweetstyleError for a file that is missing or none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise TweetstyleError(f"there is no {path.name}", where=str(path.parent), hint=how_to_complete(path.parent)) from error
    except ValueError as error:
        raise TweetstyleError(f"not JSON ({error})", where=str(path), hint=how_to_replace(path.parent, path.name)) from error
    if not isinstance(content, dict):
        raise TweetstyleError("not a JSON object", where=str(path), hint=how_to_replace(path.parent, path.name))
    return content
