"""Where everything is mounted."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from canvas_channels.web.signing_in.signing_in import ChangePassword

handler400 = "canvas_channels.web.errors.bad_request"
handler403 = "canvas_channels.web.errors.forbidden"
handler404 = "canvas_channels.web.errors.not_found"
handler500 = "canvas_channels.web.errors.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("canvas_channels.operations.urls")),
    path("", include("canvas_channels.core.identity.urls")),
    path("", include("notifications.urls")),  # before the registry's, whose addresses may hold slashes
    path("", include("channels_api.urls")),
    path("", include("canvas_channels.web.urls")),
    path("admin/password_change/", ChangePassword.as_view()),  # the admin's own counts no wrong passwords
    path("admin/", admin.site.urls),
]

if settings.DEMO:
    urlpatterns.append(path("demo/", include("canvas_channels.demo.urls")))
