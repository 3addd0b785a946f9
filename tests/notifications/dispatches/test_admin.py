"""Django's admin for what an institution's systems asked to send."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from canvas_channels.core.identity.models import User
from channels_api.models import AuditEntry
from notifications.models import Dispatch
from tests.factories import load_catalogue, make_account, make_channel, make_dispatch, make_message, make_user

PAGE = reverse("admin:notifications_dispatch_changelist")


@pytest.fixture
def dispatch(db: None) -> Dispatch:
    load_catalogue()
    user = make_user(account=make_account())
    dispatch = make_dispatch(user.home_account, recipients=[user], workflow_state="running")
    make_message(user, make_channel(user), dispatch=dispatch, workflow_state="staged")
    return dispatch


def signed_in(client: Client, *rights: str) -> User:
    """Staff with these permissions on dispatches."""
    staff = make_user("Clerk", is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__in=[f"{one}_dispatch" for one in rights]))
    client.force_login(staff)
    return staff


def cancel(client: Client, dispatch: Dispatch) -> None:
    answer = client.post(PAGE, {"action": "cancel", "_selected_action": [dispatch.pk]})
    assert answer.status_code in {200, 302}
    dispatch.refresh_from_db()


def test_staff_cancel_what_is_not_sent(client: Client, dispatch: Dispatch) -> None:
    staff = signed_in(client, "view", "change")
    cancel(client, dispatch)
    assert dispatch.workflow_state == "cancelled"
    assert dispatch.messages.get().workflow_state == "cancelled"
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor, entry.details["messages"]) == ("cancel_notification", staff, 1)


def test_who_may_only_look_cancels_nothing(client: Client, dispatch: Dispatch) -> None:
    signed_in(client, "view")
    assert "Cancel what is not sent yet" not in client.get(PAGE).text
    cancel(client, dispatch)
    assert dispatch.workflow_state == "running"


def test_nobody_changes_what_was_asked_for(client: Client, dispatch: Dispatch) -> None:
    signed_in(client, "view", "change", "add", "delete")
    page = reverse("admin:notifications_dispatch_change", args=[dispatch.pk])
    assert client.post(page, {"workflow_state": "completed"}).status_code == 403
    assert client.get(reverse("admin:notifications_dispatch_add")).status_code == 403
    assert client.get(reverse("admin:notifications_dispatch_delete", args=[dispatch.pk])).status_code == 403
