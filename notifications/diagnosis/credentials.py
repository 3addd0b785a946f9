"""Whose credentials the worker would use, and whether this machine's clock lets them count."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from notifications.diagnosis import Finding, Findings, aws, ok, skipped, warning, wrong
from notifications.gateways import TransportError, sns

STEP = "credentials"
CLOCK = "clock"
SKEW_NOTICED = 60  # seconds
SKEW_REFUSED = 300  # seconds; "within five minutes" (AWS Signature Version 4)

# What botocore calls the ways in which it found credentials.
_SOURCES = {
    "explicit": "SNS_CREDS_FILE",
    "env": "AWS_ACCESS_KEY_ID in the environment",
    "shared-credentials-file": "the file ~/.aws/credentials",
    "config-file": "the file ~/.aws/config",
    "assume-role": "an assumed role",
    "assume-role-with-web-identity": "a web identity token",
    "iam-role": "the instance's role",
    "container-role": "the container's role",
    "sso": "AWS SSO",
    "custom-process": "a credential process",
}


def find() -> tuple[bool, list[Finding]]:
    """Where they come from; False where there are none and no call can be made."""
    try:
        found = sns.session().get_credentials()
        frozen = found.get_frozen_credentials() if found else None
    except TransportError as error:
        return False, [_explain(aws.Refused("SNS_CREDS_FILE", str(error)))]
    except BotoCoreError as error:
        return False, [_explain(aws.refused_by(error))]
    if found is None or frozen is None or not frozen.access_key or not frozen.secret_key:
        return False, [_explain(aws.Refused("NoCredentialsError", "boto3's chain found nothing"))]
    source = _SOURCES.get(found.method, found.method)
    findings = [ok(STEP, f"the key {frozen.access_key[:4]}…{frozen.access_key[-4:]}, from {source}")]
    if frozen.access_key.startswith("ASIA") and not frozen.token:
        findings.append(
            wrong(
                STEP,
                "a temporary key (ASIA…) has no session token beside it",
                "Set AWS_SESSION_TOKEN, or SessionToken in SNS_CREDS_FILE, too.",
            )
        )
    if settings.SNS_CREDS_FILE and Path(settings.SNS_CREDS_FILE).stat().st_mode & 0o077:
        findings.append(
            warning(STEP, "others on this machine may read SNS_CREDS_FILE", "Give the file mode 600.")
        )
    return True, findings


def identify() -> tuple[str, str, list[Finding]]:
    """Whose they are (an ARN), and the account, by STS, which needs no permission; "" where unknown."""
    try:
        url = sns.client(settings.AWS_REGION).meta.endpoint_url
        sts: Any = sns.session().client("sts", region_name=settings.AWS_REGION, config=sns.config())
        stand_in = not _is_amazons(url)
        if stand_in and _is_amazons(sts.meta.endpoint_url):
            return "", "", [_not_amazon(url)]
        found = sts.get_caller_identity()
    except TransportError as error:
        return "", "", [_explain(aws.Refused("SNS_CREDS_FILE", str(error)))]
    except (ClientError, BotoCoreError) as error:
        refused = aws.refused_by(error)
        if isinstance(error, ClientError) and refused.is_fatal:
            return "", "", [_explain(refused)]
        return "", "", [skipped(STEP, f"whose they are: STS does not say ({refused.code})")]
    findings = [_not_amazon(url)] if stand_in else []
    return found["Arn"], found["Account"], [*findings, ok(STEP, f"they are those of {found['Arn']}")]


def _is_amazons(url: str) -> bool:
    return (urlsplit(url).hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))


def _not_amazon(url: str) -> Finding:
    return warning(
        STEP, f"calls go to {url}, not to Amazon", "Unset AWS_ENDPOINT_URL_SNS, but for a stand-in."
    )


def check_clock(region: str) -> Findings:
    """By the date of any answer of SNS, a refusal too."""
    try:
        answer = aws.ask(region, "ListPlatformApplications")
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    except aws.Refused as refused:
        date = refused.date
    try:
        skew = (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds()
    except (TypeError, ValueError):
        yield skipped(CLOCK, "SNS did not say what time it is")
        return
    msg = f"{abs(skew):.0f} seconds {'ahead of' if skew > 0 else 'behind'} Amazon's"
    hint = "Set the clock by NTP: AWS refuses what is five minutes off."
    if abs(skew) >= SKEW_REFUSED:
        yield wrong(CLOCK, msg, hint)
    elif abs(skew) >= SKEW_NOTICED:
        yield warning(CLOCK, msg, hint)
    else:
        yield ok(CLOCK, "right")


def _explain(refused: aws.Refused) -> Finding:
    arguments: dict[str, Any] = {"action": "GetCallerIdentity", "resource": "*", "who": "this key"}
    return aws.explain(STEP, refused, **arguments)
