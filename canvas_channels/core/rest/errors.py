"""What the API answers when it refuses (docs/contract.md, section 2). Each error knows its status and body.

CanvasError
├── Unauthenticated          401  no credentials
├── InvalidToken             401  unknown, malformed or revoked
├── ExpiredToken             401
├── InsufficientScopes       401  without WWW-Authenticate
├── InvalidActAs             401  without WWW-Authenticate
├── NotAuthorized            403
│   └── CSRFFailed           403
├── ResourceNotFound         404
├── InvalidParameter         400  a bad value, with attribute, slug and sentence
├── RefusedParameter         400  a bad value, with a sentence only
├── MalformedRequest         400  a body that cannot be read
│   ├── BodyTimeout          408
│   ├── IdempotencyKeyInUse  409
│   ├── LengthRequired       411
│   ├── BodyTooLarge         413
│   ├── UnsupportedBody      415
│   └── IdempotencyKeyReused 422
├── Overloaded               503
├── Unavailable              503  the database is away
└── RateLimitExceeded        429  or 403, by a setting; plain text
"""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from rest_framework import status
from rest_framework.exceptions import APIException

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="canvas-lms"'}


def messages(*texts: str) -> dict[str, Any]:
    """The body of most errors: a list of sentences."""
    return {"errors": [{"message": text} for text in texts]}


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC, whole seconds: ``2012-05-30T17:00:00Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class CanvasError(APIException):
    """The root; ``body`` is answered as JSON."""

    body: Any
    headers: dict[str, str]

    def __init__(self, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__()
        self.body = body
        self.headers = headers or {}


class Unauthenticated(CanvasError):
    """``other_scheme``: an ``Authorization`` header came, whose scheme is not read."""

    status_code = status.HTTP_401_UNAUTHORIZED

    def __init__(self, *, other_scheme: bool = False) -> None:
        message = "user authorization required"
        if other_scheme:
            message += ": send the token as Authorization: Bearer <token>"
        super().__init__({"status": "unauthenticated", **messages(message)}, CHALLENGE)


class InvalidToken(CanvasError):
    status_code = status.HTTP_401_UNAUTHORIZED

    def __init__(self) -> None:
        super().__init__(messages("Invalid access token."), CHALLENGE)


class ExpiredToken(CanvasError):
    status_code = status.HTTP_401_UNAUTHORIZED

    def __init__(self, expired_at: datetime) -> None:
        error = {"message": "Expired access token.", "expired_at": timestamp(expired_at)}
        super().__init__({"errors": [error]}, CHALLENGE)


class InsufficientScopes(CanvasError):
    """Without ``WWW-Authenticate``: clients read a 401 with it as a bad token."""

    status_code = status.HTTP_401_UNAUTHORIZED

    def __init__(self) -> None:
        super().__init__(messages("Insufficient scopes on access token."))


class InvalidActAs(CanvasError):
    status_code = status.HTTP_401_UNAUTHORIZED

    def __init__(self) -> None:
        super().__init__({"errors": "Invalid as_user_id"})


class NotAuthorized(CanvasError):
    status_code = status.HTTP_403_FORBIDDEN

    def __init__(self, message: str = "user not authorized to perform that action") -> None:
        super().__init__({"status": "unauthorized", **messages(message)})


class CSRFFailed(NotAuthorized):
    def __init__(self, reason: str) -> None:
        super().__init__(f"CSRF failed: {reason}")


class ResourceNotFound(CanvasError):
    status_code = status.HTTP_404_NOT_FOUND

    def __init__(self) -> None:
        super().__init__(messages("The specified resource does not exist."))


class InvalidParameter(CanvasError):
    """A value that is not acceptable; ``kind`` is a slug for programs."""

    status_code = status.HTTP_400_BAD_REQUEST

    def __init__(self, attribute: str, kind: str, message: str) -> None:
        self.attribute, self.kind, self.message = attribute, kind, message
        error = {"attribute": attribute, "type": kind, "message": message}
        super().__init__({"errors": {attribute: [error]}})


class RefusedParameter(CanvasError):
    """A value that Canvas refuses with a bare sentence."""

    status_code = status.HTTP_400_BAD_REQUEST

    def __init__(self, attribute: str, message: str) -> None:
        super().__init__({"errors": {attribute: message}})


class MalformedRequest(CanvasError):
    status_code: int = status.HTTP_400_BAD_REQUEST

    def __init__(self, message: str) -> None:
        super().__init__(messages(message))


class BodyTimeout(MalformedRequest):
    status_code = status.HTTP_408_REQUEST_TIMEOUT

    def __init__(self) -> None:
        super().__init__("The request body took too long.")


class IdempotencyKeyInUse(MalformedRequest):
    status_code = status.HTTP_409_CONFLICT

    def __init__(self) -> None:
        super().__init__("A request with this Idempotency-Key is still being answered.")


class LengthRequired(MalformedRequest):
    """Of a form in chunks, which would look complete if the connection broke; JSON would not."""

    status_code = status.HTTP_411_LENGTH_REQUIRED

    def __init__(self) -> None:
        super().__init__("A form needs a Content-Length: send it in one piece, or send JSON.")


class BodyTooLarge(MalformedRequest):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE

    def __init__(self, limit: int) -> None:
        super().__init__(f"The request body is larger than {limit} bytes.")


class UnsupportedBody(MalformedRequest):
    status_code = status.HTTP_415_UNSUPPORTED_MEDIA_TYPE

    def __init__(self, content_type: str) -> None:
        named = content_type or "(none)"
        super().__init__(f"The content type {named} is not supported: use application/json or a form.")


class IdempotencyKeyReused(MalformedRequest):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used with other parameters.")


class Overloaded(CanvasError):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    retry_after = 1

    def __init__(self) -> None:
        super().__init__(messages("The service is busy: try again."), {"Retry-After": str(self.retry_after)})


class Unavailable(CanvasError):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    retry_after = 5

    def __init__(self) -> None:
        super().__init__(
            messages("The service is not available at the moment: try again."),
            {"Retry-After": str(self.retry_after)},
        )


class RateLimitExceeded(CanvasError):
    """``retry_after`` in seconds. Plain text, as Canvas answers and its clients look for."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        code = settings.RATE_LIMIT_STATUS
        self.status_code = code
        reason = "Forbidden" if code == status.HTTP_403_FORBIDDEN else "Too Many Requests"
        super().__init__(
            f"{code} {reason} (Rate Limit Exceeded)",
            {"X-Rate-Limit-Remaining": "0.0", "Retry-After": str(retry_after)},
        )
