"""The API's description: it is valid, its examples are what it describes, and people and programs get it."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from django.test import Client
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from canvas_channels.openapi import FILE, reading
from tests import ROOT

SHOWN = reading.description()
# Of methods that no path describes, and of any path with a body: said once, or pages would grow.
NOT_REFERRED_TO = {f"#/components/responses/{name}" for name in ("MethodNotAllowed", "BodyTimeout")}
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
    "/sending",
    "/messages",
]


def test_it_is_valid() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(SHOWN).iter_errors()] == []


def mappings(node: yaml.Node | None) -> Iterator[yaml.MappingNode]:
    if isinstance(node, yaml.MappingNode):
        yield node
        for _, value in node.value:
            yield from mappings(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from mappings(value)


def test_no_key_is_written_twice() -> None:
    """YAML would take the last one, and say nothing."""
    for mapping in mappings(yaml.compose(FILE.read_text(encoding="utf-8"))):
        names = [name.value for name, _ in mapping.value]
        assert len(names) == len(set(names)), f"line {mapping.start_mark.line + 1}: {names}"


def test_it_holds_only_what_json_can_say() -> None:
    """A time or a status without quotes is no text in YAML."""

    def check(node: Any, where: str) -> None:
        if isinstance(node, dict):
            assert all(isinstance(key, str) for key in node), where
            for key, value in node.items():
                check(value, f"{where}/{key}")
        elif isinstance(node, list):
            for index, value in enumerate(node):
                check(value, f"{where}/{index}")
        else:
            assert node is None or isinstance(node, str | int | float), where

    check(SHOWN, "")


def test_every_anchor_is_used() -> None:
    events = list(yaml.parse(FILE.read_text(encoding="utf-8")))
    anchors = [
        (type(event), event.anchor) for event in events if isinstance(event, yaml.NodeEvent) and event.anchor
    ]
    used = {anchor for kind, anchor in anchors if kind is yaml.AliasEvent}
    made = [anchor for kind, anchor in anchors if kind is not yaml.AliasEvent]
    assert sorted(made) == sorted(used)


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_component_is_used() -> None:
    components = {
        f"#/components/{kind}/{name}"
        for kind, named in SHOWN["components"].items()
        for name in named
        if kind != "securitySchemes"
    }
    assert components - set(references(SHOWN)) == NOT_REFERRED_TO


def examples(node: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Each example that stands beside a schema."""
    if isinstance(node, dict):
        if "schema" in node:
            for name, example in node.get("examples", {}).items():
                yield f"{where}/{name}", node["schema"], reading.follow(example)["value"]
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


def test_a_process_that_starts_does_not_read_it_and_loads_no_validator() -> None:
    script = (
        "import sys, canvas_channels.wsgi; from canvas_channels.openapi import reading; "
        "print(reading.description.cache_info().currsize, "
        "[name for name in sys.modules if name.startswith(('openapi', 'jsonschema', 'schemathesis'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "0 []\n", done.stderr
