# ruff: noqa: A002 - path parameters are named as in the API: their names make the scope strings
"""Sending notifications, and what became of them: for an account's admins (docs/contract.md, section 7)."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from rest_framework.response import Response

from canvas_channels.core.identity.models import Account
from canvas_channels.core.rest.errors import NotAuthorized
from canvas_channels.core.rest.pagination import paginate
from canvas_channels.core.rest.requests import CanvasRequest
from channels_api.viewsets import ChannelErrorsMixin
from notifications.dispatches import counts, idempotency, parsing, rules
from notifications.dispatches.models import Dispatch


class NotificationRequest(CanvasRequest):
    """A larger body than others may send: it names up to 10,000 users."""

    max_body = 10 * 2**20


class NotificationViewSet(ChannelErrorsMixin):
    """Never while acting as somebody: who asks for messages to others asks as themselves."""

    request_class = NotificationRequest

    def list(self, request: CanvasRequest, account_id: str) -> Response:
        page, link = paginate(request, self._dispatches(self._find_account(account_id)).order_by("-pk"))
        return Response([dispatch_object(dispatch) for dispatch in page], headers={"Link": link})

    @transaction.atomic
    def create(self, request: CanvasRequest, account_id: str) -> Response:
        account = self._find_account(account_id)
        key = idempotency.key_of(request)
        digest = parsing.digest(request.params) if key else ""
        dispatch = idempotency.find_first(self.caller, account, key, digest) if key else None
        if dispatch is None:
            wanted = parsing.parse(request.params)
            dispatch = rules.send(self.caller, account, wanted, key=key, digest=digest)
        at_first = {"workflow_state": Dispatch.WorkflowState.QUEUED, "completed_at": None}
        return Response(dispatch_object(dispatch) | at_first)

    def retrieve(self, request: CanvasRequest, account_id: str, id: int) -> Response:
        return Response(dispatch_with_counts(self._find(account_id, id)))

    def destroy(self, request: CanvasRequest, account_id: str, id: int) -> Response:
        dispatch = self._find(account_id, id)
        return Response(dispatch_with_counts(rules.cancel(self.caller, dispatch.pk)))

    def _find_account(self, account_id: str) -> Account:
        account = self.find_account(account_id)
        if self.caller.acting:
            raise NotAuthorized
        return account

    def _find(self, account_id: str, dispatch_id: int) -> Dispatch:
        dispatch = self._dispatches(self._find_account(account_id)).filter(pk=dispatch_id).first()
        if dispatch is None:
            raise rules.NoSuchDispatch
        return dispatch

    def _dispatches(self, account: Account) -> QuerySet[Dispatch]:
        """Without their texts, which nobody asks for."""
        rows = Dispatch.objects.filter(account=account).select_related("notification__category")
        return rows.defer("body", "html_body")


def dispatch_object(dispatch: Dispatch) -> dict[str, Any]:
    return {
        "id": dispatch.pk,
        "account_id": dispatch.account_id,
        "notification": dispatch.notification.slug,
        "category": dispatch.notification.category.slug,
        "subject": dispatch.subject,
        "workflow_state": _shown_state(dispatch),
        "recipients_count": dispatch.recipients_count,
        "created_at": dispatch.created_at,
        "completed_at": dispatch.completed_at,
    }


def _shown_state(dispatch: Dispatch) -> str:
    """One that failed is as good as queued: the operator has it tried again, and it goes on."""
    failed = dispatch.workflow_state == Dispatch.WorkflowState.FAILED
    return Dispatch.WorkflowState.QUEUED if failed else dispatch.workflow_state


def dispatch_with_counts(dispatch: Dispatch) -> dict[str, Any]:
    return dispatch_object(dispatch) | {"counts": counts.of(dispatch), "errors": dispatch.unknown}
