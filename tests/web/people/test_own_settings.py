"""A user's own settings, without a browser: time zone and language."""

import re

import pytest
from django.test import Client

from canvas_channels.core.identity.models import User
from canvas_channels.core.identity.validators import time_zones
from channels_api.models import AuditEntry
from notifications.models import CourseOverride, NotificationCategory
from tests.factories import (
    load_catalogue,
    make_admin,
    make_channel,
    make_dispatch,
    make_message,
    make_user,
)
from tests.responses import ClientResponse

pytestmark = pytest.mark.django_db

PAGE = "/profile/settings"


def chosen(user: User) -> tuple[str, str]:
    user.refresh_from_db()
    return user.time_zone, user.locale


def options(answer: ClientResponse, name: str) -> dict[str, bool]:
    """What a list of the page offers, and whether each is chosen."""
    [shown] = re.findall(rf'<select name="{name}".*?</select>', answer.text, re.DOTALL)
    return {
        value: "selected" in more for value, more in re.findall(r'<option value="([^"]*)"([^>]*)>', shown)
    }


def test_the_page_offers_what_the_rules_allow(owner: Client) -> None:
    answer = owner.get(PAGE)
    zones, languages = options(answer, "time_zone"), options(answer, "locale")
    assert list(zones) == ["", *sorted(time_zones())]
    assert list(languages) == ["", "en", "de", "es"]
    assert [value for value, is_chosen in [*zones.items(), *languages.items()] if is_chosen] == ["", ""]
    assert '<option value="es" lang="es">Español</option>' in answer.text
    assert "script-src 'self'" in answer["Content-Security-Policy"]
    assert "unsafe" not in answer["Content-Security-Policy"]


def test_what_is_chosen_is_saved_and_said_in_the_new_language(owner: Client, user: User) -> None:
    form = {"time_zone": "Europe/Berlin", "locale": "de"}
    answer = owner.post(PAGE, form, follow=True)
    assert answer.redirect_chain == [(PAGE, 302)]
    assert chosen(user) == ("Europe/Berlin", "de")
    assert 'lang="de"' in answer.text
    assert "Zeitzone und Sprache" in answer.text
    assert "Gespeichert." in answer.text
    assert options(answer, "time_zone")["Europe/Berlin"]
    assert options(answer, "locale")["de"]
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.user, entry.actor) == ("change_user", user, user)


def test_empty_choices_end_them_and_the_page_is_in_the_browsers_language(owner: Client, user: User) -> None:
    User.objects.update(time_zone="UTC", locale="de")
    form = {"time_zone": "", "locale": ""}
    answer = owner.post(PAGE, form, follow=True, headers={"accept-language": "es"})
    assert chosen(user) == ("", "")
    assert 'lang="es"' in answer.text
    assert "Guardado." in answer.text


@pytest.mark.parametrize("form", [{"time_zone": "UTC", "locale": "es-MX"}, {"locale": "es-MX"}, {}])
def test_what_stays_is_no_change(owner: Client, user: User, form: dict[str, str]) -> None:
    User.objects.update(time_zone="UTC", locale="es-MX")
    assert options(owner.get(PAGE), "locale")["es-MX"]  # an app chose it
    assert owner.post(PAGE, form).status_code == 302
    assert chosen(user) == ("UTC", "es-MX")
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        *(("time_zone", zone, "no such time zone") for zone in ("Mars/Olympus", "europe/berlin", " UTC")),
        *(("time_zone", zone, "no such time zone") for zone in ("localtime", "a\x01b", "x" * 300)),
        *(("locale", locale, "no texts in this language") for locale in ("xx", "klingon", "de ", "de_DE")),
        ("locale", "d\x00e", "Null characters"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(
    owner: Client, user: User, field: str, value: str, words: str
) -> None:
    answer = owner.post(PAGE, {"time_zone": "UTC", "locale": "de"} | {field: value})
    assert answer.status_code == 400
    [error] = re.findall(rf'<ul class="errorlist" id="id_{field}_error"><li>(.*?)</li>', answer.text)
    assert words in error
    [shown] = re.findall(rf'<select name="{field}"[^>]*>', answer.text)
    assert 'aria-invalid="true"' in shown
    assert re.search(rf'aria-describedby="[^"]*id_{field}_error"', shown)
    assert chosen(user) == ("", "")


def test_whoever_acts_as_the_user_chooses_for_them_at_their_own_path(user: User) -> None:
    admin, client = make_admin(), Client()
    client.force_login(admin)
    client.post(f"/users/{user.pk}/act")
    form = {"time_zone": "Europe/Berlin", "locale": "de"}
    answer = client.post(PAGE, form, follow=True)  # a form that was open before
    assert "Nothing was changed" in answer.text
    assert chosen(user) == chosen(admin) == ("", "")
    answer = client.post(f"/users/{user.pk}/settings", form, follow=True)
    assert "Saved." in answer.text
    assert 'lang="en"' in answer.text
    assert (chosen(user), chosen(admin)) == (("Europe/Berlin", "de"), ("", ""))
    entry = AuditEntry.objects.get(action="change_user")
    assert (entry.user, entry.actor) == (user, admin)


@pytest.mark.parametrize("make", [make_admin, make_user])
def test_nobody_else_chooses(user: User, make) -> None:
    client = Client()
    client.force_login(make())
    path = f"/users/{user.pk}/settings"
    assert client.get(path).status_code == 403
    assert client.post(path, {"time_zone": "UTC"}).status_code == 403
    assert chosen(user) == ("", "")


def test_strangers_sign_in_first(client: Client) -> None:
    assert client.get(PAGE)["Location"] == f"/login?next={PAGE}"
    assert client.post(PAGE, {"locale": "de"})["Location"] == f"/login?next={PAGE}"


def test_the_language_is_chosen_in_the_menu_of_any_page(owner: Client) -> None:
    menu = owner.get("/password").text
    assert '<input type="hidden" name="next" value="/password">' in menu
    answer = owner.post("/profile/language", {"locale": "de", "next": "/password"})
    assert (answer.status_code, answer["Location"]) == (302, "/password")
    menu = owner.get("/password").text
    assert '<html lang="de"' in menu
    assert [name in menu for name in ("English", "Deutsch", "Español")] == [True] * 3
    assert owner.post("/profile/language", {"locale": "xx", "next": "/password"}).status_code == 400


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_it_leads_nowhere_else(owner: Client, elsewhere: str) -> None:
    answer = owner.post("/profile/language", {"locale": "de", "next": elsewhere})
    assert answer["Location"] == PAGE


def test_the_pages_say_you_to_the_user_and_they_to_who_acts(owner: Client, user: User) -> None:
    load_catalogue()
    channel = make_channel(user)
    admin = Client()
    admin.force_login(make_admin(user.home_account))
    admin.post(f"/users/{user.pk}/act")
    settings, preferences = f"/users/{user.pk}/settings", f"/users/{user.pk}/notifications"
    readers = ((owner, "you are", "your"), (admin, "they are", "their"))
    for client, they_are, _ in readers:
        assert f"Once {they_are} told of a course" in client.get(settings).text
        assert f"How often {they_are} told about what, and where." in client.get(preferences).text
    make_message(user, channel, dispatch=make_dispatch(user.home_account, course_id=12))
    category = NotificationCategory.objects.get(slug="alert")
    CourseOverride.objects.create(channel=channel, course_id=12, category=category, frequency="never")
    for client, they_are, their in readers:
        shown = client.get(settings).text
        assert f"Of a muted course {they_are} told nothing, but for what {their} institution" in shown
        assert f"Some of {their} choices are different for this course." in shown
        assert f'aria-label="What {they_are} told of Course 12">What {they_are} told</a>' in shown
