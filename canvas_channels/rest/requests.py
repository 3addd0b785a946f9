"""A DRF request whose parameters may come in any of the shapes that Canvas's clients send."""

from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING, Any

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http import QueryDict
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.http.request import UnreadablePostError
from rest_framework.request import Request

from canvas_channels.rest.errors import BodyTooLarge, LengthRequired, MalformedRequest, UnsupportedBody
from canvas_channels.rest.params import Params, expand, merge

if TYPE_CHECKING:
    from django.http.request import _ImmutableQueryDict


class CanvasRequest(Request):
    """Adds ``params``: query string and body, merged.

    DRF's own ``data`` is not used: its parsers do not nest bracketed keys nor look at the query.
    """

    @property
    def query_params(self) -> "_ImmutableQueryDict":
        """The query string. Raises :class:`MalformedRequest`."""
        try:
            return self._request.GET
        except TooManyFieldsSent as error:
            raise MalformedRequest(f"The query string cannot be read: {error}") from error

    @cached_property
    def params(self) -> Params:
        """All parameters. Raises :class:`MalformedRequest` and its kin."""
        query = expand(self.query_params)
        return merge(query, self._body_params()) if self._has_body() else query

    def _has_body(self) -> bool:
        return self.META.get("CONTENT_LENGTH", "") not in {"", "0"}

    def _body_params(self) -> Params:
        content_type = (self._request.content_type or "").lower()
        try:
            body = self._request.body
        except RequestDataTooBig:
            raise BodyTooLarge(settings.DATA_UPLOAD_MAX_MEMORY_SIZE) from None
        except UnreadablePostError:
            raise MalformedRequest("The request body ended early.") from None
        except ValueError:
            raise MalformedRequest("The Content-Length is no number.") from None
        if len(body) < int(self.META["CONTENT_LENGTH"]):
            raise MalformedRequest("The request body ended early.")
        if not body:
            return {}
        if content_type == "application/json" or content_type.endswith("+json"):
            return _json_object(body)
        if "HTTP_TRANSFER_ENCODING" in self.META:
            raise LengthRequired
        try:
            if content_type == "application/x-www-form-urlencoded":
                return expand(QueryDict(body, encoding=self._charset()))
            if content_type == "multipart/form-data":
                return expand(self._multipart(body))
        except (
            TooManyFieldsSent,
            TooManyFilesSent,
            MultiPartParserError,
            UnicodeError,
            LookupError,
        ) as error:
            raise MalformedRequest(f"The form in the request body cannot be read: {error}") from error
        raise UnsupportedBody(content_type)

    def _charset(self) -> str:
        params: dict[str, Any] = self._request.content_params or {}
        return str(params.get("charset", "utf-8"))

    def _multipart(self, body: bytes) -> QueryDict:
        handlers = [MemoryFileUploadHandler(self._request)]
        form, _files = MultiPartParser(self.META, BytesIO(body), handlers, self._charset()).parse()
        return form


def _json_object(body: bytes) -> Params:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(f"The JSON in the request body cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise MalformedRequest("The JSON in the request body is not an object.")
    return value
