"""``/register/<code>``: the page behind the link of a confirmation email (docs/contract.md, section 6)."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from canvas_channels.web.links import answer_link
from canvas_channels.web.pages import page
from channels_api.channels import confirm
from channels_api.errors import CodeRefused, Reason


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("code")
def register(request: HttpRequest, code: str) -> HttpResponse:
    return answer_link(request, code, _page, confirm.confirm_email)


@csrf_protect
@sensitive_variables("code")
def _page(request: HttpRequest, code: str) -> HttpResponse:
    if request.method != "POST":
        found = confirm.look_up(code)
        if found.refused:
            return _refused(request, found.refused)
        return page(request, "register.html", {"channel": found.channel})
    try:
        channel = confirm.confirm_email(code)
    except CodeRefused as error:
        return _refused(request, error.reason)
    return page(request, "registered.html", {"channel": channel})


def _refused(request: HttpRequest, reason: Reason) -> HttpResponse:
    return page(request, "register_refused.html", {"reason": reason.value}, status=400)
