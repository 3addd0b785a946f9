"""What identity keeps of a person: to hand it to them, and to forget it."""

from collections.abc import Iterable
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import F, Q, QuerySet
from oauth2_provider.models import AccessToken, DeviceGrant, Grant, IDToken, RefreshToken

from canvas_channels.core.identity.custom_data import store
from canvas_channels.core.identity.models import DeveloperKey, PasswordReset, User
from canvas_channels.core.identity.models.names import lowered
from canvas_channels.core.identity.tokens import NEVER

ERASED_NAME = "Erased user"

_USER_FIELDS = (
    *("id", "name", "short_name", "sortable_name", "locale", "time_zone"),
    *("home_account_id", "workflow_state"),
    *("is_site_admin", "is_staff", "is_superuser", "last_login", "created_at"),
)
_CREDENTIALS = (AccessToken, RefreshToken, Grant, IDToken, DeviceGrant)
_SIGN_IN_LOGS = (AccessAttempt, AccessFailureLog, AccessLog)


def exported(user: User, typed: Iterable[str]) -> dict[str, Any]:
    """What there is of the user, without anything that would let somebody in.

    ``typed``: what they may have typed as their login beside their logins.
    """
    names = _names(user, typed)
    tokens = AccessToken.objects.filter(user=user).order_by("pk")
    token_fields = ("scope", "created", "expires")
    login_fields = ("account_id", "unique_id", "sis_user_id", "imported_email", "created_at")
    return {
        "user": {field: getattr(user, field) for field in _USER_FIELDS},
        "logins": list(user.logins.order_by("pk").values(*login_fields)),
        "administered_accounts": list(user.administered.values("account_id", "created_at")),
        "custom_data": store.exported(user),
        "tokens": [
            token | {"expires": None if token["expires"] == NEVER else token["expires"]}
            for token in tokens.values(*token_fields, developer_key_name=F("application__name"))
        ],
        "sign_in_failures": list(
            AccessAttempt.objects.filter(username__in=names).values(
                "username", "attempt_time", "ip_address", "user_agent"
            )
        ),
        "password_resets": list(_resets(names, ()).values("unique_id", "created_at")),
    }


def erase(user: User, typed: Iterable[str], channel_ids: Iterable[int]) -> dict[str, int]:
    """Forget all but the id; returns how much of what was forgotten. Runs in the caller's transaction.

    The row stays, as nobody's: the audit trail says what an id did, and to which. ``typed`` is as in
    :func:`exported`; ``channel_ids`` are those that a link to set a password may have gone to.
    """
    names = _names(user, typed)
    erased = {
        "logins": _delete(user.logins.all()),
        "custom_data": _delete(user.custom_data.all()),
        "administrations": _delete(user.administered.all()),
        "tokens": sum(_delete(model.objects.filter(user=user)) for model in _CREDENTIALS),
        "sign_in_failures": sum(_delete(model.objects.filter(username__in=names)) for model in _SIGN_IN_LOGS),
        "password_resets": _delete(_resets(names, channel_ids)),
    }
    DeveloperKey.objects.filter(user=user).update(user=None)
    about = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(User), object_id=str(user.pk)
    )
    about.update(object_repr=ERASED_NAME, change_message="")
    return erased | {"profiles": _make_nobody(user)}


def _make_nobody(user: User) -> int:
    nobody = {
        "name": ERASED_NAME,
        "short_name": ERASED_NAME,
        "sortable_name": ERASED_NAME,
        "locale": "",
        "time_zone": "",
        "workflow_state": User.WorkflowState.DEACTIVATED,
        "is_site_admin": False,
        "is_staff": False,
        "is_superuser": False,
        "last_login": None,
    }
    user.groups.clear()
    user.user_permissions.clear()
    if all(getattr(user, field) == value for field, value in nobody.items()):
        return 0
    user.set_unusable_password()  # another than before: sessions end with it
    return User.objects.filter(pk=user.pk).update(password=user.password, **nobody)


def _names(user: User, typed: Iterable[str]) -> set[str]:
    """What they may have typed to sign in, as it is kept: in lower case."""
    return {lowered(name) for name in (*user.logins.values_list("unique_id", flat=True), *typed)}


def _resets(names: Iterable[str], channel_ids: Iterable[int]) -> "QuerySet[PasswordReset]":
    return PasswordReset.objects.filter(Q(unique_id__in=names) | Q(sent_to__overlap=list(channel_ids)))


def _delete(rows: "QuerySet[Any]") -> int:
    """How many rows there were; those that go with them do not count."""
    _, counts = rows.delete()
    return counts.get(rows.model._meta.label, 0)
