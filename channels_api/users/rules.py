"""The rules of changing users and of making them. They know nothing of HTTP.

Both run in the caller's transaction.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from canvas_channels.core.constraints import constraint_of
from canvas_channels.core.identity.callers import Caller, Subject
from canvas_channels.core.identity.models import Account, Login, User
from canvas_channels.core.identity.profiles import profile
from canvas_channels.core.trimming import trim
from channels_api import audit
from channels_api.audit import Action
from channels_api.channels import registry
from channels_api.errors import InvalidValue, NotPermitted, Reason
from channels_api.models import CommunicationChannel

NAMES = ("name", "short_name", "sortable_name")
LOCAL = ("locale", "time_zone")
TAKEN = "is taken"

LOGIN, SIS_ID = "pseudonym[unique_id]", "pseudonym[sis_user_id]"
_PARAMETERS = {"unique_id": LOGIN, "sis_user_id": SIS_ID}
_UNIQUE = {"unique_login_per_account": LOGIN, "unique_sis_user_id_per_account": SIS_ID}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChannel:
    """``address`` None: the login."""

    type_: str
    address: str | None
    skip_confirmation: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """``attributes`` are the user's own, as :func:`change` takes them; ``channel`` None: none."""

    attributes: Mapping[str, str | None]
    unique_id: str
    sis_user_id: str
    skip_registration: bool
    channel: NewChannel | None


def user_object(subject: Subject, caller: Caller) -> dict[str, Any]:
    """The user as ``profile`` shows them, with language and time zone; null where they chose none."""
    return profile(subject, caller) | {name: getattr(subject.user, name) or None for name in LOCAL}


def profile_object(subject: Subject, caller: Caller) -> dict[str, Any]:
    """The user with what Canvas's profile adds: the address that they are written to first, too."""
    active = CommunicationChannel.objects.filter(
        user=subject.user,
        type=CommunicationChannel.Type.EMAIL,
        workflow_state=CommunicationChannel.WorkflowState.ACTIVE,
    )
    addresses = active.order_by("position", "id").values_list("address", flat=True)
    return user_object(subject, caller) | {"primary_email": addresses.first()}


def change(subject: Subject, wanted: Mapping[str, str | None]) -> None:
    """Change the attributes that are named; the user's row is locked.

    None ends a choice: the short and the sortable name follow the name again, the language is the
    account's. Names are the admins' to change: raises :class:`NotPermitted`. Raises :class:`InvalidValue`.
    """
    if not wanted.keys().isdisjoint(NAMES) and not subject.administered():
        raise NotPermitted
    user = subject.user
    before = {name: getattr(user, name) for name in (*NAMES, *LOCAL)}
    _assign(user, wanted)
    changed = [name for name, value in before.items() if getattr(user, name) != value]
    if changed:
        user.save(update_fields=changed)
        audit.record(subject.caller, Action.CHANGE_USER, user_id=user.pk, attributes=changed)


def provision(caller: Caller, account: Account, wanted: NewUser) -> Subject:
    """Make a user with a login in the account, and perhaps a channel: all or nothing.

    They are pre-registered, unless the registration is skipped or an admin vouches for the channel. Raises
    :class:`ChannelError`, and ``MessageLimitReached`` where the confirmation may not be sent.
    """
    channel = wanted.channel
    registered = wanted.skip_registration or (channel is not None and channel.skip_confirmation)
    state = User.WorkflowState.REGISTERED if registered else User.WorkflowState.PRE_REGISTERED
    user = User(home_account=account, workflow_state=state)
    user.set_unusable_password()
    _assign(user, {"name": None} | dict(wanted.attributes))
    login = Login(account=account, unique_id=wanted.unique_id, sis_user_id=wanted.sis_user_id or None)
    _check(login, _PARAMETERS)
    logins = Login.objects.filter(account=account)
    if logins.filter(unique_id__lower=login.unique_id).exists():
        raise InvalidValue(LOGIN, Reason.TAKEN, TAKEN)
    if login.sis_user_id and logins.filter(sis_user_id=login.sis_user_id).exists():
        raise InvalidValue(SIS_ID, Reason.TAKEN, TAKEN)
    user.save()
    login.user = user
    _save(login)
    subject = Subject(user, caller, is_admin=True)
    audit.record(caller, Action.CREATE_USER, user_id=user.pk, account_id=account.pk)
    if channel is not None:
        registry.create(
            subject,
            type_=channel.type_,
            address=login.unique_id if channel.address is None else channel.address,
            skip_confirmation=channel.skip_confirmation,
            made_with_user=True,
        )
    return subject


def _assign(user: User, wanted: Mapping[str, str | None]) -> None:
    """Set and check; names before what follows them."""
    if "name" in wanted:
        user.rename(trim(wanted["name"] or ""))
    for name in NAMES[1:]:
        if name in wanted:
            setattr(user, name, trim(wanted[name] or ""))
    for name in LOCAL:
        value = wanted.get(name)
        if value == "":  # the field may be empty, but that is no zone and no language
            raise InvalidValue(name, Reason.INVALID, "can't be blank")
        if name in wanted:
            setattr(user, name, value or "")
    user.fill_in_names()
    _check(user, {name: name for name in (*NAMES, *LOCAL)})


def _check(row: models.Model, parameters: Mapping[str, str]) -> None:
    """Raises :class:`InvalidValue` on the parameter of the first of these fields that is not valid."""
    fields = {field.name for field in row._meta.get_fields()}
    for name, parameter in parameters.items():
        if any(unicodedata.category(character) == "Cc" for character in getattr(row, name) or ""):
            raise InvalidValue(parameter, Reason.INVALID, "must not hold control characters")
    try:
        row.clean_fields(exclude=fields - parameters.keys())
    except ValidationError as error:
        for name, [first, *_] in error.error_dict.items():
            raise InvalidValue(
                parameters[name], Reason(first.code or Reason.INVALID), _words(first)
            ) from error


def _words(error: ValidationError) -> str:
    return "can't be blank" if error.code == Reason.BLANK else " ".join(error.messages)


def _save(login: Login) -> None:
    """Another request may have taken the name meanwhile."""
    try:
        with transaction.atomic():
            login.save()
    except IntegrityError as error:
        if parameter := _UNIQUE.get(constraint_of(error) or ""):
            raise InvalidValue(parameter, Reason.TAKEN, TAKEN) from error
        raise
