"""Normalising and checking addresses: pure rules that know neither HTTP nor the database."""

import unicodedata

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

PUSH_ADDRESS = "For All Devices"  # Canvas's fixed text for the one push channel
MAX_EMAIL_LENGTH = 254  # RFC 5321, section 4.5.3.1.3

_email_validator = EmailValidator(allowlist=[])


class InvalidAddress(ValueError):
    """The address is not one that a message could be sent to; the text says why."""


def fold(address: str) -> str:
    """The form in which two addresses are the same: Unicode case folding of the NFC form.

    Canonical caseless matching (Unicode 15, section 3.13, D145), so that no database locale matters.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", address).casefold())


def clean_email(address: str) -> str:
    """The address as sent, less surrounding white space.

    Raises :class:`InvalidAddress`. A non-ASCII local part is refused: most mail servers refuse it
    (SMTPUTF8, RFC 6531); an internationalised domain is fine.
    """
    address = address.strip()
    local, _, _ = address.rpartition("@")
    if not local.isascii():
        raise InvalidAddress("must have a local part of ASCII characters only")
    if len(address) > MAX_EMAIL_LENGTH or not address.isprintable():
        raise InvalidAddress("is not a valid email address")
    try:
        _email_validator(address)
    except ValidationError as error:
        raise InvalidAddress("is not a valid email address") from error
    return address


def clean_phone_number(number: str, region: str) -> str:
    """The number in E.164, read as a national one of ``region`` where it has no country code.

    Raises :class:`InvalidAddress` where it is not a possible number (``phonenumbers``).
    """
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException as error:
        raise InvalidAddress("is not a valid phone number") from error
    if not phonenumbers.is_possible_number(parsed) or parsed.extension:
        raise InvalidAddress("is not a valid phone number")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def country_of(number: str) -> str | None:
    """The ISO 3166 country of an E.164 number; None where its code belongs to no single country."""
    return phonenumbers.region_code_for_number(phonenumbers.parse(number))


def mask(address: str) -> str:
    """An address fit for a log line: ``s…@example.com``, ``+1…0100``."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}" if at else f"{address[:2]}…{address[-2:]}"
