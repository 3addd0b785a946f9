"""Accounts that a call is about, and which of their users the caller is an admin over."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypedDict

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, Q, QuerySet

from canvas_channels.core.identity.callers import (
    Caller,
    Subject,
    UserNotFound,
    is_id,
    lacks_more_rights,
    locked,
    login_named,
    with_rights,
)
from canvas_channels.core.identity.models import Account, AccountUser, Login, User

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    class _Administered(TypedDict):
        is_administered: bool

    AdministeredAccount = WithAnnotations[Account, _Administered]


class AccountNotFound(LookupError):
    """No such account."""


def find_account(caller: Caller, account_id: str) -> "AdministeredAccount":
    """The account, with ``is_administered``: whether the caller may do there what its admins may.

    ``self`` is the caller's own (:meth:`Caller.accounts`). Raises :class:`AccountNotFound`.
    """
    if account_id == "self":
        accounts = caller.accounts()
    elif is_id(account_id):
        accounts = Account.objects.filter(pk=int(account_id))
    else:
        raise AccountNotFound
    own = AccountUser.objects.filter(user=caller.user, account=OuterRef("pk"))
    site_admin = Q(pk__isnull=not caller.user.is_site_admin)
    account = accounts.annotate(is_administered=site_admin | Q(Exists(own))).first()
    if account is None:
        raise AccountNotFound
    return account


def is_account_admin(user: User, account_id: int) -> bool:
    """Whether the user may do in the account what its admins may."""
    return user.is_site_admin or AccountUser.objects.filter(user=user, account=account_id).exists()


def administers_any(user: User) -> bool:
    """Whether the user is an admin at all."""
    return user.is_site_admin or AccountUser.objects.filter(user=user).exists()


def accounts_of(user: User) -> QuerySet[Account]:
    """The accounts in which the user may do what their admins may, by name."""
    all_accounts = Account.objects.order_by("name", "pk")
    return all_accounts if user.is_site_admin else all_accounts.filter(admins__user=user)


def administered_members(rows: Any, caller: User, account: Account) -> Any:
    """Of a queryset of rows with a ``user``: those that are the caller's to administer in the account.

    The caller is an admin of the account; people with rights that they lack are a site admin's to see.
    Logins are looked up row by row (an array is no join): a report reads no more of them than it has rows,
    however many an account has.
    """
    accounts = ArraySubquery(Login.objects.filter(user=OuterRef("user")).values("account"))
    members = rows.alias(users_accounts=accounts).filter(users_accounts__contains=[account.pk])
    return members if caller.is_site_admin else members.filter(lacks_more_rights(caller, "user__"))


def lock_member(caller: Caller | None, account: Account, names: Iterable[str]) -> Subject:
    """The user with a login in the account that fits every name, as ``user_id`` would give them; locked.

    Names are as in :func:`login_named`; the caller's rights over the user are in the answer. ``caller`` None,
    the service itself, does what a file says, and has none over anyone with rights. Raises
    :class:`UserNotFound`.
    """
    named = [Q(**login_named(name)) for name in names]
    if not named:
        raise UserNotFound
    users = User.objects.filter(pk__in=Login.objects.filter(*named, account=account).values("user"))
    without_rights = users.annotate(is_administered=lacks_more_rights(None))
    user = locked(with_rights(users, caller.user) if caller else without_rights).first()
    if user is None:
        raise UserNotFound
    imported_emails = tuple(user.imported_emails)
    return Subject(user, caller, is_admin=user.is_administered, imported_emails=imported_emails)
