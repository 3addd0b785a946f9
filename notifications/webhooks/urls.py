"""Where providers report to. No other path is theirs."""

from django.urls import path, register_converter

from notifications.webhooks.models import WebhookEvent
from notifications.webhooks.views import receive


class ProviderConverter:
    regex = "|".join(WebhookEvent.Provider.values)

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(ProviderConverter, "webhook_provider")

urlpatterns = [path("webhooks/<webhook_provider:provider>", receive, name="webhook")]
