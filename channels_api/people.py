"""Finding users, for admins: by the beginning of a name, or a whole login, SIS id, address, or id.

Each has its index, so that a million users are not read through.
"""

from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Lower

from canvas_channels.core.identity.accounts import accounts_of
from canvas_channels.core.identity.callers import is_id, with_rights
from canvas_channels.core.identity.models import Login, User
from canvas_channels.core.identity.names import begins
from canvas_channels.core.trimming import trim
from channels_api.addresses import clean_phone_number, compared
from channels_api.errors import InvalidAddress
from channels_api.models import LIVE, CommunicationChannel

SHORTEST = 2  # characters; what is shorter says nothing
MOST = 500  # users that one search finds at most


def find_people(caller: User, text: str) -> QuerySet[User]:
    """Those over whom ``caller`` is an admin and whom ``text`` fits, by their sortable names."""
    text = trim(text.replace("\x00", ""))
    if len(text) < SHORTEST and not text.isdecimal():
        return User.objects.none()
    found = [_reached(caller, named).values("pk")[:MOST] for named in _named(caller, text)]
    ids = found[0].union(*found[1:])
    return User.objects.filter(pk__in=ids).order_by(Lower("sortable_name"), "pk")


def logins_of(caller: User) -> QuerySet[Login]:
    """The logins that ``caller`` may know of: those in the accounts that they administer."""
    return Login.objects.filter(account__in=accounts_of(caller).order_by()).order_by("pk")


def _reached(caller: User, users: QuerySet[User]) -> QuerySet[Any]:
    return with_rights(users.order_by(), caller).filter(is_administered=True)


def _named(caller: User, text: str) -> list[QuerySet[User]]:
    logins = logins_of(caller).order_by()
    addressed = CommunicationChannel.objects.filter(LIVE, address_folded__in=_addresses(caller, text))
    querysets = [
        begins("name", text),
        begins("sortable_name", text),
        User.objects.filter(pk__in=logins.filter(unique_id__lower=text).values("user")),
        User.objects.filter(pk__in=logins.filter(sis_user_id=text).values("user")),
        User.objects.filter(pk__in=addressed.values("user")),
    ]
    if is_id(text):
        querysets.append(User.objects.filter(pk=int(text)))
    return querysets


def _addresses(caller: User, text: str) -> set[str]:
    """An email address as it is; a phone number also as a national one."""
    try:
        return {compared(text), clean_phone_number(text, caller.home_account.region)}
    except InvalidAddress:
        return {compared(text)}
