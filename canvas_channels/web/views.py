"""The home page, signing in and out."""

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from canvas_channels.web.pages import page, protect


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return page(request, "home.html")


class SignInForm(AuthenticationForm):
    """Django's own, whose label and length come from ``USERNAME_FIELD``: here it is a login's name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = gettext_lazy("Login")


class SignIn(LoginView):
    form_class = SignInForm
    template_name = "web/login.html"
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return protect(super().dispatch(request, *args, **kwargs))  # type: ignore[arg-type]
