"""What the registry's rules refuse. They know nothing of HTTP: the views translate.

ChannelError
├── InvalidValue      a value that is not acceptable
├── RefusedValue      a value that cannot be had now, with Canvas's own sentence
├── NotPermitted      the caller may not do this
├── NoSuchChannel     no such live channel of this user
└── NoSuchDevice      no such registered device of this user
"""


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


def duplicate() -> InvalidValue:
    """Canvas's answer to an address that the user has: ``path``, though the parameter is ``address``."""
    return InvalidValue("path", "unique!", "unique!")
