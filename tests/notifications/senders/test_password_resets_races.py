"""A form for a password that waits for its user's row undoes nothing that came before it."""

from collections.abc import Callable

import pytest
from django.test import Client

from canvas_channels.core.identity.models import User
from tests.locks import changed_first
from tests.notifications.senders.test_password_resets import NEW, Mailbox, penny, the_link
from tests.responses import ClientResponse

__all__ = ["penny"]


def open_form(link: str) -> Callable[[], ClientResponse]:
    """Sends the form behind the link, which is open already."""
    browser = Client()
    form_at = browser.get(link, follow=True).redirect_chain[-1][0]
    return lambda: browser.post(form_at, {"new_password1": NEW, "new_password2": NEW})


def test_a_form_is_void_whose_user_is_deactivated_while_it_is_open(penny: User, mailbox: Mailbox) -> None:
    send = open_form(the_link(mailbox))
    User.objects.update(workflow_state="deactivated")
    assert "does not work any more" in send().text
    penny.refresh_from_db()
    assert (penny.workflow_state, penny.check_password("an old one")) == ("deactivated", True)


def test_who_is_deactivated_while_a_form_is_read_stays_so(penny: User, mailbox: Mailbox) -> None:
    send = open_form(the_link(mailbox))
    answer = changed_first(penny, send, lambda: User.objects.update(workflow_state="deactivated"))
    assert "does not work any more" in answer.text
    penny.refresh_from_db()
    assert (penny.workflow_state, penny.check_password("an old one")) == ("deactivated", True)


def test_of_two_forms_at_once_one_counts(penny: User, mailbox: Mailbox) -> None:
    send = open_form(the_link(mailbox))

    def other_form() -> None:
        penny.set_password("the other form's")
        penny.save()

    assert "does not work any more" in changed_first(penny, send, other_form).text
    penny.refresh_from_db()
    assert penny.check_password("the other form's")


@pytest.mark.parametrize("change", [{"workflow_state": "deactivated"}, {"password": "another"}])
def test_a_change_of_password_undoes_nothing_that_came_before(penny: User, change: dict[str, str]) -> None:
    browser = Client()
    browser.force_login(penny)
    form = {"old_password": "an old one", "new_password1": NEW, "new_password2": NEW}
    answer = changed_first(
        penny, lambda: browser.post("/password", form), lambda: User.objects.update(**change)
    )
    assert answer["Location"] == "/password"
    assert browser.get("/password")["Location"] == "/login?next=/password"
    penny.refresh_from_db()
    assert not penny.check_password(NEW)
    assert {name: getattr(penny, name) for name in change} == change
