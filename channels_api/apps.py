from django.apps import AppConfig


class ChannelsApiConfig(AppConfig):
    """The registry of communication channels: every row a request writes, its rules, its REST views."""

    name = "channels_api"
    verbose_name = "Communication channels"

    def ready(self) -> None:
        from canvas_channels.core.postgresql import replica
        from channels_api import audit, receivers  # noqa: F401

        replica.changes_of = audit.changes
