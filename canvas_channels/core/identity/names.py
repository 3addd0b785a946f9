"""Finding users by a login's name, or by the beginning of their own."""

from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Collate, Concat, Lower

from canvas_channels.core.identity.models import Account, Login, User
from canvas_channels.core.trimming import trim

LAST = "\U0010ffff"  # sorts after every other character


def users_named(login: str) -> QuerySet[User]:
    """Whom a login's name (any case) belongs to, in whichever account.

    Naming the accounts lets PostgreSQL use the logins' index, which begins with the account.
    """
    if "\x00" in login:
        return User.objects.none()
    logins = Login.objects.filter(account__in=Account.objects.all(), unique_id__lower=trim(login))
    return User.objects.filter(pk__in=logins.values("user")).order_by("pk")


def begins(field: str, text: str) -> QuerySet[User]:
    """Those whose ``name`` or ``sortable_name`` begins so, in any case and in order.

    Names are compared byte by byte (the collation ``C``): only so do all databases look them up by an index.
    """
    first, last = Lower(Value(text)), Concat(Lower(Value(text)), Value(LAST))
    users = User.objects.alias(folded=Collate(Lower(field), "C"))
    return users.filter(Q(folded__gte=first) & Q(folded__lt=last)).order_by(F("folded"))
