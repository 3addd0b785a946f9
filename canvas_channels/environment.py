"""What an operator sets, read from the environment (each is documented in docs/settings.md).

``NAME_FILE`` may name a file that holds the value of ``NAME``, as container secrets do. A missing
or malformed value stops the start with one line that names it: nothing unsafe is a default.
"""

import sys
from typing import Any, NoReturn

import dj_email_url
from environs import EnvError, FileAwareEnv

from canvas_channels import setting_values as values


class _Environment(FileAwareEnv):
    def _get_value(self, env_key: str, default: Any) -> Any:
        try:
            return super()._get_value(env_key, default)
        except UnicodeDecodeError:
            raise ValueError(f"The value of {env_key}{self.file_suffix} must be a file in UTF-8.") from None


env = _Environment()


def _stop(error: Exception) -> NoReturn:
    """End with a line such as ``Settings: RATE_LIMIT_STATUS must be 429 or 403``."""
    said, reasons = str(error), getattr(error, "error_messages", None)
    if reasons:
        name, reason = said.split('"')[1], reasons
        while not isinstance(reason, str):  # of a list's items there is a dictionary
            reason = next(iter(reason.values() if isinstance(reason, dict) else reason))
        said = f"{name} {reason}" if reason[0].islower() else f"{name}: {reason}"
    sys.exit(f"Settings: {said}")


def _unless_demo(limit: int) -> int:
    """A limit's default: the demo has no limits but those that are set, so that they can be tried."""
    return 1_000_000 if DEMO else limit


try:
    DEMO = env.bool("DEMO", False, validate=values.demo)
    SECRET_KEY = env.str("SECRET_KEY", validate=values.not_blank if DEMO else values.secret)
    SECRET_KEY_FALLBACKS: list[str] = env.list(
        "SECRET_KEY_FALLBACKS", [], validate=values.each(values.not_blank)
    )
    PUBLIC_URL = env.str("PUBLIC_URL", validate=values.public_url)
    DATABASE_URL = env.str("DATABASE_URL", validate=values.database_url)
    DATABASE_DIRECT_URL = env.str("DATABASE_DIRECT_URL", DATABASE_URL, validate=values.database_url)
    DATABASE_REPLICA_URL = env.str("DATABASE_REPLICA_URL", "", validate=values.database_url_or_none)
    DATABASE_LOCK_SECONDS = env.float("DATABASE_LOCK_SECONDS", 2, validate=values.seconds)
    DATABASE_STATEMENT_SECONDS = env.float("DATABASE_STATEMENT_SECONDS", 10, validate=values.seconds)
    DATABASE_POOLER = env.str("DATABASE_POOLER", "", validate=values.pooler)
    DEMO_OUTBOX_FILE = env.str("DEMO_OUTBOX_FILE", "", validate=values.file)
    ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", [], str.strip, validate=values.each(values.host))
    CORS_ALLOWED_ORIGINS: list[str] = env.list(
        "CORS_ALLOWED_ORIGINS", [], str.strip, validate=values.each(values.origin)
    )
    TRUST_PROXY_HEADERS = env.bool("TRUST_PROXY_HEADERS", False)
    EMAIL_URL = env.str("EMAIL_URL", "smtp://localhost:25", validate=values.email_url)
    EMAIL_BACKEND = env.str("EMAIL_BACKEND", "", validate=values.email_backend)
    EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT", 10, validate=values.seconds)
    DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "notifications@localhost", validate=values.sender)
    ANYMAIL: Any = env.json("ANYMAIL", {}, validate=values.json_object)
    BOUNCE_DOMAIN = env.str("BOUNCE_DOMAIN", "", validate=values.domain_or_none).lower()
    BOUNCE_MAILBOX_URL = env.str("BOUNCE_MAILBOX_URL", "", validate=values.mailbox_url)
    DNS_SERVERS: list[str] = env.list("DNS_SERVERS", [], str.strip, validate=values.each(values.name_server))
    WEBHOOK_SECRETS: list[str] = env.list(
        "WEBHOOK_SECRETS", [], str.strip, validate=values.each(values.webhook_secret)
    )
    WEBHOOK_EVENT_DAYS = env.int("WEBHOOK_EVENT_DAYS", 30, validate=values.days)
    MESSAGE_DAYS = env.int("MESSAGE_DAYS", 365, validate=values.days)
    SNS_TOPIC_ARNS: list[str] = env.list(
        "SNS_TOPIC_ARNS", [], str.strip, validate=values.each(values.topic_arn)
    )
    AWS_REGION = env.str("AWS_DEFAULT_REGION", "us-east-1", validate=values.region)
    SNS_CREDS_FILE = env.str("SNS_CREDS_FILE", "", validate=values.file)
    SNS_TIMEOUT = env.float("SNS_TIMEOUT", 5, validate=values.seconds)
    CONFIRMATION_EMAIL_DAYS = env.int("CONFIRMATION_EMAIL_DAYS", 3, validate=values.days)
    CONFIRMATION_SMS_MINUTES = env.int("CONFIRMATION_SMS_MINUTES", 15, validate=values.minutes)
    CONFIRMATIONS_PER_CHANNEL_PER_DAY = env.int(
        "CONFIRMATIONS_PER_CHANNEL_PER_DAY", _unless_demo(3), validate=values.count
    )
    CONFIRMATIONS_PER_USER_PER_HOUR = env.int(
        "CONFIRMATIONS_PER_USER_PER_HOUR", _unless_demo(20), validate=values.count
    )
    CONFIRMATIONS_PER_EMAIL_PER_HOUR = env.int(
        "CONFIRMATIONS_PER_EMAIL_PER_HOUR", _unless_demo(5), validate=values.count
    )
    CONFIRMATIONS_PER_NUMBER_PER_HOUR = env.int(
        "CONFIRMATIONS_PER_NUMBER_PER_HOUR", _unless_demo(3), validate=values.count
    )
    SECURITY_NOTICES_PER_USER_PER_HOUR = env.int(
        "SECURITY_NOTICES_PER_USER_PER_HOUR", _unless_demo(20), validate=values.count_or_none
    )
    SMS_ALLOWED_COUNTRIES: list[str] = env.list(
        "SMS_ALLOWED_COUNTRIES",
        ["*"] if DEMO else ["US", "CA"],
        str.strip,
        validate=values.each(values.country),
    )
    SMS_DAILY_BUDGET = env.int("SMS_DAILY_BUDGET", _unless_demo(1000), validate=values.count_or_none)
    MESSAGES_PER_USER_PER_DAY = env.int("MESSAGES_PER_USER_PER_DAY", _unless_demo(500), validate=values.count)
    PUSH_DEVICE_DAYS = env.int("PUSH_DEVICE_DAYS", 270, validate=values.days)
    WORKER_CONCURRENCY = env.int("WORKER_CONCURRENCY", 16, validate=values.threads)
    FINISHED_JOBS_DAYS = env.int("FINISHED_JOBS_DAYS", 7, validate=values.days)
    RATE_LIMIT_STATUS = env.int("RATE_LIMIT_STATUS", 429, validate=values.rate_limit_status)
    THROTTLE_MAXIMUM = env.float("THROTTLE_MAXIMUM", _unless_demo(800), validate=values.cost)
    THROTTLE_HIGH_WATER_MARK = env.float("THROTTLE_HIGH_WATER_MARK", _unless_demo(600), validate=values.cost)
    THROTTLE_OUTFLOW = env.float("THROTTLE_OUTFLOW", 10, validate=values.cost_a_second)
    THROTTLE_UP_FRONT_COST = env.float("THROTTLE_UP_FRONT_COST", 50, validate=values.cost)
    REQUEST_THREADS = env.int("REQUEST_THREADS", 4, validate=values.threads)
    REQUEST_QUEUE = env.int("REQUEST_QUEUE", 256, validate=values.count_or_none)
    REQUEST_QUEUE_SECONDS = env.float("REQUEST_QUEUE_SECONDS", 5, validate=values.seconds)
    BODY_SECONDS = env.float("BODY_SECONDS", 10, validate=values.seconds)
    REDIS_URL = env.str("REDIS_URL", "", validate=values.redis_url)
    SIGN_IN_FAILURES = env.int("SIGN_IN_FAILURES", 5, validate=values.count)
    SIGN_IN_FAILURES_PER_LOGIN = env.int("SIGN_IN_FAILURES_PER_LOGIN", 50, validate=values.count)
    SIGN_IN_LOCKOUT_MINUTES = env.int("SIGN_IN_LOCKOUT_MINUTES", 15, validate=values.minutes)
    PASSWORD_RESET_MINUTES = env.int("PASSWORD_RESET_MINUTES", 60, validate=values.minutes)
    PASSWORD_RESET_ADDRESS_DAYS = env.int("PASSWORD_RESET_ADDRESS_DAYS", 7, validate=values.days_or_none)
    PASSWORD_RESETS_PER_LOGIN_PER_HOUR = env.int(
        "PASSWORD_RESETS_PER_LOGIN_PER_HOUR", _unless_demo(3), validate=values.count
    )
    PASSWORD_RESETS_PER_ADDRESS_PER_HOUR = env.int(
        "PASSWORD_RESETS_PER_ADDRESS_PER_HOUR", _unless_demo(30), validate=values.count
    )
    OPEN_REQUESTS_PER_MINUTE = env.int("OPEN_REQUESTS_PER_MINUTE", _unless_demo(60), validate=values.count)
    OIDC_ISSUER = env.str("OIDC_ISSUER", "", validate=values.issuer)
    OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID", "", validate=values.one_line)
    OIDC_CLIENT_SECRET = env.str("OIDC_CLIENT_SECRET", "", validate=values.one_line)
    OIDC_NAME = env.str("OIDC_NAME", "", validate=values.one_line)
    OIDC_SCOPES = env.str("OIDC_SCOPES", "openid profile email", validate=values.scopes)
    OIDC_LOGIN_CLAIM = env.str("OIDC_LOGIN_CLAIM", "sub", validate=[values.one_line, values.not_blank])
    OIDC_ACCOUNT = env.int("OIDC_ACCOUNT", 0, validate=values.id_or_none)
    OIDC_CREATE_USERS = env.bool("OIDC_CREATE_USERS", False)
    OIDC_TIMEOUT = env.float("OIDC_TIMEOUT", 5, validate=values.seconds)
    STATIC_ROOT = env.str("STATIC_ROOT", "", validate=values.folder) or None
    LOG_LEVEL = env.str("LOG_LEVEL", "INFO", validate=values.log_level).upper()
    ACCESS_LOG = env.bool("ACCESS_LOG", False)
    READY_QUEUE_SECONDS = env.float("READY_QUEUE_SECONDS", 0, validate=values.count_or_none)
    METRICS_TOKEN = env.str("METRICS_TOKEN", "", validate=values.token)
    WORKER_METRICS_PORT = env.int("WORKER_METRICS_PORT", 0, validate=values.port_or_none)
    PROMETHEUS_MULTIPROC_DIR = env.str("PROMETHEUS_MULTIPROC_DIR", "", validate=values.folder)

    if THROTTLE_UP_FRONT_COST >= THROTTLE_HIGH_WATER_MARK:
        raise EnvError("THROTTLE_UP_FRONT_COST must be below THROTTLE_HIGH_WATER_MARK")
    if THROTTLE_HIGH_WATER_MARK > THROTTLE_MAXIMUM and not DEMO:  # a lifted mark is above any maximum
        raise EnvError("THROTTLE_HIGH_WATER_MARK must not be above THROTTLE_MAXIMUM")
    if OIDC_ISSUER and not OIDC_CLIENT_ID:
        raise EnvError("OIDC_ISSUER needs OIDC_CLIENT_ID")
    if DATABASE_STATEMENT_SECONDS < DATABASE_LOCK_SECONDS:
        raise EnvError("DATABASE_STATEMENT_SECONDS must not be below DATABASE_LOCK_SECONDS")
    if BOUNCE_MAILBOX_URL and not BOUNCE_DOMAIN:
        raise EnvError("BOUNCE_MAILBOX_URL needs BOUNCE_DOMAIN, which is how bounces are told apart")
except (EnvError, ValueError) as error:  # a ValueError is of a NAME_FILE that cannot be read
    _stop(error)

PUBLIC_URL = PUBLIC_URL.rstrip("/").lower()
DATABASE = values.database(DATABASE_URL)
DATABASE_DIRECT = values.database(DATABASE_DIRECT_URL)
DATABASE_REPLICA = values.database(DATABASE_REPLICA_URL) if DATABASE_REPLICA_URL else {}
DEFAULT_FROM_EMAIL = values.sender_in_ascii(DEFAULT_FROM_EMAIL)
EMAIL = dj_email_url.parse(EMAIL_URL)
