"""Normalising and checking addresses: pure rules that know neither HTTP nor the database."""

import re
import unicodedata
from collections.abc import Callable

import idna
import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType, ValidationResult

from canvas_channels.core.trimming import trim
from channels_api.errors import InvalidAddress, Reason

PUSH_ADDRESS = "For All Devices"  # Canvas's fixed text for the one push channel
MAX_EMAIL_LENGTH = 254  # RFC 5321, section 4.5.3.1.3
MAX_NORMALISED = 1_000  # characters: the time it takes grows with their square

_ATOM = r"[\w!#$%&'*+/=?^`{|}~-]+"
_DOT_STRING = re.compile(rf"{_ATOM}(?:\.{_ATOM})*", re.ASCII)  # RFC 5321, section 4.1.2
_QUOTED_STRING = re.compile(r'"(?:[ !#-\[\]-~]|\\[ -~])*"')
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"  # RFC 1123, section 2.1
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?:[a-z]{{2,63}}|(?=xn--){_LABEL})")

_SEPARATORS = re.compile(r"[./()\[\]\u2212]")  # beside spaces and dashes
_DIALLED = re.compile(r"[+\uff0b]?\d+")
_NOT_TEXTED = {PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.TOLL_FREE}


_NO_EMAIL_ADDRESS = (Reason.NO_EMAIL_ADDRESS, "is not a valid email address")
_NO_PHONE_NUMBER = (Reason.NO_PHONE_NUMBER, "is not a valid phone number")


def fold(text: str) -> str:
    """The form in which two texts are the same: Unicode case folding of the NFC form.

    Canonical caseless matching (Unicode 15, section 3.13, D145), so that no database locale matters.
    A longer text than any that is kept is the same as none of them, and is left as it is.
    """
    if len(text) > MAX_NORMALISED:
        return text
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def compared(address: str) -> str:
    """The form in which two addresses are the same: what is compared, counted and looked up by.

    Of an email address it is :func:`mailbox` in lower case, so that all spellings of one mailbox are one.
    What no message can be sent to, or is no email address, is folded.
    """
    local, at, domain = trim(address).rpartition("@")
    return _or_folded(_unquoted, local).lower() + at + _or_folded(_ascii_domain, domain)


def clean_email(address: str) -> str:
    """The address as sent, less what is invisible around it.

    Raises :class:`InvalidAddress`. A non-ASCII local part is refused: most mail servers refuse it
    (SMTPUTF8, RFC 6531); an internationalised domain is fine.
    """
    address = trim(address)
    mailbox(address)
    return address


def mailbox(address: str) -> str:
    """Where mail for an address goes: its domain in ASCII, its local part without needless quotes.

    The domain's form is that of IDNA 2008. Python's and Django's own conversion is IDNA 2003, by which
    ``faß.de`` is ``fass.de``: another's domain.
    Raises :class:`InvalidAddress`; address literals and domains of a single label are refused.
    """
    local, _, domain = address.rpartition("@")
    if not local.isascii():
        raise InvalidAddress(Reason.NOT_ASCII, "must have a local part of ASCII characters only")
    found = f"{_unquoted(local)}@{_ascii_domain(domain)}"
    if max(len(address), len(found)) > MAX_EMAIL_LENGTH:
        raise InvalidAddress(*_NO_EMAIL_ADDRESS)
    return found


def as_written(number: str) -> str:
    """A number in groups, as its country writes it, behind its country code."""
    try:
        parsed = phonenumbers.parse(number)
    except NumberParseException:  # of an import from long ago
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def clean_phone_number(number: str, region: str | None) -> str:
    """The number in E.164, read as a national one of ``region`` where it has no country code.

    ``region`` None: it must have one.

    Digits may be of any script, and have any usual separators between them. Raises :class:`InvalidAddress`
    where it is not a possible number (``phonenumbers``), can be dialled within its area or country only, or
    where somebody pays extra for calling it or being called.
    """
    dialled = "".join(character for character in trim(number) if not _separates(character))
    try:
        if not _DIALLED.fullmatch(dialled):
            raise InvalidAddress(*_NO_PHONE_NUMBER)
        as_typed = phonenumbers.parse(dialled, region)
        cleaned = phonenumbers.format_number(as_typed, phonenumbers.PhoneNumberFormat.E164)
        parsed = phonenumbers.parse(cleaned)  # what is checked is what is sent to
    except NumberParseException as error:
        raise InvalidAddress(*_NO_PHONE_NUMBER) from error
    possible = phonenumbers.is_possible_number_with_reason(parsed) == ValidationResult.IS_POSSIBLE
    if not possible or not phonenumbers.can_be_internationally_dialled(parsed):
        raise InvalidAddress(*_NO_PHONE_NUMBER)
    phonenumbers.truncate_too_long_number(parsed)  # exchanges ignore digits too many
    if phonenumbers.number_type(parsed) in _NOT_TEXTED:
        raise InvalidAddress(Reason.TOLL, "is a premium-rate or toll-free phone number")
    return cleaned


def country_of(number: str) -> str | None:
    """The ISO 3166 country of an E.164 number; None: it is none, or its code is no single country's."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number))
    except NumberParseException:  # stored before the rules were as strict
        return None


def mask(address: str) -> str:
    """An address fit for a log line: ``s…@example.com``, ``+1…0100``."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}" if at else f"{address[:2]}…{address[-2:]}"


def mask_login(name: str) -> str:
    """A login, which may be an address."""
    return mask(name) if "@" in name else f"{name[:1]}…"


def _or_folded(rule: Callable[[str], str], part: str) -> str:
    try:
        return rule(part)
    except InvalidAddress:
        return fold(part)


def _unquoted(local: str) -> str:
    """The local part, which is the same mailbox with quotes and without (RFC 5321, section 4.1.2)."""
    if _DOT_STRING.fullmatch(local):
        return local
    if not _QUOTED_STRING.fullmatch(local):
        raise InvalidAddress(*_NO_EMAIL_ADDRESS)
    content = re.sub(r"\\(.)", r"\1", local[1:-1])
    if _DOT_STRING.fullmatch(content):
        return content
    return '"' + re.sub(r'(["\\])', r"\\\1", content) + '"'


def _ascii_domain(domain: str) -> str:
    """By IDNA 2008, after the mapping of UTS 46 for what is typed: case, width, composed characters."""
    found = domain.lower()
    if not domain.isascii() or "xn--" in found:
        if len(domain) > MAX_EMAIL_LENGTH:  # before work that grows with its square
            raise InvalidAddress(*_NO_EMAIL_ADDRESS)
        try:
            if not all(idna.uts46_remap(character) for character in domain):
                raise InvalidAddress(*_NO_EMAIL_ADDRESS)  # invisible, and ignored by the mapping
            found = idna.encode(domain, uts46=True, std3_rules=True).decode("ascii")
        except idna.IDNAError as error:
            raise InvalidAddress(*_NO_EMAIL_ADDRESS) from error
    if not _DOMAIN.fullmatch(found):
        raise InvalidAddress(*_NO_EMAIL_ADDRESS)
    return found


def _separates(character: str) -> bool:
    return unicodedata.category(character) in {"Zs", "Pd"} or _SEPARATORS.match(character) is not None
