"""What every page has in common: headers that let nothing in and nothing out."""

from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

POLICY = "Content-Security-Policy"
# A page needs its style sheet and may post its form to us: nothing else, from nowhere else.
_PAGE = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action {form_action}; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_SCRIPTS = "; script-src 'self'; connect-src 'self'"


def page(
    request: HttpRequest,
    template: str,
    context: dict[str, Any] | None = None,
    status: int = 200,
    *,
    scripts: bool = False,
) -> HttpResponse:
    """Render a page of ``templates/web``; ``scripts``: it loads some of ours."""
    response = render(request, f"web/{template}", {**(context or {}), "scripts": scripts}, status=status)
    response[POLICY] = policy(scripts=scripts)
    return response


def policy(*, leads_to: str = "", scripts: bool = False) -> str:
    """``leads_to``: a URI elsewhere that a form's answer redirects to; browsers ask for that too."""
    form_action = "'self'"
    if leads_to:
        parts = urlsplit(leads_to)
        web = parts.scheme in {"http", "https"}
        form_action += f" {parts.scheme}://{parts.netloc}" if web else f" {parts.scheme}:"
    return _PAGE.format(form_action=form_action) + (_SCRIPTS if scripts else "")


# The viewer of the API reference makes its own style sheets; no other page may.
VIEWER_POLICY = policy(scripts=True).replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")


class SignedIn:
    """People who are not signed in are asked to do so first, and come back to a page that can be read."""

    request: HttpRequest

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return super().dispatch(request, *args, **kwargs)  # type: ignore[misc,no-any-return]
        back_to = request.get_full_path() if request.method in {"GET", "HEAD"} else self.back()
        answer: HttpResponse = redirect_to_login(back_to)
        if is_fragment(request):
            answer = HttpResponse(status=204, headers={"HX-Redirect": answer["Location"]})
        return answer

    def back(self) -> str:
        """The page that a form of this one is on."""
        return reverse("home")


def is_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks, for the part of the page that changes."""
    return "HX-Request" in request.headers
