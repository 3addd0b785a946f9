from django.apps import AppConfig


class DemoConfig(AppConfig):
    """What only ``scripts/serve`` has: demo people, and an outbox that shows what was sent."""

    name = "canvas_channels.demo"
    label = "demo"
