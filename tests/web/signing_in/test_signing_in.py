"""Signing in and out, the lock-out, the session, and changing a password."""

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from canvas_channels.core.identity.models import User
from canvas_channels.core.identity.signing_in import lockout
from canvas_channels.core.middleware import buckets
from channels_api.models import AuditEntry
from tests.factories import make_account, make_login, make_user
from tests.responses import ClientResponse

pytestmark = pytest.mark.django_db

LOGIN = "penny@example.com"
RIGHT = "a good one, penny"
NEW = "an even better one"


@pytest.fixture(autouse=True)
def _no_requests_before() -> None:
    buckets.buckets_at.cache_clear()


@pytest.fixture
def penny() -> User:
    return make_user("Penny", login=LOGIN, password=RIGHT)


def sign_in(browser: Client, login: str = LOGIN, password: str = RIGHT, **extra: str) -> ClientResponse:
    return browser.post("/login", {"username": login, "password": password}, **extra)  # type: ignore[arg-type]


def fail(browser: Client, times: int, login: str = LOGIN, **extra: str) -> ClientResponse:
    for _ in range(times):
        answer = sign_in(browser, login, "wrong", **extra)
    return answer


def is_signed_in(browser: Client) -> bool:
    return "Penny" in browser.get("/", follow=True).text


def test_the_session_gets_a_new_key(client: Client, penny: User) -> None:
    client.session["planted"] = "x"
    session = client.session
    session.save()
    before = session.session_key
    sign_in(client)
    assert is_signed_in(client)
    assert client.session.session_key != before


def test_the_sessions_cookie_is_out_of_reach(client: Client, penny: User) -> None:
    cookie = sign_in(client).cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_signing_in_goes_on_to_where_one_came_from(client: Client, penny: User) -> None:
    answer = client.post("/login", {"username": LOGIN, "password": RIGHT, "next": "/password"})
    assert answer["Location"] == "/password"


def test_signing_in_leads_to_no_other_host(client: Client, penny: User) -> None:
    answer = client.post("/login", {"username": LOGIN, "password": RIGHT, "next": "https://evil.example/"})
    assert answer["Location"] == "/"


def test_signing_out_is_a_post(client: Client, penny: User) -> None:
    sign_in(client)
    assert client.get("/logout").status_code == 405
    assert is_signed_in(client)
    assert client.post("/logout").status_code == 302
    assert not is_signed_in(client)


def test_a_deactivated_user_cannot_sign_in(client: Client, penny: User) -> None:
    User.objects.update(workflow_state="deactivated")
    sign_in(client)
    assert not is_signed_in(client)


def test_a_deactivated_users_session_ends(client: Client, penny: User) -> None:
    sign_in(client)
    User.objects.update(workflow_state="deactivated")
    assert not is_signed_in(client)


def test_repeated_failures_lock_out(client: Client, penny: User) -> None:
    answer = fail(client, 5)
    assert answer.status_code == 429
    assert answer["Retry-After"] == "900"
    assert "15 minutes" in answer.text
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert sign_in(client).status_code == 429
    assert not is_signed_in(client)


def test_fewer_failures_do_not(client: Client, penny: User) -> None:
    assert fail(client, 4).status_code == 200
    sign_in(client)
    assert is_signed_in(client)


def test_the_logins_case_does_not_help(client: Client, penny: User) -> None:
    fail(client, 4)
    assert fail(client, 1, LOGIN.upper()).status_code == 429


def test_another_browser_on_the_same_address_does_not_help(client: Client, penny: User) -> None:
    fail(client, 4)
    assert fail(client, 1, HTTP_USER_AGENT="another").status_code == 429


def test_another_login_and_another_address_are_not_locked_out(client: Client, penny: User) -> None:
    fail(client, 5)
    assert fail(client, 1, "leonard@example.com").status_code == 200
    sign_in(client, REMOTE_ADDR="192.0.2.7")
    assert is_signed_in(client)


@pytest.mark.parametrize(
    ("one", "other"),
    [("2001:db8:1:2::5", "2001:db8:1:2:ffff::9"), ("::ffff:192.0.2.9", "192.0.2.9")],
)
def test_a_client_has_one_address_in_all_its_forms(client: Client, penny: User, one: str, other: str) -> None:
    fail(client, 4, REMOTE_ADDR=one)
    assert fail(client, 1, REMOTE_ADDR=other).status_code == 429
    assert sign_in(client, REMOTE_ADDR="2001:db8:1:3::5").status_code == 302


def test_many_addresses_are_locked_out_together(client: Client, penny: User, settings: Settings) -> None:
    settings.SIGN_IN_FAILURES_PER_LOGIN = 12
    for number in range(4):
        fail(client, 3, LOGIN.upper(), REMOTE_ADDR=f"192.0.2.{number}")
    assert sign_in(client, REMOTE_ADDR="192.0.2.100").status_code == 429
    assert not is_signed_in(client)
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert sign_in(client, REMOTE_ADDR="192.0.2.100").status_code == 302


def test_a_school_behind_one_address_signs_in(client: Client, settings: Settings) -> None:
    settings.OPEN_REQUESTS_PER_MINUTE = 4
    for number in range(12):
        make_user(login=f"pupil-{number}", password=RIGHT)
        browser = Client()
        assert sign_in(browser, f"pupil-{number}").status_code == 302


def test_wrong_passwords_of_one_address_are_counted_together(client: Client, settings: Settings) -> None:
    settings.OPEN_REQUESTS_PER_MINUTE = 4
    answers = [sign_in(client, f"pupil-{number}", "wrong") for number in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429]
    assert answers[-1].text == "429 Too Many Requests (Rate Limit Exceeded)"


@pytest.mark.parametrize("path", ["/login", "/admin/login/"])
def test_one_login_is_not_tried_without_end_though_the_password_is_right(
    penny: User, settings: Settings, path: str
) -> None:
    settings.OPEN_REQUESTS_PER_MINUTE = 4
    tries = [LOGIN, LOGIN.upper(), f" {LOGIN}", LOGIN, LOGIN]
    answers = [
        Client(REMOTE_ADDR=f"192.0.2.{number}").post(path, {"username": login, "password": RIGHT})
        for number, login in enumerate(tries)
    ]
    assert [answer.status_code for answer in answers[:4]].count(429) == 0
    assert answers[-1].status_code == 429
    assert answers[-1].text == "429 Too Many Requests (Rate Limit Exceeded)"
    assert int(answers[-1]["Retry-After"]) >= 1


def test_an_unknown_login_is_locked_out_too(client: Client) -> None:
    assert fail(client, 5, "nobody@example.com").status_code == 429


def test_a_right_password_starts_the_count_again(client: Client, penny: User) -> None:
    fail(client, 4)
    sign_in(client)
    client.post("/logout")
    assert fail(client, 4).status_code == 200


class TestANamesakeInAnotherAccount:
    """Somebody whose password its own account's admin may set: it lifts nobody else's lock-out."""

    @pytest.fixture(autouse=True)
    def namesake(self, penny: User) -> User:
        return make_user("Namesake", make_account(), LOGIN.upper(), password=NEW)

    @pytest.mark.parametrize("login", [LOGIN, LOGIN.upper(), f" {LOGIN} "])
    def test_starts_no_count_again_by_signing_in(self, client: Client, login: str) -> None:
        fail(client, 4)
        assert sign_in(Client(), login, NEW).status_code == 302
        assert fail(client, 1).status_code == 429

    def test_lifts_no_limit_of_all_addresses(self, settings: Settings) -> None:
        settings.SIGN_IN_FAILURES_PER_LOGIN = 8
        for number in range(2):
            fail(Client(), 4, REMOTE_ADDR=f"192.0.2.{number}")
            sign_in(Client(), LOGIN, NEW, REMOTE_ADDR=f"192.0.2.{number}")
        assert sign_in(Client(), REMOTE_ADDR="192.0.2.100").status_code == 429

    @pytest.mark.parametrize("path", ["/password", "/admin/password_change/"])
    def test_starts_no_count_again_by_a_new_password(self, client: Client, path: str, namesake: User) -> None:
        fail(client, 4)
        client.force_login(namesake)
        form = {"old_password": NEW, "new_password1": RIGHT + "!", "new_password2": RIGHT + "!"}
        assert client.post(path, form, REMOTE_ADDR="192.0.2.7").status_code == 302
        namesake.refresh_from_db()
        assert namesake.check_password(RIGHT + "!")
        assert fail(Client(), 1).status_code == 429

    def test_keeps_other_logins_as_they_are(self, client: Client, namesake: User) -> None:
        make_login(namesake, make_account(), "alone")
        fail(client, 4, "alone")
        fail(client, 4)
        lockout.forget_failures(namesake)
        assert set(AccessAttempt.objects.values_list("username", flat=True)) == {LOGIN}

    def test_one_person_with_the_name_in_two_accounts_is_none(self, client: Client) -> None:
        both = make_user("Both", login="both", password=RIGHT)
        make_login(both, make_account(), "BOTH")
        fail(client, 4, "both")
        sign_in(Client(), "both")
        assert not AccessAttempt.objects.exists()


def test_the_lock_out_ends(client: Client, penny: User) -> None:
    fail(client, 5)
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    sign_in(client)
    assert is_signed_in(client)


def test_old_failures_do_not_count(client: Client, penny: User) -> None:
    fail(client, 4)
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert fail(client, 1).status_code == 200


def test_an_operator_can_unlock(client: Client, penny: User) -> None:
    fail(client, 5)
    call_command("axes_reset_username", LOGIN)
    sign_in(client)
    assert is_signed_in(client)


def test_the_admins_page_locks_out_too(client: Client, penny: User) -> None:
    for _ in range(5):
        answer = client.post("/admin/login/", {"username": LOGIN, "password": "wrong"})
    assert answer.status_code == 429


def test_failures_of_others_cost_a_sign_in_nothing(
    client: Client, penny: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """Neither more queries, nor one that reads others' rows: they are found by login and address."""
    sign_in(client, password="wrong")
    AccessAttempt.objects.all().delete()
    AccessAttempt.objects.bulk_create(
        AccessAttempt(username=f"user{n}", ip_address="192.0.2.1", user_agent="x", failures_since_start=1)
        for n in range(50)
    )
    with django_assert_max_num_queries(12):
        sign_in(client, password="wrong")
    assert AccessAttempt.objects.count() == 51


def test_pruning_forgets_old_failures(client: Client) -> None:
    fail(client, 1)
    lockout.prune()
    assert AccessAttempt.objects.exists()
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    lockout.prune()
    assert not AccessAttempt.objects.exists()


@pytest.mark.parametrize(
    ("trusted", "forwarded", "address"),
    [
        (False, "192.0.2.9", "127.0.0.1"),
        (True, "198.51.100.1, 192.0.2.9", "192.0.2.9"),
        (True, "nonsense", None),
        (True, "", "127.0.0.1"),
    ],
)
def test_the_proxys_word_counts_only_where_it_is_trusted(
    client: Client, settings: Settings, trusted: bool, forwarded: str, address: str | None
) -> None:
    settings.TRUST_PROXY_HEADERS = trusted
    fail(client, 1, HTTP_X_FORWARDED_FOR=forwarded)
    assert AccessAttempt.objects.get().ip_address == address


def test_a_null_character_is_a_wrong_login(client: Client) -> None:
    assert sign_in(client, "a\x00b").status_code == 200


def change(browser: Client, old: str = RIGHT, new: str = NEW) -> ClientResponse:
    form = {"old_password": old, "new_password1": new, "new_password2": new}
    return browser.post("/password", form)


def test_changing_a_password_keeps_this_session_and_ends_the_others(client: Client, penny: User) -> None:
    other = Client()
    sign_in(client)
    sign_in(other)
    assert change(client)["Location"] == "/password/changed"
    assert client.get("/password/changed").status_code == 200
    assert is_signed_in(client)
    assert not is_signed_in(other)
    penny.refresh_from_db()
    assert penny.check_password(NEW)
    assert AuditEntry.objects.get().action == "password_change"


@pytest.mark.parametrize(("old", "new"), [("wrong", NEW), (RIGHT, "short"), (RIGHT, "password123")])
def test_a_password_is_not_changed(client: Client, penny: User, old: str, new: str) -> None:
    sign_in(client)
    answer = change(client, old, new)
    assert answer.status_code == 200
    assert "errorlist" in answer.text
    penny.refresh_from_db()
    assert penny.check_password(RIGHT)


@pytest.mark.parametrize("path", ["/password", "/admin/password_change/"])
class TestGuessingThePresentPassword:
    @pytest.fixture(autouse=True)
    def signed_in(self, client: Client, penny: User) -> None:
        client.force_login(penny)

    def guess(self, browser: Client, path: str, old: str = "wrong", **extra: Any) -> Any:
        form = {"old_password": old, "new_password1": NEW, "new_password2": NEW}
        return browser.post(path, form, **extra)

    def test_wrong_ones_lock_out(self, client: Client, path: str, penny: User) -> None:
        answers = [self.guess(client, path) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200] * 4 + [429]
        assert answers[-1]["Retry-After"] == "900"
        assert self.guess(client, path, RIGHT).status_code == 429
        penny.refresh_from_db()
        assert penny.check_password(RIGHT)

    def test_they_count_as_failed_sign_ins_by_every_login(
        self, client: Client, path: str, penny: User
    ) -> None:
        make_login(penny, make_account(), "Another")
        for _ in range(5):
            self.guess(client, path)
        assert sign_in(Client()).status_code == 429
        assert sign_in(Client(), "another").status_code == 429

    def test_failed_sign_ins_count_here(self, client: Client, path: str) -> None:
        fail(Client(), 4)
        assert self.guess(client, path).status_code == 429

    def test_many_addresses_are_locked_out_together(
        self, client: Client, path: str, settings: Settings
    ) -> None:
        settings.SIGN_IN_FAILURES_PER_LOGIN = 8
        for number in range(8):
            answer = self.guess(client, path, REMOTE_ADDR=f"192.0.2.{number}")
        assert answer.status_code == 429
        assert self.guess(client, path, RIGHT, REMOTE_ADDR="192.0.2.100").status_code == 429

    def test_a_right_one_forgets_them(self, client: Client, path: str) -> None:
        for _ in range(4):
            self.guess(client, path)
        assert self.guess(client, path, RIGHT).status_code == 302
        assert not AccessAttempt.objects.exists()

    def test_a_right_one_with_a_bad_new_one_does_not_count(self, client: Client, path: str) -> None:
        client.post(path, {"old_password": RIGHT, "new_password1": "short", "new_password2": "short"})
        client.post(path, {"new_password1": NEW, "new_password2": NEW})
        assert not AccessAttempt.objects.exists()

    def test_no_password_is_kept(self, client: Client, path: str) -> None:
        self.guess(client, path, "guessed secret")
        kept = AccessAttempt.objects.get().post_data
        assert "guessed" not in kept
        assert NEW not in kept


def test_changing_a_password_needs_a_session(client: Client) -> None:
    assert client.get("/password")["Location"] == "/login?next=/password"


def test_every_page_is_protected(client: Client) -> None:
    for path in ("/login", "/password-reset", "/password-reset/sent", "/password-reset/done"):
        page = client.get(path)
        assert page.status_code == 200
        assert "default-src 'none'" in page["Content-Security-Policy"]
        assert "no-store" in page["Cache-Control"]


def test_the_institutions_button_shows_only_where_there_is_one(client: Client, settings: Settings) -> None:
    assert "/login/oidc" not in client.get("/login").text
    settings.OIDC_ISSUER, settings.OIDC_NAME = "https://login.example.edu", "Caltech"
    assert "Sign in with Caltech" in client.get("/login").text
