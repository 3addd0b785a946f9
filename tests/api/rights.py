"""Every kind of caller, every kind of target, and whom each caller is an admin over."""

from collections.abc import Callable

from django.contrib.auth.models import Group, Permission
from django.test import Client

from canvas_channels.core.identity.models import User
from tests.factories import (
    default_account,
    make_account,
    make_admin,
    make_login,
    make_site_admin,
    make_user,
)

STAFF_RIGHTS = [
    *("view_user", "change_user", "view_login", "add_login", "change_login", "view_account"),
    *("change_account", "add_accountuser", "change_accountuser", "view_communicationchannel"),
    *("change_communicationchannel", "change_group", "add_group"),
]


def permit(user: User, *codenames: str) -> User:
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    return user


def staff_by_group() -> User:
    user = make_user("Grouped", is_staff=True)
    group = Group.objects.create(name="auditors")
    group.permissions.set(Permission.objects.filter(codename="view_auditentry"))
    user.groups.add(group)
    return user


def foreign_admin() -> User:
    user = make_admin(make_account("Cheesecake"))
    make_login(user, default_account())
    return user


PLAIN_TARGETS: dict[str, Callable[[], User]] = {
    "plain": lambda: make_user("Penny"),
    "staff without a permission": lambda: make_user("Idle", is_staff=True),
    "permission without staff": lambda: permit(make_user("Former"), "view_auditentry"),
    "admin of the same account": lambda: make_admin(name="Colleague"),
}
POWERFUL: dict[str, Callable[[], User]] = {
    "superuser": lambda: make_user("Root", is_superuser=True, is_staff=True),
    "superuser who is no staff": lambda: make_user("Root", is_superuser=True),
    "staff with a permission": lambda: permit(make_user("Clerk", is_staff=True), "view_auditentry"),
    "staff by a group": staff_by_group,
    "site admin": make_site_admin,
    "admin of another account": foreign_admin,
}
CALLERS: dict[str, Callable[[], User]] = {
    "plain": lambda: make_user("Leonard"),
    "account admin": make_admin,
    "other account's admin": lambda: make_admin(make_account("Elsewhere")),
    "site admin": make_site_admin,
    "site admin and superuser": lambda: make_site_admin(is_superuser=True),
    "staff": lambda: permit(make_user("Stuart", is_staff=True), *STAFF_RIGHTS),
    "staff and account admin": lambda: permit(make_admin(is_staff=True), *STAFF_RIGHTS),
}
REACH = {
    "account admin": set(PLAIN_TARGETS),
    "staff and account admin": set(PLAIN_TARGETS),
    "site admin": {*PLAIN_TARGETS, "site admin", "admin of another account"},
    "site admin and superuser": {*PLAIN_TARGETS, *POWERFUL},
}
TARGETS = PLAIN_TARGETS | POWERFUL


def with_every_permission(user: User) -> User:
    """Of Django's staff, but no superuser."""
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    return User.objects.get(pk=user.pk)


LESSER_STAFF = {*PLAIN_TARGETS, "staff with a permission", "staff by a group"}
STAFF: dict[str, Callable[[], User]] = {
    "staff": lambda: with_every_permission(make_user("Stuart")),
    "staff and account admin": lambda: with_every_permission(make_admin()),
    "staff and site admin": lambda: with_every_permission(make_site_admin()),
    "superuser": lambda: make_user("Root", is_superuser=True, is_staff=True),
}
STAFF_REACH = {
    "staff": LESSER_STAFF - {"admin of the same account"},
    "staff and account admin": LESSER_STAFF,
    "staff and site admin": LESSER_STAFF | {"site admin", "admin of another account"},
    "superuser": set(TARGETS),
}


def staff_browser(caller: str) -> Client:
    """Somebody who is signed in to Django's admin."""
    browser = Client()
    browser.force_login(STAFF[caller]())
    return browser
