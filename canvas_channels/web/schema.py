"""Paths outside the API that apps call, as OpenAPI's path items: OAuth 2, and the confirmation link."""

from typing import Any

from canvas_channels.rest.describe import HTML, ID, TEXT, Schema, answered, record
from canvas_channels.rest.described_errors import RATE_LIMIT
from channels_api.schema import CHANNEL, EMAIL

OAUTH, CONFIRMING = "Tokens", "Confirming"
RATE_LIMITED: Schema = {
    "429": RATE_LIMIT,
    "403": {
        "description": "Throttled, where the operator chose it, or (a form) without its token.",
        "content": {**RATE_LIMIT["content"], **HTML},
    },
}
FORM, JSON, MULTIPART = "application/x-www-form-urlencoded", "application/json", "multipart/form-data"

SCHEMAS: Schema = {
    "Token": record(
        "The access token, and who it is for.",
        optional=("scope", "refresh_token"),
        access_token=TEXT,
        token_type={"const": "Bearer"},
        expires_in={"type": "integer", "description": "Seconds."},
        refresh_token={**TEXT, "description": "Stays the same when it is used."},
        scope={**TEXT, "description": "Separated by spaces; absent for a token that reaches everything."},
        user=record(id=ID, name=TEXT),
    ),
    "OAuthError": record(
        "As RFC 6749, section 5.2, has it.",
        optional=("error_description",),
        error=TEXT,
        error_description=TEXT,
    ),
}


def _parameter(name: str, description: str, example: Any = None, **schema: Any) -> Schema:
    shown = {"name": name, "in": "query", "description": description, "schema": schema or TEXT}
    return shown | ({} if example is None else {"example": example})


def _refused(description: str, error: str, words: str) -> Schema:
    body = {"error": error, "error_description": words}
    return {
        "description": description,
        "content": answered({"$ref": "#/components/schemas/OAuthError"}, body),
    }


_EXCHANGE = {
    "grant_type": {**TEXT, "enum": ["authorization_code", "refresh_token"], "default": "authorization_code"},
    "client_id": TEXT,
    "client_secret": {**TEXT, "description": "Of confidential clients; HTTP Basic authentication works too."},
    "code": TEXT,
    "redirect_uri": {**TEXT, "description": "As it was in the request for the code."},
    "code_verifier": {**TEXT, "description": "PKCE's; required of public clients."},
    "refresh_token": TEXT,
}
_BODY: Schema = {"schema": {"type": "object", "properties": _EXCHANGE}}
_CODE_EXAMPLE = {
    "grant_type": "authorization_code",
    "client_id": "demo-fcm",
    "code": "jHx1vXvS0c",
    "redirect_uri": "https://app.example.edu/callback",
    "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
}
_TOKEN_ERRORS = ("400", "401", "411", "413", "415")

TOKEN: Schema = {
    "post": {
        "operationId": "get_token",
        "summary": "Exchange a code for a token, or refresh a token",
        "description": "A form, JSON, or the query. A code works once, for ten minutes.",
        "tags": [OAUTH],
        "security": [],
        "requestBody": {
            "content": {
                FORM: {**_BODY, "example": _CODE_EXAMPLE},
                JSON: {
                    **_BODY,
                    "example": {
                        "grant_type": "refresh_token",
                        "client_id": "demo-fcm",
                        "refresh_token": "Zm9v",
                    },
                },
                MULTIPART: _BODY,
            }
        },
        "responses": {
            "200": {
                "description": "The token.",
                "content": answered(
                    {"$ref": "#/components/schemas/Token"},
                    {
                        "access_token": "c0ffee",
                        "token_type": "Bearer",
                        "expires_in": 3600,
                        "refresh_token": "Zm9v",
                        "user": {"id": 1, "name": "Sheldon Cooper"},
                    },
                ),
            },
            "400": _refused(
                "The request is not valid, or the code is used up.", "invalid_grant", "Wrong code."
            ),
            "401": _refused("The client is unknown, or its secret is wrong.", "invalid_client", "Unknown."),
            **{
                status: _refused("The body cannot be read.", "invalid_request", "The body cannot be read.")
                for status in _TOKEN_ERRORS[2:]
            },
            **RATE_LIMITED,
        },
    },
    "delete": {
        "operationId": "revoke_token",
        "summary": "Revoke the token that the call is made with",
        "description": "Its refresh token goes with it.",
        "tags": [OAUTH],
        "security": [{"bearer": []}, {"access_token": []}],
        "parameters": [
            _parameter("expire_sessions", "1: sign the user out everywhere too.", "1"),
        ],
        "responses": {
            "200": {
                "description": "Revoked.",
                "content": answered({"type": "object", "maxProperties": 0}, {}),
            },
            "400": {"$ref": "#/components/responses/BadRequest"},
            "401": {"$ref": "#/components/responses/Unauthenticated"},
            "411": {"$ref": "#/components/responses/LengthRequired"},
            "413": {"$ref": "#/components/responses/BodyTooLarge"},
            "415": {"$ref": "#/components/responses/UnsupportedBody"},
            **RATE_LIMITED,
        },
    },
}

AUTHORIZE: Schema = {
    "get": {
        "operationId": "authorize",
        "summary": "Ask a person to allow an app access",
        "description": "Where the app sends the person's browser. They sign in, and allow it or not.",
        "tags": [OAUTH],
        "security": [{"session": []}],
        "parameters": [
            _parameter("client_id", "The developer key's.", "demo-fcm"),
            _parameter("response_type", "`code`.", "code"),
            _parameter("redirect_uri", "One of the key's, exactly.", "https://app.example.edu/callback"),
            _parameter("state", "Comes back as it is; an app compares it.", "xyz"),
            _parameter("scope", "Separated by spaces; for keys that require scopes."),
            _parameter(
                "code_challenge",
                "PKCE's; required of public clients.",
                "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            ),
            _parameter("code_challenge_method", "`S256`.", "S256"),
        ],
        "responses": {
            "200": {"description": "The page that asks.", "content": HTML},
            "302": {
                "description": "To the page to sign in; or to the app, with `code` or `error`, and `state`.",
                "headers": {"Location": {"schema": TEXT, "required": True}},
            },
            "400": {"description": "A page: the client or the redirect URI is wrong.", "content": HTML},
            **RATE_LIMITED,
        },
    }
}

_CODE = {
    "name": "code",
    "in": "path",
    "required": True,
    "description": "From the link in the message.",
    "schema": TEXT,
    "example": "Qm9keSBvZiBhIGNvZGU",
}

REGISTER: Schema = {
    "get": {
        "operationId": "show_confirmation_page",
        "summary": "Show the page behind a confirmation link",
        "description": "Changes nothing: mail scanners open links. Its button confirms.",
        "tags": [CONFIRMING],
        "security": [],
        "parameters": [_CODE],
        "responses": {
            "200": {"description": "The page.", "content": HTML},
            "400": {
                "description": "A page: the link is used, replaced, expired or unknown.",
                "content": HTML,
            },
            **RATE_LIMITED,
        },
    },
    "post": {
        "operationId": "confirm_email",
        "summary": "Confirm an address with the code from the message",
        "description": "With `Accept` or `Content-Type: application/json`; else it is the page's own form, "
        "which brings its token. The code is the proof: nobody has to be signed in.",
        "tags": [CONFIRMING],
        "security": [],
        "requestBody": {"content": {JSON: {"schema": {"type": "object"}, "example": {}}}},
        "parameters": [_CODE],
        "responses": {
            "200": {"description": "Confirmed.", "content": {**answered(CHANNEL, EMAIL), **HTML}},
            "400": {
                "description": "The code is used, replaced, expired, unknown, or its channel is gone.",
                "content": {**answered({"type": "object", "maxProperties": 0}, {}), **HTML},
            },
            **RATE_LIMITED,
        },
    },
}

_SECRET = _CODE | {"name": "secret", "example": "Tm90IG1lLCBob25lc3RseQ"}

NOT_ME: Schema = {
    "get": {
        "operationId": "show_not_me_page",
        "summary": "Show the page by which whoever got a confirmation says that it was not them",
        "description": "Changes nothing: mail scanners open links. Its button takes the address away.",
        "tags": [CONFIRMING],
        "security": [],
        "parameters": [_SECRET],
        "responses": {
            "200": {"description": "The page.", "content": HTML},
            "400": {
                "description": "A page: the link is used or not known, or the address is gone or kept.",
                "content": HTML,
            },
            **RATE_LIMITED,
        },
    },
    "post": {
        "operationId": "refuse_confirmation",
        "summary": "Take an address away with the secret from the message",
        "description": "With `Accept` or `Content-Type: application/json`; else it is the page's own form. "
        "An unconfirmed or confirmed channel is retired; of one that waits for a new address, that address "
        "alone is dropped.",
        "tags": [CONFIRMING],
        "security": [],
        "requestBody": {"content": {JSON: {"schema": {"type": "object"}, "example": {}}}},
        "parameters": [_SECRET],
        "responses": {
            "200": {
                "description": "Taken away.",
                "content": {**answered(CHANNEL, EMAIL | {"workflow_state": "retired"}), **HTML},
            },
            "400": {
                "description": "The secret is used, expired or unknown, or the address is gone or kept.",
                "content": {**answered({"type": "object", "maxProperties": 0}, {}), **HTML},
            },
            **RATE_LIMITED,
        },
    },
}

PATHS: Schema = {
    "/login/oauth2/auth": AUTHORIZE,
    "/login/oauth2/token": TOKEN,
    "/register/{code}": REGISTER,
    "/not-me/{secret}": NOT_ME,
}
