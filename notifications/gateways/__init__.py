"""One small module for each outside service: its timeouts, and what its errors mean.

TransportError        it was not delivered; ``permanent`` says whether trying again can help
EndpointGone          SNS does not know the endpoint (any more)
EndpointExists        SNS has an endpoint for this token already, with other attributes
"""


class TransportError(Exception):
    """The text is for operators: it holds no code, no token and no full address."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent


class EndpointGone(Exception):
    pass


class EndpointExists(Exception):
    def __init__(self, arn: str) -> None:
        super().__init__(arn)
        self.arn = arn
