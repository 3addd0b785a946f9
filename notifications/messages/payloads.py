"""What devices and numbers are sent: the short text, and where there is room the link."""

import json
from typing import Any, NamedTuple

from django.utils.encoding import iri_to_uri

from notifications.messages.models import Message

PLATFORM_BYTES = 4096  # FCM's limit of ``data``, and APNs' of a notification
TEXT_BYTES = 640  # that a link has to leave for the text
GSM_PART, UCS2_PART = 160, 70  # characters of a text message that is sent as one

# GSM 03.38, section 6.2.1: one septet each; those of its extension take two.
_GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENSION = set("\f^{}\\[~]|€")


class Short(NamedTuple):
    """A message for a small screen; ``url`` "": there is none."""

    text: str
    url: str


def short_of(message: Message) -> Short:
    """A dispatch's; of a message that has none, its text."""
    if message.dispatch:
        return Short(message.dispatch.short, message.dispatch.url)
    return Short(message.body or message.subject, "")


def text_message(text: str, url: str) -> str:
    with_link = f"{text} {url}"
    return with_link if url and _fits_one_part(with_link) else text


def push_message(text: str, url: str, user_id: int) -> str:
    """JSON for SNS (``MessageStructure: json``), as Canvas's apps read it: a document a platform.

    Each platform's is at most 4,096 bytes: the text is cut, and a link that leaves it no room is left out.
    """
    url = iri_to_uri(url)
    if _size(_android("", url, user_id)) > PLATFORM_BYTES - TEXT_BYTES:
        url = ""
    text = _cut(text, url, user_id)
    android, apple = _dump(_android(text, url, user_id)), _dump(_apple(text, url, user_id))
    return _dump({"default": text, "GCM": android, "APNS": apple, "APNS_SANDBOX": apple})


def _android(text: str, url: str, user_id: int) -> dict[str, Any]:
    """FCM takes only strings in ``data``."""
    return {"data": {"alert": text, "html_url": url, "user_id": str(user_id)}}


def _apple(text: str, url: str, user_id: int) -> dict[str, Any]:
    return {"aps": {"alert": text}, "html_url": url, "user_id": user_id}


def _cut(text: str, url: str, user_id: int) -> str:
    """As much of the text as every platform takes, by whole characters."""

    def fits(length: int) -> bool:
        said = text if length == len(text) else f"{text[:length]}…"
        documents = (_android(said, url, user_id), _apple(said, url, user_id))
        return max(map(_size, documents)) <= PLATFORM_BYTES

    if fits(len(text)):
        return text
    low, high = 0, len(text)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return f"{text[:low]}…"


def _dump(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _size(document: dict[str, Any]) -> int:
    return len(_dump(document).encode())


def _fits_one_part(text: str) -> bool:
    if all(letter in _GSM or letter in _GSM_EXTENSION for letter in text):
        return len(text) + sum(letter in _GSM_EXTENSION for letter in text) <= GSM_PART
    return len(text.encode("utf-16-le")) // 2 <= UCS2_PART
