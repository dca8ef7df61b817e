"""Records docs/recordings/clone.LANGUAGE.txt: from a clone to a chat in Ollama, as a terminal of 100 columns shows it.

`python -m scripts.record_start fr` (or en) clones the committed project into an empty home, types the commands and answers below, and
writes what the terminal showed, with the time from the first command to the chat's first answer. `make ollama` first.
"""

import os
import re
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "tests"))

from support.ollama import READY, VERSION, OllamaServer  # noqa: E402
from support.terminal import Terminal  # noqa: E402

LONGEST = 3600
SHELL = "you@home:"
SET_UP = [(SHELL, "git clone ADDRESS tweetstyle && cd tweetstyle"), (SHELL, "make base-model"), (SHELL, "source .venv/bin/activate")]
STEPS = {
    "fr": [
        *SET_UP, (SHELL, "tweetstyle start"), ("Quelle archive", "1"), ("Est-ce de ces tweets", ""), ("Nom du style", "Nimzo"),
        ("Quel genre de modèle", "1"), ("Quel modèle de base", ""), ("Entraîner maintenant", "o"), ("Les exécuter maintenant", "o"),
        (READY, "une visite au musée"), (READY, "le brouillard du matin"), (READY, "/bye"), ("La lancer maintenant", "n"),
    ],
    "en": [
        *SET_UP, (SHELL, "tweetstyle start"), ("Which archive?", "1"), ("tweets to learn from?", ""), ("Name of the style", "Nimzo"),
        ("Which kind of model?", "2"), ("Which base model?", ""), ("Train on 100 tweets now?", "y"), ("Run them now?", "y"),
        (READY, "How was the ferry this morning?"), (READY, "What are you reading?"), (READY, "/bye"), ("Start it now?", "n"),
    ],
}  # fmt: skip
"""Language → in order, what is waited for and what is then typed."""


def record(language: str) -> tuple[str, float]:
    """What the terminal showed, and the seconds from the first command to the first answer in Ollama."""
    locale = {"LANG": "C.UTF-8", "LANGUAGE": language}
    with tempfile.TemporaryDirectory() as room:
        home = Path(room) / "home"
        (home / "ollama").mkdir(parents=True)
        (home / ".bashrc").write_text(rf"PS1='{SHELL}\W$ '; bind 'set enable-bracketed-paste off'")
        with OllamaServer(PROJECT / ".cache" / f"ollama-{VERSION}" / "ollama", home / "ollama") as server:
            kept = {name: value for name, value in os.environ.items() if re.match(r"(PIP|UV|SSL|REQUESTS|CUDA)_", name)}
            ollama = {name: value for name, value in server.environment.items() if name.startswith("OLLAMA_")}
            path = f"{server.binary.parent}:{os.environ['PATH']}"
            environment = kept | ollama | locale | {"HOME": str(home), "PATH": path, "TERM": "xterm-256color"}
            terminal = Terminal(["bash", "--rcfile", str(home / ".bashrc"), "-i"], environment, columns=100, directory=home)
            try:
                began, answered = time.monotonic(), 0.0
                waited: dict[str, int] = {}
                for text, typed in [*STEPS[language], (SHELL, "exit")]:
                    waited[text] = waited.get(text, 0) + 1
                    terminal.wait_for(text, waited[text], timeout=LONGEST)
                    if text == READY and waited[text] == 2:
                        answered = time.monotonic() - began
                    terminal.type(typed.replace("ADDRESS", str(PROJECT)))
                screen = terminal.finish(timeout=60)
            finally:
                terminal.close()
        return screen.replace(str(PROJECT), "ADDRESS").replace(str(home), "/home/you"), answered


def main() -> None:
    language = sys.argv[1]
    screen, seconds = record(language)
    path = PROJECT / "docs" / "recordings" / f"clone.{language}.txt"
    path.write_text(screen.rstrip() + "\n", encoding="utf-8")
    print(f"{path}: first answer after {seconds / 60:.1f} minutes")


if __name__ == "__main__":
    main()
