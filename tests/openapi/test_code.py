"""The API's description against the code: its routes, methods, scopes, parameters and answers."""

import ast
import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLResolver, get_resolver, resolve
from django_filters import ChoiceFilter, FilterSet, IsoDateTimeFilter

from canvas_channels.core.identity import authentication, views
from canvas_channels.core.identity.oauth import validator
from canvas_channels.core.identity.oauth.scopes import all_scopes, endpoint_scope
from canvas_channels.core.middleware import throttle
from canvas_channels.core.rest import pagination
from canvas_channels.openapi import reading
from channels_api.accounts import import_rows, report_formats, reports
from channels_api.accounts.audit_views import AuditFilter
from channels_api.channels.filters import CommunicationChannelFilter
from channels_api.models import CommunicationChannel
from channels_api.users import rules
from notifications.dispatches import parsing as dispatch_parsing
from notifications.preferences import parsing
from notifications.record.views import PeriodFilter
from notifications.settings import accounts as account_settings
from notifications.settings import parsing as settings_parsing

SHOWN = reading.description()
COMPONENTS = SHOWN["components"]
METHODS = {"get", "post", "put", "delete", "patch"}
CHANNELS = "/api/v1/users/{user_id}/communication_channels"
ACCOUNT = "/api/v1/accounts/{account_id}"
USER = "/api/v1/users/{user_id}"
# A name that a client puts in this place is the user's choice.
NAMES_FOR_EXAMPLE = {"new_announcement", "announcement", "email"}
# Not parameters of an operation: a way to authenticate, and a page's token.
EVERYWHERE = {"access_token", "csrfmiddlewaretoken"}
REFUSALS = {
    "400": "BadRequest",
    "401": "Unauthenticated",
    "403": "Unauthorized",
    "404": "NotFound",
    "411": "LengthRequired",
    "413": "BodyTooLarge",
    "415": "UnsupportedBody",
    "429": "RateLimitExceeded",
    "500": "ServerError",
    "503": "ServiceUnavailable",
}


def patterns(found: list[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each route and its pattern, whose view has attributes of DRF."""
    for pattern in found:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern.url_patterns, route)
        else:
            yield route, pattern


def path_of(route: str) -> str:
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)


# Each method and path of the API: its route and its view, from the URLs themselves. DRF adds HEAD to a view
# that was called with it.
ROUTES = {
    f"{method.upper()} {path_of(route)}": (route, pattern)
    for route, pattern in patterns(get_resolver().url_patterns)
    if route.startswith(("api/v1/", "confirmations/"))
    for method in sorted(pattern.callback.actions.keys() - {"head"})
}
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in SHOWN["paths"].items()
    for method, operation in methods.items()
}
OUTSIDE = {name: one for name, one in OPERATIONS.items() if name not in ROUTES}


def parameters(operation: dict[str, Any], place: str) -> dict[str, Any]:
    followed = [reading.follow(one) for one in operation.get("parameters", [])]
    return {one["name"]: one for one in followed if one["in"] == place}


def content(operation: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = reading.follow(operation.get("requestBody", {})).get("content", {})
    return found


def test_it_describes_every_endpoint_and_no_other() -> None:
    assert OPERATIONS.keys() - OUTSIDE.keys() == ROUTES.keys()
    outside = {name.split()[1].split("/")[1] for name in OUTSIDE}
    assert outside == {"login", "register", "not-me", "unsubscribe"}
    for methods in SHOWN["paths"].values():
        assert methods.keys() <= METHODS


@pytest.mark.django_db
@pytest.mark.parametrize("path", sorted({name.split()[1] for name in OUTSIDE}))
def test_the_paths_outside_the_api_have_the_methods_that_it_describes(path: str) -> None:
    client = Client(headers={"accept": "application/json"})
    for method in METHODS:
        status = client.generic(method.upper(), re.sub(r"{\w+}", "x", path)).status_code
        described = f"{method.upper()} {path}" in OPERATIONS
        if described or path != "/login/oauth2/auth":  # which asks to sign in first
            assert (status != 405) is described, (method, status)


@pytest.mark.parametrize("name", OPERATIONS)
def test_its_parameters_of_the_path_are_the_paths(name: str) -> None:
    described = parameters(OPERATIONS[name], "path")
    assert set(described) == set(re.findall(r"{(\w+)}", name))
    assert all(one["required"] for one in described.values())
    for converter, parameter in re.findall(r"<(\w+):(\w+)>", ROUTES[name][0] if name in ROUTES else ""):
        schema = described[parameter]["schema"]
        match converter:
            case "id":
                assert schema == {"type": "integer", "minimum": 1, "maximum": 10**18 - 1}
            case "channel_type":
                assert schema["enum"] == list(CommunicationChannel.Type)
            case _:
                assert schema == {"type": "string"}


def scope_of(name: str) -> str | None:
    route, pattern = ROUTES[name]
    if not route.startswith("api/v1/"):
        return None
    return endpoint_scope(name.split()[0], route, pattern.callback.cls.own_methods)


@pytest.mark.parametrize("name", ROUTES)
def test_its_scopes_are_the_endpoints(name: str) -> None:
    scope = scope_of(name)
    assert OPERATIONS[name].get("x-scope") == scope
    session: dict[str, Any] = {"session": []} if name.startswith("GET ") else {"session": [], "csrf": []}
    assert OPERATIONS[name]["security"] == [
        {"bearer": []},
        {"access_token": []},
        session,
        {"oauth2": [scope] if scope else []},
    ]


def test_it_lists_every_scope_in_the_words_of_the_page_that_asks_for_consent() -> None:
    flow = COMPONENTS["securitySchemes"]["oauth2"]["flows"]["authorizationCode"]
    assert flow["scopes"] == {scope: str(words) for scope, words in all_scopes().items()}
    for url in ("authorizationUrl", "tokenUrl", "refreshUrl"):
        assert resolve(flow[url]).url_name in {"authorize", "token"}
    assert COMPONENTS["securitySchemes"]["session"]["name"] == settings.SESSION_COOKIE_NAME
    header = settings.CSRF_HEADER_NAME.removeprefix("HTTP_").replace("_", "-")
    assert COMPONENTS["securitySchemes"]["csrf"]["name"].upper() == header


@pytest.mark.parametrize("name", ROUTES)
def test_every_endpoint_has_the_answers_that_any_may_give(name: str) -> None:
    operation = OPERATIONS[name]
    assert "as_user_id" in parameters(operation, "query")
    for status, response in REFUSALS.items():
        answer = operation["responses"][status]
        if status == "400" and "$ref" not in answer:  # its own refusals, beside those of any call
            refused = answer["content"]["application/json"]["schema"]["anyOf"]
            shared = COMPONENTS["responses"][response]["content"]["application/json"]["schema"]["anyOf"]
            assert all(one in refused for one in shared)
            answer = {"$ref": f"#/components/responses/{response}"}
        assert answer == {"$ref": f"#/components/responses/{response}"}
    for status, answer in operation["responses"].items():
        headers = reading.follow(answer)["headers"].keys()
        assert {throttle.COST, throttle.REMAINING} <= headers, status
    paged = "page" in parameters(operation, "query")
    assert ("Link" in operation["responses"]["200"]["headers"]) is paged


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_but_a_page_has_an_example(name: str) -> None:
    for kind, media in OPERATIONS[name]["responses"]["200"].get("content", {}).items():
        assert kind == "text/html" or {"example", "examples"} & media.keys()


@pytest.mark.parametrize("name", ROUTES)
def test_a_parameter_is_described_in_one_place(name: str) -> None:
    """In the query or in JSON: of what is in both, generated clients could require neither."""
    operation = OPERATIONS[name]
    body = reading.follow(operation.get("requestBody", {}))
    if name.startswith(("GET ", "DELETE ")):
        assert not body
    elif body:
        assert parameters(operation, "query").keys() == {"as_user_id"}
        assert body["required"]
        assert body["content"].keys() - {"text/csv"} == {"application/json"}


def descriptions(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("description"), str):
            yield node["description"]
        for value in node.values():
            yield from descriptions(value)
    elif isinstance(node, list):
        for value in node:
            yield from descriptions(value)


def test_what_is_required_is_so_for_programs() -> None:
    assert [text for text in descriptions(SHOWN) if re.match(r"Required[.:]", text)] == []


def segments(names: Iterable[str]) -> set[str]:
    return {segment for name in names for segment in re.findall(r"[^\[\]]+", name)}


def described_names() -> set[str]:
    """All that a query or a body may hold, at any depth."""
    found: set[str] = set()

    def collect(schema: dict[str, Any]) -> None:
        for name, one in schema.get("properties", {}).items():
            found.update(segments([name]))
            collect(one)
        for one in (*schema.get("anyOf", ()), schema.get("items"), schema.get("additionalProperties")):
            if one:
                collect(one)

    for name, operation in OPERATIONS.items():
        if not name.endswith("/login/oauth2/auth"):  # django-oauth-toolkit reads those
            found |= segments(parameters(operation, "query"))
        for media in content(operation).values():
            collect(media["schema"])
    return found


def read_names() -> set[str]:
    """All that the API's views, and what reads parameters for them, take from a request."""
    token_view: Any = resolve("/login/oauth2/token").func
    modules = {inspect.getmodule(pattern.callback.cls) for _, pattern in ROUTES.values()}
    modules |= {
        authentication,
        import_rows,
        inspect.getmodule(token_view.view_class),
    }
    modules |= {validator, pagination, parsing, settings_parsing, views}
    found = {*validator.TOKEN_PARAMS, *rules.NAMES, *rules.LOCAL, *import_rows.COLUMNS}
    found |= {*dispatch_parsing.NAMES, *account_settings.FLAGS}
    for one in filter_sets().values():
        found |= one.base_filters.keys()
    for module in modules:
        assert module is not None
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            match node:
                case ast.Call(func=ast.Attribute(value=taken, attr="get"), args=[key, *_]):
                    pass
                case ast.Subscript(value=taken, slice=key):
                    pass
                case ast.Call(func=ast.Name(id="nested" | "_name" | "flag"), args=[taken, key]):
                    pass
                case ast.Call(func=ast.Name(id="_text" | "_array"), args=[taken, key]):
                    pass
                case ast.Compare(left=key, ops=[ast.In()], comparators=[taken]):
                    pass
                case _:
                    continue
            if re.search(r"params$|^(channel|given|user|pseudonym|entry|values)$", ast.unparse(taken)):
                value = getattr(key, "value", None) or getattr(module, ast.unparse(key), None)
                found |= {value} if isinstance(value, str) else set()
    return found


def test_every_parameter_that_the_code_reads_is_described_and_no_other() -> None:
    assert read_names() - EVERYWHERE - (described := described_names()) == set()
    assert described - NAMES_FOR_EXAMPLE - read_names() == set()


def filter_sets() -> dict[str, type[FilterSet]]:
    found: dict[str, type[FilterSet]] = {
        f"GET {CHANNELS}": CommunicationChannelFilter,
        f"GET {CHANNELS}/audit": AuditFilter,
        f"GET {USER}/messages": PeriodFilter,
    }
    for report, action in ((reports.BOUNCING, "reset"), (reports.UNCONFIRMED, "confirm")):
        found[f"POST {ACCOUNT}/{report.name}/{action}"] = report.filters
        for extension in report_formats.FORMATS:
            found[f"GET {ACCOUNT}/{report.name}.{extension}"] = report.filters
    return found


@pytest.mark.parametrize(("name", "filters"), filter_sets().items())
def test_its_filters_take_what_the_code_does(name: str, filters: type[FilterSet]) -> None:
    query = parameters(OPERATIONS[name], "query")
    assert query.keys() - {"page", "per_page", "as_user_id"} == filters.base_filters.keys()
    for key, one in filters.base_filters.items():
        schema = query[key]["schema"]
        assert schema.get("maxLength") == one.extra.get("max_length")
        if isinstance(one, ChoiceFilter):
            assert schema["enum"] == [choice for choice, _ in one.extra["choices"]]
        assert (schema.get("format") == "date-time") is isinstance(one, IsoDateTimeFilter)
