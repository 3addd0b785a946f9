"""Users, accounts, logins, admins and developer keys, in Canvas's terms."""

from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.contrib.auth.models import (
    AbstractBaseUser,
    BaseUserManager,
    PermissionsMixin,
)
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models.functions import Collate, Lower
from django.utils.crypto import salted_hmac
from oauth2_provider.models import AbstractApplication

from canvas_channels.identity.custom_data_models import CustomData
from canvas_channels.identity.signals import login_named, password_set
from canvas_channels.identity.validators import validate_locale, validate_time_zone

__all__ = [
    "Account",
    "AccountAdmin",
    "CustomData",
    "DeveloperKey",
    "Login",
    "PasswordReset",
    "User",
    "sortable",
]

models.CharField.register_lookup(Lower)  # so that a login is found by its index: unique_id__lower

SNS_ARN_PATTERN = r"\Aarn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:app/(APNS|APNS_SANDBOX|GCM)/[A-Za-z0-9_.-]+\Z"

# Schemes that a browser would run, or read a file of, instead of handing the answer to an app.
UNSAFE_SCHEMES = frozenset({"about", "blob", "data", "file", "filesystem", "javascript", "vbscript"})


class Account(models.Model):
    """An institution, with the settings that apply to the users whose home it is."""

    name = models.CharField(max_length=255)
    is_default = models.BooleanField(
        default=False,
        help_text="The account that site admins look in, and that accounts/self is to them.",
    )
    region = models.CharField(
        max_length=2,
        default="US",
        help_text="ISO 3166 country of phone numbers without a country code.",
    )
    locale = models.CharField(max_length=16, default="en")
    users_can_edit_comm_channels = models.BooleanField(default=True)
    edit_institution_email = models.BooleanField(
        default=True,
        help_text="Whether an address that the institution imported may be deleted or changed.",
    )
    institution_email_first = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Whether a user's institutional address keeps the first position.",
    )
    max_communication_channels = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="At most this many channels a user; empty means the usual 100.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["is_default"],
                condition=models.Q(is_default=True),
                name="one_default_account",
            ),
            models.CheckConstraint(
                condition=models.Q(region__regex="^[A-Z]{2}$"),
                name="account_region_iso3166",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    def create_user(
        self,
        name: str,
        home_account: Account,
        password: str | None = None,
        **fields: Any,
    ) -> "User":
        """Make a registered user. ``password`` None means that signing in with one is not possible."""
        user = self.model(name=name, home_account=home_account, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser, PermissionsMixin):  # type: ignore[django-manager-missing]
    """A person. Logins (``Login``) say under which names they sign in to which account."""

    class WorkflowState(models.TextChoices):
        PRE_REGISTERED = "pre_registered"
        REGISTERED = "registered"
        DEACTIVATED = "deactivated"

    name = models.CharField(max_length=255)
    short_name = models.CharField(max_length=255, blank=True)
    sortable_name = models.CharField(max_length=255, blank=True)
    locale = models.CharField(
        max_length=16, blank=True, validators=[validate_locale], help_text="Empty means the home account's."
    )
    time_zone = models.CharField(
        max_length=64,
        blank=True,
        db_default="",
        default="",
        validators=[validate_time_zone],
        help_text="An IANA name, as America/Denver. Empty means the home account's.",
    )
    home_account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="users")
    workflow_state = models.CharField(
        max_length=16, choices=WorkflowState.choices, default=WorkflowState.REGISTERED
    )
    is_site_admin = models.BooleanField(default=False, help_text="An admin over everyone in the API.")
    is_staff = models.BooleanField(default=False, help_text="May sign in to Django's admin.")
    session_generation = models.PositiveIntegerField(
        default=0, db_default=0, editable=False, help_text="One more ends every session of the user."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "id"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(workflow_state__in=["pre_registered", "registered", "deactivated"]),
                name="user_workflow_state",
            ),
        ]
        indexes: ClassVar = [
            models.Index(Collate(Lower("name"), "C"), name="user_by_name"),
            models.Index(Collate(Lower("sortable_name"), "C"), name="user_by_sortable_name"),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.fill_in_names()
        # Django keeps the text till it is saved, but not where it only hashes the same password anew.
        another_password = getattr(self, "_password", None) is not None and not self._state.adding
        with transaction.atomic(savepoint=False):
            super().save(*args, **kwargs)
            if another_password:
                password_set.send(sender=User, user=self)

    def fill_in_names(self) -> None:
        """The short and the sortable name follow the name where there is no other."""
        self.short_name = self.short_name or self.name
        self.sortable_name = self.sortable_name or sortable(self.name)

    def rename(self, name: str) -> None:
        """A new name; the other two follow unless they were somebody's own choice."""
        if self.short_name == self.name:
            self.short_name = ""
        if self.sortable_name == sortable(self.name):
            self.sortable_name = ""
        self.name = name

    @property
    def is_active(self) -> bool:  # type: ignore[override]
        """Django's word for a user whose credentials count."""
        return self.workflow_state != self.WorkflowState.DEACTIVATED

    def end_sessions(self) -> None:
        """Sign the user out everywhere; their tokens stay."""
        type(self).objects.filter(pk=self.pk).update(session_generation=models.F("session_generation") + 1)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What a session is checked against on each request: so a new password ends the others too."""
        proof = f"{self.password}:{self.session_generation}"
        return salted_hmac("identity.User.session", proof, secret=secret, algorithm="sha256").hexdigest()


def sortable(name: str) -> str:
    """Canvas's default sortable name: "Sheldon Cooper" becomes "Cooper, Sheldon"."""
    given, _, family = name.strip().rpartition(" ")
    return (f"{family}, {given}" if given else family)[:255]


class Login(models.Model):
    """A name under which a user signs in to an account (Canvas: a pseudonym)."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="logins")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="logins")
    unique_id = models.CharField(max_length=255)
    sis_user_id = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 - unique where set
    imported_email = models.EmailField(blank=True, help_text="The address that the institution imported.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("account", Lower("unique_id"), name="unique_login_per_account"),
            models.UniqueConstraint(fields=["account", "sis_user_id"], name="unique_sis_user_id_per_account"),
        ]

    def __str__(self) -> str:
        return self.unique_id

    def save(self, *args: Any, **kwargs: Any) -> None:
        same = Login.objects.filter(pk=self.pk, user=self.user_id, unique_id__lower=self.unique_id.lower())
        is_named = self._state.adding or not same.exists()
        with transaction.atomic(savepoint=False):
            super().save(*args, **kwargs)
            if is_named:
                login_named.send(sender=Login, login=self)


class AccountAdmin(models.Model):
    """Makes a user an admin over those who have a login in the account (Canvas: an account user)."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="admins")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="administered")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "account"], name="unique_account_admin"),
        ]

    def __str__(self) -> str:
        return f"user {self.user_id} over account {self.account_id}"  # no name: logs keep this


class DeveloperKey(AbstractApplication):
    """An OAuth 2 client, with what Canvas adds: an SNS platform application and required scopes."""

    class WorkflowState(models.TextChoices):
        ACTIVE = "active"
        INACTIVE = "inactive"

    sns_arn = models.CharField(
        max_length=255,
        blank=True,
        validators=[RegexValidator(SNS_ARN_PATTERN, "Not the ARN of an SNS platform application.")],
        help_text="ARN of the SNS platform application that this client's devices register with.",
    )
    require_scopes = models.BooleanField(default=False, help_text="Tokens reach only what their scopes name.")
    scopes = ArrayField(
        models.CharField(max_length=255),
        default=list,
        blank=True,
        help_text="Scopes that it may ask for.",
    )
    workflow_state = models.CharField(
        max_length=16, choices=WorkflowState.choices, default=WorkflowState.ACTIVE
    )

    class Meta(AbstractApplication.Meta):
        abstract = False
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(sns_arn="") | models.Q(sns_arn__regex=SNS_ARN_PATTERN),
                name="developer_key_sns_arn",
            ),
            models.CheckConstraint(
                condition=models.Q(workflow_state__in=["active", "inactive"]),
                name="developer_key_workflow_state",
            ),
        ]

    @property
    def sns_platform(self) -> str:
        """``APNS``, ``APNS_SANDBOX`` or ``GCM``; empty without an ARN."""
        return self.sns_arn.split("/")[1] if self.sns_arn else ""

    def is_usable(self, request: object) -> bool:
        """django-oauth-toolkit's question whether anybody may sign in through the key now."""
        return bool(self.workflow_state == self.WorkflowState.ACTIVE)

    def get_allowed_schemes(self) -> list[str]:
        """A mobile app's redirect URI may have a scheme of its own (RFC 8252, section 7.1)."""
        schemes = {urlsplit(uri).scheme.lower() for uri in self.redirect_uris.split()}
        return sorted((schemes | {"http", "https"}) - UNSAFE_SCHEMES)


class PasswordReset(models.Model):
    """One request for a link to set a new password, kept a day: for the limits, and for the job.

    Whoever asks learns nothing: the row is written, and the job asked for, whether or not the login exists.
    """

    unique_id = models.CharField(max_length=255, help_text="The login that was typed, in lower case.")
    client = models.GenericIPAddressField(null=True, help_text="Who asked, as the lock-out knows a client.")
    sent_to = ArrayField(models.BigIntegerField(), default=list, help_text="Channels that have the link.")
    failure = models.TextField(blank=True, help_text="Why it could not be sent.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["unique_id", "created_at"], name="password_reset_by_login"),
            models.Index(fields=["created_at"], name="password_reset_by_age"),
            models.Index(fields=["client", "created_at"], name="password_reset_by_client"),
        ]

    def __str__(self) -> str:
        return f"password reset {self.pk}"
