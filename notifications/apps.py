from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """Delivery: gateways to email, SMS and push, and the jobs that use them."""

    name = "notifications"

    def ready(self) -> None:
        from channels_api.messages import limits
        from notifications.messages.models import Message

        limits.TEXTS.append(limits.Texts(lambda: Message.objects.texts(), "text_account"))
