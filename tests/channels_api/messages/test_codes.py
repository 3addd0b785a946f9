"""Codes and digests: pure, but for the server's keys."""

import base64
import re

from pytest_django import Settings

from channels_api.messages import codes


def test_an_email_code_is_random_and_long() -> None:
    made = {codes.new_email_code() for _ in range(100)}
    assert len(made) == 100
    assert all(len(base64.urlsafe_b64decode(code)) * 8 >= 128 for code in made)


def test_an_sms_code_is_six_digits() -> None:
    assert all(re.fullmatch(r"[0-9]{6}", codes.new_sms_code()) for _ in range(100))


def test_a_digest_does_not_hold_the_code() -> None:
    assert "123456" not in codes.sms_digest(1, "123456")
    assert len(codes.email_digest("a code")) == 64


def test_a_digest_needs_the_servers_key(settings: Settings) -> None:
    before = codes.email_digest("a code")
    settings.SECRET_KEY = "another"
    assert before not in codes.email_digests("a code")


def test_an_email_code_survives_a_rotation_of_the_key(settings: Settings) -> None:
    before = codes.email_digest("a code")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert before in codes.email_digests("a code")


def test_an_sms_code_survives_a_rotation_of_the_key(settings: Settings) -> None:
    before = codes.sms_digest(1, "123456")
    settings.SECRET_KEY_FALLBACKS = ["older", settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert codes.sms_matches(1, "123456", before)


def test_an_sms_code_is_bound_to_its_request() -> None:
    assert not codes.sms_matches(2, "123456", codes.sms_digest(1, "123456"))


def test_an_sms_digest_is_no_email_digest() -> None:
    assert codes.sms_digest(1, "123456") not in codes.email_digests("1:123456")


def test_text_that_is_no_unicode_is_just_wrong() -> None:
    assert not codes.sms_matches(1, "\udcff", codes.sms_digest(1, "123456"))


def test_a_code_of_an_earlier_version_works(settings: Settings) -> None:
    """Whatever moves in the code: a code that is on its way has a digest in the database."""
    settings.SECRET_KEY = "the same"
    assert codes.email_digest("a code").startswith("2efb43e2d6d3c568")
    assert codes.sms_digest(1, "123456").startswith("784a3aea09f4cba6")
    assert codes.refusal_digest("a secret").startswith("515f8e06f040dcb6")
