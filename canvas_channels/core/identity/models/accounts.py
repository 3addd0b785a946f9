"""Institutions, and who administers them."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.urls import reverse

from canvas_channels.core.identity.models.names import NameField
from canvas_channels.core.identity.validators import validate_time_zone


class Account(models.Model):
    """An institution, with the settings that apply to the users whose home it is."""

    name = NameField(max_length=255)
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
    users_can_edit_comm_channels = models.BooleanField(
        default=True, help_text="Whether its users may add, change and remove their channels themselves."
    )
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
    default_time_zone = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        validators=[validate_time_zone],
        help_text="An IANA name, for users who chose none; empty means America/Denver.",
    )
    suppress_notifications = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Whether notifications that its systems ask for are dropped.",
    )
    sms_notifications = models.BooleanField(
        default=False, db_default=False, help_text="Whether notifications go out as text messages."
    )
    push_notifications = models.BooleanField(
        default=True, db_default=True, help_text="Whether notifications go to people's devices."
    )
    admins_can_view_notifications = models.BooleanField(
        default=False, db_default=False, help_text="Whether its admins may read what it sent to its users."
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


class AccountLogo(models.Model):
    """The image at the head of an account's pages; apart from the account, which calls read all the time."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, related_name="logo")
    content = models.BinaryField()
    media_type = models.CharField(max_length=32)
    digest = models.CharField(max_length=16, help_text="Of the content: its path changes with it.")

    def __str__(self) -> str:
        return f"logo of account {self.account_id}"

    @property
    def url(self) -> str:
        """Its path, as files of Django's have it."""
        return reverse("logo", args=[self.account_id, self.digest])


class AccountUser(models.Model):
    """Makes a user an admin over everyone with a login in the account."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="admins")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="administered")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "identity_accountadmin"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "account"], name="unique_account_admin"),
        ]

    def __str__(self) -> str:
        return f"user {self.user_id} over account {self.account_id}"  # no name: logs keep this
