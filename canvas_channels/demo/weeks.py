"""An institution whose messages have bounced for weeks: what an admin's reports and chart are for."""

from datetime import timedelta

from django.utils import timezone

from canvas_channels.core.identity.models import Account, Login, User
from canvas_channels.demo.people import add_channel
from channels_api.models import CommunicationChannel

NAMES = (
    *("Ada Byron", "Ben Okafor", "Carmen Ruiz", "Dmitri Volkov", "Emma Lindqvist", "Farid Haddad"),
    *("Grace Kim", "Hugo Brandt", "Ines Costa", "Jack Murphy", "Keiko Tanaka", "Liam Walsh"),
    *("Mona Singh", "Noah Fischer", "Olga Petrova", "Paul Girard", "Quinn Baker", "Rosa Delgado"),
    *("Sven Larsen", "Tara Ndiaye", "Uma Patel", "Victor Hugo Reyes", "Wen Li", "Yara Nasser"),
)
# How many days ago the last message to each of them bounced: a bad week, three weeks ago, and what is usual.
DAYS_AGO = (0, 1, 1, 2, 4, 5, 5, 8, 10, 11, 13, 16, 17, 18, 18, 19, 19, 19, 20, 20, 21, 23, 26, 28)
REASONS = (
    "550 5.1.1 No such user",
    "550 5.1.1 No such user",
    "552 5.2.2 Mailbox full",
    "550 5.1.2 Host unknown",
    "550 5.7.1 Message refused",
)
UNCONFIRMED = 5  # of them have an address that they never confirmed


def make_weeks(account: Account) -> None:
    """Once: what people do with it stays."""
    if Login.objects.filter(account=account, unique_id=_address(NAMES[0])).exists():
        return
    now = timezone.now()
    for number, (name, days) in enumerate(zip(NAMES, DAYS_AGO, strict=True)):
        user = User.objects.create_user(name, account)
        address = _address(name)
        Login.objects.create(user=user, account=account, unique_id=address)
        bounced = {
            "bounce_count": 1 + number % 3,
            "last_bounce_at": now - timedelta(days=days, minutes=number),
            "last_bounce_summary": REASONS[number % len(REASONS)],
        }
        add_channel(user, 1, address, **bounced)
        if number < UNCONFIRMED:
            waits = CommunicationChannel.WorkflowState.UNCONFIRMED
            add_channel(user, 2, address.replace("@", "@mail."), workflow_state=waits)


def _address(name: str) -> str:
    return f"{name.lower().replace(' ', '.')}@riverside.example.com"
