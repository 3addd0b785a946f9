"""OAuth 2 clients, which Canvas calls developer keys."""

from typing import ClassVar
from urllib.parse import urlsplit

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from oauth2_provider.models import AbstractApplication

SNS_ARN_PATTERN = r"\Aarn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:app/(APNS|APNS_SANDBOX|GCM)/[A-Za-z0-9_.-]+\Z"


# Schemes that a browser would run, or read a file of, instead of handing the answer to an app.
UNSAFE_SCHEMES = frozenset({"about", "blob", "data", "file", "filesystem", "javascript", "vbscript"})


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
