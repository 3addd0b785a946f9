"""Where providers report to. No other path is theirs."""

from django.urls import path, register_converter
from django.views.decorators.csrf import csrf_exempt

from canvas_channels.core.late import late
from notifications.webhooks.models import WebhookEvent


class ProviderConverter:
    regex = "|".join(WebhookEvent.Provider.values)

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(ProviderConverter, "webhook_provider")

receive = csrf_exempt(late("notifications.webhooks.views.receive"))

urlpatterns = [path("webhooks/<webhook_provider:provider>", receive, name="webhook")]
