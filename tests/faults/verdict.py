"""What became of what the clients were promised, from the database and from what the stand-ins took."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

from tests.faults.clients import Request
from tests.faults.standins import Received

UNDONE: LiteralString = """
SELECT status || ' ' || task_name || ' after ' || attempts || ' tries' FROM procrastinate_jobs
WHERE status <> 'succeeded' AND queueing_lock IS NULL
UNION ALL
SELECT 'confirmation ' || id || ' is ' || workflow_state || ': ' || failure FROM channels_api_confirmation
WHERE workflow_state <> 'sent'
UNION ALL
SELECT 'device ' || id || ' is ' || workflow_state || ': ' || failure FROM channels_api_pushdevice
WHERE workflow_state <> 'registered'
UNION ALL
SELECT 'dispatch ' || id || ' is ' || workflow_state || ': ' || failure FROM notifications_dispatch
WHERE workflow_state <> 'completed'
UNION ALL
SELECT 'message ' || id || ' is ' || workflow_state || ': ' || failure FROM notifications_message
WHERE workflow_state <> 'sent'
"""
GAPS: LiteralString = """
SELECT user_id FROM channels_api_communicationchannel
GROUP BY user_id
HAVING min(position) <> 1 OR max(position) <> count(*) OR count(DISTINCT position) <> count(*)
"""
TWICE: LiteralString = """
SELECT user_id FROM channels_api_communicationchannel
GROUP BY user_id, type, address_folded HAVING count(*) > 1
"""
RETRIED: LiteralString = "SELECT count(*) FROM procrastinate_jobs WHERE attempts > 1 AND status = 'succeeded'"


@dataclass(frozen=True)
class Verdict:
    """``lost`` and ``stuck`` are described, to be read by a person; ``doubled`` counts further messages."""

    delivered: int
    lost: list[str]
    doubled: int
    stuck: list[str]
    misplaced: list[str]
    retried: int


def undone(url: str) -> list[str]:
    """Jobs, confirmations, devices, notifications and messages that are not where they belong in the end."""
    return [row[0] for row in ask(url, UNDONE)]


def judge(url: str, accepted: Sequence[Request], received: Received, endpoints: Any) -> Verdict:
    """``endpoints`` are SNS's, with their attributes."""
    news = [request for request in accepted if request.recipients]
    accepted = [request for request in accepted if not request.recipients]
    owners = {
        endpoint["Token"]: endpoint["CustomUserData"]
        for endpoint in endpoints
        if endpoint["Enabled"].lower() == "true"
    }
    told = {(address, request.what) for request in news for _, address in request.recipients}
    homes = {address for address, _ in told}
    messages = Counter({to: len(found) for to, found in received.messages.items() if to not in homes})
    heard = Counter((to, message["subject"]) for to in homes for message in received.messages.get(to, ()))
    lost = [f"{subject} to {address}" for address, subject in told - heard.keys()]
    lost += [
        f"{request.type} {request.what}"
        for request in accepted
        if (
            owners.get(request.what) != str(request.user_id)
            if request.type == "push"
            else not messages[request.what]
        )
    ]
    asked = {request.what for request in accepted}
    misplaced = [f"gap in the positions of user {row[0]}" for row in ask(url, GAPS)]
    misplaced += [f"duplicate channel of user {row[0]}" for row in ask(url, TWICE)]
    misplaced += [f"nobody asked for {what}" for what in (messages.keys() | owners.keys()) - asked]
    misplaced += [f"nobody asked for {what}" for what in heard.keys() - told]
    return Verdict(
        delivered=len(accepted) + len(told) - len(lost),
        lost=lost,
        doubled=sum(count - 1 for count in (*messages.values(), *heard.values())),
        stuck=undone(url),
        misplaced=misplaced,
        retried=ask(url, RETRIED)[0][0],
    )


def ask(url: str, query: LiteralString, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query, values or None)
        return cursor.fetchall() if cursor.description else []
