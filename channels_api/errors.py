"""What the registry's rules refuse. They know nothing of HTTP: the views translate.

ChannelError
├── InvalidValue      a value that is not acceptable
├── RefusedValue      a value that cannot be had now, with Canvas's own sentence
├── NotPermitted      the caller may not do this
├── NoSuchChannel     no such live channel of this user
└── NoSuchDevice      no such registered device of this user

CodeRefused           a code that was sent does not do what it is for
"""

from enum import StrEnum


class ChannelError(Exception):
    """The root."""


class InvalidValue(ChannelError):
    """``attribute`` is named as the parameter is; ``kind`` is a slug for programs."""

    def __init__(self, attribute: str, kind: str, message: str) -> None:
        super().__init__(message)
        self.attribute = attribute
        self.kind = kind
        self.message = message


class RefusedValue(ChannelError):
    def __init__(self, attribute: str, message: str) -> None:
        super().__init__(message)
        self.attribute = attribute
        self.message = message


class NotPermitted(ChannelError):
    pass


class NoSuchChannel(ChannelError):
    pass


class NoSuchDevice(ChannelError):
    pass


class Reason(StrEnum):
    """Why a code does not confirm."""

    USED = "used"
    REPLACED = "replaced"
    EXPIRED = "expired"
    RETIRED = "retired"
    UNKNOWN = "unknown"
    VOID = "void"
    CHANGED = "changed"  # the channel waits for another address by now
    TAKEN = "taken"  # another channel of the user has the address by now
    KEPT = "kept"  # the institution does not let the address be changed


class CodeRefused(Exception):
    """Of a link or a text message; every reason has the same answer (docs/contract.md, section 6)."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"code refused: {reason}")
        self.reason = reason


def duplicate() -> InvalidValue:
    """Canvas's answer to an address that the user has: ``path``, though the parameter is ``address``."""
    return InvalidValue("path", "unique!", "unique!")
