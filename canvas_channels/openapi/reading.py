"""The description as programs and pages show it: read once, when it is first asked for."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify

from canvas_channels.openapi import FILE

Node = dict[str, Any]
USUAL_HEADERS = {"X-Request-Cost", "X-Rate-Limit-Remaining"}  # of nearly all answers: said once for all
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is ten times as fast


@dataclass(frozen=True, slots=True)
class Section:
    """A tag, and its operations."""

    slug: str
    name: str
    description: str
    operations: list[Node]


@cache
def description() -> Node:
    """The file without the pieces that only YAML's aliases need. Shared: never change it."""
    read: Node = yaml.load(FILE.read_bytes(), Loader=_LOADER)  # noqa: S506 - both loaders are safe
    del read["x-shared"]
    return read


@cache
def as_json() -> bytes:
    return (json.dumps(description(), indent=1, ensure_ascii=False) + "\n").encode()


def follow(node: Node) -> Node:
    """The node, or what it refers to, which then has a ``ref``: the last part of its name."""
    reference = node.get("$ref")
    if reference is None:
        return node
    found: Any = description()
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return {**found, "ref": part}


@cache
def sections() -> list[Section]:
    found: dict[str, list[Node]] = {tag["name"]: [] for tag in description()["tags"]}
    for path, methods in description()["paths"].items():
        for method, operation in methods.items():
            found[operation["tags"][0]].append(_operation(method.upper(), path, operation))
    return [
        Section(slugify(tag["name"]), tag["name"], tag["description"], found[tag["name"]])
        for tag in description()["tags"]
    ]


@cache
def errors() -> list[Node]:
    """The refusals that operations share, by their status."""
    responses = description()["components"]["responses"]
    found = [
        {"name": name, "status": response["x-status"], **_response(name, response)}
        for name, response in responses.items()
    ]
    return sorted(found, key=lambda error: error["status"])


@cache
def error_types() -> dict[str, SafeString]:
    """What to do about a refused value, by the type of its error."""
    return {name: in_html(text) for name, text in description()["x-error-types"].items()}


@cache
def oauth_errors() -> dict[str, SafeString]:
    """What to do about a refusal of OAuth's endpoints, by its ``error``."""
    return {name: in_html(text) for name, text in description()["x-oauth-errors"].items()}


@cache
def objects() -> list[Node]:
    schemas = description()["components"]["schemas"]
    return [
        {"name": name, "text": in_html(schema.get("description", "")), "properties": _properties(schema)}
        for name, schema in schemas.items()
    ]


@cache
def overview() -> list[SafeString]:
    """The paragraphs about the API as a whole."""
    return [in_html(paragraph) for paragraph in description()["info"]["description"].strip().split("\n\n")]


@cache
def security_schemes() -> list[Node]:
    schemes = description()["components"]["securitySchemes"]
    return [{"name": name, "text": in_html(scheme["description"])} for name, scheme in schemes.items()]


@cache
def headers() -> list[Node]:
    """The headers that answers share."""
    return _headers(description()["components"]["headers"])


def in_html(text: str) -> SafeString:
    """The two things of CommonMark that the texts use: code and strong."""
    shown = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    return mark_safe(re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", shown))  # noqa: S308 - escaped above


def _operation(method: str, path: str, operation: Node) -> Node:
    responses = dict(sorted(operation["responses"].items()))
    content = follow(operation.get("requestBody", {})).get("content", {})
    return {
        "id": operation["operationId"],
        "method": method,
        "path": path,
        "summary": operation["summary"],
        "text": in_html(operation.get("description", "")),
        "scope": operation.get("x-scope"),
        "open": not operation["security"],
        "parameters": [_parameter(follow(one)) for one in operation.get("parameters", [])]
        + [field for media in list(content.values())[:1] for field in _fields("", media["schema"])],
        "bodies": [_content(kind, media) for kind, media in content.items()],
        "responses": [
            {"status": status, **_response(status, one)}
            for status, one in responses.items()
            if "$ref" not in one
        ],
        "shared": [
            (status, one["$ref"].split("/")[-1]) for status, one in responses.items() if "$ref" in one
        ],
    }


def _parameter(parameter: Node) -> Node:
    return {
        "name": parameter["name"],
        "place": parameter["in"],
        "text": in_html(parameter["description"]),
        "type": type_of(parameter["schema"]),
        "example": parameter.get("example"),
        "required": parameter.get("required", False),
    }


def _fields(name: str, schema: Node, required: bool = False) -> Iterator[Node]:
    """The parameters in a body, named as in a form; of several shapes the first."""
    shape = schema.get("anyOf", [schema])[0]
    others = shape.get("additionalProperties")
    if "properties" in shape or isinstance(others, dict):
        for key, one in shape.get("properties", {}).items():
            inner = f"{name}[{key}]" if name else key
            yield from _fields(inner, one, key in shape.get("required", ()))
        if isinstance(others, dict):
            yield from _fields(f"{name}[...]", others)
    elif "properties" in shape.get("items", {}):
        yield from _fields(f"{name}[]", shape["items"])
    elif name:
        text = in_html(schema.get("description", ""))
        yield {"name": name, "place": "body", "text": text, "type": type_of(schema), "required": required}


def _response(status: str, response: Node) -> Node:
    found = response.get("headers", {})
    return {
        "text": in_html(response["description"]),
        "headers": _headers({name: header for name, header in found.items() if "$ref" not in header}),
        "shared_headers": [
            name for name, header in found.items() if "$ref" in header and name not in USUAL_HEADERS
        ],
        "content": [_content(kind, media) for kind, media in response.get("content", {}).items()],
    }


def _headers(named: Mapping[str, Node]) -> list[Node]:
    return [
        {"name": name, "text": in_html(header.get("description", "")), "example": header.get("example")}
        for name, header in named.items()
    ]


def _content(kind: str, media: Node) -> Node:
    examples = [follow(example) for example in media.get("examples", {}).values()]
    named = [(example["summary"], example["value"]) for example in examples]
    if "example" in media:
        named.append(("", media["example"]))
    return {
        "kind": kind,
        "type": type_of(media["schema"]),
        "object": _object_of(media["schema"]),
        "examples": [(name, _text(value)) for name, value in named],
    }


def _text(example: Any) -> str:
    return example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)


def _properties(schema: Node) -> list[Node]:
    required = schema.get("required", ())
    return [
        {
            "name": name,
            "type": type_of(one),
            "object": _object_of(one),
            "text": in_html(one.get("description", "")),
            "optional": bool(required) and name not in required,
        }
        for name, one in schema.get("properties", {}).items()
    ]


def _object_of(schema: Mapping[str, Any]) -> str:
    """The name of the object that a schema is of, or a list of; empty where it is of none."""
    here = schema.get("items", schema)
    return str(here.get("$ref", "")).rpartition("/")[2]


def type_of(schema: Node) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return json.dumps(schema["const"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(type_of(one) for one in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {type_of(schema['items'])}"
    kinds = schema.get("type", "anything")
    words = " | ".join(kinds) if isinstance(kinds, list) else str(kinds)
    return words.replace("string", "ISO 8601") if schema.get("format") == "date-time" else words
