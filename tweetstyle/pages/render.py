"""HTML pages from jinja2 templates. Nothing in a page is loaded from elsewhere."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from tweetstyle.console import percent, size
from tweetstyle.locale import in_language, localised
from tweetstyle.text.visible import visible

if TYPE_CHECKING:
    from jinja2 import Environment

SECURITY = "default-src 'none'; style-src 'unsafe-inline'"
"""The page may load nothing and run nothing, whatever an archive contains."""


def render(template: str, *, language: str, sheets: tuple[str, ...] = (), security: str = SECURITY, **values: Any) -> str:
    """A page; every value is escaped, and hidden characters in it are written out.

    Args:
        template: file in pages/templates.
        language: of the page, its messages and its numbers.
        sheets: style sheets besides pages/style.css, by their paths in the package.
        security: the page's Content-Security-Policy.

    Raises:
        LookupError: where a value has not what the template shows of it.
    """
    from jinja2 import UndefinedError

    try:
        with in_language(language):
            page = _environment().get_template(template)
            return page.render(language=language, sheet=style_sheet(*sheets), security=security, **values)
    except UndefinedError as error:
        raise LookupError(f"{template}: {error}") from error


def fragment(template: str, **values: Any) -> str:
    """A part of a page, escaped, to be put into it as it is."""
    return _environment().get_template(template).render(**values)


def style_sheet(*sheets: str) -> str:
    return "".join(asset(path) for path in ("pages/style.css", *sheets))


@cache
def asset(path: str) -> str:
    """A text file of the package, by its path in it."""
    return files("tweetstyle").joinpath(path).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("tweetstyle.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    environment.filters |= {"thousands": lambda number: localised(f"{number:,}"), "percent": percent, "size": size}
    return environment
