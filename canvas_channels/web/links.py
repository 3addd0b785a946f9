"""What the paths behind links in messages share: a secret in the path, which no other page may learn.

GET changes nothing, because mail scanners open links; a page's button needs the page's own token, because
some press buttons too. A single-page app POSTs JSON: the secret is the proof, so neither login nor token.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.views.decorators.debug import sensitive_variables

from canvas_channels.core.rest.rendering import STRING_IDS, CanvasJSONRenderer
from channels_api.channels.representation import channel_object
from channels_api.errors import CodeRefused
from channels_api.models import CommunicationChannel

JSON = "application/json"


@sensitive_variables("secret")
def answer_link(
    request: HttpRequest,
    secret: str,
    page: Callable[[HttpRequest, str], HttpResponse],
    act: Callable[[str], CommunicationChannel],
) -> HttpResponse:
    """``page`` answers browsers, and checks CSRF; JSON gets the channel that ``act`` answers, or a 400."""
    is_json = request.method == "POST" and _speaks_json(request)
    response = _answer_json(request, secret, act) if is_json else page(request, secret)
    # Not "no-referrer", with which browsers send "Origin: null" and Django refuses the form (Fetch,
    # "append a request Origin header").
    response["Referrer-Policy"] = "strict-origin"
    return response


def _speaks_json(request: HttpRequest) -> bool:
    return request.content_type == JSON or JSON in request.headers.get("Accept", "")


@sensitive_variables("secret")
def _answer_json(
    request: HttpRequest, secret: str, act: Callable[[str], CommunicationChannel]
) -> HttpResponse:
    wanted = STRING_IDS if STRING_IDS in request.headers.get("Accept", "") else JSON
    try:
        body, status = channel_object(act(secret)), 200
    except CodeRefused:
        body, status = {}, 400
    return HttpResponse(CanvasJSONRenderer().render(body, wanted), content_type=JSON, status=status)
