"""``/register/<code>``: the page behind the link of a confirmation email (the contract's section 6).

GET changes nothing, because mail scanners open links; the page's button needs the page's own token, because
some press buttons too. A single-page app POSTs JSON: the code is the proof, so neither login nor token.
"""

from django.http import HttpRequest, HttpResponse
from django.utils.cache import add_never_cache_headers
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from canvas_channels.rest.rendering import STRING_IDS, CanvasJSONRenderer
from canvas_channels.web.pages import page
from channels_api import confirmations
from channels_api.confirmations import CodeRefused
from channels_api.representation import channel_object

JSON = "application/json"


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("code")
def register(request: HttpRequest, code: str) -> HttpResponse:
    answer = _confirm_json if request.method == "POST" and _speaks_json(request) else _page
    response: HttpResponse = answer(request, code)
    add_never_cache_headers(response)  # no-store among them
    # The path holds the code: no other page may learn it. Not "no-referrer", with which browsers send
    # "Origin: null" and Django refuses the form (Fetch, "append a request Origin header").
    response["Referrer-Policy"] = "strict-origin"
    return response


def _speaks_json(request: HttpRequest) -> bool:
    return request.content_type == JSON or JSON in request.headers.get("Accept", "")


@sensitive_variables("code")
def _confirm_json(request: HttpRequest, code: str) -> HttpResponse:
    wanted = STRING_IDS if STRING_IDS in request.headers.get("Accept", "") else JSON
    try:
        body, status = channel_object(confirmations.confirm_email(code)), 200
    except CodeRefused:
        body, status = {}, 400
    return HttpResponse(CanvasJSONRenderer().render(body, wanted), content_type=JSON, status=status)


@csrf_protect
@sensitive_variables("code")
def _page(request: HttpRequest, code: str) -> HttpResponse:
    if request.method != "POST":
        found = confirmations.look_up(code)
        if found.refused:
            return _refused(request, found.refused)
        return page(request, "register.html", {"channel": found.channel})
    try:
        channel = confirmations.confirm_email(code)
    except CodeRefused as error:
        return _refused(request, error.reason)
    return page(request, "registered.html", {"channel": channel})


def _refused(request: HttpRequest, reason: confirmations.Reason) -> HttpResponse:
    return page(request, "register_refused.html", {"reason": reason.value}, status=400)
