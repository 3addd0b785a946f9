"""Makes the description: drf-spectacular walks the URLs, the packages' ``schema.py`` say what is there.

The views take and answer plain data, in shapes that no serializer has, so nothing is read from them.
"""

import json
import re
from typing import Any

from django.core.management.base import CommandError
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.settings import patched_settings

from canvas_channels.identity import custom_data_schema as custom_data
from canvas_channels.identity.scopes import all_scopes, endpoint_scope
from canvas_channels.openapi.texts import DESCRIPTION, SECURITY_SCHEMES, TAGS
from canvas_channels.rest import described_errors
from canvas_channels.rest.describe import Operation, Schema
from canvas_channels.web import schema as web
from channels_api import account_schema, confirmation_schema
from channels_api import schema as channels
from channels_api.users import schema as users
from notifications.preferences import schema as preferences

OPERATIONS: dict[str, Operation] = {
    **channels.OPERATIONS,
    **confirmation_schema.OPERATIONS,
    **preferences.OPERATIONS,
    **users.OPERATIONS,
    **custom_data.OPERATIONS,
    **account_schema.OPERATIONS,
}
SCHEMAS: Schema = {
    **channels.SCHEMAS,
    **preferences.SCHEMAS,
    **users.SCHEMAS,
    **custom_data.SCHEMAS,
    **account_schema.SCHEMAS,
    **web.SCHEMAS,
    **described_errors.SCHEMAS,
}
SERVED = re.compile(r"/(api/v1|confirmations)/")


class FromTables(AutoSchema):
    """Looks an endpoint's description up, by method and path."""

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any
    ) -> Schema:
        operation = OPERATIONS.get(f"{method} {path}")
        if operation is None:
            raise CommandError(f"{method} {path} is described in no schema.py")
        own_methods = getattr(self.view, "own_methods", ())
        scope = endpoint_scope(method, path_regex, own_methods) if path.startswith("/api/v1/") else None
        return operation.described(method, path, scope)


class Generator(SchemaGenerator):
    def create_view(self, callback: Any, method: str, request: Any = None) -> Any:
        view = super().create_view(callback, method, request)
        self._set_schema_to_view(view, FromTables())
        return view


def only_served(endpoints: list[Any]) -> list[Any]:
    """drf-spectacular's hook: the API's paths, without the pages' and the webhooks'."""
    return [endpoint for endpoint in endpoints if SERVED.match(endpoint[0])]


def in_order(endpoint: tuple[str, str, str, Any]) -> int:
    """The tables' order, which begins with what most come for."""
    path, _, method, _ = endpoint
    name = f"{method} {path}"
    return list(OPERATIONS).index(name) if name in OPERATIONS else len(OPERATIONS)


def security_schemes() -> Schema:
    scopes = {scope: str(words) for scope, words in all_scopes().items()}
    flow = {
        "authorizationUrl": "/login/oauth2/auth",
        "tokenUrl": "/login/oauth2/token",
        "refreshUrl": "/login/oauth2/token",
        "scopes": scopes,
    }
    oauth2 = {"type": "oauth2", "description": "Codes, with PKCE.", "flows": {"authorizationCode": flow}}
    return {**SECURITY_SCHEMES, "oauth2": oauth2}


def generate() -> Schema:
    """The whole description."""
    settings = {
        "OAS_VERSION": "3.1.0",
        "TITLE": "Communication Channels API",
        "VERSION": "1",
        "DESCRIPTION": DESCRIPTION,
        "LICENSE": {"name": "MIT", "identifier": "MIT"},
        "SERVERS": [{"url": "/", "description": "This service."}],
        "TAGS": TAGS,
        "PREPROCESSING_HOOKS": ["canvas_channels.openapi.generator.only_served"],
        "POSTPROCESSING_HOOKS": [],
        "APPEND_PATHS": web.PATHS,
        "APPEND_COMPONENTS": {
            "schemas": SCHEMAS,
            "responses": described_errors.RESPONSES,
            "parameters": described_errors.PARAMETERS,
            "headers": described_errors.HEADERS,
            "securitySchemes": security_schemes(),
        },
        "SORT_OPERATIONS": in_order,
    }
    with patched_settings(settings):
        made: Schema = Generator().get_schema(public=True)
    return made


def as_text(description: Schema) -> str:
    return json.dumps(description, indent=1, ensure_ascii=False) + "\n"
