"""Addresses and times as pages show them."""

import re
from datetime import UTC, datetime

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WHOLE = 24  # characters that fit into a line on the smallest phone

register = template.Library()


@register.filter
def address(text: str) -> SafeString:
    """An address that is broken after its @ and its dots alone, but for a part that fills a line."""
    parts = re.findall(r"[^@.]*[@.]|[^@.]+", text)
    shown = format_html_join(
        SafeString("<wbr>"),
        '<span class="{}">{}</span>',
        (("whole" if len(part) <= WHOLE else "long", part) for part in parts),
    )
    return format_html('<span class="address">{}</span>', shown)


@register.filter
def moment(when: datetime) -> SafeString:
    """In the time zone that is active; a script says how long ago it is."""
    shown = date_format(timezone.localtime(when), "DATETIME_FORMAT")
    return format_html('<time datetime="{}">{}</time>', when.astimezone(UTC).isoformat(), shown)
