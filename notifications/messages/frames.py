"""What an operator has an account's mails say around each message: Liquid templates, one a kind of mail.

Their authors have Django's admin, but neither the server nor its time: no file is read, nothing is
looped over, and no filter makes much out of little. A template that fails is never in a message's way.
"""

import html
import logging
import re
from typing import Any, ClassVar, NamedTuple

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.html import linebreaks
from django.utils.safestring import SafeString, mark_safe

from canvas_channels.core.identity.models import Account
from canvas_channels.core.late import late

logger = logging.getLogger(__name__)

MOST = 5000  # characters of a template

_SHOWN: dict[str, Any] = {
    "tags": {"a", "b", "br", "em", "i", "li", "ol", "p", "strong", "ul"},
    "attributes": {"a": {"href"}},
    "url_schemes": {"https", "mailto"},
    "url_relative": "deny",
}
_clean = late("nh3.clean")
_BREAKS = re.compile(r"<br */?>|</(?:p|li)>", re.IGNORECASE)

# The names that a template knows, and what it is tried with before it is saved.
NAMES = {
    "account": "The account's name",
    "course": "A course's name",
    "language": "en",
    "name": "The user's short name",
    "subject": "What the message is about",
    "topic": "Its category",
}


class MessageFrame(models.Model):
    """An account's wording; whatever is empty is ours. HTML of a few tags, but for the subject."""

    class Kind(models.TextChoices):
        NOTIFICATION = "notification"
        DIGEST = "digest"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    subject = models.CharField(max_length=500, blank=True, help_text="Empty: what the message says.")
    opening = models.TextField(max_length=MOST, blank=True, help_text="Stands before what the message says.")
    closing = models.TextField(max_length=MOST, blank=True, help_text="Stands after it.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        app_label = "notifications"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "kind"], name="one_frame_per_account_and_kind"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["notification", "digest"]), name="message_frame_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} frame of account {self.account_id}"

    def clean(self) -> None:
        """Refuse what could not be rendered."""
        errors = {}
        for part in ("subject", "opening", "closing"):
            try:
                _rendered(getattr(self, part), NAMES, escaped=part != "subject")
            except ValueError as error:
                errors[part] = str(error)
        if errors:
            raise ValidationError(errors)


class Wording(NamedTuple):
    """A part of a mail, in both of its forms; empty: nothing stands there."""

    html: SafeString = SafeString()
    text: str = ""


class Frame(NamedTuple):
    subject: str
    opening: Wording
    closing: Wording


def frame_of(account_id: int, kind: str, names: dict[str, str]) -> Frame:
    """The account's, with ``names`` (those of :data:`NAMES`) filled in; what fails or is empty is ours."""
    found = MessageFrame.objects.filter(account=account_id, kind=kind).first()
    if found is None:
        return Frame(names["subject"], Wording(), Wording())
    subject = " ".join(_rendered_safely(found, "subject", names, escaped=False).split())
    return Frame(
        subject or names["subject"],
        _wording(_rendered_safely(found, "opening", names)),
        _wording(_rendered_safely(found, "closing", names)),
    )


def _wording(rendered: str) -> Wording:
    if not rendered.strip():
        return Wording()
    shown = _clean(linebreaks(rendered) if "<p" not in rendered else rendered, **_SHOWN)
    text = html.unescape(_clean(_BREAKS.sub("\n", rendered), tags=set()))
    return Wording(mark_safe(shown), text.strip())  # noqa: S308 - sanitised


def _rendered_safely(frame: MessageFrame, part: str, names: dict[str, str], *, escaped: bool = True) -> str:
    try:
        return _rendered(getattr(frame, part), names, escaped=escaped)
    except Exception as error:  # whatever a template does, the message goes out
        extra = {"action": "message_frame", "row": frame.pk, "reason": f"{part}: {type(error).__name__}"}
        logger.warning("a frame's template failed", extra=extra)
        return ""


def _rendered(source: str, names: dict[str, str], *, escaped: bool) -> str:
    from notifications.messages import liquid_templates

    return liquid_templates.render(source, names, escaped=escaped)
