"""python -m bench.gpu PART… [OPTIONS]"""

import importlib
import sys

from tweetstyle.offline import keep_offline

PARTS = ("models", "fits", "speed", "plan", "context", "generate", "export")


def main() -> None:
    words = sys.argv[1:]
    options = next((place for place, word in enumerate(words) if word.startswith("-")), len(words))
    parts, options = words[:options], words[options:]
    if not parts or (unknown := set(parts) - set(PARTS)):
        sys.exit(f"{' '.join(unknown) if parts else 'nothing'} is no part: {', '.join(PARTS)}")
    keep_offline()
    for part in parts:
        importlib.import_module(f"bench.gpu.{part}").main(options)


if __name__ == "__main__":
    main()
