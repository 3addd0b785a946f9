"""Whatever happens, there is an answer in the form of the API, or a page."""

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import RequestFactory
from rest_framework.exceptions import NotAcceptable

from canvas_channels.core.rest import handlers


@pytest.mark.parametrize(
    ("raised", "status"),
    [(Http404(), 404), (PermissionDenied(), 403), (NotAcceptable(), 406), (ValueError(), 500)],
)
def test_whatever_a_view_raises_has_an_answer(raised: Exception, status: int) -> None:
    answer = handlers.exception_handler(raised, {})
    assert answer.status_code == status
    assert answer.data["errors"][0]["message"]


@pytest.mark.parametrize("path", ["/api/v1/x", "/confirmations/1/x"])
def test_faults_outside_a_view_are_json_under_the_api(path: str) -> None:
    request = RequestFactory().get(path)
    answers = [
        handlers.bad_request(request, ValueError()),
        handlers.not_found(request, Http404()),
        handlers.server_error(request),
    ]
    assert [answer.status_code for answer in answers] == [400, 404, 500]
    assert {answer["Content-Type"] for answer in answers} == {"application/json"}


def test_faults_elsewhere_are_pages() -> None:
    request = RequestFactory().get("/profile")
    answers = [
        handlers.bad_request(request, ValueError()),
        handlers.not_found(request, Http404()),
        handlers.server_error(request),
    ]
    assert [answer.status_code for answer in answers] == [400, 404, 500]
    assert {answer["Content-Type"].split(";")[0] for answer in answers} == {"text/html"}
