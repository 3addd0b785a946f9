from django.apps import AppConfig


class WebConfig(AppConfig):
    """Pages for people."""

    name = "canvas_channels.web"
    label = "web"
