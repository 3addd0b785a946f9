"""What the API answers when it refuses, and its headers, as OpenAPI's components; see ``rest.errors``."""

from typing import Any

from canvas_channels.rest.describe import (
    ANY_HEADERS,
    MOMENT,
    TEXT,
    Parameter,
    Schema,
    answered,
    header,
    listing,
    record,
    refusal,
)
from canvas_channels.rest.errors import CHALLENGE, messages

MESSAGE = record(message=TEXT)
UNREADABLE = messages(
    "The JSON in the request body cannot be read: unexpected end of data: line 1 column 9 (char 8)"
)

SCHEMAS: Schema = {
    "Id": {
        "type": "integer",
        "format": "int64",
        "description": "A string of digits for those who send `Accept: application/json+canvas-string-ids`.",
    },
    "Errors": record("Sentences.", errors=listing(MESSAGE)),
    "Message": record("A sentence.", message=TEXT),
    "RefusedValue": record(
        "A value that is not acceptable, under the name of its parameter.",
        errors={
            "type": "object",
            "additionalProperties": {
                "anyOf": [
                    listing(
                        record(attribute=TEXT, type={**TEXT, "description": "For programs."}, message=TEXT)
                    ),
                    {**TEXT, "description": "A sentence, where Canvas has no more."},
                ]
            },
        },
    ),
    "Unauthenticated": record(status={"const": "unauthenticated"}, errors=listing(MESSAGE)),
    "ExpiredToken": record(errors=listing(record(message=TEXT, expired_at=MOMENT))),
    "InvalidActAs": record(errors={"const": "Invalid as_user_id"}),
    "Unauthorized": record(status={"const": "unauthorized"}, errors=listing(MESSAGE)),
    "Fault": record(
        errors=listing(record(message=TEXT, error_code=TEXT)),
        error_report_id={**TEXT, "description": "What the log names it by."},
    ),
}


def _header(description: str, example: Any, schema: Schema = TEXT, *, required: bool = False) -> Schema:
    return {"description": description, "schema": schema, "example": example, "required": required}


HEADERS: Schema = {
    "Link": _header(
        "Absolute URLs of `current`, `next`, `prev`, `first` and `last` page, as they apply, in this order "
        "(RFC 8288). They keep the other parameters of the query, but never `access_token`.",
        '<https://example.edu/api/v1/users/1/communication_channels?page=1&per_page=10>; rel="current",'
        '<https://example.edu/api/v1/users/1/communication_channels?page=1&per_page=10>; rel="first",'
        '<https://example.edu/api/v1/users/1/communication_channels?page=1&per_page=10>; rel="last"',
        required=True,
    ),
    "X-Request-Cost": _header(
        "What the request cost: seconds of CPU and of waiting for the database. With a token only.",
        "0.004213",
        {**TEXT, "pattern": r"^[0-9]+\.[0-9]+$"},
    ),
    "X-Rate-Limit-Remaining": _header(
        "What is left before calls are refused with a 429. With a token only.",
        "599.996",
        {**TEXT, "pattern": r"^[0-9]+\.[0-9]+$"},
    ),
    "Retry-After": _header(
        "Seconds after which to try again.", 6, {"type": "integer", "minimum": 1}, required=True
    ),
    "WWW-Authenticate": _header(
        "Where the token is the reason: absent for a missing scope and a refused `as_user_id`, which clients "
        "read as missing rights.",
        CHALLENGE["WWW-Authenticate"],
        {"const": CHALLENGE["WWW-Authenticate"]},
    ),
    "Content-Disposition": _header(
        "The name to save the file under.",
        'attachment; filename="bouncing_communication_channels.csv"',
        required=True,
    ),
}

PARAMETERS: Schema = {
    "as_user_id": Parameter(
        name="as_user_id",
        description="For admins: act as this user, in any form of `user_id`, with their rights and no "
        "others. A refusal is a 401 without `WWW-Authenticate`. May be in the body too.",
    ).described("query")
}


def _one_of(*names: str) -> Schema:
    return {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in names]}


def _response(description: str, content: Schema, *headers: str) -> Schema:
    named = {name: header(name) for name in (*headers, *ANY_HEADERS)}
    return {"description": description, "headers": named, "content": content}


def _sentence(description: str, sentence: str) -> Schema:
    return _response(description, answered(_one_of("Errors"), messages(sentence)))


RATE_LIMIT: Schema = {
    "description": "Throttled, or a limit on messages is reached. An operator may have chosen a 403 instead.",
    "headers": {
        "Retry-After": header("Retry-After"),
        "X-Rate-Limit-Remaining": {
            "description": "Nothing is left.",
            "schema": {"const": "0.0"},
            "example": "0.0",
            "required": True,
        },
        "X-Request-Cost": header("X-Request-Cost"),
    },
    "content": {"text/plain": {"schema": TEXT, "example": "429 Too Many Requests (Rate Limit Exceeded)"}},
}

RESPONSES: Schema = {
    "BadRequest": _response(
        "A value is refused, or the body cannot be read.",
        answered(
            _one_of("RefusedValue", "Errors"),
            examples={
                "A bad value": refusal("type", "inclusion", "must be email, sms or push"),
                "A bad body": UNREADABLE,
            },
        ),
    ),
    "Unauthenticated": _response(
        "Nobody is known to ask, or the token does not reach as far.",
        answered(
            _one_of("Unauthenticated", "ExpiredToken", "Errors", "InvalidActAs"),
            examples={
                "No credentials": {"status": "unauthenticated", **messages("user authorization required")},
                "An unknown, malformed or revoked token": messages("Invalid access token."),
                "A token past its end": {
                    "errors": [{"message": "Expired access token.", "expired_at": "2012-05-30T17:00:00Z"}]
                },
                "A token without the scope of the call": messages("Insufficient scopes on access token."),
                "Not allowed to act as that user": {"errors": "Invalid as_user_id"},
            },
        ),
        "WWW-Authenticate",
    ),
    "Unauthorized": _response(
        "Who asks has no right to it. As plain text: throttled, where the operator chose that status.",
        {
            **answered(
                _one_of("Unauthorized"),
                examples={
                    "No right": {
                        "status": "unauthorized",
                        **messages("user not authorized to perform that action"),
                    },
                    "A session without the CSRF token": {
                        "status": "unauthorized",
                        **messages("CSRF failed: CSRF token missing."),
                    },
                },
            ),
            "text/plain": {"schema": TEXT, "example": "403 Forbidden (Rate Limit Exceeded)"},
        },
    ),
    "NotFound": _sentence(
        "There is no such user, account, channel, page or path.", "The specified resource does not exist."
    ),
    "MethodNotAllowed": _sentence("The path has no such method.", 'Method "PATCH" not allowed.'),
    "LengthRequired": _sentence(
        "A form came in chunks.", "A form needs a Content-Length: send it in one piece, or send JSON."
    ),
    "BodyTooLarge": _sentence(
        "A body may have 1 MB, that of an import 10 MB.", "The request body is larger than 1048576 bytes."
    ),
    "UnsupportedBody": _sentence(
        "The body is neither JSON nor a form.",
        "The content type application/xml is not supported: use JSON or a form.",
    ),
    "RateLimitExceeded": RATE_LIMIT,
    "ServerError": _response(
        "A fault of the service.",
        answered(
            _one_of("Fault"),
            {
                "errors": [{"message": "An error occurred.", "error_code": "internal_server_error"}],
                "error_report_id": "0b1c1f0cf2f44ad9b0f4b2f6a4f4a2d1",
            },
        ),
    ),
}
