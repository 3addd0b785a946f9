from django.apps import AppConfig


class ChannelsApiConfig(AppConfig):
    """The registry of communication channels: every row a request writes, its rules, its REST views."""

    name = "channels_api"
    verbose_name = "Communication channels"

    def ready(self) -> None:
        from channels_api import receivers  # noqa: F401
