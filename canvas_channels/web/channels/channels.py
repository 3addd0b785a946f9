"""``/profile/communication``: a user's ways to be contacted, on one page; an admin's view of it too.

Every action calls the rule that the API calls. A browser without scripts is sent back to the page; with
htmx the list alone is exchanged.
"""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext

from canvas_channels.core.identity.callers import Subject
from canvas_channels.core.rest.params import boolean
from canvas_channels.web.channels.channel_row import channel_rows, name_of, shown
from canvas_channels.web.channels.sent import MessageRow
from canvas_channels.web.pages import is_fragment, page
from canvas_channels.web.people.visits import Visit, in_zone_of
from canvas_channels.web.words import REFUSED, in_words
from channels_api.channels import bounce_resets, changes, confirm, registry, restoring
from channels_api.devices import registration
from channels_api.errors import NotFound, NotPermitted
from channels_api.messages import confirmations
from channels_api.models import CommunicationChannel
from notifications.record import self_tests

Type = CommunicationChannel.Type
REMOVED = "removed_channel"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What was refused: at which field, why, and what had been typed."""

    field: str
    sentence: str
    typed: str


class Channels(Visit):
    """The page."""

    def get(self, request: HttpRequest, **_: Any) -> HttpResponse:
        return self.show()

    def show(self, *, trouble: Trouble | None = None, focus: str = "") -> HttpResponse:
        """The page, or its list alone for htmx; ``focus``: the id of what the keyboard goes on at."""
        subject = self.subject()
        editable = registry.may_edit(subject)
        context = {
            **self.person_context(subject),
            "account": subject.user.home_account,
            "rows": channel_rows(subject, editable=editable),
            "devices": registration.of_user(subject.user.pk),
            "editable": editable,
            "vouches": editable and subject.administered(),
            "site_admin": self.caller.user.is_site_admin,
            "base": self.back(),
            "fragment": is_fragment(self.request),
            "trouble": trouble,
            "focus": trouble.field if trouble else focus,
            "undo": self.request.session.get(REMOVED, {}).get("undo"),
        }
        template = "_channels.html" if is_fragment(self.request) else "channels.html"
        with in_zone_of(subject.user):
            return page(self.request, template, context, status=422 if trouble else 200, scripts=True)


class Step(Channels):
    """Something that a form of the page asks for; then the page again, with a word about it."""

    http_method_names: tuple[str, ...] = ("post",)
    offers = ""  # what may be done about it, beside the word

    def post(self, request: HttpRequest, **_: Any) -> HttpResponse:
        try:
            focus, said = self.take()
        except NotPermitted:
            raise PermissionDenied from None
        except NotFound:
            return self.done("channels", gettext("It is not there any more."), messages.ERROR)
        except REFUSED as error:
            return self.refuse(in_words(error))
        return self.done(focus, said)

    def refuse(self, said: str) -> HttpResponse:
        field = self.field()
        if not field:
            return self.done("channels", said, messages.ERROR)
        return self.show(trouble=Trouble(field, said, self.request.POST.get("address", "")))

    def take(self) -> tuple[str, str]:
        """Do it; the id of what to go on at, and what to say. Raises what the rules raise."""
        with transaction.atomic():
            return self.act(self.subject(lock=True))

    def act(self, subject: Subject) -> tuple[str, str]:
        raise NotImplementedError

    def field(self) -> str:
        """The id of the field that was filled in; empty: it was a button alone."""
        return ""

    def done(self, focus: str, said: str, level: int = messages.SUCCESS) -> HttpResponse:
        messages.add_message(self.request, level, said, extra_tags=self.offers)
        if is_fragment(self.request):
            return self.show(focus=focus)
        _, numbered, number = focus.rpartition("-")
        return redirect(f"{self.back()}#{f'channel-{number}' if numbered else focus}")

    def channel(self, subject: Subject) -> CommunicationChannel:
        return registry.find(subject.user, channel_id=self.kwargs["channel_id"])

    def editable(self, subject: Subject) -> CommunicationChannel:
        if not registry.may_edit(subject):
            raise NotPermitted
        return self.channel(subject)

    def skip_confirmation(self) -> bool:
        return boolean(self.request.POST.get("skip_confirmation"))


class Add(Step):
    def field(self) -> str:
        return "add-sms" if self.request.POST.get("type") == Type.SMS else "add-email"

    def act(self, subject: Subject) -> tuple[str, str]:
        if not registry.may_edit(subject):
            raise NotPermitted
        channel = registry.create(
            subject,
            type_=self.request.POST.get("type", ""),
            address=self.request.POST.get("address", ""),
            skip_confirmation=self.skip_confirmation(),
        )
        if channel.workflow_state == CommunicationChannel.WorkflowState.ACTIVE:
            return f"channel-{channel.pk}", gettext("%s is added.") % name_of(channel)
        return _asked(channel, gettext("%s is added.") % name_of(channel))


class Change(Step):
    def field(self) -> str:
        return f"change-{self.kwargs['channel_id']}"

    def act(self, subject: Subject) -> tuple[str, str]:
        channel = self.editable(subject)
        address = self.request.POST.get("address", "")
        changes.change(
            subject, channel, changes.Changes(address=address, skip_confirmation=self.skip_confirmation())
        )
        if channel.awaits_confirmation:
            said = gettext("%s takes its place once it is confirmed.")
            return _asked(channel, said % shown(channel.type, channel.address_to_confirm))
        return f"channel-{channel.pk}", gettext("The address is %s now.") % name_of(channel)


class Move(Step):
    def act(self, subject: Subject) -> tuple[str, str]:
        channel = self.editable(subject)
        before = channel.position
        changes.change(subject, channel, changes.Changes(position=self.request.POST.get("position", "")))
        said = gettext("You moved %(address)s to position %(position)s.")
        focus = "up" if channel.position < before else "down"
        return f"{focus}-{channel.pk}", said % {"address": name_of(channel), "position": channel.position}


class Remove(Step):
    def act(self, subject: Subject) -> tuple[str, str]:
        channel = self.editable(subject)
        before = channel.workflow_state
        registry.retire(subject, channel)
        self.offers = "undo"
        self.request.session[REMOVED] = {
            "undo": f"/{channel.pk}/restore",
            "channel_id": channel.pk,
            "state": before,
            "removal": restoring.removal_of(channel.pk),
        }
        return "channels", gettext("You removed %s.") % name_of(channel)


class Restore(Step):
    """Undo the removal that this session made last."""

    def act(self, subject: Subject) -> tuple[str, str]:
        if not registry.may_edit(subject):
            raise NotPermitted
        removed = self.request.session.pop(REMOVED, {})
        if removed.get("channel_id") != self.kwargs["channel_id"]:
            raise NotFound
        channel = restoring.restore(subject, removed["channel_id"], removed["state"], removed.get("removal"))
        if channel.type == Type.PUSH:
            return f"channel-{channel.pk}", gettext("The devices are back.")
        return f"channel-{channel.pk}", gettext("%s is back.") % name_of(channel)


class Resend(Step):
    def act(self, subject: Subject) -> tuple[str, str]:
        channel = self.channel(subject)
        if confirmations.resend(channel, self.caller):
            return _asked(channel, "")
        return f"channel-{channel.pk}", gettext(
            "No message was sent: none is due, or it had its share of today."
        )


class Confirm(Step):
    """Enter the code that a text message brought; the owner's own, never an admin's."""

    def field(self) -> str:
        return f"code-{self.kwargs['channel_id']}"

    def take(self) -> tuple[str, str]:
        subject = self.subject()
        if not subject.in_person:
            raise NotPermitted
        code = self.request.POST.get("confirmation_code", "")
        channel = confirm.confirm_sms(self.channel(subject), code, self.caller)
        return f"channel-{channel.pk}", gettext("%s is confirmed.") % name_of(channel)


class ResetBounces(Step):
    def act(self, subject: Subject) -> tuple[str, str]:
        if not self.caller.user.is_site_admin:
            raise NotPermitted
        channel = self.channel(subject)
        bounce_resets.reset_bounce_counts(self.caller, CommunicationChannel.objects.filter(pk=channel.pk))
        return f"channel-{channel.pk}", gettext("Messages to %s are tried again.") % name_of(channel)


class Test(Step):
    """Send a message over the channel now; ``GET`` is what became of it, for htmx."""

    http_method_names = ("get", "post")

    def get(self, request: HttpRequest, **_: Any) -> HttpResponse:
        subject = self.subject()
        channel = self.channel(subject)
        newest = self_tests.newest(subject.user).get(channel.pk)
        context = {"channel": channel, "test": MessageRow(newest) if newest else None, "base": self.back()}
        with in_zone_of(subject.user):
            return page(request, "_test.html", context)

    def act(self, subject: Subject) -> tuple[str, str]:
        channel = self.channel(subject)
        self_tests.request(channel, self.caller)
        said = gettext("A test message is on its way to %s.")
        return f"send_test-{channel.pk}", said % name_of(channel)


class RemoveDevice(Step):
    def act(self, subject: Subject) -> tuple[str, str]:
        if not subject.in_person:
            raise NotPermitted
        device_id = self.kwargs["device_id"]
        registration.remove_one(self.caller, device_id)
        self.offers = "undo"
        self.request.session[REMOVED] = {
            "undo": f"/devices/{device_id}/restore",
            "device_id": device_id,
            "device_removal": restoring.removal_of_device(subject, device_id),
        }
        return "devices", gettext("You removed the device.")


class RestoreDevice(Step):
    """Undo the removal that this session made last."""

    def act(self, subject: Subject) -> tuple[str, str]:
        if not subject.in_person:
            raise NotPermitted
        removed = self.request.session.pop(REMOVED, {})
        if removed.get("device_id") != self.kwargs["device_id"]:
            raise NotFound
        restoring.restore_device(subject, removed["device_id"], removed.get("device_removal"))
        return "devices", gettext("The device is back.")


def _asked(channel: CommunicationChannel, said: str) -> tuple[str, str]:
    """What to do about a message that is on its way."""
    address = shown(channel.type, channel.address_to_confirm)
    if channel.type == Type.SMS:
        what = gettext("A text message with a code is on its way to %s. Enter the code here.")
        return f"code-{channel.pk}", f"{said} {what % address}".strip()
    what = gettext("A message is on its way to %s. Open the link in it.")
    return f"channel-{channel.pk}", f"{said} {what % address}".strip()
