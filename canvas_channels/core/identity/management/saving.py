"""Writing rows from a command: whatever the models or the database refuse becomes one line."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ValidationError
from django.core.management import CommandError
from django.db import IntegrityError, models

from canvas_channels.core.constraints import constraint_of

EXPLAINED = {
    "one_default_account": "another account is the default one already",
    "account_region_iso3166": "the region must be two capital letters (ISO 3166)",
    "unique_login_per_account": "the account has that login already",
    "unique_sis_user_id_per_account": "login with this Account and Sis user id already exists",
    "unique_account_admin": "account user with this User and Account already exists",
    "one_live_channel_per_address": "the user has that address already",
}


def clean_and_save(row: models.Model) -> None:
    """Validate and save. Raises ValidationError or IntegrityError, which :func:`explain` puts in words."""
    row.full_clean(validate_constraints=False)  # the database says which one
    row.save()


@contextmanager
def write_errors_as_command_errors() -> Iterator[None]:
    """Turn what a write is refused for into a CommandError of one line."""
    try:
        yield
    except (ValidationError, IntegrityError) as error:
        raise CommandError(explain(error)) from error


def explain(error: ValidationError | IntegrityError) -> str:
    """Why a row was refused, on one line, with the fields at fault."""
    if isinstance(error, IntegrityError):
        return _sentence(EXPLAINED.get(constraint_of(error) or "") or str(error).partition("\n")[0])
    if not hasattr(error, "error_dict"):
        return _sentence("; ".join(error.messages))
    parts = []
    for field, messages in error.message_dict.items():
        label = "" if field == "__all__" else f"{field}: "
        parts += [f"{label}{message.rstrip('.')}" for message in messages]
    return _sentence("; ".join(parts))


def _sentence(text: str) -> str:
    text = " ".join(text.split()).rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."
