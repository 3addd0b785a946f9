"""Account-wide defaults of preferences, per category and type of channel, and which categories are mandatory.

Knows nothing of HTTP.

A change is one row for the category and type, whatever the number of users: each channel's default is
looked up when it is asked for. Who chose a frequency for themselves keeps it.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Q
from django.utils import timezone

from canvas_channels.core.identity.callers import Caller
from canvas_channels.core.identity.models import Account
from channels_api import audit
from channels_api.audit import Action
from channels_api.models import CommunicationChannel
from notifications.preferences import catalogue, mandatory
from notifications.preferences.checks import check_frequency, check_type
from notifications.preferences.models import NotificationCategory, NotificationPreferenceDefault

Type = CommunicationChannel.Type
Key = tuple[int, str]  # a category's id, and a type of channel


class Change(NamedTuple):
    """What is asked for: a category by its slug, a type of channel, a frequency; None: not given.

    ``mandatory`` is of the category, and may come alone.
    """

    category: str
    type: str | None
    frequency: str | None
    mandatory: bool | None = None

    @property
    def sets_frequency(self) -> bool:
        return self.mandatory is None or (self.type, self.frequency) != (None, None)


class Default(NamedTuple):
    """What holds in an account; ``inherited``: the account has set nothing, the catalogue's counts."""

    category: str
    type: str
    frequency: str
    inherited: bool
    mandatory: bool

    def shown(self) -> dict[str, Any]:
        """As the API shows it: ``mandatory`` only where the category is."""
        shown = self._asdict()
        return shown if self.mandatory else {key: shown[key] for key in shown if key != "mandatory"}


def of_channel(channel: CommunicationChannel) -> dict[int, str]:
    """The frequencies that the user's home account set for such a channel, by the category's id."""
    reaching = Q(applies_from=None) | Q(applies_from__lte=channel.created_at)
    rows = NotificationPreferenceDefault.objects.filter(
        reaching, account=channel.user.home_account_id, type=channel.type
    )
    newest = rows.order_by("category", "-id").distinct("category")
    return dict(newest.values_list("category_id", "frequency"))


def of_account(account: Account) -> list[Default]:
    """The default of each category and type, for a channel made now; two statements."""
    own = _newest(account)
    categories = NotificationCategory.objects.annotate(mandatory=mandatory.made_by(account.pk, "pk"))
    return [
        Default(
            category.slug,
            type_,
            own.get((category.pk, type_), category.default_frequency),
            inherited=(category.pk, type_) not in own,
            mandatory=category.mandatory,
        )
        for category in categories.order_by("position", "id")
        for type_ in Type.values
    ]


def change(
    caller: Caller, account: Account, changes: Collection[Change], *, apply_to_existing: bool
) -> list[Default]:
    """Set defaults, all of them or none; answers what was set, and all of a category that is mandatory now.

    ``apply_to_existing``: they hold for every channel whose owner chose nothing; else only for
    channels made from now on. A category and type named twice: the last one counts. Raises
    :class:`NotInCatalogue` for an unknown category, :class:`InvalidValue` for what is no type or
    frequency. Runs in the caller's transaction.
    """
    rows = catalogue.categories_named({change.category for change in changes})
    categories = {row.slug: row.pk for row in rows}
    wanted = {
        (change.category, check_type(change.type)): check_frequency(change.frequency)
        for change in changes
        if change.sets_frequency
    }
    marked = {change.category: change.mandatory for change in changes if change.mandatory is not None}
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)  # the newest row is the latest call's
    new = {(categories[slug], type_): frequency for (slug, type_), frequency in wanted.items()}
    if apply_to_existing and new:
        _forget(account, new)
    _add(account, new, None if apply_to_existing else timezone.now())
    mandatory.change(account, {categories[slug]: on for slug, on in marked.items()})
    held = {(default.category, default.type): default for default in of_account(account)}
    whole = [(slug, str(type_)) for slug in marked for type_ in Type.values]
    answer = [held[key] for key in dict.fromkeys([*wanted, *whole])]
    audit.record(
        caller,
        Action.SET_PREFERENCE_DEFAULTS,
        user_id=None,
        account_id=account.pk,
        apply_to_existing=apply_to_existing,
        set=[held[key].shown() for key in wanted],
        mandatory=marked,
    )
    return answer


def _newest(account: Account) -> dict[Key, str]:
    rows = NotificationPreferenceDefault.objects.filter(account=account)
    newest = rows.order_by("type", "category", "-id").distinct("type", "category")
    return {
        (category, type_): frequency
        for category, type_, frequency in newest.values_list("category_id", "type", "frequency")
    }


def _add(account: Account, new: Mapping[Key, str], applies_from: datetime | None) -> None:
    """Add rows, but for those that would say again what the newest ones say."""
    newest = _newest(account)
    NotificationPreferenceDefault.objects.bulk_create(
        NotificationPreferenceDefault(
            account=account, category_id=key[0], type=key[1], frequency=frequency, applies_from=applies_from
        )
        for key, frequency in new.items()
        if newest.get(key) != frequency
    )


def _forget(account: Account, new: Collection[Key]) -> None:
    """Remove what new rows, which hold for every channel, supersede: no channel looks at it again."""
    superseded = Q()
    for category, type_ in new:
        superseded |= Q(category=category, type=type_)
    NotificationPreferenceDefault.objects.filter(superseded, account=account).delete()
