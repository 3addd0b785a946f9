"""The page behind the link of a confirmation email, and the other pages for people."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from canvas_channels.core.identity.models import User
from channels_api.channels import confirm
from channels_api.messages import confirmations
from channels_api.models import CommunicationChannel, ConfirmationCode
from tests.confirm_pages import issue, press, state, waiting_channel
from tests.factories import make_channel, make_user
from tests.responses import ClientResponse

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel() -> CommunicationChannel:
    return waiting_channel()


@pytest.fixture
def code(channel: CommunicationChannel) -> str:
    return issue(channel).code


@pytest.fixture
def browser() -> Client:
    return Client(enforce_csrf_checks=True)


def test_the_page_names_address_and_account_and_changes_nothing(browser: Client, code: str) -> None:
    page = browser.get(f"/register/{code}")
    assert page.status_code == 200
    assert all(
        text in page.text for text in ("new@<wbr>example.<wbr>com", "Sheldon Cooper", "Caltech", "<button>")
    )
    assert state() == "unconfirmed"


def test_head_changes_nothing(browser: Client, code: str) -> None:
    assert browser.head(f"/register/{code}").status_code == 200
    assert state() == "unconfirmed"


def test_the_button_confirms(browser: Client, code: str) -> None:
    page = press(browser, f"/register/{code}")
    assert page.status_code == 200
    assert 'href="/profile/communication"' in page.text
    assert state() == "active"


def test_the_button_needs_the_pages_token(browser: Client, code: str) -> None:
    assert browser.post(f"/register/{code}").status_code == 403
    assert state() == "unconfirmed"


def test_the_token_alone_without_its_cookie_is_not_enough(browser: Client, code: str) -> None:
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get(f"/register/{code}").text)
    assert token
    stranger = Client(enforce_csrf_checks=True)
    assert stranger.post(f"/register/{code}", {"csrfmiddlewaretoken": token[1]}).status_code == 403


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_refused(browser: Client, code: str, method: str) -> None:
    assert getattr(browser, method)(f"/register/{code}").status_code == 405
    assert state() == "unconfirmed"


def post_json(code: str, accept: str = "application/json") -> ClientResponse:
    client = Client(enforce_csrf_checks=True)
    return client.post(f"/register/{code}", {}, "application/json", headers={"accept": accept})


def test_json_confirms_without_login_and_token(code: str, channel: CommunicationChannel) -> None:
    answer = post_json(code)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    body = answer.json()
    assert (body["id"], body["workflow_state"]) == (channel.pk, "active")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", body["created_at"])
    assert "last_bounce_summary" not in body


def test_accepting_json_is_enough(browser: Client, code: str) -> None:
    answer = browser.post(f"/register/{code}", headers={"accept": "application/json"})
    assert answer.json()["workflow_state"] == "active"


def test_ids_are_strings_for_those_who_ask(code: str, channel: CommunicationChannel) -> None:
    assert post_json(code, "application/json+canvas-string-ids").json()["id"] == str(channel.pk)


def use(code: str) -> None:
    confirm.confirm_email(code)


def replace(code: str) -> None:
    confirmations.resend(CommunicationChannel.objects.get())


def expire(code: str) -> None:
    ConfirmationCode.objects.update(expires_at=timezone.now() - timedelta(seconds=1))


def retire(code: str) -> None:
    CommunicationChannel.objects.update(workflow_state="retired")


def forget(code: str) -> None:
    ConfirmationCode.objects.all().delete()


REFUSED = [
    (use, "This link was used already"),
    (replace, "There is a newer link"),
    (expire, "This link has expired"),
    (retire, "This address was removed"),
    (forget, "This link is not known"),
]


@pytest.mark.parametrize(("spoil", "title"), REFUSED)
def test_a_refused_code_has_a_page_that_says_what_to_do(
    browser: Client, code: str, spoil: object, title: str
) -> None:
    spoil(code)  # type: ignore[operator]
    page = browser.get(f"/register/{code}")
    assert page.status_code == 400
    assert title in page.text
    assert "<button>" not in page.text


@pytest.mark.parametrize(("spoil", "title"), REFUSED)
def test_a_code_spoiled_while_the_page_was_open_is_refused(code: str, spoil: object, title: str) -> None:
    spoil(code)  # type: ignore[operator]
    page = Client().post(f"/register/{code}")
    assert page.status_code == 400
    assert title in page.text


@pytest.mark.parametrize(("spoil", "title"), REFUSED)
def test_a_refused_code_is_an_empty_object_in_json(code: str, spoil: object, title: str) -> None:
    spoil(code)  # type: ignore[operator]
    answer = post_json(code)
    assert (answer.status_code, answer.json()) == (400, {})


def test_an_sms_code_is_of_no_use_here(browser: Client) -> None:
    number = make_channel(make_user(), "+16265550100", "sms", "unconfirmed")
    assert browser.get(f"/register/{issue(number).code}").status_code == 400


def test_the_code_stays_on_the_page(browser: Client, code: str) -> None:
    page = browser.get(f"/register/{code}")
    assert "no-store" in page["Cache-Control"]
    assert page["Referrer-Policy"] == "strict-origin"
    assert "default-src 'none'" in page["Content-Security-Policy"]
    assert page["X-Frame-Options"] == "DENY"


def test_json_is_not_stored_either(code: str) -> None:
    assert "no-store" in post_json(code)["Cache-Control"]


def test_names_cannot_inject_markup(browser: Client) -> None:
    owner = make_user("<script>alert(1)</script>")
    code = issue(make_channel(owner, workflow_state="unconfirmed")).code
    assert "<script>" not in browser.get(f"/register/{code}").text


def test_a_signed_in_owner_is_not_warned(browser: Client, code: str, channel: CommunicationChannel) -> None:
    browser.force_login(channel.user)
    assert "somebody else" not in browser.get(f"/register/{code}").text


def test_somebody_else_who_is_signed_in_is_warned(browser: Client, code: str) -> None:
    browser.force_login(make_user())
    assert "somebody else" in browser.get(f"/register/{code}").text


def test_the_home_page_leads_to_signing_in(browser: Client) -> None:
    page = browser.get("/")
    assert page.status_code == 200
    assert 'href="/login"' in page.text


def sign_in(browser: Client, login: str, password: str, **fields: str) -> ClientResponse:
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get("/login").text)
    assert token
    form = {"csrfmiddlewaretoken": token[1], "username": login, "password": password, **fields}
    return browser.post("/login", form)


def test_signing_in_by_a_logins_name_and_out(browser: Client) -> None:
    make_user("Penny", login="penny@example.com", password="a good one")
    answer = sign_in(browser, "Penny@Example.com", "a good one")
    assert (answer.status_code, answer["Location"]) == (302, "/")
    page = browser.get("/", follow=True).text
    assert "Penny</strong>" in page
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token
    assert browser.post("/logout", {"csrfmiddlewaretoken": token[1]}).status_code == 302
    assert "Sign in" in browser.get("/").text


def test_a_wrong_password_is_refused(browser: Client) -> None:
    make_user(login="penny@example.com", password="a good one")
    page = sign_in(browser, "penny@example.com", "a bad one")
    assert page.status_code == 200
    assert 'role="alert"' in page.text


def test_a_deactivated_user_cannot_sign_in(browser: Client) -> None:
    make_user(login="penny@example.com", password="a good one", workflow_state="deactivated")
    assert sign_in(browser, "penny@example.com", "a good one").status_code == 200


def test_signing_in_leads_to_no_other_site(browser: Client) -> None:
    make_user(login="penny@example.com", password="a good one")
    answer = sign_in(browser, "penny@example.com", "a good one", next="https://evil.example/")
    assert answer["Location"] == "/"


def test_signing_in_needs_the_pages_token(browser: Client) -> None:
    assert browser.post("/login", {"username": "a", "password": "b"}).status_code == 403


def test_a_get_does_not_sign_out(browser: Client) -> None:
    assert browser.get("/logout").status_code == 405


def test_a_deactivated_users_link_does_not_confirm(code: str, channel: CommunicationChannel) -> None:
    User.objects.filter(pk=channel.user_id).update(workflow_state="deactivated")
    assert Client().get(f"/register/{code}").status_code == 400
    assert post_json(code).status_code == 400
    assert state() == "unconfirmed"
