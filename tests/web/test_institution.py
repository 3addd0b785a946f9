"""Whose pages these are: the name and the logo of an account, and how a logo gets there."""

import re

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from canvas_channels.core.identity.admin import logos
from canvas_channels.core.identity.models import Account, AccountLogo
from tests.factories import default_account, make_account, make_user
from tests.web.clients import signed_in

pytestmark = pytest.mark.django_db

PNG = b"\x89PNG\r\n\x1a\n" + b"an image"
JPEG = b"\xff\xd8\xff\xe0an image"
WEBP = b"RIFF\x00\x00\x00\x00WEBPVP8 "


def shown(client: Client, path: str = "/help") -> tuple[str, str]:
    """The name and the path of the image at the head of a page."""
    page = client.get(path).text
    brand = page.partition('class="brand"')[2].partition("</a>")[0]
    image, name = re.search(r'<img src="([^"]*)"', brand), re.search("<span>(.*)</span>", brand)
    assert name
    return name[1], image[1] if image else ""


@pytest.fixture
def admins_page() -> tuple[Client, Account]:
    account = make_account("Caltech", is_default=True)
    admin = make_user("Amy", account, is_staff=True, is_superuser=True)
    return signed_in(admin), account


def upload(admins_page: tuple[Client, Account], **fields: object) -> str:
    """Save the account's form of Django's admin; its errors."""
    client, account = admins_page
    form = {"name": account.name, "region": "US", "locale": "en", "is_default": "on"}
    inline = {"admins-TOTAL_FORMS": "0", "admins-INITIAL_FORMS": "0"}
    answer = client.post(f"/admin/identity/account/{account.pk}/change/", {**form, **inline, **fields})
    return "" if answer.status_code == 302 else answer.text


def test_everybody_sees_their_own_institutions_name() -> None:
    assert shown(Client())[0] == "Communication channels"
    make_account("Caltech & Co", is_default=True)
    for path in ("/", "/help", "/login", "/password-reset", "/nowhere"):
        assert shown(Client(), path) == ("Caltech &amp; Co", "")
    assert shown(signed_in(make_user(account=make_account("Cheesecake")))) == ("Cheesecake", "")


def test_a_logo_is_uploaded_shown_exchanged_and_removed(admins_page: tuple[Client, Account]) -> None:
    for content, media_type in [(PNG, "image/png"), (JPEG, "image/jpeg"), (WEBP, "image/webp")]:
        assert not upload(admins_page, logo=SimpleUploadedFile("x.txt", content, "text/html"))
        name, path = shown(Client())
        answer = Client().get(path)
        assert (name, answer.content, answer["Content-Type"]) == ("Caltech", content, media_type)
        assert not upload(admins_page)
        assert shown(Client()) == (name, path)
    client, account = admins_page
    assert path in client.get(f"/admin/identity/account/{account.pk}/change/").text
    upload(admins_page, **{"logo-clear": "on"})
    assert shown(Client()) == ("Caltech", "")
    assert Client().get(path).status_code == 404


def test_it_can_do_nothing_but_be_shown(admins_page: tuple[Client, Account]) -> None:
    logos.set_logo(admins_page[1], PNG + b"<script>alert(1)</script>")
    answer = Client().get(shown(Client())[1])
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in answer["Cache-Control"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "Choose a PNG, JPEG or WebP image."),
        (b"<html>", "Choose a PNG, JPEG or WebP image."),
        (b"RIFF\x00\x00\x00\x00WAVE", "Choose a PNG, JPEG or WebP image."),
        (b"GIF89a", "Choose a PNG, JPEG or WebP image."),
        (PNG + bytes(logos.MAX_BYTES), "The file may have at most 30 KB."),
    ],
)
def test_what_is_no_small_image_is_refused(
    admins_page: tuple[Client, Account], content: bytes, said: str
) -> None:
    assert said in upload(admins_page, logo=SimpleUploadedFile("logo.png", content, "image/png"))
    with pytest.raises(ValidationError, match=re.escape(said)):
        logos.set_logo(admins_page[1], content)
    assert not AccountLogo.objects.exists()


def test_another_accounts_logo_is_not_shown(admins_page: tuple[Client, Account]) -> None:
    logos.set_logo(make_account("Other"), PNG)
    assert shown(Client()) == ("Caltech", "")
    digest = AccountLogo.objects.get().digest
    assert Client().get(f"/logo/{admins_page[1].pk}/{digest}").status_code == 404


def test_whoever_is_signed_in_comes_for_their_channels() -> None:
    assert Client().get("/").status_code == 200
    assert signed_in(make_user()).get("/")["Location"] == "/profile/communication"


def test_help_and_the_api_are_at_the_end_of_every_page_and_the_version_for_users() -> None:
    default_account()
    page = Client().get("/login").text
    assert 'href="/help"' in page
    assert 'href="/api/docs"' in page
    assert "Version" not in page
    assert "Version 0." in signed_in(make_user()).get("/help").text
