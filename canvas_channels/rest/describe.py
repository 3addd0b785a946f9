"""Words to describe the API's endpoints with, in OpenAPI 3.1. Plain data: no request loads it.

Beside the views of each package a ``schema.py`` describes them with these; ``canvas_channels.openapi``
makes of all of it the file that is served.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "integer"}
ID: Schema = {"$ref": "#/components/schemas/Id"}
MOMENT: Schema = {"type": "string", "format": "date-time"}

BODIES = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")
HTML: Schema = {"text/html": {"schema": TEXT}}

# Refusals that any call of the API may meet; ``canvas_channels.rest.described_errors`` has them.
ANY_CALL = {
    "400": "BadRequest",
    "401": "Unauthenticated",
    "403": "Unauthorized",
    "404": "NotFound",
    "411": "LengthRequired",
    "413": "BodyTooLarge",
    "415": "UnsupportedBody",
    "429": "RateLimitExceeded",
    "500": "ServerError",
}
ANY_HEADERS = ("X-Request-Cost", "X-Rate-Limit-Remaining")


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """``name`` as a form has it, brackets and all; required ones may come in the query or in the body."""

    name: str
    description: str
    schema: Schema = field(default_factory=lambda: TEXT)
    example: Any = None

    def described(self, place: str) -> Schema:
        """As an OpenAPI parameter; ``place`` is ``query`` or ``path``."""
        shown: Schema = {"name": self.name, "in": place, "description": self.description}
        shown["schema"] = self.schema
        if place == "path":
            shown["required"] = True
        return shown | ({} if self.example is None else {"example": self.example})

    @property
    def property(self) -> Schema:
        return {**self.schema, "description": self.description}


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path. ``answer`` is the schema of the 200, ``answers`` those of other content types.

    ``refusals``: bodies of 400 that are this operation's own, by a name in words; ``refused`` names their
    schemas. ``statuses`` are answers of other statuses. ``body``: the JSON's
    schema, where it is not what ``parameters`` make.
    """

    id: str
    tag: str
    summary: str
    description: str = ""
    path: Mapping[str, Parameter] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    body: Schema | None = None
    body_example: Any = None
    bodies: Mapping[str, Schema] = field(default_factory=dict)
    answer: Schema = field(default_factory=dict)
    example: Any = None
    examples: Mapping[str, Any] = field(default_factory=dict)
    answers: Mapping[str, Schema] = field(default_factory=dict)
    headers: tuple[str, ...] = ()
    refusals: Mapping[str, Any] = field(default_factory=dict)
    refused: tuple[str, ...] = ("RefusedValue", "Errors")
    statuses: Mapping[str, Schema] = field(default_factory=dict)

    def described(self, method: str, path: str, scope: str | None) -> Schema:
        """As an OpenAPI operation; ``scope`` None: a path that has none."""
        shown: Schema = {
            "operationId": self.id,
            "summary": self.summary,
            "tags": [self.tag],
            "security": security(method, scope),
            "parameters": [
                *(self.path[name].described("path") for name in re.findall(r"{(\w+)}", path)),
                *(parameter.described("query") for parameter in self.parameters),
                {"$ref": "#/components/parameters/as_user_id"},
            ],
            "responses": {"200": self._success(), **self.statuses} | self._refused(),
        }
        if self.description:
            shown["description"] = self.description
        if scope:
            shown["x-scope"] = scope
        if method != "GET" and (self.parameters or self.body or self.bodies):
            shown["requestBody"] = self._request_body()
        return shown

    def _success(self) -> Schema:
        json = answered(self.answer, self.example, self.examples) if self.answer else {}
        headers = {name: header(name) for name in (*self.headers, *ANY_HEADERS)}
        return {"description": "Done.", "headers": headers, "content": {**json, **self.answers}}

    def _refused(self) -> Schema:
        refused: Schema = {
            status: {"$ref": f"#/components/responses/{name}"} for status, name in ANY_CALL.items()
        }
        if self.refusals:
            schemas = [{"$ref": f"#/components/schemas/{name}"} for name in self.refused]
            content = answered({"anyOf": schemas}, None, self.refusals)
            refused["400"] = {
                "description": "A value is refused, or the body cannot be read.",
                "headers": {name: header(name) for name in ANY_HEADERS},
                "content": content,
            }
        return refused

    def _request_body(self) -> Schema:
        flat = {parameter.name: parameter.property for parameter in self.parameters}
        json = self.body or nest(flat)
        example = {"example": self.body_example} if self.body_example else {}
        form: Schema = {"type": "object", "properties": flat}
        kinds = {BODIES[0]: {"schema": json, **example}} | {kind: {"schema": form} for kind in BODIES[1:]}
        return {"description": "Instead of, or beside, the query.", "content": {**kinds, **self.bodies}}


def security(method: str, scope: str | None) -> list[Schema]:
    """The ways to say who asks; a session's unsafe call needs the CSRF token too."""
    session: Schema = {"session": []} if method == "GET" else {"session": [], "csrf": []}
    return [{"bearer": []}, {"access_token": []}, session, {"oauth2": [scope] if scope else []}]


def header(name: str) -> Schema:
    return {"$ref": f"#/components/headers/{name}"}


def nullable(schema: Schema) -> Schema:
    """The same, or null."""
    if "type" in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def record(description: str = "", optional: Iterable[str] = (), **properties: Schema) -> Schema:
    """An object that has all of its properties but the optional ones."""
    required = [name for name in properties if name not in set(optional)]
    shown: Schema = {"type": "object", "properties": properties, "required": required}
    return shown | ({"description": description} if description else {})


def envelope(name: str, schema: Schema) -> Schema:
    """An object that has one property, a list."""
    return {"type": "object", "properties": {name: listing(schema)}, "required": [name]}


def listing(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def answered(schema: Schema, example: Any = None, examples: Mapping[str, Any] | None = None) -> Schema:
    """The content of an answer in JSON."""
    shown: Schema = {"schema": schema}
    if examples:
        shown["examples"] = {
            slug(name): {"summary": name, "value": value} for name, value in examples.items()
        }
    elif example is not None:
        shown["example"] = example
    return {"application/json": shown}


def refusal(attribute: str, kind: str, message: str) -> Schema:
    """The body of a 400 for a bad value."""
    return {"errors": {attribute: [{"attribute": attribute, "type": kind, "message": message}]}}


def slug(name: str) -> str:
    return re.sub(r"\W+", "_", name.lower()).strip("_")


def nest(flat: Mapping[str, Schema]) -> Schema:
    """JSON's form of bracketed names: ``a[b]`` is a property ``b`` of the object ``a``."""
    properties: Schema = {}
    for name, schema in flat.items():
        here = properties
        *outer, last = re.findall(r"[^\[\]]+", name)
        for segment in outer:
            here = here.setdefault(segment, {"type": "object", "properties": {}})["properties"]
        here[last] = schema
    return {"type": "object", "properties": properties}
