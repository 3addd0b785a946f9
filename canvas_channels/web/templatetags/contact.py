"""Addresses and times as pages show them."""

import re
from datetime import UTC, datetime

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WHOLE = 24  # characters that fit into a line on the smallest phone

_ADDRESS = re.compile(r"""([^\s@<>()“”„"',;:]+@[^\s@<>()“”"',;:]+)""")

register = template.Library()


@register.filter
def address(text: str) -> SafeString:
    """An address that is broken after its @ and its dots alone, but for a part that fills a line."""
    parts = re.findall(r"[^@.]*[@.]|[^@.]+", text)
    return format_html(
        '<span class="address">{}</span>', format_html_join(SafeString("<wbr>"), "{}", zip(map(_part, parts)))
    )


def _part(part: str) -> str | SafeString:
    """Letters alone break where they fill a line; a hyphen would let them break before."""
    if part.rstrip("@.").isalnum() or len(part) > WHOLE:
        return part
    return format_html('<span class="whole">{}</span>', part)


@register.filter
def addresses(text: object) -> SafeString:
    """A text, each address in it as :func:`address` shows it."""
    pieces = _ADDRESS.split(str(text))
    shown = [address(piece) if number % 2 else piece for number, piece in enumerate(pieces)]
    return format_html_join("", "{}", zip(shown))


@register.filter
def moment(when: datetime) -> SafeString:
    """In the time zone that is active; a script says how long ago it is."""
    shown = date_format(timezone.localtime(when), "DATETIME_FORMAT")
    return format_html('<time datetime="{}">{}</time>', when.astimezone(UTC).isoformat(), shown)
