"""What Python and libraries say is wrong with a file, in the reader's language."""

from tweetstyle.locale import _


def reason(error: BaseException) -> str:
    """Why, without the file's name, which the message has. scripts/library_messages.yaml lists what is translated."""
    found = next((text for name in ("strerror", "msg", "reason", "problem") if (text := getattr(error, name, None))), None) or str(error)
    column = getattr(error, "colno", None)
    return _("{reason}, column {number}", reason=_(found), number=column) if column else _(found)
