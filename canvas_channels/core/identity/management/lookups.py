"""Finding what a command's options name. Every failure is a CommandError of one line."""

from argparse import ArgumentTypeError
from typing import Any

from django.core.management import CommandError, CommandParser

from canvas_channels.core.identity.callers import is_id
from canvas_channels.core.identity.models import Account, DeveloperKey, Login, User


def row_id(text: str) -> int:
    """An argparse type: a number that an id column can hold."""
    if not is_id(text):
        raise ArgumentTypeError(f"{text!r} is not an id")
    return int(text)


def add_user_options(parser: CommandParser, *, bare_id: bool = False) -> None:
    """The options that :func:`chosen_user` reads.

    ``bare_id``: the id may come without ``--user``, as in version 0.1.
    """
    by_id = parser.add_mutually_exclusive_group()
    by_id.add_argument("--user", type=row_id, metavar="ID", help="The user's id.")
    if bare_id:
        by_id.add_argument("user_id", nargs="?", type=row_id, metavar="ID", help="The same as --user ID.")
    parser.add_argument("--login", help="Instead of --user: a name that they sign in with, in any case.")
    parser.add_argument(
        "--account", type=row_id, metavar="ID", help="The login's account, where several accounts have it."
    )


def chosen_user(options: dict[str, Any]) -> User:
    """The user whom the options name. Raises CommandError where they name nobody."""
    user = user_if_chosen(options)
    if user is None:
        raise CommandError("Say who: --user or --login.")
    return user


def user_if_chosen(options: dict[str, Any]) -> User | None:
    """The user whom the options name; None where they name nobody."""
    login, account_id = options["login"], options["account"]
    user_id = options.get("user_id") if options["user"] is None else options["user"]
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
    logins = Login.objects.filter(account__in=accounts, unique_id__lower=unique_id)
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
    if is_id(name):
        key = DeveloperKey.objects.filter(pk=int(name)).first()
    key = key or DeveloperKey.objects.filter(client_id=name).first()
    if key is None:
        raise CommandError(f"There is no developer key {name!r}.")
    return key
