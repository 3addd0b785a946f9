"""Translations: every text has one, and who reads decides which."""

import pytest
from babel.messages.catalog import Catalog
from django.conf import settings as django_settings
from django.test import Client
from django.utils import translation
from django.utils.translation import override
from pytest_django import Settings

from channels_api.models import SecurityNotice
from notifications.senders import security_notices
from notifications.senders.confirmations import render_confirmation, render_sms
from tests.factories import make_account, make_user
from tests.tools import messages

pytestmark = pytest.mark.django_db

# What the texts may use of GSM 03.38's basic alphabet (3GPP TS 23.038, section 6.2.1).
GSM_03_38 = set(
    "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)

HELP = (
    "Run scripts/messages: it adds new texts to canvas_channels/locale/*/LC_MESSAGES/django.po, drops old "
    "ones, and compiles. Then translate what it names there, and run it again."
)


@pytest.mark.parametrize("language", ["de", "es"])
def test_every_text_is_translated(language: str) -> None:
    problems = messages.problems(language)
    assert not problems, "\n".join([HELP, *problems])


def test_every_language_of_the_settings_has_its_texts() -> None:
    assert {"en", *messages.languages()} == dict(django_settings.LANGUAGES).keys()


@pytest.mark.parametrize(
    ("string", "flags", "problem"),
    [
        ("", (), "is not translated"),
        ("Hallo %(name)s", ("fuzzy",), "is marked as fuzzy"),
        ("Hallo %(nom)s", (), "has other placeholders"),
        ("Hallo", (), "has other placeholders"),
        ("Hallo <b>%(name)s</b>", (), "has other placeholders"),
        ("Hallo %(name)s", (), ""),
    ],
)
def test_what_is_wrong_with_a_translation_is_named(string: str, flags: tuple[str, ...], problem: str) -> None:
    have, want = Catalog("de"), Catalog()
    have.add("Hello %(name)s", string, flags=flags)
    wanted = want.add("Hello %(name)s")
    found = messages.problem_of(wanted, have)
    assert found.startswith(problem)
    assert bool(found) == bool(problem)


def test_a_text_without_its_plural_is_not_translated() -> None:
    have, want = Catalog("de"), Catalog()
    have.add(("%(n)s day", "%(n)s days"), ("%(n)s Tag",))
    assert messages.problem_of(want.add(("%(n)s day", "%(n)s days")), have) == "is not translated"


def test_an_email_is_in_the_language_that_is_chosen() -> None:
    user = make_user("Bernadette", make_account("Caltech"))
    with override("de"):
        mail = render_confirmation("b@example.com", "the-code", "secret", user)
    assert mail.subject == "Bestätigen Sie Ihre E-Mail-Adresse für Caltech"
    assert "Guten Tag Bernadette," in mail.text
    assert "Der Link gilt 3 Tage" in mail.text
    assert '<html lang="de">' in mail.html


@pytest.mark.parametrize(("days", "words"), [(1, "durante 1 día y"), (3, "durante 3 días y")])
def test_plurals_are_right(settings: Settings, days: int, words: str) -> None:
    settings.CONFIRMATION_EMAIL_DAYS = days
    with override("es"):
        assert words in render_confirmation("b@example.com", "the-code", "secret", make_user()).text


def test_a_text_message_is_in_the_language_that_is_chosen() -> None:
    with override("de"):
        text = render_sms("012345", "secret", make_user(account=make_account("Caltech")))
    assert (
        text
        == "012345 ist Ihr Code, um diese Nummer für Caltech zu bestätigen. Nicht Sie? http://channels.example.com/not-me/secret"
    )


@pytest.mark.parametrize("language", ["en", "de", "es"])
def test_text_messages_are_one_part_of_the_letters_that_are_cheap(language: str) -> None:
    user = make_user(account=make_account("California Institute of Technology"))
    notice = SecurityNotice(user=user, about="s…@example.com", replaced=False)
    replacement = SecurityNotice(user=user, about="s…@example.com", replaced=True)
    password = SecurityNotice(user=user, kind="password")
    login = SecurityNotice(user=user, kind="login", about="s…@example.com")
    with override(language):
        texts = [
            render_sms("012345", "x" * 22, user),
            security_notices.render_sms(notice),
            security_notices.render_sms(replacement),
            security_notices.render_sms(password),
            security_notices.render_sms(login),
        ]
    assert max(map(len, texts)) <= 160
    assert not set("".join(texts)) - GSM_03_38


def test_a_page_is_in_the_browsers_language(client: Client) -> None:
    page = client.get("/login", headers={"accept-language": "fr, es-MX;q=0.8, en;q=0.5"})
    assert 'lang="es"' in page.text
    assert "Iniciar sesión" in page.text
    assert page["Content-Language"] == "es"


def test_a_language_without_texts_is_answered_in_english(client: Client) -> None:
    assert "Sign in" in client.get("/login", headers={"accept-language": "fr"}).text


@pytest.mark.parametrize(("own", "used"), [("es", "es"), ("es-MX", "es"), ("", "de"), ("xx", "de")])
def test_a_signed_in_users_own_language_comes_before_the_browsers(
    client: Client, own: str, used: str
) -> None:
    client.force_login(make_user(locale=own))
    page = client.get("/password", headers={"accept-language": "de"})
    assert f'lang="{used}"' in page.text
    assert page["Content-Language"] == used


def test_a_language_does_not_stay_for_the_threads_next_request(client: Client) -> None:
    client.get("/login", headers={"accept-language": "es"})
    assert translation.get_language() == django_settings.LANGUAGE_CODE


def test_a_refusal_for_too_many_requests_is_in_the_browsers_language(
    settings: Settings, client: Client
) -> None:
    settings.THROTTLE_HIGH_WATER_MARK = settings.THROTTLE_UP_FRONT_COST = 0
    page = client.get("/login", headers={"accept": "text/html", "accept-language": "es"})
    assert page.status_code == 429
    assert "Demasiadas peticiones" in page.text
