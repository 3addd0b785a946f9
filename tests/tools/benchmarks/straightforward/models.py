"""The tables that both services use."""

from typing import ClassVar

from django.db import models


class User(models.Model):
    workflow_state = models.CharField(max_length=16)
    is_site_admin = models.BooleanField()

    class Meta:
        managed = False
        db_table = "identity_user"

    def __str__(self) -> str:
        return str(self.pk)


class DeveloperKey(models.Model):
    workflow_state = models.CharField(max_length=16)
    require_scopes = models.BooleanField()

    class Meta:
        managed = False
        db_table = "identity_developerkey"

    def __str__(self) -> str:
        return str(self.pk)


class Token(models.Model):
    token_checksum = models.CharField(max_length=64)
    expires = models.DateTimeField()
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    application = models.ForeignKey(DeveloperKey, on_delete=models.CASCADE)
    objects: ClassVar[models.Manager["Token"]] = models.Manager()

    class Meta:
        managed = False
        db_table = "oauth2_provider_accesstoken"

    def __str__(self) -> str:
        return str(self.pk)


class Channel(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    type = models.CharField(max_length=8, choices=[("email", "email"), ("sms", "sms")])
    address = models.EmailField(max_length=320)
    address_folded = models.CharField(max_length=960)
    workflow_state = models.CharField(max_length=16, default="unconfirmed")
    position = models.PositiveIntegerField()
    institutional = models.BooleanField(default=False)
    pending_address = models.CharField(max_length=320, null=True)  # noqa: DJ001 - null in the API
    bounce_count = models.PositiveIntegerField(default=0)
    last_bounce_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    objects: ClassVar[models.Manager["Channel"]] = models.Manager()

    class Meta:
        managed = False
        db_table = "channels_api_communicationchannel"
        ordering: ClassVar = ["position", "id"]

    def __str__(self) -> str:
        return str(self.pk)
