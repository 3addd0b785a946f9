"""The reports over an account's channels, and what the bulk actions act on (docs/contract.md, section 5)."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from canvas_channels.core.identity.accounts import administered_members
from canvas_channels.core.identity.callers import lacks_more_rights
from canvas_channels.core.identity.models import Account, User
from channels_api import models
from channels_api.channels.filters import BouncingFilter, ReportFilter, UnconfirmedFilter
from channels_api.models import LIVE, CommunicationChannel

CHUNK = 500  # rows that are read at once


@dataclass(frozen=True, slots=True)
class Report:
    """``columns`` gives each column of the answer its path from a channel; ``limit`` is in rows."""

    name: str
    condition: Q
    filters: type[ReportFilter]
    columns: Mapping[str, str]
    limit: int


COLUMNS = {
    "User ID": "user_id",
    "Name": "user__name",
    "Communication channel ID": "id",
    "Type": "type",
    "Path": "address",
}
BOUNCING = Report(
    name="bouncing_communication_channels",
    condition=LIVE & models.BOUNCING,
    filters=BouncingFilter,
    columns=COLUMNS
    | {"Date of most recent bounce": "last_bounce_at", "Bounce reason": "last_bounce_summary"},
    limit=1_000,
)
UNCONFIRMED = Report(
    name="unconfirmed_communication_channels",
    condition=Q(workflow_state=CommunicationChannel.WorkflowState.UNCONFIRMED),
    filters=UnconfirmedFilter,
    columns=COLUMNS | {"Created at": "created_at"},
    limit=10_000,
)


def channels_of(report: Report, account: Account, caller: User) -> QuerySet[CommunicationChannel]:
    """All channels that a report of the account to ``caller`` is about: filters and limit come after."""
    channels = CommunicationChannel.objects.filter(report.condition)
    members: QuerySet[CommunicationChannel] = administered_members(channels, caller, account)
    return members


def changeable(report: Report, account: Account, caller: User) -> QuerySet[CommunicationChannel]:
    """Of those, what a bulk action of ``caller`` acts on: none of people with rights that they lack."""
    return channels_of(report, account, caller).filter(lacks_more_rights(caller, "user__"))


def rows(report: Report, channels: QuerySet[CommunicationChannel]) -> Generator[Any]:
    """The report's rows, read in chunks so that a large report needs no more memory than a small one."""
    yield from channels.values_list(*report.columns.values()).iterator(chunk_size=CHUNK)
