"""The API's description: it is the code's, it is valid, and its examples are what it describes."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import EndpointEnumerator
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from canvas_channels.openapi import FILE
from canvas_channels.openapi.generator import OPERATIONS, as_text, generate
from tests.test_structure import ROOT

SHOWN = json.loads(FILE.read_bytes())
METHODS = {"get", "post", "put", "delete"}
PAGES = [
    "",
    "/errors",
    "/objects",
    "/channels",
    "/devices",
    "/confirming",
    "/tokens",
    "/users",
    "/accounts",
    "/custom-data",
]


def routes(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Method and path of every endpoint of the API, from the URLs themselves."""
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern) and route.startswith(("api/v1/", "confirmations/")):
            path = "/" + EndpointEnumerator().get_path_from_regex(route).lstrip("/")
            # DRF adds HEAD to a view that was called with it.
            for method in pattern.callback.actions.keys() - {"head"}:
                yield method, path


def test_the_file_is_what_the_code_says() -> None:
    made = as_text(generate())
    assert FILE.read_text(encoding="utf-8") == made, (
        "canvas_channels/openapi/openapi.json is out of date. Write it anew and look at the difference: "
        "python manage.py openapi"
    )
    assert not GENERATOR_STATS._warn_cache
    assert not GENERATOR_STATS._error_cache


def test_it_is_valid() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(SHOWN).iter_errors()] == []


def test_every_endpoint_is_in_it() -> None:
    known = {
        (method, path) for path, methods in SHOWN["paths"].items() for method in METHODS & methods.keys()
    }
    assert set(routes(get_resolver().url_patterns)) - known == set()


def test_it_describes_nothing_that_is_not_there() -> None:
    found = {f"{method.upper()} {path}" for method, path in routes(get_resolver().url_patterns)}
    assert set(OPERATIONS) == found


def examples(node: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Each example that stands beside a schema."""
    if isinstance(node, dict):
        if "schema" in node:
            for name, example in node.get("examples", {}).items():
                yield f"{where}/{name}", node["schema"], example["value"]
            if "example" in node:
                yield where, node["schema"], node["example"]
        for key, value in node.items():
            yield from examples(value, f"{where}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from examples(value, f"{where}/{index}")


def test_examples_are_what_they_are_examples_of() -> None:
    wrong = []
    for where, schema, example in examples(SHOWN):
        closed = {**schema, "components": SHOWN["components"]}
        errors = list(Draft202012Validator(closed).iter_errors(example))
        wrong += [(where, error.message) for error in errors]
    assert wrong == []


def test_every_answer_has_an_example() -> None:
    for path, methods in SHOWN["paths"].items():
        for method, operation in methods.items():
            for kind, media in operation["responses"]["200"].get("content", {}).items():
                assert kind == "text/html" or {"example", "examples"} & media.keys(), f"{method} {path}"


def test_programs_get_the_file(client: Client) -> None:
    answer = client.get("/api/schema")
    assert answer["Content-Type"] == "application/json"
    assert answer.json() == SHOWN


@pytest.mark.parametrize("path", [*PAGES, "/notification-preferences"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}], ids=["plain", "with-a-token"])
def test_people_get_pages(client: Client, db: None, path: str, headers: dict[str, str]) -> None:
    answer = client.get(f"/api/docs{path}", headers=headers)
    assert answer.status_code == 200
    assert "script-src" not in answer["Content-Security-Policy"]


def test_the_pages_show_every_operation(client: Client, db: None) -> None:
    shown = "".join(client.get(f"/api/docs{path}").text for path in [*PAGES, "/notification-preferences"])
    for methods in SHOWN["paths"].values():
        for operation in methods.values():
            assert f'id="{operation["operationId"]}"' in shown


def test_there_is_no_page_of_an_unknown_part(client: Client) -> None:
    assert client.get("/api/docs/nothing").status_code == 404


def test_no_web_process_loads_what_makes_it() -> None:
    script = (
        "import sys, canvas_channels.wsgi; print([name for name in sys.modules if 'spectacular' in name])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "[]\n", done.stderr
