"""What an account lets be sent, and its time zone. Knows nothing of HTTP."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError

from canvas_channels.core.identity.callers import Caller
from canvas_channels.core.identity.models import Account
from canvas_channels.core.identity.validators import validate_time_zone
from channels_api import audit
from channels_api.audit import Action
from channels_api.errors import InvalidValue, NotPermitted, Reason

TIME_ZONE = "default_time_zone"
SITE_ADMINS = "admins_can_view_notifications"
FLAGS = ("suppress_notifications", "sms_notifications", "push_notifications", SITE_ADMINS)


def settings_object(account: Account) -> dict[str, Any]:
    """As the API shows them; a ``default_time_zone`` of null is America/Denver."""
    return {name: getattr(account, name) for name in FLAGS} | {TIME_ZONE: account.default_time_zone or None}


def change(caller: Caller, account: Account, wanted: Mapping[str, bool | str]) -> Account:
    """Change the settings that are named, all of them or none; answers the account as it is now.

    An empty time zone ends the choice. Raises :class:`NotPermitted` where they are a site admin's to change,
    and :class:`InvalidValue` for what is no time zone. Runs in the caller's transaction.
    """
    if SITE_ADMINS in wanted and not caller.user.is_site_admin:
        raise NotPermitted
    if zone := wanted.get(TIME_ZONE):
        try:
            validate_time_zone(str(zone))
        except ValidationError as error:
            raise InvalidValue(TIME_ZONE, Reason(error.code or Reason.INVALID), error.messages[0]) from error
    locked = Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    changed = {name: value for name, value in wanted.items() if getattr(locked, name) != value}
    if changed:
        for name, value in changed.items():
            setattr(locked, name, value)
        locked.save(update_fields=list(changed))
        audit.record(caller, Action.SET_ACCOUNT_SETTINGS, user_id=None, account_id=account.pk, set=changed)
    return locked
