"""Finding what a command's options name. Every failure is a CommandError of one line."""

from argparse import ArgumentTypeError
from typing import Any

from django.core.management import CommandError, CommandParser

from canvas_channels.core.identity.models import Account, DeveloperKey, Login, User

MAX_ID = 2**63 - 1


def row_id(text: str) -> int:
    """An argparse type: a number that an id column can hold."""
    if not (text.isascii() and text.isdecimal() and int(text) <= MAX_ID):
        raise ArgumentTypeError(f"{text!r} is not an id")
    return int(text)


def add_user_options(parser: CommandParser) -> None:
    """The options that :func:`chosen_user` reads."""
    parser.add_argument("--user", type=row_id, metavar="ID", help="The user's id.")
    parser.add_argument("--login", help="Instead of --user: a name that they sign in with, in any case.")
    parser.add_argument(
        "--account", type=row_id, metavar="ID", help="The login's account, where several accounts have it."
    )


def add_user_argument(parser: CommandParser) -> None:
    """The same for a command that is about one user: their id needs no name."""
    parser.add_argument("user", nargs="?", type=row_id, metavar="USER", help="The user's id.")
    parser.add_argument("--login", help="Instead of the id: a name that they sign in with, in any case.")
    parser.add_argument(
        "--account", type=row_id, metavar="ID", help="The login's account, where several accounts have it."
    )


def chosen_user(options: dict[str, Any]) -> User | None:
    """The user whom the options name; None where they name nobody."""
    user_id, login, account_id = options["user"], options["login"], options["account"]
    if user_id is not None and login is not None:
        raise CommandError("Give either --user or --login, not both.")
    if account_id is not None and login is None:
        raise CommandError("--account says where a --login is looked up: give one.")
    if user_id is not None:
        return find_user(user_id)
    if login is not None:
        return find_user_by_login(login, account_id)
    return None


def find_account(account_id: int | None) -> Account:
    """The account; None: the default one."""
    if account_id is None:
        account = Account.objects.filter(is_default=True).first()
        if account is None:
            raise CommandError("There is no default account: give --account, or make one with --default.")
        return account
    account = Account.objects.filter(pk=account_id).first()
    if account is None:
        raise CommandError(f"There is no account {account_id}.")
    return account


def find_user(user_id: int) -> User:
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        raise CommandError(f"There is no user {user_id}.")
    return user


def find_user_by_login(unique_id: str, account_id: int | None = None) -> User:
    """The user with a login in the account; None: in whichever account has it, if only one person does."""
    accounts = Account.objects.all() if account_id is None else Account.objects.filter(pk=account_id)
    logins = Login.objects.filter(account__in=accounts, unique_id__lower=unique_id.lower())
    users = list(User.objects.filter(pk__in=logins.values("user"))[:2])
    if not users:
        where = "" if account_id is None else f" in account {account_id}"
        raise CommandError(f"There is no login {unique_id!r}{where}.")
    if len(users) > 1:
        raise CommandError(f"Several accounts have the login {unique_id!r}: give --account.")
    return users[0]


def find_key(name: str) -> DeveloperKey:
    """A developer key by its id or its client id."""
    key: DeveloperKey | None = None
    if name.isascii() and name.isdecimal() and int(name) <= MAX_ID:
        key = DeveloperKey.objects.filter(pk=int(name)).first()
    key = key or DeveloperKey.objects.filter(client_id=name).first()
    if key is None:
        raise CommandError(f"There is no developer key {name!r}.")
    return key
