"""What recipients of a dispatch get (docs/contract.md, section 7.1): hundreds of them in one statement.

What is judged, in this order; the first that applies is the outcome:

1. of the person: ``suppressed``, ``not_registered``, ``no_channel``, ``muted``;
2. of each channel that may be written to: ``preference``, ``type_not_allowed``, a digest's entry (``daily``,
   ``weekly``), ``bounced``, then the limit of a day and, for texts, the budget.

*Registration* and *Migration*, and a mandatory category's message to the institution's address, go at once:
of what is judged of a channel only ``bounced`` holds for them. A message that bounces costs nothing, so it
takes no place of others in limit and budget.

A test compares the statement with its twin in Python on random users: what is changed here is changed there.
``chosen`` is materialized: PostgreSQL would otherwise look choices up again wherever the frequency is named.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import time
from functools import cache
from typing import Any, NamedTuple

from django.db import connection

from canvas_channels.core.statements import condition
from channels_api.models import BOUNCING, LIVE, CommunicationChannel
from notifications.deciding.rules import Occasion, Outcome

_DECIDE = """
WITH recipient AS (
    SELECT r.id AS recipient_id, r.user_id, u.home_account_id, u.time_zone, u.workflow_state AS user_state,
        EXISTS (
            SELECT FROM notifications_coursepreference p
            WHERE p.user_id = r.user_id AND p.course_id = %(course_id)s AND NOT p.enabled
        ) AS muted,
        %(messages_per_day)s - (
            SELECT count(*) FROM (
                SELECT FROM notifications_message m
                WHERE m.user_id = r.user_id AND m.created_at > now() - interval '24 hours'
                    AND m.type <> 'push' AND m.kind <> 'digest_entry'
                    AND m.workflow_state NOT IN ('bounced', 'cancelled')
                LIMIT %(messages_per_day)s
            ) AS counted
        ) AS messages_left
    FROM notifications_dispatchrecipient r
    JOIN identity_user u ON u.id = r.user_id
    WHERE r.id = ANY(%(recipients)s)
), live AS (
    SELECT r.recipient_id, r.user_state, c.id AS channel_id, c.type, c.address, c.position, c.created_at,
        c.workflow_state = 'active' AS active,
        {bouncing} OR c.id = ANY(%(bounced)s) AS bouncing,
        row_number() OVER (PARTITION BY r.recipient_id ORDER BY c.position, c.id) = 1 AS first,
        row_number() OVER (PARTITION BY r.recipient_id, c.type ORDER BY c.position, c.id) = 1
            AS first_of_type,
        c.type = 'email' AND row_number() OVER (
            PARTITION BY r.recipient_id, c.type
            ORDER BY c.workflow_state = 'active' DESC, c.institutional AND NOT %(always)s DESC, c.position,
                c.id
        ) = 1 AS without_choice
    FROM recipient r
    JOIN channels_api_communicationchannel c
        ON c.user_id = r.user_id AND {live}
), reachable AS (
    SELECT * FROM live
    WHERE CASE
        WHEN %(always)s THEN without_choice AND (active OR user_state = 'pre_registered')
        ELSE active
    END
), judged AS (
    SELECT r.*, c.channel_id, c.type, c.address, c.position, c.created_at, c.bouncing, c.first,
        c.first_of_type, c.without_choice AND (%(always)s OR %(mandatory)s) AS at_once,
        row_number() OVER (PARTITION BY r.recipient_id ORDER BY c.position, c.channel_id) AS nth,
        CASE
            WHEN %(suppressed)s THEN 'suppressed'
            WHEN NOT (r.user_state = 'registered' OR r.user_state = 'pre_registered' AND %(always)s)
                OR c.channel_id = ANY(%(limited)s) THEN 'not_registered'
            WHEN c.channel_id IS NULL THEN 'no_channel'
            WHEN r.muted AND NOT (%(always)s OR %(mandatory)s) THEN 'muted'
        END AS withheld
    FROM recipient r LEFT JOIN reachable c USING (recipient_id)
), chosen AS MATERIALIZED (
    SELECT j.*, COALESCE(
        (
            SELECT o.frequency FROM notifications_courseoverride o
            WHERE o.channel_id = j.channel_id AND o.course_id = %(course_id)s
                AND o.category_id = %(category_id)s
        ),
        (
            SELECT p.frequency FROM notifications_notificationpreference p
            WHERE p.channel_id = j.channel_id AND p.notification_id = %(notification_id)s
        ),
        CASE WHEN j.first_of_type THEN (
            SELECT d.frequency FROM notifications_notificationpreferencedefault d
            WHERE d.account_id = j.home_account_id AND d.type = j.type AND d.category_id = %(category_id)s
                AND (d.applies_from IS NULL OR d.applies_from <= j.created_at)
            ORDER BY d.id DESC LIMIT 1
        ) END,
        CASE WHEN j.first THEN %(default_frequency)s ELSE 'never' END
    ) AS frequency
    FROM judged j
    WHERE j.withheld IS NULL OR j.nth = 1
), wanted AS (
    SELECT *, CASE
        WHEN withheld IS NOT NULL THEN withheld
        WHEN at_once THEN CASE WHEN bouncing THEN 'bounced' ELSE 'now' END
        WHEN frequency = 'never' OR type <> 'email' AND frequency <> 'immediately' THEN 'preference'
        WHEN type = 'push' AND NOT %(to_devices)s THEN 'type_not_allowed'
        WHEN type = 'sms' AND (NOT %(to_numbers)s OR channel_id = ANY(%(foreign)s)) THEN 'type_not_allowed'
        WHEN frequency <> 'immediately' THEN frequency
        WHEN bouncing THEN 'bounced'
        ELSE 'now'
    END AS outcome
    FROM chosen
), within_limit AS (
    SELECT w.*, CASE
        WHEN outcome <> 'now' OR type = 'push' OR at_once OR messages_left >= row_number() OVER (
            PARTITION BY recipient_id, outcome = 'now' AND type <> 'push'
            ORDER BY at_once DESC, position, channel_id
        ) THEN outcome
        WHEN type = 'email' THEN 'daily'
        ELSE 'type_not_allowed'
    END AS outcome_within_limit
    FROM wanted w
), within_budget AS (
    SELECT w.*, CASE
        WHEN outcome_within_limit <> 'now' OR type <> 'sms' OR b.texts >= row_number() OVER (
            PARTITION BY home_account_id, outcome_within_limit = 'now' AND type = 'sms'
            ORDER BY recipient_id, position, channel_id
        ) THEN outcome_within_limit
        ELSE 'type_not_allowed'
    END AS decided
    FROM within_limit w
    LEFT JOIN unnest(%(accounts)s::bigint[], %(texts)s::bigint[]) AS b (account_id, texts)
        ON b.account_id = w.home_account_id
)
SELECT recipient_id, user_id, home_account_id, CASE WHEN withheld IS NULL THEN channel_id END, type, address,
    decided, COALESCE(withheld IS NULL AND at_once, false), w.time_zone, a.default_time_zone,
    q.starts, q.ends, q.days
FROM within_budget w
JOIN identity_account a ON a.id = w.home_account_id
LEFT JOIN notifications_quiethours q USING (user_id)
ORDER BY recipient_id, position, channel_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a dispatch is about, as far as choices depend on it."""

    notification_id: int
    category_id: int
    course_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is found out beforehand, by :mod:`notifications.deciding.facts`; channels by their ids."""

    messages_per_day: int
    texts: Mapping[int, int] = field(default_factory=dict)  # left, by home account; 0 for one not named
    foreign: Collection[int] = ()
    limited: Collection[int] = ()
    bounced: Collection[int] = ()  # the address did, perhaps on another channel


class QuietHours(NamedTuple):
    starts: time
    ends: time
    days: list[int]


class Row(NamedTuple):
    """A decision. The columns of the channel mean nothing where it is about the person."""

    recipient_id: int
    user_id: int
    home_account_id: int
    channel_id: int | None
    type: str
    address: str
    outcome: Outcome
    at_once: bool
    time_zone: str
    account_time_zone: str
    quiet_hours: QuietHours | None


def decide(occasion: Occasion, subject: Subject, facts: Facts, recipients: Sequence[int]) -> list[Row]:
    """What these recipients get, by the ids of their rows: in their order, and that of their channels."""
    parameters = {
        **asdict(occasion),
        **asdict(subject),
        "messages_per_day": facts.messages_per_day,
        "accounts": list(facts.texts.keys()),
        "texts": list(facts.texts.values()),
        "foreign": list(facts.foreign),
        "limited": list(facts.limited),
        "bounced": list(facts.bounced),
        "recipients": list(recipients),
    }
    with connection.cursor() as cursor:
        cursor.execute(_statement(), parameters)
        return [_row(*columns) for columns in cursor.fetchall()]


@cache
def _statement() -> str:
    rules = {"bouncing": BOUNCING, "live": LIVE}
    return _DECIDE.format(**{name: condition(CommunicationChannel, rule) for name, rule in rules.items()})


def _row(*columns: Any) -> Row:
    *decided, starts, ends, days = columns
    row = Row._make([*decided, None if starts is None else QuietHours(starts, ends, days)])
    return row._replace(outcome=Outcome(row.outcome))
