"""Forgetting what no longer counts: sessions, sign-in failures, codes and tokens past their end."""

from datetime import timedelta

from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef
from django.utils import timezone
from oauth2_provider.models import AccessToken, Grant, RefreshToken

from canvas_channels.core.identity.signing_in import lockout
from canvas_channels.core.identity.tokens import revoke_token

TOKENS_KEPT_FOR = timedelta(days=30)  # so that a client is told "Expired", not "Invalid", for a while
BATCH = 1000


def prune() -> None:
    """Safe to run at any time. A token whose refresh token is alive stays: it can still be refreshed."""
    now = timezone.now()
    Session.objects.filter(expire_date__lt=now).delete()
    lockout.prune()
    Grant.objects.filter(expires__lt=now).delete()
    RefreshToken.objects.filter(revoked__lt=now - TOKENS_KEPT_FOR).delete()
    refreshable = RefreshToken.objects.filter(access_token=OuterRef("pk"), revoked__isnull=True)
    ended = AccessToken.objects.filter(~Exists(refreshable), expires__lt=now - TOKENS_KEPT_FOR)
    while batch := list(ended[:BATCH]):
        for token in batch:
            revoke_token(token)
