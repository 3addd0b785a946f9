from django.apps import AppConfig


class IdentityConfig(AppConfig):
    """Who people and tokens are: users, accounts, logins, developer keys, authentication, rights."""

    name = "canvas_channels.identity"
    label = "identity"

    def ready(self) -> None:
        from canvas_channels.rest import checks  # noqa: F401
