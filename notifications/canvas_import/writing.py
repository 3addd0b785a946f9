"""A batch of people, in one transaction."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from django.db import models, transaction

from canvas_channels.core.identity.models import Account
from canvas_channels.core.statements import insert_as_they_are
from channels_api import audit
from channels_api.audit import Action
from channels_api.channels import ordering
from channels_api.messages import security_notices
from channels_api.messages.limits import advisory_locks
from channels_api.models import CommunicationChannel
from notifications.canvas_import import ids, preferences
from notifications.canvas_import.fitting import Fitted
from notifications.canvas_import.matching import Name, People, moved_before
from notifications.canvas_import.models import MovedRow
from notifications.canvas_import.preferences import Choices
from notifications.canvas_import.report import Line, changed, left, left_out
from notifications.canvas_import.rows import Row, Unfit

Table = MovedRow.Table


@dataclass(slots=True)
class Done:
    """What became of a batch. ``moved``: rows by their table; ``channels``: here, by their ids in Canvas."""

    names: set[Name] = field(default_factory=set)
    lines: list[Line] = field(default_factory=list)
    moved: Counter[str] = field(default_factory=Counter)
    channels: dict[int, int] = field(default_factory=dict)


@transaction.atomic(durable=True)
def move(
    account: Account, batch: Sequence[Fitted], taken: Collection[Name], choices: Choices, *, dry_run: bool
) -> Done:
    """Move those who were not moved yet; ``taken`` are names of logins that were moved in this run.

    Imports into one account take turns.
    """
    advisory_locks([f"import from Canvas:{account.pk}"])
    before = moved_before(account, [each.person.id for each in batch])
    done = Done()
    coming = _settled(account, [each for each in batch if each.person.id not in before], taken, done)
    users = [(each.person.row, each.user) for each in coming if each.user._state.adding]
    logins = [pair for each in coming for pair in each.logins]
    channels = [pair for each in coming for pair in each.channels]
    done.moved.update(users=len(coming), pseudonyms=len(logins), communication_channels=len(channels))
    if dry_run:
        done.channels = {number: -number for row, _ in channels if (number := _canvas_id(row))}
    else:
        _give_ids("users", users, done)
        _give_ids("pseudonyms", logins, done)
        _give_ids("communication_channels", channels, done)
        _write(account, coming, done)
    _choose(coming, choices, done, dry_run=dry_run)
    return done


def _settled(account: Account, batch: Sequence[Fitted], taken: Collection[Name], done: Done) -> list[Fitted]:
    here = People(account, batch)
    coming = []
    for each in batch:
        try:
            done.names |= here.settle(each, lambda name: name in taken or name in done.names)
        except Unfit as why:
            done.lines += left_out(each.person, why)
            continue
        done.lines += each.lines
        coming.append(each)
    return coming


def _give_ids(table: str, rows: Sequence[tuple[Row, models.Model]], done: Done) -> None:
    wanted = [_canvas_id(row) for row, _ in rows]
    kept = ids.give([made for _, made in rows], wanted)
    for (row, made), number, own in zip(rows, wanted, kept, strict=True):
        if number is not None and not own:
            done.lines.append(changed(table, row, "its id is taken: it has another", str(made.pk)))


def _write(account: Account, coming: Sequence[Fitted], done: Done) -> None:
    new = [each.user for each in coming if each.user._state.adding]
    here = [each for each in coming if not each.user._state.adding]
    moved = [_moved(account, Table.USERS, each.person.id, each.user.pk) for each in coming]
    logins, channels = [], []
    for each in coming:
        for _, login in each.logins:
            login.user = each.user
            logins.append(login)
        for row, channel in each.channels:
            channel.user = each.user
            channels.append(channel)
            if number := _canvas_id(row):
                done.channels[number] = channel.pk
    moved += [_moved(account, Table.CHANNELS, number, pk) for number, pk in done.channels.items()]
    _tell(here)
    insert_as_they_are(new)
    insert_as_they_are(logins)
    insert_as_they_are(channels)
    insert_as_they_are(moved)
    audit.record_all(None, Action.IMPORT, [(row.pk, row.user_id) for row in channels], source="canvas")
    for each in here:
        if each.channels:
            ordering.settle(each.channels[0][1], each.user.home_account)


def _tell(here: Sequence[Fitted]) -> None:
    """Let people who are here hear of new logins and active addresses, by those that they have so far."""
    with security_notices.told_together():
        for each in here:
            for _, login in each.logins:
                security_notices.notify_new_login(login)
        channels = [channel for each in here for _, channel in each.channels]
        security_notices.notify_new_addresses(
            channel
            for channel in channels
            if channel.workflow_state == CommunicationChannel.WorkflowState.ACTIVE
            and channel.type != CommunicationChannel.Type.PUSH
        )


def _choose(coming: Sequence[Fitted], choices: Choices, done: Done, *, dry_run: bool) -> None:
    """What the API told of preferences with the people."""
    made = []
    for each in coming:
        for row in each.person.preferences:
            try:
                made.append(choices.choice(row, done.channels.get))
            except Unfit as why:
                done.lines.append(left("notification_policies", row, why))
    add = preferences.count_new if dry_run else preferences.add
    done.moved["notification_policies"] = add(made)


def _moved(account: Account, table: str, canvas_id: int, row_id: int) -> MovedRow:
    return MovedRow(account=account, table=table, canvas_id=canvas_id, row_id=row_id)


def _canvas_id(row: Row) -> int | None:
    """None: the source does not know it, as a provisioning report does not."""
    return row.id("id") if row.values.get("id") is not None else None
