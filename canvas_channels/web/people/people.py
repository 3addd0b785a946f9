"""``/users`` and ``/accounts/<id>/...``: admins look for people, and at channels that reach nobody."""

from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse

from canvas_channels.core.identity.accounts import AccountNotFound, accounts_of, administers_any, find_account
from canvas_channels.core.identity.models import Account, Login
from canvas_channels.web.pages import page
from canvas_channels.web.people.chart import bounces_by_day
from canvas_channels.web.people.visits import Visit
from channels_api import people
from channels_api.accounts import reports

ON_A_PAGE = 25
ACCOUNTS = 200  # that a page offers at most


class AdminPage(Visit):
    """What the pages of admins have in common: their accounts, and which of them is looked at."""

    def tabs(self, current: Account | None = None) -> dict[str, Any]:
        accounts = list(accounts_of(self.caller.user)[:ACCOUNTS])
        default = next((account for account in accounts if account.is_default), None)
        return {"accounts": accounts, "account": current or default or next(iter(accounts), None)}


class People(AdminPage):
    """Search for users."""

    def get(self, request: HttpRequest) -> HttpResponse:
        user = self.caller.user
        if not administers_any(user):
            raise PermissionDenied
        text = request.GET.get("search", "").strip()
        own_accounts = accounts_of(user).order_by()
        logins = Prefetch("logins", Login.objects.filter(account__in=own_accounts).order_by("pk"))
        found = people.find_people(user, text).select_related("home_account").prefetch_related(logins)
        context = {
            "text": text,
            "searched": bool(text),
            "found": Paginator(found, ON_A_PAGE).get_page(request.GET.get("page")),
            "query": urlencode({"search": text}) + "&",
            "shortest": people.SHORTEST,
        }
        return page(request, "people.html", context | self.tabs())


class Report(AdminPage):
    """Channels of an account that do not reach anybody: bouncing ones, or unconfirmed ones."""

    about: reports.Report = reports.BOUNCING

    def get(self, request: HttpRequest, account_id: int) -> HttpResponse:
        try:
            account = find_account(self.caller, str(account_id))
        except AccountNotFound:
            raise Http404 from None
        if not account.is_administered:
            raise PermissionDenied
        bouncing = self.about is reports.BOUNCING
        channels = reports.channels_of(self.about, account, self.caller.user)
        newest = channels.order_by("-last_bounce_at" if bouncing else "-created_at", "-id")
        listed = newest.select_related("user")[: self.about.limit]
        context = {
            "bouncing": bouncing,
            "listed": Paginator(listed, ON_A_PAGE).get_page(request.GET.get("page")),
            "chart": bounces_by_day(channels) if bouncing else None,
            "csv": f"/api/v1/accounts/{account.pk}/{self.about.name}.csv?with_invalid_paths=true",
        }
        return page(request, "report.html", context | self.tabs(account))
