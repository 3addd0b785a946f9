"""How many text messages an account may still pay for today (``SMS_DAILY_BUDGET``)."""

from collections import Counter
from collections.abc import Collection

from django.conf import settings
from django.db.models import Count
from django.utils import timezone

from channels_api.messages.limits import DAY
from channels_api.models import Confirmation, SecurityNotice
from notifications.messages.models import Message

_UNPAID = (Message.WorkflowState.CANCELLED, Message.WorkflowState.BOUNCED)


def texts_left(account_ids: Collection[int]) -> dict[int, int]:
    """By account, what its users may still be sent in these 24 hours; three statements.

    Confirmations and security notices count too. The account is the recipients' home, whichever one sends.
    """
    since = timezone.now() - DAY
    asked = Confirmation.objects.filter(account__in=account_ids, created_at__gt=since)
    told = SecurityNotice.objects.filter(account__in=account_ids, type="sms", created_at__gt=since)
    sent = Message.objects.filter(user__home_account__in=account_ids, type="sms", created_at__gt=since)
    sent = sent.exclude(workflow_state__in=_UNPAID)
    texts = Counter[int]()
    for rows, account in ((asked, "account"), (told, "account"), (sent, "user__home_account")):
        for account_id, count in rows.order_by().values_list(account).annotate(Count("pk")):
            texts[account_id] += count
    return {account_id: max(0, settings.SMS_DAILY_BUDGET - texts[account_id]) for account_id in account_ids}
