"""Looking notifications and categories up by the slugs that clients know them by."""

from collections.abc import Collection
from typing import TypeVar

from django.db.models import Q, QuerySet

from channels_api.errors import NotFound
from notifications.preferences.models import Notification, NotificationCategory

Row = TypeVar("Row")

ALWAYS = frozenset({"registration", "migration"})  # categories that nobody can switch off


class NotInCatalogue(NotFound):
    """No such notification, or no such category."""


def notifications() -> "QuerySet[Notification]":
    """All of them, with their categories, in the catalogue's order."""
    return Notification.objects.select_related("category").order_by("category__position", "category", "id")


def rows_named(slugs: Collection[str]) -> "QuerySet[Notification]":
    """Those of ``slugs`` that there are."""
    return notifications().filter(slug__in=_storable(slugs))


def notifications_named(slugs: Collection[str]) -> list[Notification]:
    """In the order of ``slugs``. Raises :class:`NotInCatalogue` where one is unknown."""
    found = {row.slug: row for row in rows_named(slugs)}
    return _all(found, slugs)


def notification_called(name: str) -> Notification | None:
    """The one with this slug, else with this name."""
    found = notifications().filter(Q(slug=name) | Q(name=name)) if "\x00" not in name else ()
    return min(found, key=lambda row: row.slug != name, default=None)


def categories_named(slugs: Collection[str]) -> list[NotificationCategory]:
    """In the order of ``slugs``. Raises :class:`NotInCatalogue` where one is unknown."""
    found = {row.slug: row for row in NotificationCategory.objects.filter(slug__in=_storable(slugs))}
    return _all(found, slugs)


def notifications_of(category: str) -> list[Notification]:
    """Those of a category, by its slug. Raises :class:`NotInCatalogue` where there are none."""
    found = list(notifications().filter(category__slug__in=_storable([category])))
    if not found:
        raise NotInCatalogue
    return found


def category_slugs() -> list[str]:
    """Of the categories that hold a notification, in the catalogue's order."""
    return list(dict.fromkeys(notifications().values_list("category__slug", flat=True)))


def _storable(slugs: Collection[str]) -> list[str]:
    """PostgreSQL has no text with a NUL, and would refuse to look for one."""
    return [slug for slug in slugs if "\x00" not in slug]


def _all(found: dict[str, Row], slugs: Collection[str]) -> list[Row]:
    if any(slug not in found for slug in slugs):
        raise NotInCatalogue
    return [found[slug] for slug in slugs]
