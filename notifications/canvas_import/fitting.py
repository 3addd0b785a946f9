"""The rows that a person from Canvas gets here, by the rules of this service. Writes nothing."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from canvas_channels.core.identity.models import Account, Login, User
from canvas_channels.core.identity.validators import validate_locale
from channels_api.addresses import PUSH_ADDRESS
from channels_api.channels import imported, ordering, registry, replacement
from channels_api.errors import InvalidValue
from channels_api.messages.channel_counts import MAX_CHANNELS
from channels_api.models import CommunicationChannel
from notifications.canvas_import.report import Line, changed, left
from notifications.canvas_import.rows import Person, Row, Unfit
from notifications.canvas_import.zones import iana

Type = CommunicationChannel.Type
State = CommunicationChannel.WorkflowState

_USER_STATES = {
    "": User.WorkflowState.REGISTERED,  # the API does not say
    "registered": User.WorkflowState.REGISTERED,
    "pre_registered": User.WorkflowState.PRE_REGISTERED,
    "creation_pending": User.WorkflowState.PRE_REGISTERED,
}
_TIMES = ("last_bounce_at", "last_suppression_bounce_at", "last_transient_bounce_at")
_SUMMARIES = ("last_bounce_summary", "last_transient_bounce_summary")


@dataclass(slots=True)
class Fitted:
    """A person's rows, which have no ids yet and are not saved.

    ``lines`` say what does not fit. Channels are in their order.
    """

    person: Person
    user: User
    logins: list[tuple[Row, Login]] = field(default_factory=list)
    channels: list[tuple[Row, CommunicationChannel]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


def fitted(person: Person, account: Account) -> Fitted:
    """Raises :class:`Unfit` where the person is not moved at all."""
    found = Fitted(person, _user(person.row, account))
    _choose(found, person.row)
    for row in sorted(person.logins, key=_place):
        try:
            found.logins.append((row, _login(row, account)))
        except Unfit as why:
            found.lines.append(left("pseudonyms", row, why))
    _add_channels(found, account)
    return found


def _user(row: Row, account: Account) -> User:
    state = row.text("workflow_state")
    if state == "deleted":
        raise Unfit("is deleted in Canvas")
    if state not in _USER_STATES:
        raise Unfit("its workflow_state is not known", state)
    short_name, sortable_name = row.text("short_name"), row.text("sortable_name")
    user = User(
        name=row.text("name") or short_name or sortable_name or f"User {row.id('id')}",
        short_name=short_name,
        sortable_name=sortable_name,
        home_account=account,
        workflow_state=_USER_STATES[state],
        created_at=row.time("created_at") or timezone.now(),
    )
    user.fill_in_names()
    user.set_unusable_password()
    _check(user, "name", "short_name", "sortable_name")
    return user


def _choose(found: Fitted, row: Row) -> None:
    """Set the language and the time zone where they are known here; else the account's apply."""
    if locale := row.prose("locale"):
        try:
            validate_locale(locale)
            found.user.locale = locale
        except ValidationError:
            found.lines.append(changed("users", row, "its locale is not known here", locale))
    if name := row.prose("time_zone"):
        found.user.time_zone = iana(name)
        if not found.user.time_zone:
            found.lines.append(changed("users", row, "its time zone is not known here", name))


def _login(row: Row, account: Account) -> Login:
    state = row.text("workflow_state")
    if state in {"deleted", "suspended"}:
        raise Unfit(f"is {state} in Canvas")
    if state not in {"", "active"}:
        raise Unfit("its workflow_state is not known", state)
    login = Login(
        account=account,
        unique_id=row.text("unique_id"),
        sis_user_id=row.text("sis_user_id") or None,
        created_at=row.time("created_at") or timezone.now(),
    )
    _check(login, "unique_id", "sis_user_id")
    return login


def _add_channels(found: Fitted, account: Account) -> None:
    of_sis = {row.prose("sis_communication_channel_id"): login for row, login in found.logins}
    live: dict[tuple[str, str], CommunicationChannel] = {}
    for row in sorted(found.person.channels, key=_precedence):
        try:
            channel = _channel(row, account)
            if channel.workflow_state != State.RETIRED:
                if live.setdefault((channel.type, channel.address_folded), channel) is not channel:
                    raise Unfit("another channel of the user has the address")
                if len(live) > MAX_CHANNELS:
                    raise Unfit(f"its user has more than {MAX_CHANNELS} channels")
        except Unfit as why:
            found.lines.append(left("communication_channels", row, why))
            continue
        login = of_sis.get(row.prose("id") or "-")
        if login and channel.type == Type.EMAIL and channel.workflow_state != State.RETIRED:
            login.imported_email = channel.address
        found.channels.append((row, channel))
    emails = [login.imported_email for _, login in found.logins if login.imported_email]
    for channel in live.values():
        channel.institutional = replacement.is_imported(channel.type, channel.address, emails)
    _arrange(found.channels, account)


def _channel(row: Row, account: Account) -> CommunicationChannel:
    type_, state = row.text("path_type"), row.text("workflow_state")
    if type_ not in Type.values:
        raise Unfit("its path_type is not known here", type_)
    if state not in State.values:
        raise Unfit("its workflow_state is not known", state)
    return imported.taken_over(
        type_,
        _address(type_, row.text("path"), account),
        state,
        created_at=row.time("created_at"),
        retired_at=row.time("updated_at") if state == State.RETIRED else None,
        counted=_bounces(row),
    )


def _address(type_: str, path: str, account: Account) -> str:
    if type_ == Type.PUSH:
        return PUSH_ADDRESS
    if type_ == Type.SMS:
        path = path.partition("@")[0]  # once it was sent by mail, to the number at its carrier
    try:
        return registry.clean(type_, path, account)
    except InvalidValue as error:
        raise Unfit(f"its path {error.message}") from error


def _bounces(row: Row) -> dict[str, Any]:
    count = row.number("bounce_count") or 0
    if count < 0:
        raise Unfit("bounce_count is no number")
    found: dict[str, Any] = {"bounce_count": count}
    found |= {name: row.time(name) for name in _TIMES}
    return found | {name: row.prose(name) or None for name in _SUMMARIES}


def _precedence(row: Row) -> tuple[bool, tuple[int, int]]:
    """Of two channels with one address the active one is moved, else the first."""
    return row.prose("workflow_state") != State.ACTIVE, _place(row)


def _place(row: Row) -> tuple[int, int]:
    """By position, then by id; what has none comes last."""
    last = 2**63
    try:
        position = row.number("position")
    except Unfit:
        position = None
    try:
        number = row.id("id")
    except Unfit:
        number = last
    return (last if position is None or position < 1 else position, number)


def _arrange(channels: list[tuple[Row, CommunicationChannel]], account: Account) -> None:
    """Keep Canvas's order, but for the institution's address that is to be first.

    Positions are Canvas's, where each channel has one of its own and they ascend; else from 1.
    """
    channels.sort(key=lambda pair: _place(pair[0]))
    live = [channel for _, channel in channels if channel.workflow_state != State.RETIRED]
    first = ordering.due_first(live, account)
    channels.sort(key=lambda pair: pair[1] is not first)
    places = [_place(row)[0] for row, _ in channels]
    kept = places == sorted(set(places)) and all(place < 2**31 for place in places)
    for number, (_, channel) in enumerate(channels, 1):
        channel.position = places[number - 1] if kept else number


def _check(row: models.Model, *names: str) -> None:
    try:
        row.clean_fields(exclude=_others(type(row), names))
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise Unfit(f"{name}: {messages[0].rstrip('.')}") from error


@cache
def _others(model: type[models.Model], names: tuple[str, ...]) -> set[str]:
    return {field.name for field in model._meta.get_fields()} - set(names)
