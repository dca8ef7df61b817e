"""What tests of several sources share."""

MENDED = "\0\r\x1b\xad\u200b\u2060\ufeff\u2066\u2067\u2068\u2069\ufffdÃÂâðïÅÄ√Γ¬‚├"
"""Characters that are replaced, taken out, or may be a sign of a wrong encoding: any other text stays as it is."""


def has_no_marks(text: str) -> bool:
    """Whether a text is without the marks of older tools, <|startoftext|> and <|endoftext|>, which are taken off."""
    return "oftext|>" not in text
