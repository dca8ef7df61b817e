"""A message in English and French: the same places and figures, and nothing left in English."""

import re

from click.testing import CliRunner

THE_FIELDS_OWN = set(
    """format chat custom inst text playback message prompt data source style model base training export sampling evaluation machine
    language url ollama gguf system topic true false csv json zip utf excel iso tweet tweets lines window ytd part token tokens
    batch checkpoint html http localhost host port likely languages first words manifest nul info type types train test keep
    positions modelfile proj gate down validation archive page web texte mars utc created mini retweet retweets note description
    recipes docs recipe schema yaml mine""".split()
)
"""Names, keys, commands and words that are the same in both languages."""
_WORD, _FIGURE = re.compile(r"[a-z]{3,}"), re.compile(r"\d+")


def both(command, *arguments: str, code: int = 1) -> tuple[str, str]:
    """What a command prints in English and in French. It ends with `code` and without a traceback."""
    said = []
    for language in ("en", "fr"):
        result = CliRunner().invoke(command, [*arguments, "--lang", language])
        assert result.exit_code == code and (code == 0 or isinstance(result.exception, SystemExit)), result.output
        assert "Traceback" not in result.output
        said.append(result.output)
    return said[0], said[1]


def left_in_english(english: str, french: str, given: str = "") -> set[str]:
    """Words of the French message that the English one has too, but those of `given`, what the user wrote, and the field's own."""
    words = [set(_WORD.findall(text.casefold())) for text in (english, french, given)]
    return words[0] & words[1] - words[2] - THE_FIELDS_OWN


def figures(text: str) -> list[str]:
    """All numbers, without the signs between thousands."""
    return sorted(_FIGURE.findall(re.sub(r"(?<=\d)[,\u202f](?=\d{3})", "", text)))
