"""People, and the names under which they sign in (Canvas: pseudonyms)."""

from typing import Any, ClassVar

from django.contrib.auth.models import (
    AbstractBaseUser,
    BaseUserManager,
    PermissionsMixin,
)
from django.db import models, transaction
from django.db.models.functions import Collate, Lower
from django.utils.crypto import salted_hmac

from canvas_channels.core.identity.models.accounts import Account
from canvas_channels.core.identity.models.names import NameField
from canvas_channels.core.identity.signals import login_named, password_set
from canvas_channels.core.identity.validators import validate_locale, validate_time_zone
from canvas_channels.core.trimming import trim


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

    name = NameField(max_length=255)
    short_name = NameField(max_length=255, blank=True)
    sortable_name = NameField(max_length=255, blank=True)
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

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        """How Django's admin greets them."""
        return self.short_name or self.name

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
    given, _, family = trim(name).rpartition(" ")
    return (f"{family}, {given}" if given else family)[:255]


class Login(models.Model):
    """A name under which a user signs in to an account (Canvas: a pseudonym)."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="logins")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="logins")
    unique_id = NameField(max_length=255)
    sis_user_id = NameField(max_length=255, null=True, blank=True)  # null: unique where set
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
        same = Login.objects.filter(pk=self.pk, user=self.user_id, unique_id__lower=self.unique_id)
        is_named = self._state.adding or not same.exists()
        with transaction.atomic(savepoint=False):
            super().save(*args, **kwargs)
            if is_named:
                login_named.send(sender=Login, login=self)
