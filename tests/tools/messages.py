"""The catalogues of translations: what ``scripts/messages`` does, and what a test checks.

Babel reads and writes them, so that nobody needs GNU gettext; templates are read by Django's own
``templatize``, as ``makemessages`` does. Both .po and .mo are committed: a wheel, an image and a fresh clone
have the texts without a step that makes them.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from babel import Locale
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

from tests import ROOT

LOCALE = ROOT / "canvas_channels" / "locale"
PACKAGES = ("canvas_channels", "channels_api", "notifications")
NOT_FOR_PEOPLE = ROOT / "canvas_channels" / "demo"
KEYWORDS = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop")),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}
# What a translation keeps: placeholders, and the tags of a page.
FIXED = re.compile(r"%(?:\(\w+\))?[sd]|\{\w*\}|</?\w+[^>]*>")


def languages() -> list[str]:
    """Those that there is a catalogue of; English, which the code is written in, needs none."""
    return sorted(path.parent.parent.name for path in LOCALE.glob("*/LC_MESSAGES/django.po"))


def path_of(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / "django.po"


def texts() -> Catalog:
    """Every message of code and templates, with the files that it is in (no lines: they change too often)."""
    catalog = Catalog()
    for path in sources():
        text = path.read_text()
        if path.suffix != ".py":
            # It was made for xgettext; Python's tokenizer, which Babel uses, minds the indentation.
            text = "\n".join(line.lstrip() for line in templatize(text).splitlines())
        found = extract("python", BytesIO(text.encode()), KEYWORDS, comment_tags=["Translators:"])
        for _line, message, comments, context in found:
            where: Any = [(path.relative_to(ROOT).as_posix(), None)]  # Babel takes files without lines
            catalog.add(message, None, where, auto_comments=comments, context=context)
    return catalog


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*")):
            is_text = path.suffix == ".py" or "templates" in path.parts
            if path.is_file() and is_text and NOT_FOR_PEOPLE not in path.parents:
                yield path


def read(language: str) -> Catalog:
    with path_of(language).open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def write(language: str, catalog: Catalog) -> None:
    """The catalogue and what Django reads of it, in an order that keeps two people's changes apart."""
    with path_of(language).open("wb") as file:
        write_po(file, catalog, width=100, sort_output=True, include_lineno=False, ignore_obsolete=True)
    with path_of(language).with_suffix(".mo").open("wb") as file:
        write_mo(file, catalog)


def update() -> None:
    """Bring every language's catalogue in line with the code; what is new in it waits for its translation."""
    found = texts()
    for language in languages():
        catalog = read(language)
        catalog.update(found, no_fuzzy_matching=True, update_creation_date=False)
        write(language, catalog)


def add_language(language: str) -> None:
    """An empty catalogue, whose header says how the language forms its plurals."""
    path_of(language).parent.mkdir(parents=True)
    name = Locale.parse(language).get_language_name("en")
    catalog = Catalog(
        language,
        header_comment=f"# {name} texts of canvas_channels.",
        project="canvas_channels",
        version="0.1.0",
        msgid_bugs_address="",
        last_translator="canvas_channels contributors",
        language_team=name,
        revision_date=datetime.now(UTC),
        fuzzy=False,
    )
    write(language, catalog)


def problems(language: str) -> list[str]:
    """What keeps a language's catalogue from being whole, a line for each message."""
    have, want = read(language), texts()
    found = [f"{message.id!r} {problem}" for message in want if (problem := problem_of(message, have))]
    gone = (message.id for message in have if message.id and not _find(want, message))
    found += [f"{text!r} is in no code any more" for text in gone]
    with path_of(language).with_suffix(".mo").open("rb") as file:
        if strings(read_mo(file)) != strings(have):
            found.append("django.mo is older than django.po")
    return found


def strings(catalog: Catalog) -> set[tuple[str, ...]]:
    return {(_context(row), *_each(row.id), *_each(row.string)) for row in catalog if row.id}


def _context(message: Message) -> str:
    """Babel leaves that of a .mo in bytes."""
    found: Any = message.context or ""
    return found.decode() if isinstance(found, bytes) else str(found)


def _each(text: str | Sequence[str] | None) -> Sequence[str]:
    """All the forms of a message that has a plural; the one of another."""
    return (text,) if isinstance(text, str) else text or ("",)


def _find(catalog: Catalog, message: Message) -> Message | None:
    return catalog.get(message.id, message.context)


def problem_of(message: Message, have: Catalog) -> str:
    """What is wrong with a message's translation; "": nothing."""
    if not message.id:
        return ""
    known = _find(have, message)
    if known is None:
        return "is missing"
    if known.fuzzy:
        return "is marked as fuzzy"
    originals, translated = _each(message.id), _each(known.string)
    if not all(translated) or (len(originals) > 1 and len(translated) != have.num_plurals):
        return "is not translated"
    if {_fixed(text) for text in translated} != {_fixed(text) for text in originals}:
        return "has other placeholders or tags in its translation"
    return ""


def _fixed(text: str) -> tuple[str, ...]:
    return tuple(sorted(FIXED.findall(text)))


if __name__ == "__main__":
    for new in sys.argv[1:]:
        add_language(new)
    update()
    for each in languages():
        for problem in problems(each):
            sys.stdout.write(f"{each}: {problem}\n")
