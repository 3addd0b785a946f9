"""Rows for tests: each function makes one thing, with defaults that are valid and of no meaning."""

from collections.abc import Iterable
from datetime import datetime
from importlib import import_module
from itertools import count
from typing import Any

from django.apps import apps
from django.db.models import Max
from django.utils import timezone

from canvas_channels.core.identity import tokens
from canvas_channels.core.identity.models import Account, AccountUser, DeveloperKey, Login, User
from channels_api.devices import registration
from channels_api.messages.confirmations import Issued, issue_codes
from channels_api.models import CommunicationChannel, Confirmation, PushDevice, SecurityNotice
from notifications.models import (
    Dispatch,
    DispatchRecipient,
    Message,
    Notification,
    NotificationCategory,
)

APNS_ARN = "arn:aws:sns:us-east-1:123456789012:app/APNS/Student"
FCM_ARN = "arn:aws:sns:us-east-1:123456789012:app/GCM/Student"
NO_ID = str(2**40)  # of no row: those of a session's tests count on, and come to any small number

_numbers = count(1)
_catalogue: dict[Any, list[dict[str, Any]]] = {NotificationCategory: [], Notification: []}


def make_account(name: str = "Caltech", **fields: Any) -> Account:
    """An account; not the default one unless ``is_default`` says so."""
    return Account.objects.create(name=name, **fields)


def default_account() -> Account:
    """The default account, made when there is none yet."""
    return Account.objects.filter(is_default=True).first() or make_account("Default", is_default=True)


def make_user(
    name: str = "Sheldon Cooper",
    account: Account | None = None,
    login: str | None = None,
    sis_user_id: str | None = None,
    **fields: Any,
) -> User:
    """A registered user with a login in their home account.

    ``account`` None: the default account. ``login`` None: a name of its own; "" means no login at all.
    ``imported_email`` goes to the login, ``password`` is set as one; everything else to the user.
    """
    account = account or default_account()
    imported_email = fields.pop("imported_email", "")
    user = User.objects.create_user(name, account, fields.pop("password", None), **fields)
    if login != "":
        make_login(user, account, login, sis_user_id, imported_email=imported_email)
    return user


def make_login(
    user: User,
    account: Account | None = None,
    unique_id: str | None = None,
    sis_user_id: str | None = None,
    **fields: Any,
) -> Login:
    """A login; ``account`` None: the user's home account; ``unique_id`` None: a name of its own."""
    return Login.objects.create(
        user=user,
        account=account or user.home_account,
        unique_id=unique_id or f"login{next(_numbers)}",
        sis_user_id=sis_user_id,
        **fields,
    )


def make_admin(account: Account | None = None, name: str = "Account Admin", **fields: Any) -> User:
    """An admin over an account, with a login in it; ``account`` None: the default one."""
    account = account or default_account()
    admin = make_user(name, account, **fields)
    AccountUser.objects.create(account=account, user=admin)
    return admin


def make_site_admin(name: str = "Site Admin", **fields: Any) -> User:
    """An admin over everyone."""
    return make_user(name, is_site_admin=True, **fields)


def make_key(**fields: Any) -> DeveloperKey:
    """A public developer key with neither an ARN nor required scopes unless they are given."""
    defaults = {
        "name": "Student app",
        "client_type": DeveloperKey.CLIENT_PUBLIC,
        "authorization_grant_type": DeveloperKey.GRANT_AUTHORIZATION_CODE,
        "redirect_uris": "https://client.example/callback",
    }
    return DeveloperKey.objects.create(**defaults | fields)


def make_token(
    user: User,
    key: DeveloperKey | None = None,
    scopes: Iterable[str] = (),
    expires: datetime | None = None,
) -> str:
    """An access token in plain text; ``key`` None: a new key; ``expires`` None: never."""
    _, plain = tokens.create_token(user, key or make_key(), scopes=scopes, expires=expires)
    return plain


def make_channel(
    user: User,
    address: str | None = None,
    type: str = "email",  # noqa: A002 - the field's name
    workflow_state: str = "active",
    **fields: Any,
) -> CommunicationChannel:
    """A channel, last among the user's; ``address`` None: an email address of its own."""
    own = CommunicationChannel.objects.filter(user=user)
    fields.setdefault("made_with_user", True)
    fields.setdefault("position", own.aggregate(last=Max("position", default=0))["last"] + 1)
    return CommunicationChannel.objects.create(
        user=user,
        type=type,
        address=address or f"person{next(_numbers)}@example.edu",
        workflow_state=workflow_state,
        **fields,
    )


def issue_code(confirmation: Confirmation) -> Issued:
    """What the worker sends for a confirmation."""
    return issue_codes([confirmation])[confirmation.pk]


def make_device(
    user: User, key: DeveloperKey | None = None, token: str | None = None, **fields: Any
) -> PushDevice:
    """A registered device; ``key`` None: a new key, ``token`` None: one of its own."""
    token = token or f"token{next(_numbers)}"
    defaults = {"workflow_state": "registered", "last_seen_at": timezone.now()}
    return PushDevice.objects.create(
        user=user,
        developer_key=key or make_key(sns_arn=FCM_ARN),
        token=token,
        token_digest=registration.digest(token),
        **defaults | fields,
    )


def make_security_notice(user: User, address: str) -> SecurityNotice:
    """What that address is told of another one."""
    return SecurityNotice.objects.create(
        user=user,
        account=user.home_account,
        type="email",
        address=address,
        about_type="email",
        about="n…@example.com",
        replaced=False,
    )


def make_dispatch(
    account: Account,
    notification: str = "new_announcement",
    recipients: Iterable[User] = (),
    **fields: Any,
) -> Dispatch:
    """What an institution's system said happened; ``recipients`` are those that are not decided yet."""
    defaults = {"subject": "The lecture moves", "body": "To room 12.", "short": "The lecture moves"}
    dispatch = Dispatch.objects.create(
        account=account,
        notification=Notification.objects.get(slug=notification),
        **{"recipients_count": 1, "workflow_state": "completed"} | defaults | fields,
    )
    rows = [DispatchRecipient(dispatch=dispatch, user=user) for user in recipients]
    DispatchRecipient.objects.bulk_create(rows)
    return dispatch


def make_message(user: User, channel: CommunicationChannel, **fields: Any) -> Message:
    """A message that was sent over a channel; ``dispatch`` None: one of the user's home account."""
    dispatch = fields.pop("dispatch", None) or make_dispatch(user.home_account)
    defaults = {"workflow_state": "sent", "type": channel.type, "address": channel.address}
    return Message.objects.create(
        user=user,
        channel=channel,
        account=dispatch.account,
        dispatch=dispatch,
        notification=dispatch.notification,
        **defaults | fields,
    )


def load_catalogue() -> None:
    """The notifications of the data migrations, which a test that flushes the database took away.

    They ask hundreds of times for what is there: all but the first time, the rows that they made come back.
    """
    if Notification.objects.exists():
        return
    if not _catalogue[Notification]:
        for name in ("0002_catalogue", "0006_catalogue_of_sending"):
            import_module(f"notifications.migrations.{name}").load(apps, None)
        for model, rows in _catalogue.items():
            rows.extend(model.objects.values())
        return
    for model, rows in _catalogue.items():
        model.objects.bulk_create(model(**row) for row in rows)
