"""The page behind "this was not me", in a message that asks to confirm an address."""

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.utils.html import strip_tags

from channels_api.channels import not_me
from channels_api.models import CommunicationChannel, ConfirmationCode
from tests.confirm_pages import issue, press, state, waiting_channel
from tests.factories import make_account, make_channel, make_user
from tests.responses import ClientResponse

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel() -> CommunicationChannel:
    return waiting_channel()


@pytest.fixture
def path(channel: CommunicationChannel) -> str:
    return path_of(channel)


@pytest.fixture
def browser() -> Client:
    return Client(enforce_csrf_checks=True)


def path_of(channel: CommunicationChannel) -> str:
    return f"/not-me/{issue(channel).refusal}"


def post_json(path: str, accept: str = "application/json") -> ClientResponse:
    return Client(enforce_csrf_checks=True).post(path, {}, "application/json", headers={"accept": accept})


def test_the_page_names_address_and_account_and_changes_nothing(browser: Client, path: str) -> None:
    page = browser.get(path)
    assert page.status_code == 200
    assert all(
        text in page.text for text in ("new@<wbr>example.<wbr>com", "Sheldon Cooper", "Caltech", "<button")
    )
    assert state() == "unconfirmed"


def test_head_changes_nothing(browser: Client, path: str) -> None:
    assert browser.head(path).status_code == 200
    assert state() == "unconfirmed"


def test_the_button_removes_the_address(browser: Client, path: str) -> None:
    page = press(browser, path)
    assert page.status_code == 200
    assert "Address removed" in page.text
    assert state() == "retired"


def test_the_button_needs_the_pages_token(browser: Client, path: str) -> None:
    assert browser.post(path).status_code == 403
    assert state() == "unconfirmed"


def test_a_token_of_somebody_elses_page_is_not_enough(browser: Client, path: str) -> None:
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get(path).text)
    assert token
    stranger = Client(enforce_csrf_checks=True)
    assert stranger.post(path, {"csrfmiddlewaretoken": token[1]}).status_code == 403


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_refused(browser: Client, path: str, method: str) -> None:
    assert getattr(browser, method)(path).status_code == 405
    assert state() == "unconfirmed"


def test_json_removes_without_login_and_token(path: str, channel: CommunicationChannel) -> None:
    answer = post_json(path)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert (answer.json()["id"], answer.json()["workflow_state"]) == (channel.pk, "retired")


def test_ids_are_strings_for_those_who_ask(path: str, channel: CommunicationChannel) -> None:
    assert post_json(path, "application/json+canvas-string-ids").json()["id"] == str(channel.pk)


def use(path: str) -> None:
    not_me.refuse(path.removeprefix("/not-me/"))


def expire(path: str) -> None:
    ConfirmationCode.objects.update(expires_at="2000-01-01T00:00:00Z")


def forget(path: str) -> None:
    ConfirmationCode.objects.all().delete()


REFUSED = [
    (use, "This link was used already"),
    (expire, "This link has expired"),
    (forget, "This link is not known"),
]


@pytest.mark.parametrize(("spoil", "title"), REFUSED)
def test_a_refused_link_has_a_page_that_says_why(
    browser: Client, path: str, spoil: Callable[[str], None], title: str
) -> None:
    spoil(path)
    page = browser.get(path)
    assert page.status_code == 400
    assert title in page.text
    assert "<button" not in page.text


@pytest.mark.parametrize(("spoil", "title"), REFUSED)
def test_a_link_spoiled_while_the_page_was_open_is_refused(
    path: str, spoil: Callable[[str], None], title: str
) -> None:
    spoil(path)
    page = Client().post(path)
    assert page.status_code == 400
    assert title in page.text


@pytest.mark.parametrize(("spoil", "title"), REFUSED)
def test_a_refused_link_is_an_empty_object_in_json(
    path: str, spoil: Callable[[str], None], title: str
) -> None:
    spoil(path)
    answer = post_json(path)
    assert (answer.status_code, answer.json()) == (400, {})


def test_an_address_that_the_institution_keeps_has_a_page_that_says_whom_to_ask(browser: Client) -> None:
    user = make_user(account=make_account(edit_institution_email=False))
    kept = make_channel(user, workflow_state="unconfirmed", institutional=True)
    page = press(browser, path_of(kept))
    assert page.status_code == 400
    assert "ask its administrators" in page.text
    assert state() == "unconfirmed"


def test_a_text_messages_link_works_too(browser: Client) -> None:
    number = make_channel(make_user(), "+16265550100", "sms", "unconfirmed")
    path = path_of(number)
    assert "+16265550100" in browser.get(path).text
    press(browser, path)
    assert state() == "retired"


def test_an_address_that_was_to_replace_another_is_the_one_that_is_named(browser: Client) -> None:
    path = path_of(make_channel(make_user(), "old@example.com", pending_address="new@example.com"))
    page = strip_tags(browser.get(path).text)
    assert "new@example.com" in page
    assert "old@example.com" not in page + strip_tags(press(browser, path).text)


@pytest.mark.parametrize("answer", [Client().get, post_json])
def test_the_secret_stays_on_the_page(path: str, answer: Callable[[str], ClientResponse]) -> None:
    response = answer(path)
    assert "no-store" in response["Cache-Control"]
    assert response["Referrer-Policy"] == "strict-origin"


def test_the_page_lets_nothing_in(browser: Client, path: str) -> None:
    page = browser.get(path)
    assert "default-src 'none'" in page["Content-Security-Policy"]
    assert page["X-Frame-Options"] == "DENY"


def test_names_cannot_inject_markup(browser: Client) -> None:
    owner = make_user("<script>alert(1)</script>")
    assert "<script>" not in browser.get(path_of(make_channel(owner, workflow_state="unconfirmed"))).text


def test_the_owner_who_is_signed_in_is_asked_to_think(
    browser: Client, path: str, channel: CommunicationChannel
) -> None:
    browser.force_login(channel.user)
    assert "that very account" in browser.get(path).text


def test_somebody_else_who_is_signed_in_is_not(browser: Client, path: str) -> None:
    browser.force_login(make_user())
    assert "that very account" not in browser.get(path).text
