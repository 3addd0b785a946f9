"""A DRF request whose parameters may come in any of the shapes that Canvas's clients send."""

import codecs
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING, Any, ClassVar

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http import QueryDict
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.http.request import UnreadablePostError
from rest_framework.request import Request

from canvas_channels.core import json_text
from canvas_channels.core.rest.errors import BodyTooLarge, LengthRequired, MalformedRequest, UnsupportedBody
from canvas_channels.core.rest.params import Params, expand, merge
from canvas_channels.core.statements import Statement

if TYPE_CHECKING:
    from django.http.request import _ImmutableQueryDict

# Python's own, UTF-7 and IDNA's: they make lone surrogates, which no database keeps, or take quadratic time.
_NOT_FOR_FORMS = {"idna", "punycode", "raw-unicode-escape", "unicode-escape", "utf-7"}


class CanvasRequest(Request):
    """Adds ``params``: query string and body, merged.

    DRF's own ``data`` is not used: its parsers do not nest bracketed keys nor look at the query.
    """

    max_body: ClassVar[int | None] = None  # bytes; None: Django's DATA_UPLOAD_MAX_MEMORY_SIZE
    token_statement: Statement | None = None  # see tokens.find_token
    csv_parameter: ClassVar[str | None] = None  # what a CSV body or file is called; None: not taken

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
        return merge(query, self.body_params) if self._has_body() else query

    @property
    def holds_json(self) -> bool:
        """Whether the form in the body is JSON, as of curl that was not told the content type."""
        is_form = self._request.content_type == "application/x-www-form-urlencoded"
        return is_form and any(key.lstrip().startswith("{") for key in self.body_params)

    def _has_body(self) -> bool:
        return self.META.get("CONTENT_LENGTH", "") not in {"", "0"}

    @cached_property
    def body_params(self) -> Params:
        """Those of the body. Raises :class:`MalformedRequest` and its kin."""
        if not self._has_body():
            return {}
        content_type = (self._request.content_type or "").lower()
        try:
            body = self._read_body()
        except RequestDataTooBig:
            raise BodyTooLarge(self._limit()) from None
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
        if content_type == "text/csv" and self.csv_parameter:
            return {self.csv_parameter: _csv_text(body)}
        try:
            if content_type == "application/x-www-form-urlencoded":
                return expand(QueryDict(body, encoding=self._charset()))
            if content_type == "multipart/form-data":
                return self._multipart(body)
        except RequestDataTooBig:
            raise BodyTooLarge(settings.DATA_UPLOAD_MAX_MEMORY_SIZE) from None
        except (
            TooManyFieldsSent,
            TooManyFilesSent,
            MultiPartParserError,
            UnicodeError,
            LookupError,
        ) as error:
            raise MalformedRequest(f"The form in the request body cannot be read: {error}") from error
        raise UnsupportedBody(content_type)

    def _limit(self) -> int:
        return self.max_body or int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)

    def _read_body(self) -> bytes:
        """Django's ``body``, which knows one limit for all; another one is a matter of reading it first."""
        request = self._request
        if self.max_body is not None and not hasattr(request, "_body"):
            if int(self.META["CONTENT_LENGTH"]) > self.max_body:
                raise RequestDataTooBig
            try:
                request._body = request.read()
            except OSError as error:
                raise UnreadablePostError from error
            request._stream = BytesIO(request._body)  # where Django reads a form's fields
        return request.body

    def _charset(self) -> str:
        """Raises LookupError for one that is unknown, or not for forms."""
        params: dict[str, Any] = self._request.content_params or {}
        name = codecs.lookup(str(params.get("charset", "utf-8"))).name
        if name in _NOT_FOR_FORMS:
            raise LookupError(f"{name} is not for forms")
        return name

    def _multipart(self, body: bytes) -> Params:
        """The fields, and the file that is called ``csv_parameter``."""
        handlers = [_InMemoryUploadHandler(self._request)]
        form, files = MultiPartParser(self.META, BytesIO(body), handlers, self._charset()).parse()
        fields = expand(form)
        for file in files.getlist(self.csv_parameter)[-1:] if self.csv_parameter else []:
            fields[str(self.csv_parameter)] = _csv_text(file.read())
        return fields


class _InMemoryUploadHandler(MemoryFileUploadHandler):
    """Keeps files of any size in memory: the body is there already."""

    def handle_raw_input(self, *args: Any, **kwargs: Any) -> None:
        self.activated = True


def _csv_text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MalformedRequest(f"The CSV is not in UTF-8: {error.reason} at byte {error.start}") from error


def _json_object(body: bytes) -> Params:
    try:
        value = json_text.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(f"The JSON in the request body cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise MalformedRequest("The JSON in the request body is not an object.")
    return value
