"""Asking Amazon, and what its refusals mean in plain words.

Error codes: https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html and each action's page.
"""

from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from notifications.diagnosis import Finding, wrong
from notifications.gateways import TransportError, sns

DENIED = {"AuthorizationError", "AccessDenied", "AccessDeniedException"}
DISABLED = {"PlatformApplicationDisabled", "PlatformApplicationDisabledException"}

_KEY = (
    "AWS does not know the access key",
    "Make another key, or let the agent write a new SNS_CREDS_FILE; a key of one partition (aws, aws-cn, "
    "aws-us-gov) is unknown in the others.",
)
_SIGNATURE = (
    "the signature is refused: the secret key does not go with the access key, or this clock is wrong",
    "Copy both keys again, without a space or a line break, and set the clock by NTP.",
)
_EXPIRED = (
    "the session token has expired",
    "Renew it: see to the agent that writes SNS_CREDS_FILE, or use an instance or task role.",
)
_CLOCK = ("this machine's clock is wrong", "Set the clock by NTP: AWS refuses what is minutes off.")
_THROTTLED = ("AWS is asked too often", "Run this again in a minute; the worker tries again by itself.")
_ACCOUNT = (
    "the AWS account may not use SNS here",
    "Finish signing the account up, or enable the region for it (AWS console, Account, Regions).",
)
_REACH = (
    "SNS is not reached",
    "Let this machine reach it over HTTPS (443; a proxy goes into HTTPS_PROXY), and see that the region "
    "exists; AWS_ENDPOINT_URL_SNS is for a private endpoint or a stand-in only.",
)
_NONE = (
    "there are no credentials",
    "Give the worker an instance or task role, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a "
    "SNS_CREDS_FILE.",
)
_DOWN = ("SNS has a fault of its own", "Run this again later; the worker tries again by itself.")

# These end a check: nothing else can be learnt behind them.
_FATAL = {
    "InvalidClientTokenId": _KEY,
    "UnrecognizedClientException": _KEY,
    "SignatureDoesNotMatch": _SIGNATURE,
    "InvalidSignatureException": _SIGNATURE,
    "IncompleteSignature": _SIGNATURE,
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "RequestExpired": _CLOCK,
    "RequestTimeTooSkewed": _CLOCK,
    "OptInRequired": _ACCOUNT,
    "SubscriptionRequiredException": _ACCOUNT,
    "EndpointConnectionError": _REACH,
    "ConnectTimeoutError": _REACH,
    "ReadTimeoutError": _REACH,
    "ConnectionClosedError": _REACH,
    "ProxyConnectionError": _REACH,
    "SSLError": _REACH,
    "HTTPClientError": _REACH,
    "InvalidRegionError": _REACH,
    "NoCredentialsError": _NONE,
    "PartialCredentialsError": _NONE,
    "CredentialRetrievalError": _NONE,
    "SNS_CREDS_FILE": (
        "the credentials file is of no use",
        "It must be a JSON object with AccessKeyId, SecretAccessKey and perhaps SessionToken, which the "
        "worker's account can read.",
    ),
}
_PASSING = {
    "Throttling": _THROTTLED,
    "ThrottlingException": _THROTTLED,
    "ThrottledException": _THROTTLED,
    "RequestLimitExceeded": _THROTTLED,
    "InternalError": _DOWN,
    "InternalFailure": _DOWN,
    "ServiceUnavailable": _DOWN,
}


class Refused(Exception):
    """``code`` is Amazon's, or the name of boto3's exception; ``date``: when, as the answer's header says."""

    def __init__(self, code: str, words: str, date: str = "") -> None:
        super().__init__(f"{code}: {words}")
        self.code = code
        self.words = words
        self.date = date

    @property
    def is_fatal(self) -> bool:
        return self.code in _FATAL

    @property
    def is_denied(self) -> bool:
        return self.code in DENIED

    @property
    def is_gone(self) -> bool:
        return sns.is_gone(self.code, self.words)


def ask(region: str, action: str, **arguments: Any) -> dict[str, Any]:
    """The answer of SNS to an action, by the worker's own client. Raises :class:`Refused`."""
    try:
        answer: dict[str, Any] = getattr(sns.client(region), xform_name(action))(**arguments)
    except TransportError as error:
        raise Refused("SNS_CREDS_FILE", str(error)) from None
    except (ClientError, BotoCoreError) as error:
        raise refused_by(error) from None
    return answer


def refused_by(error: ClientError | BotoCoreError) -> Refused:
    if isinstance(error, ClientError):
        told = error.response["Error"]
        headers = error.response["ResponseMetadata"].get("HTTPHeaders", {})
        return Refused(told["Code"], told.get("Message") or "", headers.get("date", ""))
    return Refused(type(error).__name__, str(error))


def explain(step: str, refused: Refused, *, action: str, resource: str, who: str) -> Finding:
    """What a refusal of ``action`` on ``resource`` means; ``who`` is named by the credentials."""
    if refused.is_denied:
        return wrong(
            step,
            f"{who} may not call {action}",
            f'Allow "sns:{action}" on "{resource}" in its IAM policy (docs/providers.md, "Amazon SNS"); '
            "where it is allowed there, a permissions boundary or an organization's policy takes it away.",
        )
    words, hint = (_FATAL | _PASSING).get(
        refused.code, ("SNS refuses", "See what Amazon's page of the action says about this error.")
    )
    return wrong(step, f"{words} ({refused})", hint)
