"""No list in Django's admin can be filtered by a column that it does not show, whatever the path to it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model
from django.test import Client, RequestFactory

from canvas_channels.core.identity.models import User
from tests import factories

pytestmark = pytest.mark.django_db

Page = Any  # a ModelAdmin: only its stubs are generic
REGISTERED = list(admin.site._registry.values())
SECRETS = {
    *("password", "code", "code_challenge", "token", "token_checksum", "client_secret"),
    *("digest", "token_digest", "session_data", "args", "payload", "body"),
}
DEPTH = 3


@pytest.fixture
def boss(client: Client) -> User:
    user = factories.make_user("Boss", is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


def request_of(user: User) -> Any:
    request = RequestFactory().get("/")
    request.user = user
    return request


def paths(model: type[Model], depth: int) -> Iterator[tuple[str, Any]]:
    """Every column and relation, forward and backward, with the path that a filter would have."""
    field: Any  # a column, a relation's backward end or a generic foreign key
    for field in model._meta.get_fields():
        name = field.name if field.concrete else getattr(field, "field", field).related_query_name()
        yield name, field
        if field.is_relation and field.related_model and depth > 1:
            for further, last in paths(field.related_model, depth - 1):
                yield f"{name}__{further}", last


def shown(page: Page, request: Any) -> set[str]:
    names = {str(name) for name in [*page.get_list_display(request), *page.get_list_filter(request)]}
    columns = {field.name for field in page.opts.get_fields() if getattr(field, "attname", "") in names}
    return names | columns | {page.opts.pk.name}


@pytest.mark.parametrize("page", REGISTERED, ids=str)
def test_only_columns_that_are_shown_can_be_asked_for(page: Page, boss: User) -> None:
    request = request_of(boss)
    allowed = shown(page, request)
    for path, field in paths(page.model, 2):
        if path in allowed or (field.primary_key if field.concrete else False):
            continue
        for lookup in ("", "__startswith", "__regex", "__isnull", "__in", "__gt"):
            assert not page.lookup_allowed(path + lookup, "a", request), path + lookup


@pytest.mark.parametrize("page", REGISTERED, ids=str)
def test_no_secret_can_be_asked_for(page: Page, boss: User) -> None:
    request = request_of(boss)
    secret = [path for path, _ in paths(page.model, DEPTH) if path.rpartition("__")[2] in SECRETS]
    for path in secret:
        for lookup in ("", "__startswith", "__iregex", "__contains", "__lt", "__length"):
            assert not page.lookup_allowed(path + lookup, "a", request), path + lookup


@pytest.mark.parametrize(
    "query",
    [
        *("oauth2_provider/grant/?code__startswith=a", "oauth2_provider/grant/?code=a"),
        *("oauth2_provider/accesstoken/?token__startswith=a", "oauth2_provider/refreshtoken/?token__gt=a"),
        "oauth2_provider/accesstoken/?token_checksum__startswith=a",
        "oauth2_provider/accesstoken/?user__password__startswith=a",
        "oauth2_provider/grant/?application__client_secret__startswith=a",
        "identity/user/?password__startswith=a",
        "identity/developerkey/?client_secret__startswith=a",
        "identity/login/?user__password__startswith=a",
        "channels_api/confirmationcode/?digest__startswith=a",
        "channels_api/pushdevice/?token__startswith=a",
        "auth/group/?user__password__startswith=a",
        "auth/group/?user=1",
    ],
)
def test_such_a_list_is_refused(client: Client, boss: User, query: str) -> None:
    assert client.get(f"/admin/{query}").status_code == 400


@pytest.mark.parametrize("page", REGISTERED, ids=str)
def test_the_filters_that_a_list_offers_work(client: Client, boss: User, page: Page) -> None:
    url = f"/admin/{page.opts.app_label}/{page.opts.model_name}/"
    changelist: ChangeList = client.get(url).context["cl"]
    queries = [
        str(choice["query_string"])
        for offered in changelist.filter_specs
        for choice in offered.choices(changelist)
    ]
    for query in [*queries, "?pk=1", f"?{page.opts.pk.name}__exact=1"]:
        assert client.get(url + query).status_code == 200, query


@pytest.mark.parametrize("page", REGISTERED, ids=str)
def test_no_row_is_found_by_a_secret(client: Client, boss: User, page: Page) -> None:
    """``_to_field`` names the column that a page's address is looked up by."""
    url = f"/admin/{page.opts.app_label}/{page.opts.model_name}/"
    for field in page.opts.get_fields():
        if field.concrete and field.name in SECRETS:
            assert client.get(url, {"_to_field": field.name}).status_code == 400
            assert client.get(f"{url}a/change/", {"_to_field": field.name}).status_code == 400
