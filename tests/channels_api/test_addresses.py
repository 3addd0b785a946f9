"""What is an address, which spellings are one, and where a message to it really goes."""

import pytest

from canvas_channels.core.trimming import trim
from channels_api.addresses import clean_email, clean_phone_number, compared, country_of, fold, mailbox
from channels_api.errors import InvalidAddress

INVISIBLE = [
    "\u200b",
    "\ufeff",
    "\u00a0",
    "\u200e",
    "\u2060",
    "\u00ad",
    "\u202f",
    "\u3000",
    "\u202a",
    "\ufe0f",
]


@pytest.mark.parametrize("character", INVISIBLE)
def test_what_is_invisible_at_the_ends_is_no_part(character: str) -> None:
    assert clean_email(f"{character}a@example.edu {character}") == "a@example.edu"
    assert clean_phone_number(f"{character}626 555 0100{character}{character}", "US") == "+16265550100"
    assert compared(f"{character}a@example.edu{character}") == "a@example.edu"
    assert trim(character * 3) == ""


@pytest.mark.parametrize("character", [*INVISIBLE, "\0", "\x7f"])
@pytest.mark.parametrize("address", ["a{}b@example.edu", "a@exam{}ple.edu", "a{}@example.edu", "a@{}faß.de"])
def test_what_is_invisible_inside_is_refused(character: str, address: str) -> None:
    with pytest.raises(InvalidAddress):
        clean_email(address.format(character))


@pytest.mark.parametrize("character", ["\u200b", "\u200e", "\u2060", "\u00ad", "\0", "\n", "\ufe0f"])
def test_no_number_has_it_inside_either(character: str) -> None:
    with pytest.raises(InvalidAddress):
        clean_phone_number(f"+1 626{character}555 0100", "US")


def test_control_characters_at_the_ends_are_not_taken_away() -> None:
    with pytest.raises(InvalidAddress):
        clean_email("a@example.edu\0")
    with pytest.raises(InvalidAddress):
        clean_phone_number("\0+16265550100", "US")


class TestEmail:
    @pytest.mark.parametrize(
        ("address", "goes_to"),
        [
            ("A.b@Example.EDU", "A.b@example.edu"),
            ("a@faß.de", "a@xn--fa-hia.de"),
            ("a@FAẞ.de", "a@xn--fa-hia.de"),
            ("a@xn--fa-hia.de", "a@xn--fa-hia.de"),
            ("a@BÜCHER.example", "a@xn--bcher-kva.example"),
            ("a@bu\u0308cher.example", "a@xn--bcher-kva.example"),
            ("a@βόλος.com", "a@xn--nxasmm1c.com"),
            ("a@\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45.com", "a@example.com"),
            ("a@例え。テスト", "a@xn--r8jz45g.xn--zckzah"),
            ("a@\u0646\u0627\u0645\u0647\u200c\u0627ی.com", "a@xn--mgba3gch31f060k.com"),
            ("a@r3---sn.example.com", "a@r3---sn.example.com"),
            ("a@mail.vermögensberatung", "a@mail.xn--vermgensberatung-pwb"),
            ('"a"@example.edu', "a@example.edu"),
            ('"a.B"@example.edu', "a.B@example.edu"),
            ('"\\a"@example.edu', "a@example.edu"),
            ('"a..b"@example.edu', '"a..b"@example.edu'),
            ('"a@b"@example.edu', '"a@b"@example.edu'),
            ('"a\\ b"@example.edu', '"a b"@example.edu'),
        ],
    )
    def test_where_mail_goes(self, address: str, goes_to: str) -> None:
        assert mailbox(address) == goes_to
        assert clean_email(address) == address
        assert compared(address) == compared(goes_to) == goes_to.lower()

    @pytest.mark.parametrize("other", ["a@fass.de", "b@faß.de", "a@faß.example", "a@fa-hia.de"])
    def test_another_mailbox_is_another(self, other: str) -> None:
        assert compared(other) != compared("a@faß.de")

    @pytest.mark.parametrize(
        "address",
        [
            "a@[127.0.0.1]",
            "a@[IPv6:::1]",
            "a@127.0.0.1",
            "a@\uff11\uff12\uff17.0.0.1",
            "a@localhost",
            "a@example",
            "a@",
            "@example.edu",
            "example.edu",
            "a@.example.edu",
            "a@example.edu.",
            "a@example..edu",
            "a@ü..edu",
            "a@münchen。",
            "a@ex_ample.edu",
            "a@ü_x.example",
            "a@-example.edu",
            "a@example-.edu",
            f"a@{'b' * 64}.edu",
            f"a@{'ü' * 60}.edu",
            f"a@xn--{'b' * 60}.edu",
            "a@" + ".".join(["b" * 60] * 5) + ".edu",
            "a@" + ".".join(["ü" * 30] * 7) + ".edu",
            "a@☃.example",
            "a@💩.la",
            "a@xn--ls8h.la",
            "a@xn--a.de",
            "a@xn--.de",
            "a@a\u200cb.com",
            "a@exam ple.edu",
            "jörg@example.edu",
            "\uff41@example.edu",
            "a\uff20example.edu",
            "a b@example.edu",
            ".a@example.edu",
            "a.@example.edu",
            "a..b@example.edu",
            '"a@example.edu',
            '"a"b"@example.edu',
            "a@b@example.edu",
            "Name <a@example.edu>",
            "a@example.edu, b@example.edu",
            "a@" + "é" * 300,
            "a@" + "\ud800.edu",
        ],
    )
    def test_no_message_can_be_sent_to(self, address: str) -> None:
        with pytest.raises(InvalidAddress):
            clean_email(address)

    def test_what_is_none_is_still_compared_in_any_case(self) -> None:
        assert compared("A@[127.0.0.1]") == compared("a@[127.0.0.1]")
        assert compared("JÖRG@BÜCHER.example") == compared("jörg@xn--bcher-kva.example")
        assert compared("A@☃.Example") == "a@☃.example"

    @pytest.mark.parametrize("text", ["É" * 1001, "\u0301\u0316" * 500_000, "a" * 998 + "\u0316\u0301B"])
    def test_what_is_longer_than_any_address_is_not_normalised(self, text: str) -> None:
        assert fold(text) == text
        assert compared(f"{text}@Example.edu") == f"{text.lower()}@example.edu"


class TestNumbers:
    @pytest.mark.parametrize(
        ("typed", "region", "number"),
        [
            ("626-555-0100", "US", "+16265550100"),
            ("(626) 555.0100", "US", "+16265550100"),
            ("(+1) 626 555 0100", "DE", "+16265550100"),
            ("\uff0b1 626\u2011555\u20110100", "DE", "+16265550100"),
            ("+1\u00a0626\u202f555\u20090100", "DE", "+16265550100"),
            ("٦٢٦٥٥٥٠١٠٠", "US", "+16265550100"),
            ("011 49 30 901820", "US", "+4930901820"),
            ("030/901820", "DE", "+4930901820"),
            ("+44 (0)20 7946 0958", "US", "+442079460958"),
            ("+39 02 1234567", "US", "+39021234567"),
        ],
    )
    def test_any_usual_format(self, typed: str, region: str, number: str) -> None:
        assert clean_phone_number(typed, region) == number

    @pytest.mark.parametrize(
        "typed",
        [
            "555-0100",
            "+1 555 0100",
            "1 555 0100",
            "911",
            "call 626-555-0100",
            "626-555-0100 x5",
            "626-555-0100 ext. 5",
            "626-555-0100;ext=5",
            "626-555-0100,,5#",
            "tel:+1-626-555-0100",
            "tel:626-555-0100;phone-context=+1",
            "626-555-FLOW",
            "6265550100 or 6265550101",
            "626-555-0100/626-555-0101",
            "+1+6265550100",
            "++16265550100",
            "1+6265550100",
            "*67 626 555 0100",
            "626~555~0100",
            "+",
            "()",
            "+999 12345678",
            "+1" + "6" * 400,
        ],
    )
    def test_is_not_a_number_that_can_be_dialled_from_abroad(self, typed: str) -> None:
        with pytest.raises(InvalidAddress):
            clean_phone_number(typed, "US")

    @pytest.mark.parametrize(("typed", "region"), [("110", "DE"), ("112", "DE"), ("1300 123 456", "AU")])
    def test_what_is_dialled_within_a_country_only(self, typed: str, region: str) -> None:
        with pytest.raises(InvalidAddress, match="is not a valid phone number"):
            clean_phone_number(typed, region)

    @pytest.mark.parametrize(
        "number",
        [
            "1-800-555-0199",
            "+1 900 555 0199",
            "+44 909 879 0000",
            "+44 845 000 0000",
            "+7 800 555 3535",
            "+33 899 12 34 56",
            "+49 900 1123456",
            "+49 900 11234567",  # a digit too many still rings there
            "+800 1234 5678",
            "+979 123 456 789",
        ],
    )
    def test_nobody_pays_extra(self, number: str) -> None:
        with pytest.raises(InvalidAddress, match="premium-rate or toll-free"):
            clean_phone_number(number, "US")

    @pytest.mark.parametrize(
        ("number", "country"),
        [
            *(("+16265550100", "US"), ("+14165550100", "CA"), ("+99912345678", None)),
            *((number, None) for number in ("6265550100", "0049 30 901820", "", "+", "nonsense")),
        ],
    )
    def test_countries(self, number: str, country: str | None) -> None:
        """A number of old may be none."""
        assert country_of(number) == country
