"""Setting a new password by a link: the form, the worker, a mail server, the page behind the link."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import Settings

from canvas_channels.core.identity.models import PasswordReset, User
from canvas_channels.core.middleware import buckets
from channels_api.messages import password_resets
from channels_api.models import AuditEntry
from tests.factories import make_account, make_channel, make_user
from tests.notifications.services import jobs, make_due, run_worker
from tests.responses import ClientResponse

LOGIN = "penny@example.com"
NEW = "an even better one"

Mailbox = list[dict[str, str]]


@pytest.fixture
def penny(transactional_db: None) -> User:
    user = make_user("Penny", make_account("Cheesecake"), login=LOGIN, password="an old one")
    make_channel(user, "penny@cheesecake.example.com")
    return user


def ask(login: str = LOGIN) -> ClientResponse:
    return Client().post("/password-reset", {"login": login})


def browse(login: str) -> ClientResponse:
    return Client(HTTP_ACCEPT="text/html").post("/password-reset", {"login": login})


def link_in(message: dict[str, str]) -> str:
    found = re.search(r"http://channels\.example\.com(/password-reset/\S+)", message["body"])
    assert found
    return found[1]


def follow(browser: Client, link: str, password: str = NEW) -> ClientResponse:
    """Open the link and use the form behind it."""
    page = browser.get(link, follow=True)
    if not page.redirect_chain:
        return page
    form = {"new_password1": password, "new_password2": password}
    return browser.post(page.redirect_chain[-1][0], form)


def the_link(mailbox: Mailbox) -> str:
    ask()
    run_worker()
    return link_in(mailbox[-1])


def test_a_new_password_by_the_link(penny: User, mailbox: Mailbox) -> None:
    signed_in = Client()
    signed_in.force_login(penny)
    assert ask(LOGIN.upper())["Location"] == "/password-reset/sent"
    assert mailbox == []
    run_worker()
    (message,) = mailbox
    assert message["to"] == "penny@cheesecake.example.com"
    assert message["subject"] == "Set a new password for Cheesecake"
    answer = follow(Client(), link_in(message))
    assert answer["Location"] == "/password-reset/done"
    penny.refresh_from_db()
    assert penny.check_password(NEW)
    assert "Penny" not in signed_in.get("/").text
    assert AuditEntry.objects.get().action == "password_reset"


def test_an_address_that_asks_too_often_is_told_so_whatever_the_login(
    penny: User, settings: Settings
) -> None:
    settings.PASSWORD_RESETS_PER_ADDRESS_PER_HOUR = 3
    for login in ("nobody", LOGIN, "somebody"):
        assert ask(login).status_code == 302
    buckets.buckets_at.cache_clear()  # as another process has it
    for login in ("nobody", LOGIN):
        answer = ask(login)
        assert answer.status_code == 429
        assert answer.text == "429 Too Many Requests (Rate Limit Exceeded)"
        assert 3500 < int(answer["Retry-After"]) <= 3600
    assert "Try again in 60 minutes." in browse("nobody").text
    assert PasswordReset.objects.count() == 3


def test_the_link_works_once(penny: User, mailbox: Mailbox) -> None:
    link = the_link(mailbox)
    follow(Client(), link)
    assert "does not work any more" in Client().get(link).text


def test_opening_the_link_changes_nothing(penny: User, mailbox: Mailbox) -> None:
    link = the_link(mailbox)
    Client().get(link, follow=True)
    assert follow(Client(), link).status_code == 302


def test_the_token_leaves_the_address_bar(penny: User, mailbox: Mailbox) -> None:
    page = Client().get(the_link(mailbox))
    assert page["Location"].endswith("/set-password")


def test_an_older_link_is_void_once_a_newer_one_was_used(penny: User, mailbox: Mailbox) -> None:
    older, newer = the_link(mailbox), the_link(mailbox)
    follow(Client(), newer)
    assert follow(Client(), older).status_code == 200


def test_the_link_ends(penny: User, mailbox: Mailbox, settings: Settings) -> None:
    link = the_link(mailbox)
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert "does not work any more" in Client().get(link).text


def test_a_deactivated_users_link_is_void(penny: User, mailbox: Mailbox) -> None:
    link = the_link(mailbox)
    User.objects.update(workflow_state="deactivated")
    assert "does not work any more" in Client().get(link).text


def test_it_unlocks(penny: User, mailbox: Mailbox) -> None:
    for _ in range(5):
        Client().post("/login", {"username": LOGIN, "password": "wrong"})
    follow(Client(), the_link(mailbox))
    browser = Client()
    assert browser.post("/login", {"username": LOGIN, "password": NEW}).status_code == 302


def test_a_weak_password_is_refused(penny: User, mailbox: Mailbox) -> None:
    assert follow(Client(), the_link(mailbox), "12345678").status_code == 200
    penny.refresh_from_db()
    assert penny.check_password("an old one")


def test_an_unknown_login_is_answered_the_same(penny: User, mailbox: Mailbox) -> None:
    known, unknown = ask(), ask("nobody@example.com")
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    run_worker()
    assert [message["to"] for message in mailbox] == ["penny@cheesecake.example.com"]
    assert jobs("succeeded") == ["notifications.send_password_reset"] * 2


def test_neither_login_nor_link_is_in_the_queue(penny: User, mailbox: Mailbox) -> None:
    the_link(mailbox)
    args = str(list(ProcrastinateJob.objects.values_list("args", "lock")))
    assert LOGIN not in args
    assert "password-reset/" not in args


def test_only_active_email_channels_get_it(penny: User, mailbox: Mailbox) -> None:
    make_channel(penny, "unconfirmed@example.com", workflow_state="unconfirmed")
    make_channel(penny, "retired@example.com", workflow_state="retired")
    make_channel(penny, "+16265550100", "sms")
    make_channel(penny, "bounced@example.com", bounce_count=1, last_bounce_at=timezone.now())
    make_channel(penny, "institutional@example.com", institutional=True)
    ask()
    run_worker()
    assert [message["to"] for message in mailbox] == [
        "penny@cheesecake.example.com",
        "institutional@example.com",
    ]


def test_a_deactivated_user_gets_none(penny: User, mailbox: Mailbox) -> None:
    User.objects.update(workflow_state="deactivated")
    ask()
    run_worker()
    assert mailbox == []


@pytest.mark.parametrize(("issuer", "sent"), [("", 1), ("https://login.example.edu", 0)])
def test_a_first_password_is_set_only_where_people_have_no_other_way_in(
    penny: User, mailbox: Mailbox, settings: Settings, issuer: str, sent: int
) -> None:
    penny.set_unusable_password()
    penny.save()
    settings.OIDC_ISSUER = issuer
    ask()
    run_worker()
    assert len(mailbox) == sent


def test_a_login_in_two_accounts_gets_a_link_for_each(penny: User, mailbox: Mailbox) -> None:
    other = make_user("Other Penny", make_account("Caltech"), login=LOGIN, password="x")
    make_channel(other, "other@example.com")
    ask()
    run_worker()
    assert {message["subject"] for message in mailbox} == {
        "Set a new password for Cheesecake",
        "Set a new password for Caltech",
    }


def test_more_than_three_an_hour_are_not_sent(penny: User, mailbox: Mailbox, settings: Settings) -> None:
    settings.PASSWORD_RESETS_PER_LOGIN_PER_HOUR = 3
    answers = [ask() for _ in range(5)]
    assert {answer["Location"] for answer in answers} == {"/password-reset/sent"}
    run_worker()
    assert len(mailbox) == 3
    PasswordReset.objects.update(created_at=timezone.now() - timedelta(minutes=61))
    ask()
    run_worker()
    assert len(mailbox) == 4


def test_a_mail_server_that_is_down_is_tried_again(penny: User, mailbox: Mailbox, settings: Settings) -> None:
    port = settings.EMAIL_PORT
    settings.EMAIL_PORT = 1
    ask()
    run_worker()
    assert jobs("todo") == ["notifications.send_password_reset"]
    assert PasswordReset.objects.get().failure
    settings.EMAIL_PORT = port
    make_due()
    run_worker()
    assert len(mailbox) == 1


def test_who_has_the_link_gets_no_second_one(penny: User, mailbox: Mailbox) -> None:
    reset = PasswordReset.objects.create(unique_id=LOGIN)
    (first,) = password_resets.recipients(reset)
    password_resets.record_recipient(reset, first[1])
    assert list(password_resets.recipients(PasswordReset.objects.get())) == []


def test_the_message_is_in_the_users_language(penny: User, mailbox: Mailbox) -> None:
    User.objects.update(short_name="<b>Penny</b>")
    ask()
    run_worker()
    assert "Hello <b>Penny</b>," in mailbox[0]["body"]


@pytest.mark.parametrize("login", ["", " ", "x" * 256])
def test_no_login_is_asked_for_again(penny: User, login: str) -> None:
    answer = ask(login)
    assert answer.status_code == 200
    assert "errorlist" in answer.text
    assert not PasswordReset.objects.exists()


def test_a_null_character_is_no_fault(penny: User) -> None:
    assert ask("a\x00b").status_code in {200, 302}


def test_a_job_without_its_row_does_nothing(transactional_db: None, mailbox: Mailbox) -> None:
    ask()
    PasswordReset.objects.all().delete()
    run_worker()
    assert jobs("succeeded") == ["notifications.send_password_reset"]


def test_pruning_forgets_requests_of_yesterday(transactional_db: None) -> None:
    ask()
    password_resets.prune()
    assert PasswordReset.objects.exists()
    PasswordReset.objects.update(created_at=timezone.now() - timedelta(days=2))
    password_resets.prune()
    assert not PasswordReset.objects.exists()
