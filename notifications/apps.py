from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """Delivery: gateways to email, SMS and push, and the jobs that use them."""

    name = "notifications"
