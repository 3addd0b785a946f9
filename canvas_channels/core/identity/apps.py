from django.apps import AppConfig


class IdentityConfig(AppConfig):
    """Who people and tokens are: users, accounts, logins, developer keys, authentication, rights."""

    name = "canvas_channels.core.identity"
    label = "identity"

    def ready(self) -> None:
        from canvas_channels.core.rest import checks  # noqa: F401
