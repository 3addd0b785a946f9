"""What the registry's rules refuse. They know nothing of HTTP: each surface translates once.

ChannelError
├── InvalidValue          a value that is not acceptable
│   ├── InvalidAddress    no message could be sent to it
│   └── CountryNotAllowed no text messages are sent to the number's country
├── RefusedValue          a value that cannot be had now, with Canvas's own sentence
├── MessageLimitReached   one more message is too many now
├── CodeRefused           a code that was sent does not do what it is for
├── NotPermitted          the caller may not do this
└── NotFound              what is named is not there, or not to be seen
    ├── NoSuchChannel     no such live channel of this user
    └── NoSuchDevice      no such registered device of this user
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why something is refused: a slug for programs."""

    BLANK = "blank"
    IMMUTABLE = "immutable"
    INCLUSION = "inclusion"
    INVALID = "invalid"
    REFUSED = "refused"
    RESERVED = "reserved"
    TOO_MANY = "too_many"
    UNIQUE = "unique!"  # Canvas's spelling
    WRONG_NUMBER = "wrong_number"
    NUL_CHARACTER = "nul_character"
    UNAUTHORIZED = "unauthorized"
    NOT_FOUND = "not_found"
    LIMIT_REACHED = "limit_reached"
    MAX_LENGTH = "max_length"
    NULL_CHARACTERS = "null_characters_not_allowed"
    COUNTRY_NOT_ALLOWED = "country_not_allowed"

    # Of an address.
    NO_EMAIL_ADDRESS = "no_email_address"
    NO_PHONE_NUMBER = "no_phone_number"
    NOT_ASCII = "not_ascii"
    TOLL = "toll"

    # Of a code.
    USED = "used"
    REPLACED = "replaced"
    EXPIRED = "expired"
    RETIRED = "retired"
    UNKNOWN = "unknown"
    VOID = "void"
    CHANGED = "changed"  # the channel waits for another address by now
    TAKEN = "taken"  # another channel of the user has the address by now; or another user the login
    KEPT = "kept"  # the institution does not let the address be changed

    @property
    def type(self) -> str:
        """The slug that clients of the API are told: no details of an address or a code."""
        return Reason.INVALID.value if self in _OF_AN_ADDRESS | _OF_A_CODE else self.value


_OF_AN_ADDRESS = {Reason.NO_EMAIL_ADDRESS, Reason.NO_PHONE_NUMBER, Reason.NOT_ASCII, Reason.TOLL}
_OF_A_CODE = {
    *(Reason.USED, Reason.REPLACED, Reason.EXPIRED, Reason.RETIRED, Reason.UNKNOWN, Reason.VOID),
    *(Reason.CHANGED, Reason.KEPT),
}


class ChannelError(Exception):
    """The root.

    ``attribute`` is named as the parameter is, and ``message`` goes on from it: "must be a whole number".
    """

    attribute = "base"
    reason = Reason.INVALID
    message = "is not valid"

    def __init__(
        self, attribute: str | None = None, reason: Reason | None = None, message: str | None = None
    ) -> None:
        self.attribute = attribute or self.attribute
        self.reason = reason or self.reason
        self.message = message or self.message
        super().__init__(self.message)


class InvalidValue(ChannelError):
    def __init__(self, attribute: str, reason: Reason, message: str) -> None:
        super().__init__(attribute, reason, message)


class InvalidAddress(InvalidValue):
    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__("address", reason, message)


class CountryNotAllowed(InvalidValue):
    """``country`` is its ISO 3166 code; None: the number belongs to no single country."""

    def __init__(self, country: str | None = None) -> None:
        self.country = country
        where = f"is in {country}" if country else "belongs to no country"
        super().__init__("address", Reason.COUNTRY_NOT_ALLOWED, f"{where}: no text messages are sent there")


class RefusedValue(ChannelError):
    def __init__(self, attribute: str, message: str) -> None:
        super().__init__(attribute, Reason.REFUSED, message)


class MessageLimitReached(ChannelError):
    """``retry_after`` is in seconds."""

    attribute = "address"
    reason = Reason.LIMIT_REACHED

    def __init__(self, retry_after: int) -> None:
        super().__init__(message=f"a limit on messages is reached for {retry_after} s")
        self.retry_after = retry_after


class CodeRefused(ChannelError):
    """Of a link or a text message; docs/contract.md, section 6, answers every reason alike."""

    attribute = "confirmation_code"
    message = "is wrong, too old, or was tried too often: ask for another"

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason=reason)


class NotPermitted(ChannelError):
    attribute = "user_id"
    reason = Reason.UNAUTHORIZED
    message = "user not authorized to perform that action"


class NotFound(ChannelError):
    reason = Reason.NOT_FOUND
    message = "is not there"


class NoSuchChannel(NotFound):
    message = "no such communication channel"


class NoSuchDevice(NotFound):
    message = "no such device"


def duplicate() -> InvalidValue:
    """Canvas's answer to an address that the user has: ``path``, though the parameter is ``address``."""
    return InvalidValue("path", Reason.UNIQUE, "unique!")


# What is raised where a constraint is broken, as by a writer outside the user's lock.
OF_CONSTRAINTS = {"one_live_channel_per_address": duplicate}
