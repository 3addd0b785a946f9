# ruff: noqa: A002 - path parameters are named as in the API: their names make the scope strings
"""An account's channels: reports, bulk actions, bulk creation, and how far these have come."""

from collections.abc import Generator
from itertools import chain, islice
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from rest_framework.response import Response

from canvas_channels.core.identity.models import Account
from canvas_channels.core.rest.errors import NotAuthorized, ResourceNotFound
from canvas_channels.core.rest.requests import CanvasRequest
from channels_api.accounts import bulk, imports, progress, reports
from channels_api.accounts.import_rows import CSV_PARAMETER, read_rows
from channels_api.accounts.report_formats import CONTENT_TYPES, FORMATS
from channels_api.models import CommunicationChannel, Progress
from channels_api.viewsets import ChannelErrorsMixin


class AccountChannelsViewSet(ChannelErrorsMixin):
    """The reports, and the bulk actions on what they show."""

    about: reports.Report = reports.BOUNCING

    def report(self, request: CanvasRequest, account_id: str, extension: str) -> "ReportResponse":
        rows = reports.rows(self.about, self._channels(self.find_account(account_id)))
        return ReportResponse(self.about, rows, extension)

    @transaction.atomic
    def reset(self, request: CanvasRequest, account_id: str) -> Response:
        account = self.find_account(account_id)
        self.require_site_admin()
        count = bulk.schedule_reset(self.caller, account, self._channels(account, to_change=True))
        return Response({"scheduled_reset_approximate_count": count})

    def confirm(self, request: CanvasRequest, account_id: str) -> Response:
        account = self.find_account(account_id)
        self.require_site_admin()
        confirmed = bulk.confirm(self.caller, self._channels(account, to_change=True))
        return Response({"confirmed_count": confirmed})

    def _channels(self, account: Account, *, to_change: bool = False) -> QuerySet[CommunicationChannel]:
        found = reports.changeable if to_change else reports.channels_of
        all_channels = found(self.about, account, self.caller.user)
        filtered: QuerySet[CommunicationChannel] = self.clean_filters(self.about.filters, all_channels)
        return filtered[: self.about.limit]


class ReportResponse(StreamingHttpResponse):
    """A report, sent as it is read.

    The first row is read at once: when the status is sent, a failure can only cut the body off. The
    database's cursor ends with the response, read to its end or not.
    """

    def __init__(self, about: reports.Report, rows: Generator[Any], extension: str) -> None:
        self._rows = rows
        begun = chain(list(islice(rows, 1)), rows)
        pieces = FORMATS[extension](about.columns, begun)
        super().__init__(pieces, content_type=CONTENT_TYPES[extension])
        if extension == "csv":
            self["Content-Disposition"] = f'attachment; filename="{about.name}.csv"'

    def close(self) -> None:
        self._rows.close()
        super().close()


class ImportRequest(CanvasRequest):
    """A larger body than others may send, which may be CSV."""

    max_body = 10 * 2**20
    csv_parameter = CSV_PARAMETER


class ImportViewSet(ChannelErrorsMixin):
    request_class = ImportRequest

    @transaction.atomic
    def create(self, request: CanvasRequest, account_id: str) -> Response:
        account = self.find_account(account_id)
        started = imports.start(self.caller, account, read_rows(request.params))
        Progress.job.ask([started.pk])
        return Response(progress_object(started, request))


class ProgressViewSet(ChannelErrorsMixin):
    def retrieve(self, request: CanvasRequest, id: int) -> Response:
        found = Progress.objects.filter(pk=id).first()
        if found is None:
            raise ResourceNotFound
        if not progress.may_see(self.caller, found):
            raise NotAuthorized
        return Response(progress_object(found, request))


def progress_object(found: Progress, request: CanvasRequest) -> dict[str, Any]:
    """Canvas's Progress; the results of an import once it has ended."""
    shown = {
        "id": found.pk,
        "context_id": found.account_id,
        "context_type": "Account",
        "user_id": found.user_id,
        "tag": found.tag,
        "completion": found.completion,
        "workflow_state": found.workflow_state,
        "created_at": found.created_at,
        "updated_at": found.updated_at,
        "message": found.said or None,
        "url": request.build_absolute_uri(f"/api/v1/progress/{found.pk}"),
    }
    ended = found.workflow_state not in Progress.WAITING
    return shown | ({"results": imports.results(found)} if ended else {})
