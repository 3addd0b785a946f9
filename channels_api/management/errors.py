"""What the registry's rules refuse, as commands report it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ValidationError

from channels_api.addresses import clean_email
from channels_api.errors import ChannelError, InvalidAddress


@contextmanager
def channel_errors_as_validation_errors(email: str) -> Iterator[None]:
    """Raise a rule's error as a ValidationError: on ``email`` where the address is at fault."""
    try:
        yield
    except InvalidAddress as error:
        raise ValidationError({"email": f"{email!r} {error}"}) from error
    except ChannelError as error:
        raise ValidationError(error.message) from error


def checked_email(address: str) -> str:
    """The address as it is stored. Raises ValidationError on ``email``."""
    with channel_errors_as_validation_errors(address):
        return clean_email(address)
