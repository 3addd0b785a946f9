"""Pages for people, and the paths of OAuth 2 that they and their apps go through."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from canvas_channels.web import oauth, oidc, signing_in
from canvas_channels.web.register import register
from canvas_channels.web.views import home

urlpatterns = [
    path("", home, name="home"),
    path("login", signing_in.SignIn.as_view(), name="login"),
    path("logout", LogoutView.as_view(next_page="home"), name="logout"),
    path("login/oidc", oidc.start, name="oidc"),
    path("login/oidc/callback", oidc.callback, name="oidc_callback"),
    path("login/oauth2/auth", oauth.Authorize.as_view(), name="authorize"),
    path("login/oauth2/token", oauth.Token.as_view(), name="token"),
    path("password", signing_in.ChangePassword.as_view(), name="password_change"),
    path("password/changed", signing_in.PasswordChanged.as_view(), name="password_changed"),
    path("password-reset", signing_in.Forgotten.as_view(), name="password_reset"),
    path("password-reset/sent", signing_in.ForgottenSent.as_view(), name="password_reset_sent"),
    path("password-reset/done", signing_in.PasswordSet.as_view(), name="password_set"),
    path(
        "password-reset/<str:uidb64>/<str:token>",
        signing_in.NewPassword.as_view(),
        name="password_reset_confirm",
    ),
    path("register/<str:code>", register, name="register"),
]
