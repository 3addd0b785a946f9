"""Django's admin for people, keys, tokens and what else lets somebody in. It never shows a secret."""

from django.contrib import admin
from oauth2_provider import admin as oauth_admin

# These would show parts of credentials, and store new ones in clear. Ours, below, take their place.
for _model in (
    oauth_admin.application_model,
    oauth_admin.access_token_model,
    oauth_admin.grant_model,
    oauth_admin.id_token_model,
    oauth_admin.refresh_token_model,
):
    admin.site.unregister(_model)

from canvas_channels.core.identity.admin import access, users  # noqa: E402, F401
