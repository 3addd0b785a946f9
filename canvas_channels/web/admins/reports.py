"""``/accounts/<id>/bouncing`` and ``/unconfirmed``: channels that reach nobody, and what to do about them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy, ngettext

from canvas_channels.core.identity.accounts import AccountNotFound, find_account
from canvas_channels.core.identity.callers import is_id, lacks_more_rights
from canvas_channels.core.identity.models import Account
from canvas_channels.web.admins.chart import bounces_by_day
from canvas_channels.web.admins.people import AdminPage
from canvas_channels.web.admins.reasons import OF_BOUNCES, OF_WAITING, Channels, Reasons
from canvas_channels.web.channels.channel_row import name_of
from canvas_channels.web.filters import ListFilter, type_field
from canvas_channels.web.pages import page
from canvas_channels.web.people.visits import in_zone_of
from channels_api.accounts import bulk, reports
from channels_api.models import CommunicationChannel

PER_PAGE = 50
MOST = 1_000  # channels that a page is about; an unconfirmed report of the API has ten times as many

Type = CommunicationChannel.Type


@dataclass(frozen=True, slots=True)
class Group:
    """A reason, and how many of the list have it."""

    words: Promise
    count: int


@dataclass(frozen=True, slots=True)
class Row:
    channel: CommunicationChannel
    group: Group

    @property
    def name(self) -> str:
        return name_of(self.channel)


class ReportFilter(ListFilter):
    """The API's filters, as people ask for them."""

    search = forms.CharField(
        label=gettext_lazy("Address"),
        required=False,
        max_length=320,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off", "spellcheck": "false"}),
    )
    path_type = type_field(Type.EMAIL, Type.SMS)
    reason = forms.ChoiceField(label=gettext_lazy("Reason"), required=False)
    field_order = ("search", "path_type", "reason", "since", "until")

    def __init__(self, request: HttpRequest, known: Reasons) -> None:
        super().__init__(request)
        choices: Any = [("", gettext("All reasons")), *known.words.items()]
        self.fields["reason"].choices = choices  # type: ignore[attr-defined]

    def params(self) -> dict[str, str]:
        """As the API's reports take them; their period excludes its ends."""
        since, until = self.period()
        asked = {
            "pattern": f"*{self.cleaned_data['search']}*" if self.cleaned_data["search"] else "",
            "path_type": self.cleaned_data["path_type"],
            "after": (since - since.resolution).isoformat() if since else "",
            "before": until.isoformat() if until else "",
        }
        return {name: value for name, value in asked.items() if value} | {"with_invalid_paths": "true"}


class ReportPage(AdminPage):
    about: reports.Report = reports.BOUNCING

    def get(self, request: HttpRequest, **_: Any) -> HttpResponse:
        user, bouncing = self.caller.user, self.about is reports.BOUNCING
        with in_zone_of(user):
            chosen = ReportFilter(request, self.why)
            found = self.found(chosen, reports.channels_of(self.about, self.account, user))
            groups = self.groups(found)
            listed = self.of_reason(chosen, found)
            shown = Paginator(self.in_order(listed), PER_PAGE).get_page(request.GET.get("page"))
            context = {
                "bouncing": bouncing,
                "filter": chosen,
                "query": chosen.query,
                "pages": shown,
                "rows": [Row(channel, groups[channel.reason]) for channel in shown],
                "limit": MOST,
                "chart": bounces_by_day(listed) if bouncing and shown.paginator.count else None,
                "csv": self.csv(chosen),
                "acts": user.is_site_admin,
                **self.tabs(self.account),
            }
            return page(request, "report.html", context, status=chosen.status, scripts=True)

    def post(self, request: HttpRequest, **_: Any) -> HttpResponse:
        """The API's bulk action, on those that were chosen, or on all that the filter lists."""
        account, user = self.account, self.caller.user
        if not user.is_site_admin:
            raise PermissionDenied
        channels = reports.channels_of(self.about, account, user)
        if request.POST.get("all"):
            with in_zone_of(user):
                chosen = ReportFilter(request, self.why)
                channels = self.of_reason(chosen, self.found(chosen, channels))
        else:
            channels = channels.filter(pk__in=_ids(request.POST.getlist("channel")))
        allowed = lacks_more_rights(user, "user__")
        with transaction.atomic():
            left = channels.exclude(allowed).count()
            count, said = self.act(account, channels.filter(allowed))
        if count:
            messages.success(request, said % {"count": count})
        if left:
            messages.warning(request, _left(left))
        elif not count:
            messages.error(request, gettext("Nothing was done: choose some first."))
        return redirect(request.get_full_path())

    def act(self, account: Account, channels: Channels) -> tuple[int, str]:
        """Do it; to how many, and what to say of so many."""
        if self.about is reports.BOUNCING:
            count = bulk.schedule_reset(self.caller, account, channels)
            return count, ngettext(
                "Messages to %(count)s channel are tried again in a moment.",
                "Messages to %(count)s channels are tried again in a moment.",
                count,
            )
        count = bulk.confirm(self.caller, channels)
        return count, ngettext("%(count)s channel is confirmed.", "%(count)s channels are confirmed.", count)

    @cached_property
    def account(self) -> Account:
        try:
            account = find_account(self.caller, str(self.kwargs["account_id"]))
        except AccountNotFound:
            raise Http404 from None
        if not account.is_administered:
            raise PermissionDenied
        return account

    @property
    def why(self) -> Reasons:
        return OF_BOUNCES if self.about is reports.BOUNCING else OF_WAITING

    def found(self, chosen: ReportFilter, channels: Channels) -> Channels:
        """The newest that the filter leaves, each with its reason.

        All that the page shows is of these: so what it counts and what it lists agree.
        """
        if not chosen.is_valid():
            return self.why.explain(channels.none())
        newest = self.about.filters(chosen.params() | {"order": "desc"}, queryset=channels).qs
        limited = newest[:MOST].values("pk")
        return self.why.explain(CommunicationChannel.objects.filter(pk__in=limited))

    def of_reason(self, chosen: ReportFilter, found: Channels) -> Channels:
        reason = chosen.cleaned_data.get("reason")
        return found.filter(reason=list(self.why.words).index(reason)) if reason else found

    def in_order(self, listed: Channels) -> Channels:
        """By reason; newest first."""
        return listed.prefetch_related("user").order_by("reason", f"-{self.about.filters.moment}", "-id")

    def groups(self, found: Channels) -> list[Group]:
        """One for each reason, which nobody may have: another may come between two statements."""
        by_reason = found.order_by().values("reason").annotate(count=Count("pk"))
        counts = dict(by_reason.values_list("reason", "count"))
        return [Group(words, counts.get(place, 0)) for place, words in enumerate(self.why.words.values())]

    def csv(self, chosen: ReportFilter) -> str:
        """The API's report of the same."""
        params = chosen.params() if chosen.is_valid() else {}
        return f"/api/v1/accounts/{self.account.pk}/{self.about.name}.csv?{urlencode(params)}"


def _left(count: int) -> str:
    """Why so many of the chosen were not acted on (``lacks_more_rights``)."""
    return ngettext(
        "%(count)s channel was left as it is: its owner has rights that you lack.",
        "%(count)s channels were left as they are: their owners have rights that you lack.",
        count,
    ) % {"count": count}


def _ids(given: list[str]) -> list[int]:
    """Those that are ids; a channel that is not the caller's to change is not found among theirs."""
    return [int(text) for text in given if is_id(text)]
