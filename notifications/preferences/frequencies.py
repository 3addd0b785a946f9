"""How often a channel gets a notification, by what was chosen and what holds by default. Pure."""

from notifications.preferences.models import Frequency


def effective(
    *,
    override: str | None = None,
    chosen: str | None,
    account_default: str | None,
    category_default: str,
    first: bool,
    first_of_type: bool,
) -> str:
    """What was chosen in the course, else for the channel, else by its account, else for the category.

    None: nothing was. An account's default is for the user's first live channel of a type, a category's for
    the first of all; other channels get nothing until somebody asks for it.
    """
    by_default = account_default if first_of_type else None
    return override or chosen or by_default or (category_default if first else Frequency.NEVER)
