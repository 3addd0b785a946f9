"""Moving people and their preferences from a source, batch by batch.

Sends nothing, but that people who are here already are told of new logins and active addresses.

A batch is one transaction, and knows whom an earlier run moved: so a run that was interrupted goes on where
it stopped, and another one moves those only who came since.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, transaction

from canvas_channels.core.constraints import constraint_of
from canvas_channels.core.counts import counted
from canvas_channels.core.identity.models import Account, Login, User
from channels_api.models import CommunicationChannel
from notifications.canvas_import import ids, preferences
from notifications.canvas_import.fitting import Fitted, fitted
from notifications.canvas_import.matching import Name, moved_before
from notifications.canvas_import.models import MovedRow
from notifications.canvas_import.preferences import Choice, Choices
from notifications.canvas_import.report import Line, Report, left, left_out
from notifications.canvas_import.rows import Person, Row, Unfit
from notifications.canvas_import.writing import Done, move

AT_ONCE = 100  # people of a transaction
CHOICES_AT_ONCE = 5_000


class Source(Protocol):
    def people(self) -> list[Person]: ...

    def fill(self, person: Person) -> None:
        """Read what is theirs, where it is not known yet. Raises :class:`Unfit`."""


class Move:
    """``progress`` is called with the part that is done, from 0 to 1, and what is done, in words."""

    def __init__(
        self, account: Account, report: Report, progress: Callable[[float, str], None], *, dry_run: bool
    ) -> None:
        self._account = account
        self._report = report
        self._progress = progress
        self._dry_run = dry_run
        self._names: set[Name] = set()
        self._channels: dict[int, int] = {}
        self._choices = Choices()

    def people(self, source: Source) -> None:
        everybody = source.people()
        self._go_on_after(everybody)
        total = counted(len(everybody), "user")
        for start in range(0, len(everybody), AT_ONCE):
            batch = everybody[start : start + AT_ONCE]
            before = moved_before(self._account, [person.id for person in batch])
            self._report.before += len(before)
            new = []
            for number, person in enumerate(batch, start + 1):
                if person.id not in before and self._filled(source, person):
                    new.append(person)
                self._progress(number / len(everybody), f"{number} of {total}")
            if new:
                self._move(new)

    def preferences(self, rows: Iterable[tuple[Row, float]]) -> None:
        """Choices for channels that this run or another one moved; each with the part of all that it ends."""
        self._channels |= self._moved_channels()
        batch: list[Choice] = []
        read = 0
        self._progress(0, counted(read, "preference"))
        for row, part in rows:
            read += 1
            try:
                batch.append(self._choices.choice(row, self._channels.get))
            except Unfit as why:
                self._report.add(left("notification_policies", row, why))
            if len(batch) == CHOICES_AT_ONCE:
                self._add(batch)
                batch.clear()
                self._progress(part, counted(read, "preference"))
        self._add(batch)
        self._progress(1, counted(read, "preference"))

    def _filled(self, source: Source, person: Person) -> bool:
        try:
            source.fill(person)
        except Unfit as why:
            self._report.add(*left_out(person, why))
            return False
        return True

    def _move(self, people: Sequence[Person]) -> None:
        """In one transaction, else, where the database refuses somebody's rows, each in their own."""
        self._go_on_after(people)
        try:
            self._keep(self._try(people))
        except (OperationalError, InterfaceError):
            raise
        except DatabaseError as error:
            if len(people) > 1:
                for person in people:
                    self._move([person])
                return
            constraint = constraint_of(error) if isinstance(error, IntegrityError) else None
            why = Unfit("the database refuses a row of theirs", constraint or type(error).__name__)
            self._report.add(*left_out(people[0], why))

    def _try(self, people: Sequence[Person]) -> Done:
        fit: list[Fitted] = []
        lines: list[Line] = []
        for person in people:
            try:
                fit.append(fitted(person, self._account))
            except Unfit as why:
                lines += left_out(person, why)
        done = move(self._account, fit, self._names, self._choices, dry_run=self._dry_run)
        done.lines[:0] = lines
        return done

    def _keep(self, done: Done) -> None:
        self._names |= done.names
        self._report.moved += done.moved
        self._report.add(*done.lines)
        if self._dry_run:
            self._channels |= done.channels

    def _add(self, batch: Sequence[Choice]) -> None:
        with transaction.atomic(durable=True):
            added = preferences.count_new(batch) if self._dry_run else preferences.add(batch)
        self._report.moved["notification_policies"] += added

    def _moved_channels(self) -> dict[int, int]:
        rows = MovedRow.objects.filter(account=self._account, table=MovedRow.Table.CHANNELS)
        return dict(rows.values_list("canvas_id", "row_id").iterator(chunk_size=10_000))

    def _go_on_after(self, people: Sequence[Person]) -> None:
        """So that ids which people, logins and channels have in Canvas stay free until it is their turn."""
        if self._dry_run:
            return
        ids.go_on_after(User, [person.id for person in people])
        ids.go_on_after(Login, ids.of(row for person in people for row in person.logins))
        ids.go_on_after(CommunicationChannel, ids.of(row for person in people for row in person.channels))
