"""That SQL decides as Python does, on random users."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any, NamedTuple

import pytest
from django.db import transaction
from django.db.models import Model
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from canvas_channels.core.identity.models import User
from channels_api.models import CommunicationChannel
from notifications.deciding import sql
from notifications.deciding.rules import Occasion
from notifications.deciding.sql import Facts, Subject
from notifications.models import (
    CourseOverride,
    CoursePreference,
    DispatchRecipient,
    Message,
    NotificationPreference,
    NotificationPreferenceDefault,
)
from tests.factories import make_account, make_dispatch
from tests.notifications.deciding.twin import Channel, Decision, Recipient, decide

pytestmark = pytest.mark.django_db

COURSE = 12
LIMIT = 2  # messages a user and day
AccountDefault = tuple[int, str, str, bool]  # home, type, frequency, whether it holds for old channels too
OLD, RECENT, NEW = (timedelta(days=days) for days in (30, 20, 10))  # ago

bounded = settings(
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
seldom = st.sampled_from([False, False, True])
frequencies = st.sampled_from(["immediately", "immediately", "daily", "weekly", "never"])
choices = st.none() | frequencies


class Way(NamedTuple):
    """A channel, as it is to be."""

    type: str
    workflow_state: str
    position: int
    institutional: bool
    bounce_count: int
    age: timedelta
    chosen: str | None
    override: str | None
    other_override: str | None
    limited: bool
    bounced: bool
    foreign: bool


class Person(NamedTuple):
    state: str
    home: int
    muted: bool
    sent: list[tuple[str, str, str, int]]
    ways: list[Way]


ways = st.builds(
    Way,
    type=st.sampled_from(["email", "email", "sms", "push"]),
    workflow_state=st.sampled_from(["active", "active", "unconfirmed", "retired"]),
    position=st.integers(1, 3),
    institutional=seldom,
    bounce_count=st.sampled_from([0, 0, 0, 2]),
    age=st.sampled_from([OLD, NEW]),
    chosen=choices,
    override=st.none() | choices,
    other_override=choices,
    limited=seldom,
    bounced=seldom,
    foreign=seldom,
)
people = st.builds(
    Person,
    state=st.sampled_from(["registered", "registered", "pre_registered", "deactivated"]),
    home=st.integers(0, 1),
    muted=seldom,
    sent=st.lists(
        st.tuples(
            st.sampled_from(["email", "sms", "push"]),
            st.sampled_from(["notification", "notification", "digest_entry"]),
            st.sampled_from(["sent", "created", "bounced", "cancelled"]),
            st.sampled_from([1, 23, 25]),
        ),
        max_size=5,
    ),
    ways=st.lists(ways, max_size=5),
)
account_defaults = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(["email", "sms", "push"]), frequencies, st.booleans()),
    max_size=4,
)


def default_of(person: Person, way: Way, account_defaults: list[AccountDefault]) -> str | None:
    """The newest one of the home account that reaches back to the channel."""
    found = [
        frequency
        for home, type_, frequency, for_all in account_defaults
        if (home, type_) == (person.home, way.type) and (for_all or way.age < RECENT)
    ]
    return found[-1] if found else None


@contextmanager
def made_at(model: type[Model]) -> Iterator[None]:
    """Rows that are made meanwhile keep the time that they are given."""
    created_at: Any = model._meta.get_field("created_at")
    created_at.auto_now_add = False
    try:
        yield
    finally:
        created_at.auto_now_add = True


class World:
    """Users in the database, and what Python's rules are told of them."""

    def __init__(self, everyone: list[Person], account_defaults: list[AccountDefault]) -> None:
        self.now = timezone.now()
        self.homes = [make_account("One"), make_account("Two")]
        self.dispatch = make_dispatch(self.homes[0], course_id=COURSE)
        self.notification = self.dispatch.notification
        self.subject = Subject(
            notification_id=self.notification.pk,
            category_id=self.notification.category_id,
            course_id=COURSE,
        )
        self.users = User.objects.bulk_create(
            User(name="U", home_account=self.homes[person.home], workflow_state=person.state)
            for person in everyone
        )
        self.pairs = list(zip(self.users, everyone, strict=True))
        self._set_defaults(account_defaults)
        self.ways = self._make_channels()
        self._choose()
        self._send()
        self.told = [self._told(user, person, account_defaults) for user, person in self.pairs]
        self.recipients = DispatchRecipient.objects.bulk_create(
            DispatchRecipient(dispatch=self.dispatch, user=user) for user in self.users
        )

    def _set_defaults(self, account_defaults: list[AccountDefault]) -> None:
        NotificationPreferenceDefault.objects.bulk_create(
            NotificationPreferenceDefault(
                account=self.homes[home],
                category=self.notification.category,
                type=type_,
                frequency=frequency,
                applies_from=None if for_all else self.now - RECENT,
            )
            for home, type_, frequency, for_all in account_defaults
        )

    def _make_channels(self) -> dict[int, tuple[User, Way]]:
        rows = [
            CommunicationChannel(
                user=user,
                address=f"address{number}@example.edu",
                address_folded=f"address{number}@example.edu",
                **{name: getattr(way, name) for name in Way._fields[:5]},
            )
            for user, person in self.pairs
            for number, way in enumerate(person.ways)
        ]
        with made_at(CommunicationChannel):
            ways = [(user, way) for user, person in self.pairs for way in person.ways]
            for row, (_, way) in zip(rows, ways, strict=True):
                row.created_at = self.now - way.age
            CommunicationChannel.objects.bulk_create(rows)
        return {row.pk: pair for row, pair in zip(rows, ways, strict=True)}

    def _choose(self) -> None:
        NotificationPreference.objects.bulk_create(
            NotificationPreference(channel_id=pk, notification=self.notification, frequency=way.chosen)
            for pk, (_, way) in self.ways.items()
            if way.chosen
        )
        category = self.notification.category
        CourseOverride.objects.bulk_create(
            CourseOverride(channel_id=pk, course_id=course, category=category, frequency=frequency)
            for pk, (_, way) in self.ways.items()
            for course, frequency in ((COURSE, way.override), (COURSE + 1, way.other_override))
            if frequency
        )
        CoursePreference.objects.bulk_create(
            CoursePreference(user=user, course_id=COURSE, enabled=not person.muted)
            for user, person in self.pairs
        )

    def _send(self) -> None:
        with made_at(Message):
            Message.objects.bulk_create(
                Message(
                    user=user,
                    account=user.home_account,
                    type=type_,
                    kind=kind,
                    workflow_state=state,
                    address="",
                    created_at=self.now - timedelta(hours=hours),
                )
                for user, person in self.pairs
                for type_, kind, state, hours in person.sent
            )

    def _told(self, user: User, person: Person, account_defaults: list[AccountDefault]) -> Recipient:
        own = [(pk, way) for pk, (owner, way) in self.ways.items() if owner is user]
        live = sorted((way.position, pk, way) for pk, way in own if way.workflow_state != "retired")
        counted = [
            kind != "digest_entry" and type_ != "push" and state in {"sent", "created"} and hours < 24
            for type_, kind, state, hours in person.sent
        ]
        return Recipient(
            state=person.state,
            channels=[
                Channel(
                    id=pk,
                    type=way.type,
                    active=way.workflow_state == "active",
                    institutional=way.institutional,
                    bouncing=way.bounce_count > 0 or way.bounced,
                    limited=way.limited and way.workflow_state == "unconfirmed",
                    foreign=way.foreign,
                    override=way.override,
                    chosen=way.chosen,
                    account_default=default_of(person, way, account_defaults),
                )
                for _, pk, way in live
            ],
            muted=person.muted,
            messages_left=LIMIT - sum(counted),
            texts_left=0,
        )

    def facts(self, texts: list[int]) -> Facts:
        ways = {pk: way for pk, (_, way) in self.ways.items()}
        return Facts(
            messages_per_day=LIMIT,
            texts={home.pk: left for home, left in zip(self.homes, texts, strict=True)},
            limited=[pk for pk, way in ways.items() if way.limited and way.workflow_state == "unconfirmed"],
            bounced=[pk for pk, way in ways.items() if way.bounced],
            foreign=[pk for pk, way in ways.items() if way.foreign],
        )

    def by_python(self, occasion: Occasion, texts: list[int]) -> list[tuple[int, Decision]]:
        left = {home.pk: number for home, number in zip(self.homes, texts, strict=True)}
        found = []
        for row, user, recipient in zip(self.recipients, self.users, self.told, strict=True):
            decisions = decide(occasion, replace(recipient, texts_left=left[user.home_account_id]))
            found += [(row.pk, decision) for decision in decisions]
            left[user.home_account_id] -= sum(
                self.ways[channel][1].type == "sms" and outcome == "now"
                for channel, outcome, _ in decisions
                if channel
            )
        return found

    def by_sql(self, occasion: Occasion, texts: list[int]) -> list[tuple[int, Decision]]:
        ids = [recipient.pk for recipient in self.recipients]
        rows = sql.decide(occasion, self.subject, self.facts(texts), ids)
        return [(row.recipient_id, Decision(row.channel_id, row.outcome, row.at_once)) for row in rows]


@bounded
@given(
    st.lists(people, min_size=3, max_size=6),
    account_defaults,
    frequencies,
    st.lists(st.integers(0, 3), min_size=2, max_size=2),
    st.sampled_from([True, True, False]),
)
def test_sql_decides_as_python_does(
    everyone: list[Person],
    account_defaults: list[AccountDefault],
    default_frequency: str,
    texts: list[int],
    allowed: bool,
) -> None:
    with transaction.atomic():
        world = World(everyone, account_defaults)
        for always, mandatory, suppressed in product([False, True], repeat=3):
            occasion = Occasion(
                default_frequency=default_frequency,
                always=always,
                mandatory=mandatory,
                suppressed=suppressed,
                to_devices=allowed,
                to_numbers=allowed,
            )
            assert world.by_sql(occasion, texts) == world.by_python(occasion, texts), occasion
        transaction.set_rollback(True)
