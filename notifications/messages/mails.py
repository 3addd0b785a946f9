"""A message as an email, in the language that is active: a frame of ours around what was said."""

from functools import cache
from itertools import zip_longest
from typing import NamedTuple

import css_inline
from django.conf import settings
from django.template.loader import render_to_string
from django.utils.html import linebreaks
from django.utils.translation import get_language, gettext

from channels_api.models import CommunicationChannel
from notifications.gateways.email import Email
from notifications.messages import frames, unsubscribing
from notifications.messages.models import Message
from notifications.preferences.catalogue import ALWAYS
from notifications.preferences.models import NotificationCategory
from notifications.preferences.topics import topic_of
from notifications.scheduling import digests

_BODY = "<!-- body -->"  # all else in the frame is escaped
_SENDER_ID = "canvas-channels"  # Feedback-ID: 5 to 15 characters, the same for all of a sender's


class Stop(NamedTuple):
    """How a category is unsubscribed from."""

    topic: str
    link: str


def render(message: Message) -> Email:
    """What its channel gets, with the links and headers by which it gets no more."""
    digest = message.kind == Message.Kind.DIGEST
    sections = digests.entries_of(message) if digest else []
    if digest:
        categories = [section.category for section in sections]
    else:
        categories = [message.notification.category] if message.notification else []
    stops = _stops(message, categories)
    dispatch = message.dispatch
    subject = dispatch.subject if dispatch else message.subject
    topics = ", ".join(map(topic_of, categories))
    frame = frames.frame_of(
        message.account_id,
        frames.MessageFrame.Kind.DIGEST if digest else frames.MessageFrame.Kind.NOTIFICATION,
        {
            "account": message.account.name,
            "course": dispatch.course_name if dispatch else "",
            "language": get_language() or "",
            "name": message.user.short_name,
            "subject": subject,
            "topic": topics,
        },
    )
    context = {
        "account": message.account,
        "subject": subject,
        "opening": frame.opening,
        "closing": frame.closing,
        "text": dispatch.body if dispatch else message.body,
        "url": dispatch.url if dispatch else "",
        "sections": [
            {"topic": topic_of(section.category), "entries": section.entries, "stop": stop}
            for section, stop in zip_longest(sections, stops if digest else [])
        ],
        "why": _why(message, categories),
        "stops": [] if digest else stops,
        "preferences": f"{settings.PUBLIC_URL}/profile/notifications",
        "body_comes_here": _BODY,
    }
    text = render_to_string("notifications/message/message.txt", context)
    around = _inliner().inline(render_to_string("notifications/message/message.html", context))
    return Email(
        subject=" ".join(frame.subject.split()),
        text=text.strip() + "\n",
        html=around.replace(_BODY, "" if digest else _body(message), 1),
        from_name=(dispatch and dispatch.from_name) or message.account.name,
        headers=_headers(message, [category.pk for category in categories] if stops else []),
    )


def _stops(message: Message, categories: list[NotificationCategory]) -> list[Stop]:
    """None of what cannot be switched off."""
    if message.mandatory or any(category.slug in ALWAYS for category in categories):
        return []
    channel = _channel(message)
    return [Stop(topic_of(category), unsubscribing.link(channel, [category.pk])) for category in categories]


def _channel(message: Message) -> CommunicationChannel:
    assert message.channel is not None  # noqa: S101 - delivery looks first
    return message.channel


def _body(message: Message) -> str:
    """Sanitised when it came; a text is shown as paragraphs."""
    if message.dispatch and message.dispatch.html_body:
        return message.dispatch.html_body
    return linebreaks(message.dispatch.body if message.dispatch else message.body, autoescape=True)


def _why(message: Message, categories: list[NotificationCategory]) -> str:
    names = {"account": message.account.name, "topic": "".join(map(topic_of, categories[:1]))}
    if message.kind == Message.Kind.TEST:
        return gettext("You get this because a test message was asked for.")
    if message.kind == Message.Kind.DIGEST:
        if message.frequency == "daily":
            return gettext("You get this once a day, by your notification preferences.")
        return gettext("You get this once a week, by your notification preferences.")
    if any(category.slug in ALWAYS for category in categories):
        return gettext("You get this because you have an account at %(account)s.") % names
    if message.mandatory:
        return gettext("%(account)s sends this to everybody, whatever their preferences: %(topic)s.") % names
    return gettext("You get this at once, by your notification preferences: %(topic)s.") % names


def _headers(message: Message, category_ids: list[int]) -> dict[str, str]:
    """``List-Unsubscribe-Post`` (RFC 8058): a mailbox's own button needs no page.

    ``Feedback-ID``: by what Gmail's Postmaster Tools tells complaints apart.
    """
    about = message.notification.slug if message.notification else message.kind
    headers = {"Feedback-ID": f"{message.dispatch_id or 0}:{message.account_id}:{about}:{_SENDER_ID}"}
    if category_ids:
        headers["List-Unsubscribe"] = f"<{unsubscribing.link(_channel(message), category_ids)}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


@cache
def _inliner() -> css_inline.CSSInliner:
    """Of our own style sheet only: nothing is loaded, from the network or from a file."""
    return css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=True)
