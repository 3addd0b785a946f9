"""Pages for people, and the paths of OAuth 2 that they and their apps go through."""

from django.contrib.auth.views import LogoutView
from django.urls import include, path

from canvas_channels.core.late import late
from canvas_channels.web import api_pages
from canvas_channels.web.admins.people import People
from canvas_channels.web.admins.person import Person
from canvas_channels.web.admins.reports import ReportPage
from canvas_channels.web.admins.trail import Trail
from canvas_channels.web.channels import channels
from canvas_channels.web.channels.course_choices import CourseChoices
from canvas_channels.web.channels.preferences import Preferences
from canvas_channels.web.channels.sent import Sent
from canvas_channels.web.institution import logo
from canvas_channels.web.not_me import not_me
from canvas_channels.web.people import acting
from canvas_channels.web.people.own_settings import (
    OwnCourse,
    OwnLanguage,
    OwnQuietHours,
    OwnSettings,
    RestoreQuietHours,
)
from canvas_channels.web.people.visits import ITSELF
from canvas_channels.web.register import register
from canvas_channels.web.signing_in import oauth, signing_in
from canvas_channels.web.unsubscribe import unsubscribe_page
from canvas_channels.web.views import help_page, home
from channels_api.accounts.reports import UNCONFIRMED

OF_ONE = "<int:channel_id>"
channel_paths = [
    path("/add", channels.Add.as_view()),
    path(f"/{OF_ONE}/change", channels.Change.as_view()),
    path(f"/{OF_ONE}/move", channels.Move.as_view()),
    path(f"/{OF_ONE}/remove", channels.Remove.as_view()),
    path(f"/{OF_ONE}/restore", channels.Restore.as_view()),
    path(f"/{OF_ONE}/resend", channels.Resend.as_view()),
    path(f"/{OF_ONE}/confirm", channels.Confirm.as_view()),
    path(f"/{OF_ONE}/reset", channels.ResetBounces.as_view()),
    path(f"/{OF_ONE}/test", channels.Test.as_view()),
    path("/devices/<int:device_id>/remove", channels.RemoveDevice.as_view()),
    path("/devices/<int:device_id>/restore", channels.RestoreDevice.as_view()),
]

settings_paths = [
    path("/quiet-hours", OwnQuietHours.as_view()),
    path("/quiet-hours/restore", RestoreQuietHours.as_view()),
    path("/courses", OwnCourse.as_view()),
    path("/courses/<id:course_id>", CourseChoices.as_view(), name="course"),
]

urlpatterns = [
    path("", home, name="home"),
    path("help", help_page, name="help"),
    path("logo/<int:account_id>/<slug:digest>", logo, name="logo"),
    path("api/schema", api_pages.schema, name="api_schema"),
    path("api/reference", api_pages.reference, name="api_reference"),
    path("api/docs", api_pages.docs, name="api_docs"),
    path("api/docs/errors", api_pages.errors, name="api_errors"),
    path("api/docs/objects", api_pages.objects, name="api_objects"),
    path("api/docs/<slug:slug>", api_pages.section, name="api_section"),
    path("login", signing_in.SignIn.as_view(), name="login"),
    path("logout", LogoutView.as_view(next_page="home"), name="logout"),
    path("login/oidc", late("canvas_channels.web.signing_in.oidc.start"), name="oidc"),
    path("login/oidc/callback", late("canvas_channels.web.signing_in.oidc.callback"), name="oidc_callback"),
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
    path("not-me/<str:secret>", not_me, name="not_me"),
    path("unsubscribe/<str:secret>", unsubscribe_page, name="unsubscribe"),
    path("profile/communication", channels.Channels.as_view(), {"user_id": ITSELF}, name="channels"),
    path("profile/communication", include(channel_paths), {"user_id": ITSELF}),
    path("users/<str:user_id>/communication", channels.Channels.as_view(), name="user_channels"),
    path("users/<str:user_id>/communication", include(channel_paths)),
    path("profile/notifications", Preferences.as_view(), {"user_id": ITSELF}, name="preferences"),
    path("users/<str:user_id>/notifications", Preferences.as_view(), name="user_preferences"),
    path("profile/messages", Sent.as_view(), {"user_id": ITSELF}, name="messages"),
    path("users/<str:user_id>/messages", Sent.as_view(), name="user_messages"),
    path("profile/settings", OwnSettings.as_view(), {"user_id": ITSELF}, name="settings"),
    path("profile/language", OwnLanguage.as_view(), {"user_id": ITSELF}, name="language"),
    path("profile/settings", include(settings_paths), {"user_id": ITSELF}),
    path("users/<str:user_id>/settings", OwnSettings.as_view(), name="user_settings"),
    path("users/<str:user_id>/settings", include(settings_paths)),
    path("users/<str:user_id>", Person.as_view(), name="person"),
    path("users/<str:user_id>/audit", Trail.as_view(), name="audit"),
    path("users", People.as_view(), name="people"),
    path("accounts/<int:account_id>/bouncing", ReportPage.as_view(), name="bouncing"),
    path("accounts/<int:account_id>/unconfirmed", ReportPage.as_view(about=UNCONFIRMED), name="unconfirmed"),
    path("users/<int:user_id>/act", acting.Act.as_view(), name="act"),
    path("stop-acting", acting.Stop.as_view(), name="stop_acting"),
]
