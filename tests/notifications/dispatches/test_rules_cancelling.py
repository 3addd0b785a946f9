"""Cancelling while workers decide: nothing comes after it, and what was written before is cancelled."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import close_old_connections, connections

from canvas_channels.core.identity.callers import Caller
from canvas_channels.core.identity.models import User
from notifications.deciding import fan_out
from notifications.dispatches import rules
from notifications.models import Dispatch, DispatchRecipient, Message
from tests.factories import (
    default_account,
    load_catalogue,
    make_admin,
    make_channel,
    make_dispatch,
    make_user,
)
from tests.notifications.services import do_all

RECIPIENTS = 5


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fan_out, "BATCH", 2)


@pytest.fixture
def admin(db: None) -> User:
    load_catalogue()
    return make_admin()


@pytest.fixture
def dispatch(admin: User) -> Dispatch:
    users = [make_user() for _ in range(RECIPIENTS)]
    for user in users:
        make_channel(user)
    return make_dispatch(
        default_account(), recipients=users, recipients_count=RECIPIENTS, workflow_state="queued"
    )


def cancel(admin: User, dispatch: Dispatch) -> Dispatch:
    return rules.cancel(Caller(admin, admin), dispatch.pk)


def states() -> list[str]:
    return list(Message.objects.order_by("pk").values_list("workflow_state", flat=True))


def undecided() -> int:
    return DispatchRecipient.objects.filter(decided=False).count()


def test_before_anything_is_decided(admin: User, dispatch: Dispatch) -> None:
    cancel(admin, dispatch)
    do_all(fan_out.step, dispatch.pk)
    assert (states(), undecided()) == ([], RECIPIENTS)


def test_between_two_batches(admin: User, dispatch: Dispatch) -> None:
    assert fan_out.step(dispatch.pk)
    assert states() == ["created"] * 2
    cancel(admin, dispatch)
    do_all(fan_out.step, dispatch.pk)
    assert (states(), undecided()) == (["cancelled"] * 2, RECIPIENTS - 2)
    dispatch.refresh_from_db()
    assert dispatch.workflow_state == "cancelled"


def test_after_everything_is_decided(admin: User, dispatch: Dispatch) -> None:
    do_all(fan_out.step, dispatch.pk)
    cancel(admin, dispatch)
    assert (states(), undecided()) == (["cancelled"] * RECIPIENTS, 0)


@pytest.mark.django_db(transaction=True)
def test_while_it_is_decided(admin: User, dispatch: Dispatch) -> None:
    """Whichever comes first holds the row until its transaction ends."""

    def do(call: Any, *arguments: Any) -> None:
        try:
            call(*arguments)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as threads:
        running = [
            threads.submit(do, do_all, fan_out.step, dispatch.pk),
            threads.submit(do, do_all, fan_out.step, dispatch.pk),
            threads.submit(do, cancel, admin, dispatch),
        ]
        for one in running:
            one.result(timeout=60)
    close_old_connections()
    assert set(states()) <= {"cancelled"}
    assert len(states()) + undecided() == RECIPIENTS
    dispatch.refresh_from_db()
    assert dispatch.workflow_state == "cancelled"
