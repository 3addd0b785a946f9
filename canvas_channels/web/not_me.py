"""``/not-me/<secret>``: the page on which the reader of a confirmation has the address taken away again."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from canvas_channels.web.links import answer_link
from canvas_channels.web.pages import page
from channels_api.channels.not_me import address_of, look_up, refuse
from channels_api.errors import CodeRefused, Reason


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("secret")
def not_me(request: HttpRequest, secret: str) -> HttpResponse:
    return answer_link(request, secret, _page, refuse)


@csrf_protect
@sensitive_variables("secret")
def _page(request: HttpRequest, secret: str) -> HttpResponse:
    found = look_up(secret)
    if found.request is None or found.refused:
        return _refused(request, found.refused or Reason.UNKNOWN)
    channel = found.request.channel
    about = {"address": address_of(found.request), "owner": channel.user}
    if request.method != "POST":
        return page(request, "not_me.html", about)
    try:
        refuse(secret)
    except CodeRefused as error:
        return _refused(request, error.reason)
    return page(request, "not_me_done.html", about)


def _refused(request: HttpRequest, reason: Reason) -> HttpResponse:
    return page(request, "not_me_refused.html", {"reason": reason.value}, status=400)
