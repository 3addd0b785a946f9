"""Django's admin for accounts, users, developer keys and tokens. It never shows a secret."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db.models import Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from oauth2_provider.models import AccessToken

from canvas_channels.core.counts import counted
from canvas_channels.core.identity.admin.base import (
    QuickAdmin,
    ReadOnlyAdmin,
    RetryAdmin,
    SuperusersChange,
    changeable,
    ids,
    may_change,
    users_found,
)
from canvas_channels.core.identity.admin.forms import (
    AccountForm,
    DeveloperKeyForm,
    SignInForm,
    UserCreationForm,
)
from canvas_channels.core.identity.admin.logos import set_logo
from canvas_channels.core.identity.models import (
    Account,
    AccountUser,
    DeveloperKey,
    Login,
    PasswordReset,
    User,
)
from canvas_channels.core.identity.models.names import lowered
from canvas_channels.core.identity.names import begins, users_named
from canvas_channels.core.identity.tokens import revoke_token
from canvas_channels.core.trimming import trim

MOST_NAMED = 500  # users that a name finds

admin.site.login_form = SignInForm
admin.site.site_header = admin.site.site_title = "Communication channels"


class AdminsInline(SuperusersChange, admin.TabularInline):  # type: ignore[type-arg]
    model = AccountUser
    raw_id_fields = ("user", "account")
    extra = 0


class LoginsInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Login
    raw_id_fields = ("account",)
    extra = 0


@admin.register(Account)
class AccountAdmin(QuickAdmin):
    form = AccountForm
    list_display = ("id", "name", "is_default", "region", "locale")
    list_display_links = ("id", "name")
    fieldsets = (
        (None, {"fields": ("name", "logo", "is_default", "region", "locale", "default_time_zone")}),
        (
            "Channels",
            {
                "fields": (
                    *("users_can_edit_comm_channels", "edit_institution_email", "institution_email_first"),
                    "max_communication_channels",
                )
            },
        ),
        (
            "Notifications",
            {
                "fields": (
                    *("suppress_notifications", "sms_notifications", "push_notifications"),
                    "admins_can_view_notifications",
                )
            },
        ),
        ("Dates", {"fields": ("created_at",)}),
    )
    readonly_fields = ("created_at",)
    inlines = (AdminsInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Account | None = None) -> Any:
        """In the default account people are looked up who sign in by the institution's provider.

        A name may be one person's there and another's elsewhere, who has more rights. Who may read what was
        sent is for site admins to say, as in the API.
        """
        own = super().get_readonly_fields(request, obj)
        user: Any = request.user
        if not user.is_superuser:
            own = (*own, "is_default")
        return own if user.is_superuser or user.is_site_admin else (*own, "admins_can_view_notifications")

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        content = form.cleaned_data.get("logo")
        if content is not None:
            set_logo(obj, content)

    def search_condition(self, term: str) -> Q:
        return Q(name__icontains=term) | Q(pk__in=ids(term))


@admin.register(User)
class UserAdmin(QuickAdmin, DjangoUserAdmin):  # type: ignore[type-arg]
    """Users are deactivated, never deleted: their channels and the audit trail hang on them."""

    add_form = UserCreationForm
    form = ModelForm  # Django's own shows parts of the password's hash
    list_display = ("id", "name", "home_account", "workflow_state", "is_site_admin", "is_staff")
    list_display_links = ("id", "name")
    list_filter = ("workflow_state", "is_site_admin", "is_staff")
    list_select_related = ("home_account",)
    ordering = ("-pk",)
    search_fields = ("pk",)
    search_help_text = (
        "A login, a SIS id or a user id; else the beginning of a name, given or family name first."
    )
    raw_id_fields = ("home_account",)
    filter_horizontal = ("groups", "user_permissions")
    readonly_fields = ("set_password", "last_login", "created_at")
    inlines = (LoginsInline, AdminsInline)
    actions = ("deactivate",)
    fieldsets = (
        (None, {"fields": ("name", "short_name", "sortable_name", "home_account", "locale", "time_zone")}),
        ("State", {"fields": ("workflow_state", "set_password")}),
        (
            "Rights",
            {"fields": ("is_site_admin", "is_staff", "is_superuser", "groups", "user_permissions")},
        ),
        ("Dates", {"fields": ("last_login", "created_at")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "fields": (
                    "name",
                    "home_account",
                    "locale",
                    "workflow_state",
                    "usable_password",
                    "password1",
                    "password2",
                )
            },
        ),
    )
    grants_rights = ("is_site_admin", "is_staff", "is_superuser", "groups", "user_permissions")

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Only superusers hand out rights: else staff who may change users could give themselves more."""
        own = super().get_readonly_fields(request, obj)
        return own if request.user.is_superuser else (*own, *self.grants_rights)

    def get_inlines(self, request: HttpRequest, obj: User | None) -> Any:
        return (LoginsInline, AdminsInline) if request.user.is_superuser else (LoginsInline,)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Nobody changes (or sets the password of) somebody who has rights that they lack."""
        return super().has_change_permission(request, obj) and may_change(request, obj)

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[User]", search_term: str
    ) -> "tuple[QuerySet[User], bool]":
        """By login, SIS id or id; only where that is nobody, by the beginning of a name."""
        term = trim(search_term.replace("\x00", ""))
        if not term:
            return queryset, False
        found = users_found(term)
        if not found:
            named = [begins(field, term).values_list("pk", flat=True) for field in ("name", "sortable_name")]
            found = [pk for users in named for pk in users[:MOST_NAMED]]
        return queryset.filter(pk__in=found), False

    @admin.display(description="password")
    def set_password(self, user: User) -> SafeString:
        url = reverse("admin:auth_user_password_change", args=[user.pk])
        state = "is set" if user.has_usable_password() else "is not set"
        return format_html('{}; <a href="{}">set another</a>', state, url)

    @admin.action(description="Deactivate selected users", permissions=["change"])
    def deactivate(self, request: HttpRequest, users: "QuerySet[User]") -> None:
        allowed = [user for user in users if self.has_change_permission(request, user)]
        for user in allowed:
            user.workflow_state = User.WorkflowState.DEACTIVATED
            user.save(update_fields=["workflow_state"])
            self.log_change(request, user, "Deactivated.")
        self.message_user(request, f"Deactivated {counted(len(allowed), 'user')}.")


@admin.register(DeveloperKey)
class DeveloperKeyAdmin(QuickAdmin):
    """Keys made here are public. A confidential one, whose secret is shown once, comes from a command.

    Only superusers say where the codes of all people go, and what their tokens reach: others would receive
    those of people who have rights that they lack.
    """

    form = DeveloperKeyForm
    list_display = ("id", "name", "client_id", "client_type", "workflow_state", "sns_arn", "require_scopes")
    list_display_links = ("id", "name")
    list_filter = ("workflow_state", "client_type", "require_scopes")
    fields = (
        *("name", "workflow_state", "client_id", "client_type", "redirect_uris"),
        *("sns_arn", "require_scopes", "scopes", "created"),
    )
    readonly_fields = ("client_id", "client_type", "created")
    lets_in = ("name", "redirect_uris", "require_scopes", "scopes")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def get_readonly_fields(self, request: HttpRequest, obj: DeveloperKey | None = None) -> Any:
        """Others may make a key inactive, but no tokens good again."""
        own = super().get_readonly_fields(request, obj)
        if request.user.is_superuser:
            return own
        is_active = obj is not None and obj.workflow_state == DeveloperKey.WorkflowState.ACTIVE
        return (*own, *self.lets_in, *(() if is_active else ("workflow_state",)))

    def search_condition(self, term: str) -> Q:
        return Q(name__icontains=term) | Q(client_id=term) | Q(pk__in=ids(term))

    def save_model(self, request: HttpRequest, obj: DeveloperKey, form: Any, change: bool) -> None:
        if not change:
            obj.client_type = DeveloperKey.CLIENT_PUBLIC
            obj.authorization_grant_type = DeveloperKey.GRANT_AUTHORIZATION_CODE
        super().save_model(request, obj, form, change)


@admin.register(AccessToken)
class AccessTokenAdmin(ReadOnlyAdmin):
    """Tokens come from signing in or from a command; here they are revoked, with their refresh tokens."""

    list_display = ("id", "user_id", "application", "scope", "created", "expires")
    list_select_related = ("application",)
    fields = ("id", "user", "application", "scope", "created", "updated", "expires")
    search_help_text = "A user's login, SIS id or id, or a key's client id."
    actions = ("revoke",)

    def search_condition(self, term: str) -> Q:
        keys = list(DeveloperKey.objects.filter(client_id=term).values_list("pk", flat=True))
        return Q(user__in=users_found(term)) | Q(application__in=keys)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("oauth2_provider.delete_accesstoken")

    @admin.action(description="Revoke selected tokens", permissions=["revoke"])
    def revoke(self, request: HttpRequest, tokens: "QuerySet[AccessToken]") -> None:
        allowed = changeable(request, tokens)
        chosen = list(allowed)
        self.log_deletions(request, allowed)
        for token in chosen:
            revoke_token(token)
        self.message_user(request, f"Revoked {counted(len(chosen), 'token')}.", messages.SUCCESS)


@admin.register(PasswordReset)
class PasswordResetAdmin(RetryAdmin):
    """Who asked for a link to set a new password within a day, and why one was not sent."""

    list_display = ("id", "unique_id", "workflow_state", "created_at", "links", "failure")
    fields = ("id", "unique_id", "sent_to", "workflow_state", "failure", "created_at", "sent_at")
    search_help_text = "A login."

    def search_condition(self, term: str) -> Q:
        return Q(unique_id=lowered(term)) | Q(pk__in=ids(term))

    def allowed(self, request: HttpRequest, chosen: "QuerySet[Any]") -> "QuerySet[Any]":
        """A link lets somebody in: only who may change them has it sent again."""
        found = [
            row.pk for row in chosen if all(may_change(request, user) for user in users_named(row.unique_id))
        ]
        return chosen.filter(pk__in=found)

    @admin.display(description="links sent")
    def links(self, reset: PasswordReset) -> int:
        return len(reset.sent_to)
