"""What a request to send a notification may say (docs/contract.md, section 7)."""

import hashlib
import unicodedata
from collections.abc import Iterator
from typing import Any, ClassVar

import orjson
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, URLValidator

from canvas_channels.core.identity.callers import MAX_ID
from canvas_channels.core.rest.errors import InvalidParameter
from canvas_channels.core.rest.params import Params, text
from canvas_channels.core.trimming import trim
from channels_api.errors import Reason
from notifications.dispatches.rules import Wanted

USER_IDS = "user_ids"
MAX_RECIPIENTS = 10_000
MAX_BODY_BYTES = 65_536
MAX_HTML_BYTES = 100 * 1024
MAX_SHORT = 240

_LINE_BREAKS = {"Cc", "Zl", "Zp"}  # Unicode's categories: control characters, and its own separators


class MaxBytesValidator(MaxLengthValidator):
    message = "must have at most %(limit_value)d bytes (it has %(show_value)d)"

    def clean(self, x: Any) -> int:
        return len(x.encode())


def without_control_characters(value: str) -> None:
    """Line breaks and tabs are none: a text may have them."""
    if any(unicodedata.category(character) == "Cc" and character not in "\t\r\n" for character in value):
        raise ValidationError("must not hold control characters", code=Reason.INVALID)


def absolute_url(value: str) -> None:
    """``https``; ``http`` too where the service itself is reached so."""
    schemes = ["https"] if settings.HTTPS else ["https", "http"]
    URLValidator(schemes, message="must be an absolute https URL")(value)


class Text(forms.CharField):
    """Any lines; nothing but white space is nothing."""

    default_error_messages: ClassVar = {"required": "can't be blank"}

    def __init__(self, **options: Any) -> None:
        super().__init__(strip=False, **options)

    def to_python(self, value: Any) -> str:
        read = super().to_python(value) or ""
        return read if trim(read) else ""


class Line(Text):
    """One line, less what is invisible at its ends."""

    def to_python(self, value: Any) -> str:
        read = super().to_python(value)
        if any(unicodedata.category(character) in _LINE_BREAKS for character in read):
            raise ValidationError("must be one line without control characters", code=Reason.INVALID)
        return trim(read)


class NotificationForm(forms.Form):
    """The parameters by their names, but for ``user_ids``."""

    notification = Line(max_length=255)
    subject = Line(max_length=255)
    body = Text(validators=[MaxBytesValidator(MAX_BODY_BYTES)])
    html_body = Text(required=False, validators=[MaxBytesValidator(MAX_HTML_BYTES)])
    short = Text(required=False, max_length=MAX_SHORT, validators=[without_control_characters])
    url = Line(required=False, validators=[MaxLengthValidator(2048), absolute_url])
    from_name = Line(required=False, max_length=80)
    course_id = forms.IntegerField(required=False, min_value=1, max_value=MAX_ID)
    course_name = Line(required=False, max_length=255)
    object_id = Line(required=False, max_length=255)


NAMES = (USER_IDS, *NotificationForm.base_fields)


def parse(params: Params) -> Wanted:
    """What the parameters ask for. Raises :class:`InvalidParameter` on the first that is not acceptable."""
    form = NotificationForm({name: _text(name, params.get(name)) for name in NotificationForm.base_fields})
    for attribute, [error, *_] in form.errors.as_data().items():
        kind = Reason.BLANK if error.code == "required" else error.code or Reason.INVALID
        raise InvalidParameter(attribute, kind, " ".join(error.messages))
    return Wanted(user_ids=_user_ids(params.get(USER_IDS)), **form.cleaned_data)


def digest(params: Params) -> str:
    """SHA-256 of what was asked for; the same whether it came as a form or as JSON."""
    asked = dict(_as_text(params))
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _as_text(params: Params) -> Iterator[tuple[str, Any]]:
    for name in NAMES:
        value = params.get(name)
        if isinstance(value, list):
            yield name, [item if isinstance(item, dict | list) else text(item) for item in value]
        elif value is not None and value != "":
            yield name, value if isinstance(value, dict) else text(value)


def _text(name: str, value: object) -> str:
    given = "" if value is None else text(value)
    if given is None:
        raise InvalidParameter(name, Reason.INVALID, "must be text")
    return given


def _user_ids(value: object) -> list[str]:
    if value is None:
        value = []
    names = [text(one) for one in value] if isinstance(value, list) else [None]
    given = [name for name in names if name is not None]
    if len(given) < len(names):
        raise InvalidParameter(USER_IDS, Reason.INVALID, "must be a list of users")
    if not any(given):
        raise InvalidParameter(USER_IDS, Reason.BLANK, "can't be blank")
    if len(given) > MAX_RECIPIENTS:
        raise InvalidParameter(USER_IDS, Reason.TOO_MANY, f"names more than {MAX_RECIPIENTS} users")
    return given
