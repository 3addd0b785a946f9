"""What all admin pages share: none may load a whole table, none may delete what a service depends on."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth import get_permission_codename
from django.core.paginator import Paginator
from django.db import models
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from canvas_channels.core.counts import counted
from canvas_channels.core.identity.admin.filters import ShownColumns
from canvas_channels.core.identity.callers import Caller, has_more_rights, is_id, lacks_more_rights
from canvas_channels.core.identity.models import Account, Login, User
from canvas_channels.core.trimming import trim

MOST_COUNTED = 10_000


class ShortPaginator(Paginator):  # type: ignore[type-arg]
    """Counts as far as anybody would page: to say how many rows a large table has, all would be read."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:MOST_COUNTED].count())


class QuickAdmin(ShownColumns):
    """A page over a table of any size: newest first, no facets, no count of all rows, no deleting."""

    show_full_result_count = False
    paginator = ShortPaginator
    show_facets = admin.ShowFacets.NEVER
    ordering: ClassVar[tuple[str, ...]] = ("-pk",)
    list_per_page = 50
    search_fields: ClassVar = ("pk",)  # shows the search box; get_search_results does the work

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str
    ) -> "tuple[QuerySet[Any], bool]":
        """Rows that an index finds for the term; the rest of the row is not searched."""
        term = trim(search_term.replace("\x00", ""))
        return (queryset.filter(self.search_condition(term)) if term else queryset), False

    def search_condition(self, term: str) -> Q:
        """By the row's id."""
        return Q(pk__in=ids(term))


class ReadOnlyAdmin(QuickAdmin):
    """Rows to look at: what happened, or what other parts keep up to date."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


class RetryAdmin(ReadOnlyAdmin):
    """Rows that jobs deliver (``Outgoing``): who may change them may have them delivered again."""

    actions: tuple[str, ...] = ("retry",)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.{get_permission_codename('change', self.opts)}")

    @admin.action(
        description="Try selected %(verbose_name_plural)s again that failed or wait", permissions=["retry"]
    )
    def retry(self, request: HttpRequest, chosen: "QuerySet[Any]") -> None:
        allowed = self.allowed(request, chosen)
        asked = self.model._default_manager.retry([row.pk for row in allowed])
        for row in allowed:
            self.log_change(request, row, "Asked for it again.")
        self.message_user(request, f"Asked for {counted(asked, str(self.opts.verbose_name))}.")

    def allowed(self, request: HttpRequest, chosen: "QuerySet[Any]") -> "QuerySet[Any]":
        """Those that who is signed in may have delivered again: who may change whom they let in."""
        return chosen


class SuperusersChange:
    """What hands out rights: others who could change it could give themselves more."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return request.user.is_superuser


def may_change(request: HttpRequest, user: User | None) -> bool:
    """Whether what is the user's may be changed by who is signed in; None: some user's, not known yet."""
    caller = caller_of(request).user
    return user is None or caller.is_superuser or not has_more_rights(user, caller)


def changeable(request: HttpRequest, rows: "QuerySet[Any]") -> "QuerySet[Any]":
    """Of rows with a ``user``, perhaps none: those that may be changed by who is signed in."""
    caller = caller_of(request).user
    nobodys = Q(user__isnull=True)
    return rows if caller.is_superuser else rows.filter(nobodys | lacks_more_rights(caller, "user__"))


def caller_of(request: HttpRequest) -> Caller:
    """Who is signed in, as the audit trail names them."""
    return Caller(user=request.user, actor=request.user)  # type: ignore[arg-type]


def ids(term: str) -> list[int]:
    """The id that a search term is; empty where it is none."""
    return [int(term)] if is_id(term) else []


def users_found(term: str) -> list[int]:
    """The ids of the users whom a term names: by id, by a login in any case, or by SIS id.

    Looked up first, since a subquery beside an OR would have PostgreSQL read the whole table. Naming the
    accounts lets it use the logins' indexes, which begin with the account.
    """
    logins = Login.objects.filter(account__in=Account.objects.all())
    by_name = logins.filter(unique_id__lower=term).values_list("user", flat=True)
    by_sis_id = logins.filter(sis_user_id=term).values_list("user", flat=True)
    return [*by_name.union(by_sis_id), *ids(term)]
