"""Django's admin for what lets people and apps in: logins, admins' rights, tokens, failures. To look at."""

from ipaddress import ip_address

from axes.models import AccessAttempt
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from oauth2_provider.models import Grant, RefreshToken

from canvas_channels.core.counts import counted
from canvas_channels.core.identity.admin.base import (
    ReadOnlyAdmin,
    SuperusersChange,
    changeable,
    ids,
    may_change,
    users_found,
)
from canvas_channels.core.identity.admin.filters import ShownColumns
from canvas_channels.core.identity.models import AccountUser, Login
from canvas_channels.core.identity.models.names import lowered
from canvas_channels.core.identity.names import users_named
from canvas_channels.core.identity.signing_in import lockout
from canvas_channels.core.identity.tokens import revoke_refresh_token


def addresses(term: str) -> list[str]:
    """The IP address that a search term is; empty where it is none."""
    try:
        return [str(ip_address(term))]
    except ValueError:
        return []


BY_USER = "A user's login, SIS id or id."


class OfUsers(ReadOnlyAdmin):
    """Rows that each belong to a user."""

    search_help_text = BY_USER

    def search_condition(self, term: str) -> Q:
        return Q(user__in=users_found(term))


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(SuperusersChange, ShownColumns, DjangoGroupAdmin):
    """Django's own; a group's permissions are those of all who are in it."""

    fields = ("name", "permissions")


@admin.register(Login)
class LoginAdmin(OfUsers):
    """They are edited on the user's page."""

    list_display = ("id", "unique_id", "sis_user_id", "account", "user_id")
    list_select_related = ("account",)
    fields = ("id", "user", "account", "unique_id", "sis_user_id", "imported_email", "created_at")


@admin.register(AccountUser)
class AccountUserAdmin(OfUsers):
    """They are edited on the account's page."""

    list_display = ("id", "account", "user")
    list_select_related = ("account", "user")
    fields = ("id", "account", "user")


@admin.register(RefreshToken)
class RefreshTokenAdmin(OfUsers):
    list_display = ("id", "user_id", "application", "created", "revoked")
    list_select_related = ("application",)
    fields = ("id", "user", "application", "created", "updated", "revoked")
    actions = ("revoke",)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("oauth2_provider.delete_refreshtoken")

    @admin.action(
        description="Revoke selected refresh tokens, and their access tokens", permissions=["revoke"]
    )
    def revoke(self, request: HttpRequest, tokens: "QuerySet[RefreshToken]") -> None:
        chosen = list(changeable(request, tokens.filter(revoked__isnull=True)))
        for token in chosen:
            self.log_change(request, token, "Revoked.")
            revoke_refresh_token(token)
        self.message_user(request, f"Revoked {counted(len(chosen), 'refresh token')}.")


@admin.register(Grant)
class GrantAdmin(OfUsers):
    """Codes that apps have yet to exchange; never the code itself."""

    list_display = ("id", "user_id", "application", "expires")
    list_select_related = ("application",)
    fields = ("id", "user", "application", "redirect_uri", "scope", "created", "expires")


@admin.register(AccessAttempt)
class AccessAttemptAdmin(ReadOnlyAdmin):
    """Wrong passwords that still count."""

    list_display = ("id", "username", "ip_address", "failures_since_start", "attempt_time")
    fields = ("id", "username", "ip_address", "failures_since_start", "attempt_time")
    search_help_text = "A login, or an address."
    actions = ("unlock",)

    def search_condition(self, term: str) -> Q:
        return Q(username=lowered(term)) | Q(ip_address__in=addresses(term)) | Q(pk__in=ids(term))

    def has_unlock_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("axes.delete_accessattempt")

    @admin.action(description="Let the logins of selected rows be tried again", permissions=["unlock"])
    def unlock(self, request: HttpRequest, chosen: "QuerySet[AccessAttempt]") -> None:
        tried = set(chosen.values_list("username", flat=True))
        logins = {name for name in tried if all(may_change(request, user) for user in users_named(name))}
        for row in chosen.filter(username__in=logins):
            self.log_change(request, row, "Unlocked.")
        for login in logins:
            lockout.forget(login)
        self.message_user(request, f"Unlocked {counted(len(logins), 'login')}.")
