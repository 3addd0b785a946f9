"""Accounts that a call is about, and which of their users the caller is an admin over."""

from typing import TYPE_CHECKING, TypedDict

from django.db.models import Exists, OuterRef, Q

from canvas_channels.identity.callers import MAX_ID, Caller, lacks_foreign_admins
from canvas_channels.identity.models import Account, AccountAdmin, Login, User

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
    elif account_id.isascii() and account_id.isdecimal() and int(account_id) <= MAX_ID:
        accounts = Account.objects.filter(pk=int(account_id))
    else:
        raise AccountNotFound
    own = AccountAdmin.objects.filter(user=caller.user, account=OuterRef("pk"))
    site_admin = Q(pk__isnull=not caller.user.is_site_admin)
    account = accounts.annotate(is_administered=site_admin | Q(Exists(own))).first()
    if account is None:
        raise AccountNotFound
    return account


def administered_members(caller: User, account: Account) -> Q:
    """Of rows with a ``user``: those whose user has a login in the account and is the caller's to administer.

    For whoever is an admin of the account; site admins and admins of other accounts are a site admin's
    to see.
    """
    member = Q(Exists(Login.objects.filter(account=account, user=OuterRef("user"))))
    if caller.is_site_admin:
        return member
    return member & Q(user__is_site_admin=False) & lacks_foreign_admins(caller, "user")
