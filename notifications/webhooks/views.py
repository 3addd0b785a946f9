"""Endpoints for providers' webhooks. Errors have the shape of the API's."""

import logging

from anymail.exceptions import AnymailConfigurationError
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError

from canvas_channels.core.rest.errors import ResourceNotFound, messages
from notifications.webhooks import events, providers
from notifications.webhooks.providers import Unreadable, WrongSecret, WrongSignature

logger = logging.getLogger(__name__)

# SNS sends the URL's name and secret only once it is asked for them.
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="webhooks"'}


def receive(request: HttpRequest, provider: str) -> HttpResponse:
    """Keep what a provider reports. Without ``WEBHOOK_SECRETS`` there is no such page."""
    if not settings.WEBHOOK_SECRETS:
        return JsonResponse(ResourceNotFound().body, status=404)
    if request.method != "POST":
        return _refuse(405, f'Method "{request.method}" not allowed.', {"Allow": "POST"})
    try:
        found = providers.read(provider, request)
    except WrongSecret:
        return _refuse(401, "The webhook's secret is missing or wrong.", _CHALLENGE)
    except WrongSignature as error:
        logger.warning(
            "webhook refused",
            extra={"action": "webhook", "provider": provider, "reason": str(error)},
        )
        return _refuse(403, "The request's signature is wrong.")
    except RequestDataTooBig:
        return _refuse(413, "The request body is too large.")
    except (Unreadable, UnreadablePostError):
        return _refuse(400, "The request body is no event of this provider.")
    except AnymailConfigurationError as error:
        logger.error(
            "webhook not set up", extra={"action": "webhook", "provider": provider, "reason": str(error)}
        )
        return _refuse(503, "This webhook is not set up.")
    return JsonResponse({"received": events.store(provider, found)})


def _refuse(status: int, words: str, headers: dict[str, str] | None = None) -> HttpResponse:
    return JsonResponse(messages(words), status=status, headers=headers)
