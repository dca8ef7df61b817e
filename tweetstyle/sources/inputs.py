"""Which files of a source its tweets depend on: what has to change before it is read again."""

from __future__ import annotations

import re
from pathlib import Path

from tweetstyle.sources.folder_source import FolderMembers

_OF_X = re.compile(r"(?:manifest|account|(?:(?:note|community)[-_])?tweets?(?:-part\d+)?)\.js")
"""Names of the files that hold tweets or say which files do and who wrote them."""


def files_of(source: Path) -> list[Path]:
    """The file itself; of a folder, the files in it, or one folder deeper, from which tweets are read, in a fixed order.

    Raises TweetstyleError for a folder that cannot be read.
    """
    if not source.is_dir():
        return [source]
    # The very names among which the reader of archives chooses: none that it reads can be missing here.
    members = [source / name for name in FolderMembers(source).names if _OF_X.fullmatch(name.rpartition("/")[2])]
    return sorted(file for file in (source / "tweets.csv", *members) if file.is_file())
