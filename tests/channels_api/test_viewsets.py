"""The one translation of the rules' errors into the API's."""

import pytest

from channels_api.errors import (
    ChannelError,
    CodeRefused,
    CountryNotAllowed,
    InvalidAddress,
    InvalidValue,
    Reason,
)
from channels_api.viewsets import canvas_error


def told(error: ChannelError) -> dict[str, str]:
    [[only]] = canvas_error(error).body["errors"].values()
    return {name: only[name] for name in ("attribute", "type")}


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_against_a_code_is_told_alike(reason: Reason) -> None:
    assert told(CodeRefused(reason)) == {"attribute": "confirmation_code", "type": "invalid"}


@pytest.mark.parametrize(
    ("error", "attribute", "type_"),
    [
        (InvalidAddress(Reason.TOLL, "is a toll-free phone number"), "address", "invalid"),
        (InvalidAddress(Reason.NOT_ASCII, "must be ASCII"), "address", "invalid"),
        (CountryNotAllowed("DE"), "address", "country_not_allowed"),
        (InvalidValue("type", Reason.INCLUSION, "must be email"), "type", "inclusion"),
        (InvalidValue("pseudonym[unique_id]", Reason.TAKEN, "is taken"), "pseudonym[unique_id]", "taken"),
    ],
)
def test_an_error_names_its_parameter_and_its_kind(error: ChannelError, attribute: str, type_: str) -> None:
    assert told(error) == {"attribute": attribute, "type": type_}


def test_a_country_that_is_not_allowed_is_named() -> None:
    assert CountryNotAllowed("DE").message == "is in DE: no text messages are sent there"
    assert CountryNotAllowed().message == "belongs to no country: no text messages are sent there"


def test_all_reasons_against_a_code_have_one_message() -> None:
    said = {
        canvas_error(CodeRefused(reason)).body["errors"]["confirmation_code"][0]["message"]
        for reason in Reason
    }
    assert said == {"is wrong, too old, or was tried too often: ask for another"}
