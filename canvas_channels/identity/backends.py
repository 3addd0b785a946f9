"""The path of the sign-in backend that sessions hold, of this version's processes and of those before it."""

from canvas_channels.core.identity.signing_in.backends import LoginBackend

__all__ = ["LoginBackend"]
