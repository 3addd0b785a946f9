"""Text that people paste: what cannot be seen at its ends is no part of it."""

import re
import unicodedata

# Fillers and variation selectors: invisible, but of no category that says so.
_FILLER = re.compile(
    r"[\u034f\u115f\u1160\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def trim(text: str) -> str:
    """Without what is invisible at its ends: white space, and what is pasted along, as U+200B or U+FEFF."""
    start, end = 0, len(text)
    while start < end and _is_invisible(text[start]):
        start += 1
    while start < end and _is_invisible(text[end - 1]):
        end -= 1
    return text[start:end]


def _is_invisible(character: str) -> bool:
    """Control characters that are no white space are none: they belong to no name, so they are refused."""
    blank = character.isspace() or unicodedata.category(character) == "Cf"
    return blank or _FILLER.match(character) is not None
