"""HTML that somebody else wrote, made safe to be a part of a mail and of a page."""

from typing import Any

import nh3

# Text, lists, tables and links. Nothing that loads, runs, or looks like the mail around it.
_TAGS = {
    *("a", "abbr", "b", "blockquote", "br", "caption", "code", "dd", "del", "div", "dl", "dt", "em"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "ins", "kbd", "li", "ol", "p", "pre", "q", "s", "samp"),
    *("small", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u"),
    *("ul", "var"),
}
_ATTRIBUTES = {
    "*": {"dir", "lang"},
    "a": {"href"},
    "abbr": {"title"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
}
_OPTIONS: dict[str, Any] = {
    "tags": _TAGS,
    "attributes": _ATTRIBUTES,
    "url_schemes": {"http", "https", "mailto"},
    "url_relative": "deny",  # a mail has no address of its own
}

_cleaner = nh3.Cleaner(**_OPTIONS)


def sanitised(html: str) -> str:
    """By an allow-list; the text of what is not on it stays, but for scripts and styles.

    Empty where nothing is left to see.
    """
    return _cleaner.clean(html).strip()
