"""What Python and libraries say is wrong with a file, in the reader's language."""

from tweetstyle.locale import N_, _

KNOWN = (
    # OSError.strerror
    N_("Permission denied"),
    N_("Is a directory"),
    N_("Not a directory"),
    N_("No such file or directory"),
    N_("No space left on device"),
    N_("Input/output error"),
    N_("Read-only file system"),
    # UnicodeDecodeError.reason
    N_("invalid start byte"),
    N_("invalid continuation byte"),
    N_("unexpected end of data"),
    N_("truncated data"),
    N_("illegal encoding"),
    N_("character maps to <undefined>"),
    # JSONDecodeError.msg
    N_("Expecting value"),
    N_("Expecting ',' delimiter"),
    N_("Expecting ':' delimiter"),
    N_("Expecting property name enclosed in double quotes"),
    N_("Unterminated string starting at"),
    N_("Invalid control character at"),
    N_("Invalid \\escape"),
    N_("Extra data"),
    N_("maximum recursion depth exceeded while decoding a JSON array from a unicode string"),
    N_("maximum recursion depth exceeded while decoding a JSON object from a unicode string"),
    # csv
    N_("',' expected after '\"'"),
    N_("';' expected after '\"'"),
    N_("'\t' expected after '\"'"),
    # zipfile, zlib
    N_("File is not a zip file"),
    N_("Error -3 while decompressing data: invalid distance too far back"),
    # pydantic
    N_("Field required"),
    N_("Input should be a valid string"),
    N_("Input should be a valid integer"),
    N_("Input should be a valid list"),
    N_("Input should be an object"),
    N_("String should match pattern '^[0-9]{1,20}$'"),
    # PyYAML
    N_("mapping values are not allowed here"),
    N_("could not find expected ':'"),
    N_("found character '\\t' that cannot start any token"),
    N_("found unexpected end of stream"),
    N_("expected <block end>, but found '<block mapping start>'"),
    N_("expected <block end>, but found '<scalar>'"),
    N_("expected ',' or '}', but got '<stream end>'"),
    N_("expected ',' or ']', but got '<stream end>'"),
    N_("expected ',' or '}', but got ':'"),
    N_("expected ',' or ']', but got ':'"),
    N_("expected <block end>, but found '-'"),
    N_("expected <block end>, but found '?'"),
    N_("expected ',' or '}', but got '<scalar>'"),
    N_("expected ',' or ']', but got '<scalar>'"),
    N_("sequence entries are not allowed here"),
    N_("found character '@' that cannot start any token"),
    N_("found character '%' that cannot start any token"),
    N_("found character '`' that cannot start any token"),
)
"""Those that damaged and mistyped files give; `_` finds each by its text, and leaves any other in English."""


def reason(error: BaseException) -> str:
    """Why, without the file's name, which the message has."""
    said = next((text for name in ("strerror", "msg", "reason", "problem") if (text := getattr(error, name, None))), None) or str(error)
    column = getattr(error, "colno", None)
    return _("{reason}, column {number}", reason=_(said), number=column) if column else _(said)
