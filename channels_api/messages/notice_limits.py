"""How many security notices may still be asked for: read at once for many users, then counted down."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count
from django.utils import timezone

from canvas_channels.core.identity.models import Account
from channels_api.messages.limits import HOUR, Limits, Type, is_foreign, texts_left
from channels_api.models import Confirmation, SecurityNotice


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address of a user; ``folded`` is what it is compared by."""

    user_id: int
    account: Account
    type: str
    address: str
    folded: str


class Room:
    """What users and addresses had in the last hour, and accounts' texts of the day."""

    def __init__(self, recipients: Iterable[Recipient]) -> None:
        recipients = list(recipients)
        numbers = {to.folded for to in recipients if to.type == Type.SMS}
        recent = SecurityNotice.objects.filter(created_at__gt=timezone.now() - HOUR).order_by()
        by_user = recent.filter(user__in={to.user_id for to in recipients}).values_list("user")
        self._of_user: Counter[int] = Counter(dict(by_user.annotate(Count("pk"))))
        by_address = recent.filter(address_folded__in={to.folded for to in recipients})
        self._of_address: Counter[tuple[str, str]] = Counter()
        for type_, folded, count in by_address.values_list("type", "address_folded").annotate(Count("pk")):
            self._of_address[type_, folded] += count
        if numbers:  # a number's confirmations count too
            asked = Confirmation.objects.filter(channel__type=Type.SMS, address_folded__in=numbers)
            asked = asked.filter(created_at__gt=timezone.now() - HOUR).order_by()
            for folded, count in asked.values_list("address_folded").annotate(Count("pk")):
                self._of_address[Type.SMS, folded] += count
        accounts = {to.account.pk for to in recipients if to.type == Type.SMS}
        self._texts = texts_left(accounts) if accounts else {}

    def take(self, to: Recipient) -> bool:
        """Whether one more may be sent there; if so, it is counted."""
        is_text = to.type == Type.SMS
        if (
            self._of_user[to.user_id] >= settings.SECURITY_NOTICES_PER_USER_PER_HOUR
            or self._of_address[to.type, to.folded] >= Limits.of(to.type).per_address
            or (is_text and (self._texts[to.account.pk] <= 0 or is_foreign(to.address)))
        ):
            return False
        self._of_user[to.user_id] += 1
        self._of_address[to.type, to.folded] += 1
        if is_text:
            self._texts[to.account.pk] -= 1
        return True
