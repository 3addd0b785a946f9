"""What the documents say, for the tests that do it."""

import re
import shlex
from collections.abc import Iterator
from typing import NamedTuple

from tests import ROOT


class Block(NamedTuple):
    """A fenced block: the document's path in the repository, the heading above it, and what is inside."""

    document: str
    heading: str
    language: str
    text: str


def documents() -> list[str]:
    """The paths of all Markdown files that people read."""
    return sorted(str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))


def read(document: str) -> str:
    return (ROOT / document).read_text()


def fenced_blocks(document: str) -> Iterator[Block]:
    """In their order; blocks inside of lists are unindented."""
    heading = ""
    for title, indent, language, text in re.findall(
        r"^#+ ([^\n]+)$|^( *)```(\w*)\n(.*?)^ *```$", read(document), re.MULTILINE | re.DOTALL
    ):
        if title:
            heading = title
        else:
            yield Block(document, heading, language, re.sub(f"^{indent}", "", text, flags=re.MULTILINE))


def commands(document: str, heading: str) -> list[str]:
    """The shell blocks under a heading, at least one."""
    found = [
        block.text for block in fenced_blocks(document) if block.heading == heading and block.language == "sh"
    ]
    assert found, f"{document} has no commands under {heading!r}"
    return found


def manage(block: str) -> Iterator[list[str]]:
    """The arguments of each ``python manage.py`` in a block."""
    for line in block.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:2] == ["python", "manage.py"]:
            yield words[2:]
