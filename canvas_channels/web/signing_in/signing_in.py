"""Signing in and out, changing a password, and setting a new one by a link in a message."""

import logging
from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib.auth import views as auth_views
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, SetPasswordForm
from django.db import transaction
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy
from django.views.generic import FormView, TemplateView

from canvas_channels.core.client_address import client_address, client_network
from canvas_channels.core.identity.models import User
from canvas_channels.core.identity.signing_in import lockout
from canvas_channels.core.rest.errors import RateLimitExceeded
from canvas_channels.web.pages import page
from channels_api.audit import Action
from channels_api.errors import MessageLimitReached
from channels_api.messages import password_resets

logger = logging.getLogger(__name__)


class SignInForm(AuthenticationForm):
    """Django's own, whose label and length come from ``USERNAME_FIELD``: here it is a login's name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        login = self.fields["username"]
        login.label = gettext_lazy("Login")
        login.widget.attrs |= {
            "maxlength": lockout.MAX_LOGIN,
            "autocapitalize": "none",
            "spellcheck": "false",
        }


class SignIn(auth_views.LoginView):
    """Django gives the session a new key, so that one planted before is worth nothing."""

    form_class = SignInForm
    template_name = "web/login.html"
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        provider = settings.OIDC_NAME or gettext_lazy("your institution")
        return super().get_context_data(**kwargs) | {"provider": provider if settings.OIDC_ISSUER else ""}


def locked_out(
    request: HttpRequest, response: HttpResponse | None, credentials: Mapping[str, Any] | None
) -> HttpResponse:
    """The answer to one try too many (django-axes asks for it), on the admin's page too."""
    minutes = settings.SIGN_IN_LOCKOUT_MINUTES
    logger.warning("a login is locked out", extra={"client": client_address(request)})
    answer = page(request, "locked_out.html", {"minutes": minutes}, status=429)
    answer["Retry-After"] = str(60 * minutes)
    return answer


class ForgottenForm(forms.Form):
    login = forms.CharField(
        label=gettext_lazy("Login"),
        max_length=lockout.MAX_LOGIN,
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )


class Forgotten(FormView):  # type: ignore[type-arg]
    """Asks for a link; the answer is the same whether the login exists."""

    form_class = ForgottenForm
    template_name = "web/password_forgotten.html"
    success_url = reverse_lazy("password_reset_sent")

    def form_valid(self, form: ForgottenForm) -> HttpResponse:
        try:
            password_resets.request(form.cleaned_data["login"], client_network(self.request))
        except MessageLimitReached as error:
            raise RateLimitExceeded(error.retry_after) from error
        return super().form_valid(form)


class ForgottenSent(TemplateView):
    template_name = "web/password_sent.html"
    extra_context: Mapping[str, Any] = {"minutes": settings.PASSWORD_RESET_MINUTES}


def lock(user: User) -> None:
    """Hold the user's row and read it again: it may have changed since the form was checked.

    Of two forms at once, the second finds the password changed; and who was deactivated meanwhile stays so.
    """
    user.refresh_from_db(from_queryset=User.objects.select_for_update(no_key=True))


class NewPassword(auth_views.PasswordResetConfirmView):
    """The page behind the link. Django moves the token into the session, out of the address bar.

    GET changes nothing; the password is set by the form, and the link is void then.
    """

    template_name = "web/password_new.html"
    success_url = reverse_lazy("password_set")
    form_class = SetPasswordForm  # type: ignore[assignment]

    @transaction.atomic
    def form_valid(self, form: BaseForm) -> HttpResponse:
        user = cast(User, self.user)
        token = self.request.session.get(auth_views.INTERNAL_RESET_SESSION_TOKEN)
        lock(user)
        if not (password_resets.may_reset(user) and self.token_generator.check_token(user, token)):
            self.validlink = False
            return self.render_to_response(self.get_context_data())
        answer = super().form_valid(form)  # type: ignore[arg-type]
        password_resets.record_change(user, Action.PASSWORD_RESET)
        lockout.forget_failures(user)
        return answer

    def get_user(self, uidb64: str) -> User | None:
        user = super().get_user(uidb64)
        return user if user and password_resets.may_reset(user) else None


class PasswordSet(TemplateView):
    template_name = "web/password_set.html"


class ChangePassword(auth_views.PasswordChangeView):
    """Asks for the present password; other sessions end, this one goes on under a new key.

    A stranger at a browser that is signed in could guess it here: a wrong one counts as a failed sign-in.
    """

    template_name = "web/password_change.html"
    success_url = reverse_lazy("password_changed")
    form_class = PasswordChangeForm

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if lockout.is_locked_out(request, cast(User, request.user)):
            return locked_out(request, None, None)
        return super().post(request, *args, **kwargs)

    def form_invalid(self, form: BaseForm) -> HttpResponse:
        user = cast(User, self.request.user)
        if form.has_error("old_password", code="password_incorrect"):
            lockout.count_failure(self.request, user)
            if lockout.is_locked_out(self.request, user):
                return locked_out(self.request, None, None)
        return super().form_invalid(form)  # type: ignore[arg-type]

    @transaction.atomic
    def form_valid(self, form: BaseForm) -> HttpResponse:
        user = cast(User, self.request.user)
        checked = user.password
        lock(user)
        if user.password != checked or not user.is_active:
            return redirect("password_change")  # the session has ended
        answer = super().form_valid(form)  # type: ignore[arg-type]
        password_resets.record_change(user, Action.PASSWORD_CHANGE)
        lockout.forget_failures(user)
        return answer


class PasswordChanged(TemplateView):
    template_name = "web/password_changed.html"
