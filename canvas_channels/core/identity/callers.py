"""Who calls, over whom, and with which rights (docs/contract.md, section 1). Knows nothing of HTTP."""

import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, TypedDict

from django.contrib.auth.models import Group
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, Q, QuerySet
from oauth2_provider.models import AccessToken

from canvas_channels.core.identity.models import Account, AccountUser, DeveloperKey, Login, User
from canvas_channels.core.statements import Statement, from_row, width

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    class _Rights(TypedDict):
        is_administered: bool
        caller_is_admin: bool


MAX_ID = 2**63 - 1
_RIGHTS = ("is_site_admin", "is_superuser", "is_staff")
MAX_ID_DIGITS = 19  # int() refuses thousands of them with a ValueError


class UserNotFound(LookupError):
    """No such user, or none whose existence the caller may learn."""


class ActingRefused(PermissionError):
    """The caller may not act as that user."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. While acting, ``user`` is whom they act as, and ``actor`` who they really are.

    ``key`` is the developer key of who asked for a job, whose token may be gone when it is done.
    """

    user: User
    actor: User
    token: AccessToken | None = None
    key: DeveloperKey | None = None

    @property
    def acting(self) -> bool:
        return self.user.pk != self.actor.pk

    @property
    def developer_key(self) -> DeveloperKey | None:
        return self.token.application if self.token else self.key

    def accounts(self) -> QuerySet[Account]:
        """The account where logins are looked up, and what ``accounts/self`` is, if there is one.

        A site admin's is the default one, anybody else's their home account.
        """
        at_home = Q(pk=self.user.home_account_id)
        return Account.objects.filter(Q(is_default=True) if self.user.is_site_admin else at_home)


@dataclass(frozen=True, slots=True)
class Subject:
    """A user whom a call is about, and the caller's rights over them.

    ``caller`` None: the service itself. ``is_admin`` None: not looked up yet (the caller themselves; most
    calls need no more).
    ``imported_emails``, what the institution imported for the user, is read only with the row's lock.
    """

    user: User
    caller: Caller | None
    is_admin: bool | None = None
    imported_emails: tuple[str, ...] = ()

    @property
    def is_self(self) -> bool:
        return self.caller is not None and self.user.pk == self.caller.user.pk

    @property
    def in_person(self) -> bool:
        """Whether the user themselves calls, and nobody who acts as them."""
        return self.is_self and self.caller is not None and not self.caller.acting

    @property
    def with_scopes(self) -> bool:
        """Whether the call came with a token of a key that requires scopes, which is worth no password."""
        key = self.caller.developer_key if self.caller else None
        return key is not None and bool(key.require_scopes)

    @property
    def visible(self) -> bool:
        """Whether the caller may read the user's channels."""
        return self.is_self or self.administered()

    def administered(self) -> bool:
        """Whether the caller is an admin over the user (perhaps over themselves)."""
        if self.is_admin is not None:
            return self.is_admin
        if self.caller is None or self.caller.user.is_site_admin:
            return True
        return with_rights(User.objects.filter(pk=self.user.pk), self.caller.user).get().is_administered


def with_rights(users: "QuerySet[User]", caller: User) -> "QuerySet[WithAnnotations[User, _Rights]]":
    """Annotate whether ``caller`` is an admin over each user, and whether they are an admin at all.

    An account admin is one over those with a login in the account, a site admin over everyone: but neither
    over anyone who has rights that they lack.
    """
    own = AccountUser.objects.filter(user=caller)
    in_reach = own.filter(account__logins__user=OuterRef("pk"))
    site_admin = Q(pk__isnull=not caller.is_site_admin)
    over = Q(site_admin | Q(Exists(in_reach)), lacks_more_rights(caller))
    return users.annotate(is_administered=over, caller_is_admin=site_admin | Q(Exists(own)))


def lacks_more_rights(caller: User | None, prefix: str = "") -> Q:
    """A condition: a user has no right that ``caller`` lacks; ``prefix`` leads to them, as ``user__``.

    ``caller`` None is somebody without rights, so that no right is left to the user.

    Rights are those of a site admin, of an admin of an account, of a superuser, and of staff with a
    permission. Somebody who could let others sign in as a person with more would gain what that person has.
    """
    user = OuterRef(f"{prefix}pk")
    own_accounts = AccountUser.objects.filter(user=caller).values("account")
    foreign_admin = Exists(AccountUser.objects.filter(user=user).exclude(account__in=own_accounts))
    condition = (
        Q() if caller and caller.is_site_admin else ~Q(foreign_admin) & Q(**{f"{prefix}is_site_admin": False})
    )
    if caller and caller.is_superuser:
        return condition
    more = Q()
    own = [held.values("permission") for held in _permissions(caller)] if caller and caller.is_staff else []
    for held in _permissions(user):
        for permissions in own:
            held = held.exclude(permission__in=permissions)
        more |= Q(Exists(held))
    is_staff = Q(**{f"{prefix}is_staff": True})
    return condition & Q(**{f"{prefix}is_superuser": False}) & ~(is_staff & more)


def _permissions(user: User | OuterRef) -> "tuple[QuerySet[Any], QuerySet[Any]]":
    """What a user may do in Django's admin: by themselves, and by a group."""
    return (
        User.user_permissions.through.objects.filter(user=user),
        Group.permissions.through.objects.filter(group__user=user),
    )


def has_more_rights(user: User, caller: User | None) -> bool:
    """Whether the user has a right that ``caller`` lacks; None: any right at all."""
    return not User.objects.filter(lacks_more_rights(caller), pk=user.pk).exists()


def find_subject(caller: Caller, user_id: str, *, lock: bool = False) -> Subject:
    """The user whom ``user_id`` names, in any of the forms of Canvas. Raises :class:`UserNotFound`.

    ``lock`` holds the user's row until the end of the transaction, and reads the home account too.
    """
    itself = user_id in {"self", str(caller.user.pk)}
    if itself and not lock:
        return Subject(caller.user, caller)
    named = {"user": caller.user.pk} if itself else login_named(user_id)
    if "user" in named:
        by_id = _by_id(**{right: getattr(caller.user, right) for right in _RIGHTS}, lock=lock)
        rows = by_id.fetch(user_id=named["user"], caller_id=caller.user.pk)
        found = [_user(row, locked=lock) for row in rows]
    else:
        users = _by_login(caller, named)
        found = [user for user in (locked(users) if lock else users) if _may_name(caller, user)]
    if not found:
        raise UserNotFound
    [user] = found
    imported_emails = tuple(getattr(user, "imported_emails", ()))
    return Subject(user, caller, is_admin=user.is_administered, imported_emails=imported_emails)


def id_named(caller: Caller, user_id: str) -> int | None:
    """The id that a ``user_id`` says by itself; None: it names a login, or nobody."""
    if user_id == "self":
        return int(caller.user.pk)
    return int(user_id) if is_id(user_id) else None


def is_id(text: str) -> bool:
    """Whether it is a number that can be a row's key."""
    return text.isascii() and text.isdecimal() and len(text) <= MAX_ID_DIGITS and int(text) <= MAX_ID


@cache
def _by_id(*, lock: bool, **rights: bool) -> Statement:
    def users(user_id: int, caller_id: int) -> QuerySet[Any]:
        found = with_rights(User.objects.filter(pk=user_id), User(pk=caller_id, **rights))
        return locked(found) if lock else found

    return Statement(users, user_id=-1, caller_id=-2)


def _user(row: Sequence[Any], *, locked: bool) -> Any:
    """What the queryset of :func:`_by_id` yields for a row, where annotations come before the account."""
    end = width(User)
    user: Any = from_row(User, row[:end])
    user.is_administered, user.caller_is_admin = row[end : end + 2]
    if locked:
        user.imported_emails = row[end + 2]
        user.home_account = from_row(Account, row[end + 3 :])
    return user


def _by_login(caller: Caller, named: dict[str, Any]) -> "QuerySet[WithAnnotations[User, _Rights]]":
    """Logins are looked up in the caller's account, a site admin's in the default one."""
    home = Q(account=caller.user.home_account_id)
    account = Q(account__is_default=True) if caller.user.is_site_admin else home
    logins = Login.objects.filter(account, **named)
    return with_rights(User.objects.filter(pk__in=logins.values("user")), caller.user)


def _may_name(caller: Caller, user: Any) -> bool:
    """By a login only admins name others: nobody can probe for logins."""
    return bool(user.caller_is_admin) or user.pk == caller.user.pk


def locked(users: "QuerySet[Any]") -> "QuerySet[Any]":
    """Hold the users' rows until the transaction ends; read home account and imported emails with them."""
    imported = Login.objects.filter(user=OuterRef("pk")).exclude(imported_email="")
    held: QuerySet[Any] = users.annotate(imported_emails=ArraySubquery(imported.values("imported_email")))
    return held.select_for_update(of=("self",), no_key=True).select_related("home_account")


def hold_users(user_ids: Iterable[int]) -> None:
    """Lock the users' rows until the transaction ends, in one order: so nobody waits in a circle."""
    rows = User.objects.select_for_update(no_key=True).filter(pk__in=user_ids).order_by("pk")
    list(rows.values_list("pk"))


def login_named(user_id: str) -> dict[str, Any]:
    """What a ``user_id`` in any form but ``self`` says of its user's login. Raises :class:`UserNotFound`."""
    if is_id(user_id):
        return {"user": int(user_id)}
    kind, _, value = user_id.partition(":")
    if kind == "hex":
        kind, _, encoded = value.partition(":")
        value = _unhex(encoded) if kind == "sis_user_id" else ""
    if not value or "\x00" in value:
        raise UserNotFound
    if kind == "sis_user_id":
        return {"sis_user_id": value}
    if kind == "sis_login_id":
        return {"unique_id__lower": value}
    raise UserNotFound


def _unhex(encoded: str) -> str:
    try:
        return binascii.unhexlify(encoded).decode()
    except ValueError as error:
        raise UserNotFound from error


def act_as(caller: Caller, user_id: str) -> Caller:
    """The caller with another user's rights and no others. Raises :class:`ActingRefused`.

    Naming oneself changes nothing.
    """
    try:
        subject = find_subject(caller, user_id)
    except UserNotFound as error:
        raise ActingRefused from error
    if subject.is_self:
        return caller
    if not subject.is_admin or not subject.user.is_active:
        raise ActingRefused
    return replace(caller, user=subject.user)
