"""Every refusal of the rules has words for people, in no rule's own terms."""

import pytest

from canvas_channels.web.words import in_words, try_again
from channels_api.errors import (
    CodeRefused,
    CountryNotAllowed,
    InvalidAddress,
    InvalidValue,
    MessageLimitReached,
    Reason,
    RefusedValue,
    duplicate,
)

WORDS = [
    (duplicate(), "This one is there already."),
    (InvalidValue("address", Reason.BLANK, "can't be blank"), "Fill this in."),
    (InvalidAddress(Reason.NO_PHONE_NUMBER, "is not a valid phone number"), "This is no phone number."),
    (InvalidAddress(Reason.NO_EMAIL_ADDRESS, "is not a valid email address"), "This is no email address."),
    (InvalidAddress(Reason.TOLL, "is a premium-rate or toll-free phone number"), "toll-free numbers"),
    (InvalidValue("user_id", Reason.TOO_MANY, "at most 100"), "Remove one first."),
    (InvalidValue("position", Reason.RESERVED, "reserved"), "keeps the first place"),
    (InvalidValue("type", Reason.IMMUTABLE, "can't be changed"), "can't be changed"),
    (RefusedValue("type", "Maximum number reached"), "No more are allowed"),
    (MessageLimitReached(30), "Try again in a minute."),
    (MessageLimitReached(91), "Too many messages were asked for. Try again in 2 minutes."),
    (InvalidValue("time_zone", Reason.INVALID, "must be"), "There is no such time zone."),
    (InvalidValue("locale", Reason.INVALID, "must be"), "There are no texts in this language."),
    (CountryNotAllowed(), "no text messages to numbers of this country (?)."),
    (CountryNotAllowed("DE"), "no text messages to numbers of this country (DE)."),
    (CodeRefused(Reason.KEPT), "does not let this address be changed"),
    (CodeRefused(Reason.USED), "of no use any more"),
]


@pytest.mark.parametrize(("error", "words"), WORDS, ids=[words for _, words in WORDS])
def test_refusals_have_words(error: Exception, words: str) -> None:
    assert words in in_words(error)


def test_a_wrong_an_old_and_a_void_code_are_told_apart_by_nobody() -> None:
    reasons = (Reason.UNKNOWN, Reason.EXPIRED, Reason.VOID)
    assert len({in_words(CodeRefused(reason)) for reason in reasons}) == 1


@pytest.mark.parametrize(
    ("seconds", "wait"),
    [
        *((1, "a few seconds"), (15, "a few seconds"), (16, "a minute"), (90, "a minute")),
        *((91, "2 minutes"), (3600, "60 minutes"), (5400, "90 minutes")),
        *((5401, "2 hours"), (7201, "3 hours"), (86_400, "24 hours")),
    ],
)
def test_how_long_to_wait(seconds: int, wait: str) -> None:
    assert try_again(seconds) == f"Try again in {wait}."
