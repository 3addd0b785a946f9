"""``/users`` and ``/accounts/<id>/...``: admins look for people, and at channels that reach nobody."""

from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse

from canvas_channels.core.identity.accounts import accounts_of, administers_any
from canvas_channels.core.identity.models import Account
from canvas_channels.web.pages import page
from canvas_channels.web.people.visits import Visit
from channels_api import people

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
        logins = Prefetch("logins", people.logins_of(user))
        found = people.find_people(user, text).select_related("home_account").prefetch_related(logins)
        context = {
            "text": text,
            "searched": bool(text),
            "found": Paginator(found, ON_A_PAGE).get_page(request.GET.get("page")),
            "query": urlencode({"search": text}) + "&",
            "shortest": people.SHORTEST,
        }
        return page(request, "people.html", context | self.tabs(), scripts=True)
