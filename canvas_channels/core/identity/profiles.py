"""What the API shows of a user (Canvas's User object)."""

from typing import Any

from django.db.models import Case, When

from canvas_channels.core.identity.callers import Caller, Subject
from canvas_channels.core.identity.models import Account, Login, User

FIELDS = ("id", "name", "short_name", "sortable_name", "created_at")


def profile(subject: Subject, caller: Caller) -> dict[str, Any]:
    """The user; an admin over them also gets the login and the SIS id, where there is a login."""
    shown = {field: getattr(subject.user, field) for field in FIELDS}
    login = shown_login(subject.user, caller) if subject.administered() else None
    return shown | ({"login_id": login.unique_id, "sis_user_id": login.sis_user_id} if login else {})


def shown_login(user: User, caller: Caller) -> Login | None:
    """The user's login in the caller's account, else in their home account; the oldest of several."""
    here = caller.accounts()
    home = Account.objects.filter(pk=user.home_account_id)
    logins = Login.objects.filter(user=user, account__in=here | home)
    return logins.order_by(Case(When(account__in=here, then=0), default=1), "pk").first()
