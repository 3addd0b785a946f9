"""One small module for each outside service: its timeouts, and what its errors mean.

TransportError        it was not delivered; ``permanent`` says whether trying again can help
EndpointGone          SNS does not know the endpoint (any more)
EndpointExists        SNS has an endpoint for this token already, with other attributes
"""


class TransportError(Exception):
    """The text is for operators: it holds no code, no token and no full address. Programs read the fields.

    ``code`` is the service's own name of the error and ``words`` its message, masked; both are "" where the
    error is not the service's. ``ours``: it refuses this client, which an operator can put right.
    ``unanswered``: it said nothing of what was to be delivered; others would fare no better just now.
    ``tried_soon``: set by a worker that tries it again sooner than usual.
    """

    tried_soon = False

    def __init__(
        self,
        reason: str,
        *,
        permanent: bool = False,
        ours: bool = False,
        unanswered: bool = False,
        code: str = "",
        words: str = "",
    ) -> None:
        super().__init__(reason)
        self.unanswered = unanswered
        self.permanent = permanent
        self.ours = ours
        self.code = code
        self.words = words


class AddressRefused(TransportError):
    """The mail server says that there is no such mailbox."""


class EndpointGone(Exception):
    permanent = True  # for the metrics


class EndpointExists(TransportError):
    def __init__(self, arn: str, reason: str) -> None:
        super().__init__(reason, permanent=True)
        self.arn = arn
