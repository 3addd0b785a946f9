"""What the rules refuse, in words for the person at the form."""

import math
from functools import singledispatch

from django.utils.translation import gettext, ngettext

from channels_api.errors import (
    CodeRefused,
    CountryNotAllowed,
    InvalidValue,
    MessageLimitReached,
    Reason,
    RefusedValue,
)

REFUSED = (InvalidValue, RefusedValue, MessageLimitReached, CodeRefused)
SECONDS, MINUTE, MINUTES = 15, 90, 90 * 60  # the longest waits, in seconds, that are called so


@singledispatch
def in_words(error: Exception) -> str:
    """A sentence that says what to do about an error of ``REFUSED``."""
    raise NotImplementedError(type(error))


@in_words.register
def _(error: InvalidValue) -> str:
    match error.attribute, error.reason:
        case "path", _:
            return gettext("This one is there already.")
        case "address", Reason.BLANK:
            return gettext("Fill this in.")
        case _, Reason.TOLL:
            return gettext("No text messages are sent to premium-rate and toll-free numbers.")
        case _, Reason.NO_PHONE_NUMBER:
            return gettext("This is no phone number. Write it with its country code, as +1 626 555 0100.")
        case _, Reason.NOT_ASCII:
            return gettext("Before the @ only letters from a to z, digits and signs like . _ - are possible.")
        case _, Reason.NO_EMAIL_ADDRESS:
            return gettext("This is no email address. It should look like name@example.com.")
        case "user_id", _:
            return gettext("There are as many ways to contact somebody as are possible. Remove one first.")
        case "position", Reason.RESERVED:
            return gettext("Your institution's address keeps the first place.")
        case "time_zone", _:
            return gettext("There is no such time zone. Choose one from the list.")
        case "from" | "to", _:
            return gettext("Fill in two different times, as 22:00 and 07:00; or neither, and there are none.")
        case "locale", _:
            return gettext("There are no texts in this language. Choose one from the list.")
    return error.message


@in_words.register
def _(error: CountryNotAllowed) -> str:
    said = gettext("Your institution sends no text messages to numbers of this country (%(country)s).")
    return said % {"country": error.country or "?"}


@in_words.register
def _(error: RefusedValue) -> str:
    return gettext("No more are allowed than there are, or were within the last hour.")


@in_words.register
def _(error: MessageLimitReached) -> str:
    too_many = gettext("Too many messages were asked for.")
    return f"{too_many} {try_again(error.retry_after)}"


@in_words.register
def _(error: CodeRefused) -> str:
    match error.reason:
        case Reason.KEPT:
            return gettext("Your institution does not let this address be changed.")
        case Reason.VOID | Reason.EXPIRED | Reason.UNKNOWN:
            # The same for all three, as in the API: guessing teaches nothing.
            return gettext("This code is wrong, too old, or was tried too often. Ask for another.")
    return gettext("This code is of no use any more. Ask for another.")


def try_again(seconds: int) -> str:
    """What to do about something that may be asked for again after so long."""
    if seconds <= SECONDS:
        return gettext("Try again in a few seconds.")
    if seconds <= MINUTE:
        return gettext("Try again in a minute.")
    if seconds <= MINUTES:
        minutes = math.ceil(seconds / 60)
        said = ngettext("Try again in %(minutes)s minute.", "Try again in %(minutes)s minutes.", minutes)
        return said % {"minutes": minutes}
    hours = math.ceil(seconds / 3600)
    return ngettext("Try again in %(hours)s hour.", "Try again in %(hours)s hours.", hours) % {"hours": hours}
